"""Explaining. Does an agreement rest on one group of tasks, or only on what is the same in both directions?"""

import numpy as np

from transferkit.matrices import Diagonal, Matrix
from transferkit.shapes import FloatArray
from transferkit.statistics.agreement import agreement, spearman
from transferkit.statistics.ranking import Grouping, n_tasks, shared_cells

SYMMETRIC = 1e-6  # of the largest value: a smaller difference between directions is rounding


def leave_one_group_out(
    transfer: Matrix, indicator: Matrix, *, grouping: Grouping, diagonal: Diagonal = "without"
) -> dict[str, float | None]:
    """Return the agreement without each group of tasks, as sources and as targets.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    found: dict[str, float | None] = {}
    for group in sorted({*transfer.source_groups, *transfer.target_groups}):
        rows = [i for i, other in enumerate(transfer.source_groups) if other != group]
        columns = [j for j, other in enumerate(transfer.target_groups) if other != group]
        rest = (matrix.select(rows, columns) for matrix in (transfer, indicator))
        found[group] = agreement(*rest, grouping=grouping, diagonal=diagonal).rho
    return found


def asymmetry_agreement(transfer: Matrix, indicator: Matrix) -> float | None:
    """Return the Spearman correlation of value(i, j) − value(j, i) over all ordered pairs of tasks.

    None for a symmetric indicator: it says nothing about direction.

    Raises:
        InputError: the matrices do not have the same labels, or rows and columns are not the same things.
    """
    n_tasks(transfer)
    used = shared_cells(transfer, indicator, diagonal="without")
    both = used & used.T
    return spearman(_differences(transfer.values)[both], _differences(indicator.values)[both])


def _differences(values: FloatArray) -> FloatArray:
    """Return value(i, j) − value(j, i), 0 where that is rounding."""
    found = values - values.T
    return np.where(np.abs(found) <= SYMMETRIC * np.nanmax(np.abs(values), initial=0.0), 0.0, found)
