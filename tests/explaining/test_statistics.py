import numpy as np
import pytest
from explaining.handmade import matrix, pair
from scipy import stats
from sklearn.metrics import f1_score

from transferkit.errors import InputError
from transferkit.statistics import (
    agreement,
    compare,
    mcnemar,
    neighbour_map,
    over_seeds,
    paired_bootstrap,
    partial_agreement,
    principal_plane,
    scores_of,
    wilson,
)


@pytest.mark.parametrize("grouping", ["per_source", "per_target", "all"])
@pytest.mark.parametrize("diagonal", ["with", "without"])
def test_agreement_is_scipys_spearman_in_each_grouping(grouping, diagonal):
    x, y = pair()
    keep = np.ones((6, 6), dtype=bool) if diagonal == "with" else ~np.eye(6, dtype=bool)
    if grouping == "all":
        expected = stats.spearmanr(x.values[keep], y.values[keep])[0]
    else:
        a, b, k = (m if grouping == "per_source" else m.T for m in (x.values, y.values, keep))
        expected = np.mean([stats.spearmanr(a[i][k[i]], b[i][k[i]])[0] for i in range(6)])
    found = agreement(x, y, grouping=grouping, diagonal=diagonal)
    assert found.rho == pytest.approx(expected)
    assert found.n_cells == keep.sum()


def test_agreement_counts_the_groups_that_are_defined():
    x, y = pair(4)
    flat = y.values.copy()
    flat[0] = 1.0
    found = agreement(x, matrix(flat), grouping="per_source")
    assert (found.n_groups, found.n_asked, found.n_cells) == (3, 4, 12)
    assert agreement(x, matrix(np.ones((4, 4))), grouping="all").rho is None
    with pytest.raises(InputError, match="different sources"):
        agreement(x, pair(5)[1])


def test_agreement_leaves_missing_cells_out():
    x, y = pair(4)
    holes = x.values.copy()
    holes[1, 2] = np.nan
    assert agreement(matrix(holes), y, grouping="all").n_cells == 11


def test_partial_agreement_is_the_correlation_of_rank_residuals():
    x, y = pair(7)
    z = matrix(np.random.default_rng(5).random((7, 7)) + x.values)
    keep = ~np.eye(7, dtype=bool)
    a, b, c = (stats.rankdata(m.values[keep]) for m in (x, y, z))
    residuals = [v - np.polyval(np.polyfit(c, v, 1), c) for v in (a, b)]
    assert partial_agreement(x, y, z) == pytest.approx(stats.pearsonr(*residuals)[0])
    assert partial_agreement(x, y, y) is None


def test_wilson_and_t_intervals():
    # Agresti and Coull's example: 15 of 20
    found = wilson(15, 20)
    assert (found.low, found.high) == pytest.approx((0.5313, 0.8881), abs=1e-4)
    seeds = over_seeds(np.array([0.5, 0.6, 0.7]))
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert (seeds.low, seeds.high) == pytest.approx((0.6 - half, 0.6 + half))
    assert over_seeds(np.array([0.5])) is None
    assert seeds.excludes(0.0)
    assert not seeds.excludes(0.55)


def test_mcnemar_by_hand():
    first = np.array([1] * 8 + [0] * 2 + [1] * 10, dtype=bool)
    second = np.array([0] * 8 + [1] * 2 + [1] * 10, dtype=bool)
    assert mcnemar(first, second) == pytest.approx(2 * sum(stats.binom.pmf(k, 10, 0.5) for k in range(3)))
    assert mcnemar(first, first) == 1.0


def predictions(n=300, seed=0):
    draw = np.random.default_rng(seed)
    gold = draw.integers(0, 3, n)
    rows = [np.where(draw.random(n) < skill, gold, draw.integers(0, 3, n)) for skill in (0.8, 0.75, 0.85, 0.3, 0.35)]
    return np.array(rows), gold


def test_scores_equal_scikit_learn_with_weights():
    rows, gold = predictions(40)
    counts = np.random.default_rng(0).integers(0, 3, (5, 40))
    accuracy, f1 = (scores_of(rows, gold, counts, metric=metric, n_classes=4) for metric in ("accuracy", "macro_f1"))
    for r in range(5):
        again = np.repeat(np.arange(40), counts[r])
        for k, row in enumerate(rows):
            assert accuracy[r, k] == pytest.approx((row[again] == gold[again]).mean())
            assert f1[r, k] == pytest.approx(
                f1_score(gold[again], row[again], labels=range(4), average="macro", zero_division=0)
            )


def test_paired_intervals_agree_with_scipys_bootstrap():
    rows, gold = predictions()
    right = (rows == gold).astype(float)
    alone = compare(
        rows[:1], rows[3:4], gold, metric="accuracy", n_classes=3, generator=np.random.default_rng(0), n_resamples=8000
    )
    plain = paired_bootstrap(right[0], right[3], generator=np.random.default_rng(1), n_resamples=8000)
    assert (alone.examples.low, alone.examples.high) == pytest.approx((plain.low, plain.high), abs=0.008)
    assert alone.difference == pytest.approx(right[0].mean() - right[3].mean())
    assert alone.seeds is None
    assert alone.both is None
    assert alone.widest_claim is alone.examples


def test_seeds_widen_the_interval_and_are_centred():
    rows, gold = predictions()
    found = compare(rows[:3], rows[3:], gold, metric="accuracy", n_classes=3, generator=np.random.default_rng(0))
    right = (rows == gold).mean(axis=1)
    assert found.difference == pytest.approx(right[:3].mean() - right[3:].mean())
    assert found.both.high - found.both.low > found.examples.high - found.examples.low
    assert found.seeds.low < found.difference < found.seeds.high
    assert found.widest_claim == max(found.examples, found.seeds, found.both, key=lambda i: i.high - i.low)
    again = compare(rows[:3], rows[3:], gold, metric="accuracy", n_classes=3, generator=np.random.default_rng(0))
    assert again == found


def test_few_seeds_that_differ_much_are_not_claimed_from():
    """With seeds far apart the t interval over them is the widest, and a claim rests on it."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 2, 2000)
    rows = np.array([np.where(rng.random(2000) < right, gold, 1 - gold) for right in (0.5, 0.65)])
    base = np.where(rng.random(2000) < 0.5, gold, 1 - gold)[None]
    found = compare(rows, base, gold, metric="accuracy", n_classes=2, generator=np.random.default_rng(0))
    assert found.widest_claim is found.seeds
    assert not found.widest_claim.excludes(0.0)


def test_macro_f1_difference_is_that_of_the_metric():
    rows, gold = predictions()
    found = compare(
        rows[:2], rows[3:4], gold, metric="macro_f1", n_classes=3, generator=np.random.default_rng(0), n_resamples=200
    )
    f1 = [f1_score(gold, row, average="macro") for row in rows]
    assert found.difference == pytest.approx(np.mean(f1[:2]) - f1[3])


def test_unpaired_sides_are_refused():
    rows, gold = predictions()
    with pytest.raises(InputError, match="predictions for"):
        compare(rows[:1, :10], rows[3:, :10], gold, metric="accuracy", n_classes=3, generator=np.random.default_rng(0))
    with pytest.raises(InputError, match="paired"):
        paired_bootstrap(np.zeros(3), np.zeros(4), generator=np.random.default_rng(0))


def test_principal_plane_keeps_distances_of_flat_data_and_its_sign():
    draw = np.random.default_rng(0)
    flat = draw.normal(size=(8, 2)) @ draw.normal(size=(2, 30))
    plane = principal_plane(flat)
    np.testing.assert_allclose(plane.explained.sum(), 1.0)
    distance = np.linalg.norm(flat[0] - flat[5])
    assert np.linalg.norm(plane.points[0] - plane.points[5]) == pytest.approx(distance)
    np.testing.assert_allclose(principal_plane(flat + 7.0).points, plane.points, atol=1e-9)
    with pytest.raises(InputError, match="no map"):
        principal_plane(flat[:2])


@pytest.mark.parametrize("draw_map", [principal_plane, neighbour_map])
def test_equal_prompts_make_no_map(draw_map):
    equal = np.tile(np.random.default_rng(0).normal(size=12), (5, 1))
    with pytest.raises(InputError, match="are all equal") as caught:
        draw_map(equal)
    assert caught.value.problem == "prompts that are all equal make no map"
    equal[3, 7] += 1.0  # one that differs in one number is enough
    assert draw_map(equal).points.shape == (5, 2)
