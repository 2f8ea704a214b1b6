import numpy as np
import pytest
from explaining.handmade import matrix, pair, with_holes
from scipy import stats

from transferkit.errors import InputError
from transferkit.statistics import GROUPINGS, agreement, asymmetry_agreement, leave_one_group_out, partial_agreement

GROUPS = "aabbbcc"


def grouped(seed=0):
    x, y = pair(7, seed)
    return matrix(x.values, groups=GROUPS), matrix(y.values, "guess", groups=GROUPS)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_a_group_is_left_out_as_source_and_as_target(grouping):
    x, y = grouped()
    found = leave_one_group_out(x, y, grouping=grouping)
    assert list(found) == ["a", "b", "c"]
    rest = [0, 1, 5, 6]
    without_b = (matrix(m.values[np.ix_(rest, rest)]) for m in (x, y))
    assert found["b"] == pytest.approx(agreement(*without_b, grouping=grouping).rho)
    assert leave_one_group_out(*pair(4), grouping=grouping) == {"x": None}


def test_agreement_within_and_across_groups():
    x, y = grouped()
    same = np.equal.outer(list(GROUPS), list(GROUPS))
    for cells, keep in (("within_groups", same & ~np.eye(7, dtype=bool)), ("across_groups", ~same)):
        found = agreement(x, y, grouping="all", cells=cells)
        assert found.rho == pytest.approx(stats.spearmanr(x.values[keep], y.values[keep])[0])
        assert (found.n_cells, found.cells) == (keep.sum(), cells)
    assert agreement(x, y, grouping="all", diagonal="with", cells="within_groups").n_cells == same.sum()


def test_asymmetry_is_that_of_ordered_pairs():
    x, y = pair(5)
    first, second = [], []
    for i in range(5):
        for j in range(5):
            if i != j:
                first.append(x.values[i, j] - x.values[j, i])
                second.append(y.values[i, j] - y.values[j, i])
    assert asymmetry_agreement(x, y) == pytest.approx(stats.spearmanr(first, second)[0])
    holed = asymmetry_agreement(with_holes(x, ((0,), (1,))), y)
    kept = [k for k in range(20) if k not in (0, 4)]  # (0, 1) and (1, 0)
    assert holed == pytest.approx(stats.spearmanr(np.array(first)[kept], np.array(second)[kept])[0])


def test_symmetric_indicators_say_nothing_about_direction():
    x, y = pair(5)
    half = (y.values + y.values.T) / 2
    noise = np.random.default_rng(0).normal(size=(5, 5)) * 1e-9
    assert asymmetry_agreement(x, matrix(half)) is None
    assert asymmetry_agreement(x, matrix(half + noise)) is None
    with pytest.raises(InputError, match="same sources and targets"):
        asymmetry_agreement(x.select([0, 1], [1]), y.select([0, 1], [1]))


def residuals(values, given):
    design = np.column_stack([np.ones(len(values)), *given])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_partial_agreement_given_several_is_the_correlation_of_rank_residuals():
    x, y = pair(8)
    draw = np.random.default_rng(5)
    given = [matrix(draw.random((8, 8)) + m.values) for m in (x, y)]
    keep = ~np.eye(8, dtype=bool)

    def expected(cells):
        a, b, *rest = (stats.rankdata(m.values[cells]) for m in (x, y, *given))
        return stats.pearsonr(residuals(a, rest), residuals(b, rest))[0]

    assert partial_agreement(x, y, given) == pytest.approx(expected(keep))
    columns = [keep & (np.arange(8) == j) for j in range(8)]
    found = partial_agreement(x, y, given, grouping="per_target")
    assert found == pytest.approx(np.mean([expected(cells) for cells in columns]))


def test_partial_agreement_at_its_edges():
    x, y = pair(6)
    z = matrix(np.random.default_rng(5).random((6, 6)))
    assert partial_agreement(x, y, [z, z]) == pytest.approx(partial_agreement(x, y, z))
    assert partial_agreement(x, y, []) == pytest.approx(agreement(x, y, grouping="all").rho)
    assert partial_agreement(x, y, [z, y]) is None
    assert partial_agreement(x, y, matrix(np.ones((6, 6)))) is None


@pytest.mark.parametrize("n_given", [1, 2, 3])
def test_a_partial_agreement_needs_three_cells_more_than_variables(n_given):
    x, y = pair(8)
    draw = np.random.default_rng(5)
    given = [matrix(draw.random((8, 8))) for _ in range(n_given)]
    least = 2 + n_given + 3

    def found(n):
        first, second, *rest = (m.select(list(range(n)), [0]) for m in (x, y, *given))
        return partial_agreement(first, second, rest, diagonal="with")

    a, b, *rest = (stats.rankdata(m.values[:least, 0]) for m in (x, y, *given))
    assert found(least) == pytest.approx(stats.pearsonr(residuals(a, rest), residuals(b, rest))[0])
    assert found(least - 1) is None
    # per target without the diagonal, a group of n tasks has n - 1 cells
    few = [m.select(list(range(least)), list(range(least))) for m in (x, y, *given)]
    assert partial_agreement(few[0], few[1], few[2:], grouping="per_target") is None
    assert partial_agreement(few[0], few[1], few[2:]) is not None
