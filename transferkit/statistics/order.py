"""Explaining. Does the order of some places say anything about values measured at them, for several tasks at once?"""

import numpy as np

from transferkit.shapes import FloatArray


def order_p(values: FloatArray, *, seed: int = 0, n_orders: int = 9999) -> float:
    """Return the two-sided p value of the mean over tasks of Spearman's correlation with the place.

    The places of all tasks are put into another order together, so that tasks which are alike count as one, not many:
    the smallest p of m places is 2/m!, however many tasks there are.

    Args:
        values: of tasks at places [task,place], none of them missing; tasks of equal values say nothing.
        seed: of the orders that are drawn where there are more than `n_orders`.
        n_orders: how many orders are looked at, at most.
    """
    from scipy import stats

    ranks = stats.rankdata(values, axis=1)[np.ptp(values, axis=1) > 0]
    if not len(ranks):
        return 1.0
    profile = np.asarray(stats.zscore(ranks, axis=1)).mean(axis=0)
    return float(
        stats.permutation_test(
            (np.arange(values.shape[1]),),
            lambda places, axis: (places * profile).sum(axis=axis),
            permutation_type="pairings",
            vectorized=True,
            n_resamples=n_orders,
            rng=np.random.default_rng(seed),
        ).pvalue
    )
