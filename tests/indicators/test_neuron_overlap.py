import numpy as np
import pytest

from transferkit.artifacts import Neurons
from transferkit.errors import InputError
from transferkit.indicators import NeuronOverlap
from transferkit.indicators.neuron_overlap import block_indices


def sets(n=4, blocks=6, width=50, seed=0):
    draw = np.random.default_rng(seed)
    return [Neurons(draw.random((blocks, width)) < draw.uniform(0.3, 0.7, size=(blocks, 1))) for _ in range(n)]


@pytest.mark.parametrize("kind", ["cosine", "jaccard", "count", "containment"])
@pytest.mark.parametrize("blocks", ["all", "bottom", "top", 2, -1, (0, 3), slice(-3, None)])
def test_equals_counting(kind, blocks):
    a, b = sets(3), sets(2, seed=1)
    found = NeuronOverlap(kind=kind, blocks=blocks)(a, b)
    chosen = block_indices(blocks, 6)
    for i, first in enumerate(a):
        for j, second in enumerate(b):
            x = {(int(k), int(f)) for k, f in np.argwhere(first.active) if k in chosen}
            y = {(int(k), int(f)) for k, f in np.argwhere(second.active) if k in chosen}
            both = len(x & y)
            expected = {
                "count": both,
                "jaccard": both / len(x | y),
                "cosine": both / np.sqrt(len(x) * len(y)),
                "containment": both / len(y),
            }[kind]
            assert found[i, j] == pytest.approx(expected)


@pytest.mark.parametrize("width", [1, 8, 63, 64, 65, 130])
@pytest.mark.parametrize("blocks", ["all", "top", (4, 1)])
def test_words_of_neurons_share_what_a_loop_counts(width, blocks):
    stack, other = sets(5, width=width), sets(2, width=width, seed=1)
    chosen, count = block_indices(blocks, 6), NeuronOverlap(kind="count", blocks=blocks)
    for a, b in ((stack, stack), (stack, list(stack)), (stack, stack[::-1]), (stack, other), (stack[:1], stack)):
        expected = np.zeros((len(a), len(b)))
        for i, first in enumerate(a):
            for j, second in enumerate(b):
                expected[i, j] = sum(
                    bool(first.active[k, f] and second.active[k, f]) for k in chosen for f in range(width)
                )
        np.testing.assert_array_equal(count(a, b), expected)
    densities = [np.mean([one.active[k, f] for k in chosen for f in range(width)]) for one in stack]
    np.testing.assert_allclose(count.density(stack), densities)


def test_thirds_have_at_least_one_block():
    assert block_indices("bottom", 2) == [0]
    assert block_indices("top", 2) == [1]
    assert block_indices("top", 12) == [8, 9, 10, 11]


def test_chance_is_what_independent_sets_reach():
    draw = np.random.default_rng(0)
    density = np.array([[0.1], [0.5]])
    many = [Neurons(draw.random((2, 20000)) < density) for _ in range(6)]
    for kind in ("cosine", "jaccard", "excess", "containment"):
        overlap = NeuronOverlap(kind=kind)
        off = ~np.eye(6, dtype=bool)
        np.testing.assert_allclose(overlap(many, many)[off], overlap.chance(many, many)[off], atol=0.01)
    one = NeuronOverlap(blocks=1)
    rho = one.density(many)
    np.testing.assert_allclose(one.chance(many, many), np.sqrt(np.outer(rho, rho)))
    jaccard = NeuronOverlap(kind="jaccard", blocks=1).chance(many, many)
    containment = NeuronOverlap(kind="containment", blocks=1).chance(many, many)
    np.testing.assert_allclose(containment, np.repeat(rho[:, None], 6, axis=1))
    product = np.outer(rho, rho)
    np.testing.assert_allclose(jaccard, product / (rho[:, None] + rho[None, :] - product))


def test_a_set_with_itself_an_empty_set_and_wrong_blocks():
    some, none = sets(1), [Neurons(np.zeros((6, 50), dtype=bool))]
    assert NeuronOverlap()(some, some)[0, 0] == pytest.approx(1.0)
    assert NeuronOverlap()(some, none)[0, 0] == 0.0
    with pytest.raises(InputError, match="the backbone has 6"):
        NeuronOverlap(blocks=9)(some, some)
    with pytest.raises(InputError, match="shapes"):
        NeuronOverlap()(some, sets(1, width=40))


def test_names_and_symmetry():
    assert NeuronOverlap().name == "neuron_overlap_all"
    assert NeuronOverlap(kind="jaccard", blocks=3).name == "neuron_overlap_block_3_jaccard"
    stack = sets()
    np.testing.assert_allclose(NeuronOverlap()(stack, stack), NeuronOverlap()(stack, stack).T)


def test_excess_is_zero_at_chance_and_one_for_equal_sets():
    stack, excess = sets(), NeuronOverlap(kind="excess")
    cosine, chance = NeuronOverlap()(stack, stack), NeuronOverlap().chance(stack, stack)
    np.testing.assert_allclose(excess(stack, stack), (cosine - chance) / (1 - chance))
    np.testing.assert_allclose(np.diag(excess(stack, stack)), 1.0)
    full = [Neurons(np.ones((6, 50), dtype=bool))]
    assert excess(full, full)[0, 0] == 0.0


def test_containment_has_a_direction():
    outer = sets(1)
    inner = [Neurons(outer[0].active & (np.arange(50) % 2 == 0))]
    containment = NeuronOverlap(kind="containment")
    assert not containment.symmetric
    assert NeuronOverlap().symmetric
    assert containment(outer, inner)[0, 0] == 1.0
    assert containment(inner, outer)[0, 0] == pytest.approx(inner[0].active.sum() / outer[0].active.sum())
