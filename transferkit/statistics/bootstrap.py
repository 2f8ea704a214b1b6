"""Explaining. How sure is an agreement, had the tasks been others?

Tasks are resampled with replacement, jointly as sources and targets. A task drawn twice is no pair of tasks: cells
between its copies are left out like those of a task with itself. Copies are weights, so no matrix is ever rebuilt.
"""

from collections.abc import Sequence

import numpy as np

from transferkit.matrices import Matrix
from transferkit.shapes import FloatArray, IntArray
from transferkit.statistics.intervals import LEVEL, Interval
from transferkit.statistics.ranking import (
    Grouping,
    by_group,
    mean_over_groups,
    n_tasks,
    shared_cells,
    standard_ranks,
    weighted_rhos,
)


def over_tasks(
    transfer: Matrix,
    indicators: Sequence[Matrix],
    *,
    generator: np.random.Generator,
    grouping: Grouping,
    n_resamples: int = 2000,
    level: float = LEVEL,
) -> list[Interval | None]:
    """Return the percentile interval of each agreement off the diagonal, all from the same resamples of tasks.

    None where less than half of the resamples define an agreement.

    Raises:
        InputError: the matrices do not have the same labels, or rows and columns are not the same things.
    """
    size = n_tasks(transfer)
    counts = generator.multinomial(size, np.full(size, 1 / size), size=n_resamples)
    found = resampled_agreements(transfer, indicators, counts, grouping=grouping)
    ends = [100 * (1 - level) / 2, 100 * (1 + level) / 2]
    intervals: list[Interval | None] = []
    for rhos in found:
        defined = rhos[~np.isnan(rhos)]
        if len(defined) < n_resamples / 2:
            intervals.append(None)
            continue
        low, high = np.percentile(defined, ends)
        intervals.append(Interval(float(low), float(high), f"bootstrap over {size} tasks", level))
    return intervals


def resampled_agreements(
    transfer: Matrix, indicators: Sequence[Matrix], counts: IntArray, *, grouping: Grouping
) -> FloatArray:
    """Return the agreement [indicator,resample] off the diagonal when each task occurs `counts` [resample,task] times.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    of_groups, of_cells = _weights(counts, grouping)
    standard: dict[bytes, tuple[FloatArray, FloatArray]] = {}  # indicators mostly know the same cells
    found = np.empty((len(indicators), len(counts)))
    for rhos, indicator in zip(found, indicators, strict=True):
        used = by_group(shared_cells(transfer, indicator, diagonal="without"), grouping)
        if used.tobytes() not in standard:
            weights = of_cells * used[:, None]
            standard[used.tobytes()] = weights, standard_ranks(by_group(transfer.values, grouping), weights)
        weights, own = standard[used.tobytes()]
        rhos[:] = mean_over_groups(weighted_rhos(own, by_group(indicator.values, grouping), weights), of_groups)
    return found


def _weights(counts: IntArray, grouping: Grouping) -> tuple[FloatArray, FloatArray]:
    """Return how often each group [group,resample] and each member of it [group,resample,member] occurs."""
    weights = counts.astype(np.float64)
    if grouping == "all":
        pairs = weights[:, :, None] * weights[:, None, :]
        return np.ones((1, len(weights))), pairs.reshape(1, len(weights), -1)
    return weights.T, np.broadcast_to(weights, (weights.shape[1], *weights.shape))
