"""Explaining. How well does an indicator order transfer?

The grouping decides the story (Su et al. 2022 name none), so it is always part of the answer. Cells of a matrix are not
independent: how surprising an agreement is, `relabelling` says, and how sure, `bootstrap`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from transferkit.matrices import Diagonal, Matrix, same_group
from transferkit.shapes import BoolArray, FloatArray
from transferkit.statistics.ranking import LEAST_CELLS, Grouping, by_group, shared_cells

LEAST_FREEDOM = 3  # cells beyond variables: with fewer a partial correlation is nearly free
Cells = Literal["all", "within_groups", "across_groups"]


@dataclass(frozen=True)
class Agreement:
    """A rank correlation with what it was taken over.

    Attributes:
        rho: Spearman correlation, or its mean over groups; None where no group has one.
        n_groups: groups that define a correlation, out of `n_asked`; both 1 for all cells together.
        n_cells: cells used.
        cells: whether only pairs of tasks of one task group, or of different ones, were used.
    """

    rho: float | None
    grouping: Grouping
    diagonal: Diagonal
    n_groups: int
    n_asked: int
    n_cells: int
    cells: Cells = "all"


def agreement(
    transfer: Matrix,
    indicator: Matrix,
    *,
    grouping: Grouping = "per_target",
    diagonal: Diagonal = "without",
    cells: Cells = "all",
) -> Agreement:
    """Return the Spearman correlation of indicator and transfer.

    Args:
        transfer: scores.
        indicator: values for the same sources and targets.
        grouping: one correlation per source over targets, per target over sources (means of those defined), or one
            over all cells.
        diagonal: whether cells that pair a source with itself count.
        cells: whether source and target may, must or must not share a task group.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    used = shared_cells(transfer, indicator, diagonal=diagonal) & _of_kind(transfer, cells)
    groups = by_group(used, grouping)
    x, y = by_group(transfer.values, grouping), by_group(indicator.values, grouping)
    rhos = [spearman(x[g, members], y[g, members]) for g, members in enumerate(groups)]
    found = [rho for rho in rhos if rho is not None]
    mean = float(np.mean(found)) if found else None
    return Agreement(mean, grouping, diagonal, len(found), len(groups), int(used.sum()), cells)


def spearman(x: FloatArray, y: FloatArray) -> float | None:
    """Return the rank correlation of x [n] and y [n]; None for fewer than three points or a constant side."""
    return _partial_spearman(np.array([x, y]))


def partial_agreement(
    transfer: Matrix,
    indicator: Matrix,
    given: Matrix | Sequence[Matrix],
    *,
    grouping: Grouping = "all",
    diagonal: Diagonal = "without",
) -> float | None:
    """Return the Spearman correlation with the part that one or several other matrices explain taken out.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    matrices = [transfer, indicator, *([given] if isinstance(given, Matrix) else given)]
    groups = by_group(shared_cells(*matrices, diagonal=diagonal), grouping)
    values = np.array([by_group(matrix.values, grouping) for matrix in matrices])
    rhos = [_partial_spearman(values[:, g, members]) for g, members in enumerate(groups)]
    found = [rho for rho in rhos if rho is not None]
    return float(np.mean(found)) if found else None


def _of_kind(transfer: Matrix, cells: Cells) -> BoolArray:
    if cells == "all":
        return np.ones(transfer.values.shape, dtype=bool)
    return same_group(transfer).values == (cells == "within_groups")


def _partial_spearman(values: FloatArray) -> float | None:
    """Return the rank correlation of the first two of values [variable,n] given the others."""
    from scipy.stats import rankdata

    n_variables, n = values.shape
    least = LEAST_CELLS if n_variables == 2 else n_variables + LEAST_FREEDOM
    if n < least or np.any(np.ptp(values, axis=1) == 0):
        return None
    r = np.corrcoef(rankdata(values, axis=1))
    explained = r[:2, 2:] @ np.linalg.pinv(r[2:, 2:], rcond=1e-10, hermitian=True) @ r[2:, :2]
    rest = r[:2, :2] - explained
    variances = rest[0, 0] * rest[1, 1]
    return float(rest[0, 1] / np.sqrt(variances)) if variances > 1e-12 else None
