"""Are prompts of one task alike across parts? Against literal loops, all permutations, and arrays of pure chance."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from transferkit.errors import InputError
from transferkit.statistics.part_likeness import PartLikeness, part_likeness


def likeness_of(similarity: np.ndarray, *, seed: int = 0, n_permutations: int = 50) -> PartLikeness:
    found = part_likeness(similarity, generator=np.random.default_rng(seed), n_permutations=n_permutations)
    assert found is not None
    return found


def literal(similarity: np.ndarray) -> float:
    """Every pair of parts and of tasks, one by one."""
    n_parts, n_tasks = similarity.shape[:2]
    same, other = [], []
    for part in range(n_parts):
        for task in range(n_tasks):
            for second_part in range(n_parts):
                for second_task in range(n_tasks):
                    if part != second_part:
                        (same if task == second_task else other).append(
                            similarity[part, task, second_part, second_task]
                        )
    return float(np.mean(same) - np.mean(other))


def relabelled(similarity: np.ndarray, orders: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Give the tasks of each part other labels."""
    found = np.empty_like(similarity)
    for (part, order), (second, other) in product(enumerate(orders), repeat=2):
        found[part, :, second, :] = similarity[part, :, second, :][np.ix_(order, other)]
    return found


def cosines(prompts: np.ndarray) -> np.ndarray:
    """Return the cosine of each two prompts [part,task,part,task]."""
    unit = prompts / np.linalg.norm(prompts, axis=-1, keepdims=True)
    return np.einsum("itd,jud->itju", unit, unit)


SHAPES = st.tuples(st.integers(2, 4), st.integers(2, 5))


@settings(deadline=None, max_examples=30)
@given(shape=SHAPES, seed=st.integers(0, 2**16), is_symmetric=st.booleans())
def test_the_difference_is_that_of_a_literal_quadruple_loop(
    shape: tuple[int, int], seed: int, is_symmetric: bool
) -> None:
    draw = np.random.default_rng(seed)
    values = cosines(draw.normal(size=(*shape, 6))) if is_symmetric else draw.normal(size=shape * 2)
    assert likeness_of(values, n_permutations=1).difference == pytest.approx(literal(values), abs=1e-12)


def test_by_hand() -> None:
    values = np.zeros((2, 2, 2, 2))
    values[0, :, 1, :] = [[0.9, 0.1], [0.3, 0.7]]
    values[1, :, 0, :] = [[0.9, 0.3], [0.1, 0.7]]
    values[0, :, 0, :] = values[1, :, 1, :] = 5.0  # one part with itself is nobody's business
    assert likeness_of(values).difference == pytest.approx(0.8 - 0.2)


@pytest.mark.parametrize(("n_parts", "n_tasks"), [(2, 3), (3, 3), (2, 4)])
def test_p_is_the_share_of_all_relabellings_that_do_as_well(n_parts: int, n_tasks: int) -> None:
    draw = np.random.default_rng(n_parts + 10 * n_tasks)
    shared = draw.normal(size=(1, n_tasks, 8))
    values = cosines(0.3 * shared + draw.normal(size=(n_parts, n_tasks, 8)))
    here = literal(values)
    every = [literal(relabelled(values, orders)) for orders in product(permutations(range(n_tasks)), repeat=n_parts)]
    exact = float(np.mean(np.array(every) >= here - 1e-9))
    assert 0 < exact < 1
    n = 2000
    error = np.sqrt(exact * (1 - exact) / n)
    assert likeness_of(values, n_permutations=n).p == pytest.approx(exact, abs=4 * error + 1 / n)


def test_planted_structure_has_the_smallest_p_there_is() -> None:
    """With six tasks and four parts no relabelling drawn is like the true one, and all others are worse."""
    draw = np.random.default_rng(0)
    values = cosines(draw.normal(size=(1, 6, 20)) + 0.2 * draw.normal(size=(4, 6, 20)))
    found = likeness_of(values, n_permutations=400)
    assert found.p == 1 / 401
    assert found.difference > 0.5


def test_structure_of_the_opposite_kind_has_the_largest_p() -> None:
    """One-sided: prompts of a task that are less alike than others are no evidence."""
    draw = np.random.default_rng(0)
    values = -cosines(draw.normal(size=(1, 5, 20)) + 0.2 * draw.normal(size=(3, 5, 20)))
    found = likeness_of(values, n_permutations=100)
    assert found.difference < 0
    assert found.p == 1


def test_prompts_that_are_all_alike_differ_by_nothing_and_prove_nothing() -> None:
    found = likeness_of(np.full((3, 4, 3, 4), 0.7))
    assert found.difference == pytest.approx(0, abs=1e-12)
    assert found.p == 1


def test_under_exchangeability_p_is_about_uniform() -> None:
    """Parts may differ as they like, some being alike whatever the task: only within a part are tasks exchanged."""
    draw = np.random.default_rng(11)
    found = []
    for _ in range(300):
        prompts = draw.normal(size=(3, 4, 6)) * [[[0.2]], [[1.0]], [[5.0]]] + 2 * draw.normal(size=(3, 1, 6))
        values = np.einsum("itd,jud->itju", prompts, prompts)
        found.append(likeness_of(values, seed=int(draw.integers(2**32)), n_permutations=99).p)
    ps = np.array(found)
    assert stats.kstest(ps, "uniform").pvalue > 0.001
    for level in (0.05, 0.1, 0.5):
        assert np.mean(ps <= level) == pytest.approx(level, abs=3.5 * np.sqrt(level * (1 - level) / len(ps)))


@settings(deadline=None, max_examples=25)
@given(shape=SHAPES, seed=st.integers(0, 2**16), factor=st.floats(0.1, 10))
def test_likeness_of_two_parts_as_such_does_not_count(shape: tuple[int, int], seed: int, factor: float) -> None:
    """Whatever is added to all prompts of two parts leaves difference and p as they are; a factor scales one alone."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=shape * 2)
    moved = factor * (values + draw.normal(size=(shape[0], 1, shape[0], 1)))
    one, other = likeness_of(values), likeness_of(moved)
    assert other.difference == pytest.approx(factor * one.difference, abs=1e-9)
    assert other.p == one.p


@settings(deadline=None, max_examples=25)
@given(shape=SHAPES, seed=st.integers(0, 2**16))
def test_the_order_of_parts_and_tasks_and_a_part_with_itself_do_not_matter(shape: tuple[int, int], seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=shape * 2)
    parts, tasks = (draw.permutation(n) for n in shape)
    other = values[np.ix_(parts, tasks, parts, tasks)]
    for part in range(shape[0]):
        other[part, :, part, :] = np.nan
    assert likeness_of(other).difference == pytest.approx(likeness_of(values).difference, abs=1e-12)


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (1, 1)])
def test_one_part_or_one_task_says_nothing(shape: tuple[int, int]) -> None:
    assert part_likeness(np.ones(shape * 2), generator=np.random.default_rng(0)) is None


@pytest.mark.parametrize("shape", [(2, 3, 3, 2), (2, 3, 2, 4), (3, 3, 2, 3), (2, 3), (2, 2, 2), (2, 2, 2, 2, 2)])
def test_an_array_that_is_not_square_in_parts_and_tasks_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="similarity has shape"):
        part_likeness(np.ones(shape), generator=np.random.default_rng(0))


def test_chance_comes_from_the_generator_alone() -> None:
    values = np.random.default_rng(2).normal(size=(3, 4, 3, 4))
    assert likeness_of(values, seed=1) == likeness_of(values, seed=1)
    assert len({likeness_of(values, seed=seed).p for seed in range(5)}) > 1
