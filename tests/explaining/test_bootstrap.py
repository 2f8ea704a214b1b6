import numpy as np
import pytest
from explaining.handmade import matrix, pair, with_holes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from transferkit.errors import InputError
from transferkit.statistics import GROUPINGS, agreement, over_tasks
from transferkit.statistics.bootstrap import resampled_agreements

N = 5
FEW_VALUES = arrays(float, (N, N), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, np.nan]))


def by_copies(transfer, indicator, counts, grouping):
    """Spearman of the matrix rebuilt with every task as often as it was drawn."""
    tasks = np.repeat(np.arange(N), counts)
    rows, columns = np.meshgrid(tasks, tasks, indexing="ij")
    x, y = (m.values[rows, columns] for m in (transfer, indicator))
    used = (rows != columns) & ~np.isnan(x) & ~np.isnan(y)
    if grouping == "per_target":
        x, y, used, rows, columns = x.T, y.T, used.T, columns.T, rows.T
    if grouping == "all":
        x, y, used, rows, columns = (a.reshape(1, -1) for a in (x, y, used, rows, columns))
    rhos = []
    for a, b, keep, r, c in zip(x, y, used, rows, columns, strict=True):
        n_distinct = len(set(zip(r[keep], c[keep], strict=True)))
        if n_distinct >= 3 and np.ptp(a[keep]) > 0 and np.ptp(b[keep]) > 0:
            rhos.append(stats.spearmanr(a[keep], b[keep])[0])
    return np.mean(rhos) if rhos else np.nan


@settings(max_examples=60, deadline=None)
@given(x=FEW_VALUES, y=FEW_VALUES, seed=st.integers(0, 1000), grouping=st.sampled_from(GROUPINGS))
def test_weights_are_copies(x, y, seed, grouping):
    x, y = matrix(x), matrix(y)
    counts = np.random.default_rng(seed).multinomial(N, np.full(N, 1 / N), size=6)
    found = resampled_agreements(x, [y], counts, grouping=grouping)[0]
    expected = [by_copies(x, y, row, grouping) for row in counts]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_every_task_once_is_the_agreement_itself(grouping):
    x, y = pair(N)
    found = resampled_agreements(x, [y, with_holes(y, np.s_[0])], np.ones((1, N), dtype=int), grouping=grouping)
    expected = [agreement(x, m, grouping=grouping).rho for m in (y, with_holes(y, np.s_[0]))]
    np.testing.assert_allclose(found[:, 0], expected)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_intervals_hold_the_middle_of_the_resamples(grouping):
    x, y = pair(12)
    found = over_tasks(x, [y, x], generator=np.random.default_rng(0), grouping=grouping, n_resamples=400, level=0.8)
    again = over_tasks(x, [y], generator=np.random.default_rng(0), grouping=grouping, n_resamples=400, level=0.8)
    assert found[0] == again[0]
    assert found[0].low < agreement(x, y, grouping=grouping).rho < found[0].high
    assert (found[0].level, found[0].method) == (0.8, "bootstrap over 12 tasks")
    assert (found[1].low, found[1].high) == pytest.approx((1.0, 1.0))


def test_mostly_undefined_agreements_have_no_interval():
    x, y = pair(4)
    flat = matrix(np.ones((4, 4)))
    assert over_tasks(x, [flat], generator=np.random.default_rng(0), grouping="all") == [None]
    # four tasks drawn from four are all distinct too seldom for three cells in a row
    assert over_tasks(x, [y], generator=np.random.default_rng(0), grouping="per_source") == [None]
    with pytest.raises(InputError, match="same sources and targets"):
        over_tasks(x.select([0, 1], [0]), [], generator=np.random.default_rng(0), grouping="all")
