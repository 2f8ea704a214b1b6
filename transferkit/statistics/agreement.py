"""Explaining. How well does an indicator order transfer, and how surprising is that?

Cells of a matrix are not independent, so a plain p value would be too small: sources and targets are relabelled jointly
instead (Mantel's test). The grouping decides the story (Su et al. 2022 name none), so it is always part of the answer.
"""

from dataclasses import dataclass
from itertools import permutations
from math import factorial
from typing import Literal

import numpy as np

from transferkit.errors import InputError
from transferkit.matrices import Diagonal, Matrix
from transferkit.shapes import BoolArray, FloatArray, IntArray

Grouping = Literal["per_source", "per_target", "all"]
GROUPINGS: tuple[Grouping, ...] = ("per_source", "per_target", "all")
LEAST_CELLS = 3  # a rank correlation of two points is always ±1


@dataclass(frozen=True)
class Agreement:
    """A rank correlation with what it was taken over.

    Attributes:
        rho: Spearman correlation, or its mean over groups; None where no group has one.
        n_groups: groups that define a correlation, out of `n_asked`; both 1 for all cells together.
        n_cells: cells used.
    """

    rho: float | None
    grouping: Grouping
    diagonal: Diagonal
    n_groups: int
    n_asked: int
    n_cells: int


def agreement(
    transfer: Matrix, indicator: Matrix, *, grouping: Grouping = "per_target", diagonal: Diagonal = "without"
) -> Agreement:
    """Return the Spearman correlation of indicator and transfer.

    Args:
        transfer: scores.
        indicator: values for the same sources and targets.
        grouping: one correlation per source over targets, per target over sources (means of those defined), or one
            over all cells.
        diagonal: whether cells that pair a source with itself count.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    used = _used(transfer, indicator, diagonal)
    x, y = transfer.values, indicator.values
    if grouping == "all":
        groups = [(x[used], y[used])]
    elif grouping == "per_source":
        groups = [(x[i, used[i]], y[i, used[i]]) for i in range(len(x))]
    else:
        groups = [(x[used[:, j], j], y[used[:, j], j]) for j in range(x.shape[1])]
    found = [rho for first, second in groups if (rho := spearman(first, second)) is not None]
    mean = float(np.mean(found)) if found else None
    return Agreement(mean, grouping, diagonal, len(found), len(groups), int(used.sum()))


def spearman(x: FloatArray, y: FloatArray) -> float | None:
    """Return the rank correlation of x [n] and y [n]; None for fewer than three points or a constant side."""
    from scipy import stats

    if len(x) < LEAST_CELLS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.asarray(stats.spearmanr(x, y))[0])


def partial_agreement(
    transfer: Matrix, indicator: Matrix, given: Matrix, *, diagonal: Diagonal = "without"
) -> float | None:
    """Return the Spearman correlation over all cells with the part that a third matrix explains taken out."""
    used = _used(transfer, indicator, diagonal) & _used(transfer, given, diagonal)
    x, y, z = (matrix.values[used] for matrix in (transfer, indicator, given))
    r_xy, r_xz, r_yz = spearman(x, y), spearman(x, z), spearman(y, z)
    if r_xy is None or r_xz is None or r_yz is None:
        return None
    rest = (1.0 - r_xz**2) * (1.0 - r_yz**2)
    return float((r_xy - r_xz * r_yz) / np.sqrt(rest)) if rest > 1e-12 else None


def mantel(
    transfer: Matrix,
    indicator: Matrix,
    *,
    generator: np.random.Generator,
    grouping: Grouping = "all",
    diagonal: Diagonal = "without",
    n_relabellings: int = 2000,
) -> float | None:
    """Return the one-sided p value of an agreement under joint relabelling of the indicator's rows and columns.

    Every relabelling is tried where there are no more than `n_relabellings`, the identity among them; otherwise
    p = (1 + hits) / (1 + relabellings). None where a needed cell is missing or the agreement is undefined.

    Raises:
        InputError: the matrices do not have the same labels, or rows and columns are not the same things.
    """
    used = _used(transfer, indicator, diagonal)
    if not transfer.is_square:
        raise InputError("relabelling needs the same sources and targets", fix="leave out the baseline rows first")
    size = len(transfer.sources)
    expected = size * size - (size if diagonal == "without" else 0)
    if used.sum() < expected:
        return None
    x, y = (_standard_ranks(matrix.values, used, grouping) for matrix in (transfer, indicator))
    observed = _mean_rho(x, y, np.arange(size)[None, :], grouping)[0]
    if np.isnan(observed):
        return None
    if factorial(size) <= n_relabellings:
        labels = np.array(list(permutations(range(size))))
        return float(np.mean(_mean_rho(x, y, labels, grouping) >= observed - 1e-12))
    labels = generator.permuted(np.tile(np.arange(size), (n_relabellings, 1)), axis=1)
    hits = np.count_nonzero(_mean_rho(x, y, labels, grouping) >= observed - 1e-12)
    return float((1 + hits) / (1 + n_relabellings))


def _used(transfer: Matrix, indicator: Matrix, diagonal: Diagonal) -> BoolArray:
    """Return which cells both matrices know and the question is about [source,target]."""
    if transfer.sources != indicator.sources or transfer.targets != indicator.targets:
        raise InputError(
            f"{transfer.name!r} and {indicator.name!r} have different sources or targets",
            fix="build both from the same study and backbone, and order both or neither",
        )
    used = transfer.is_measured & indicator.is_measured
    return used if diagonal == "with" else used & ~transfer.is_own()


def _standard_ranks(values: FloatArray, used: BoolArray, grouping: Grouping) -> FloatArray:
    """Return ranks [source,target] scaled so that a dot product over a group is its Spearman correlation.

    Unused cells are 0; a group without variance is NaN.
    """
    from scipy.stats import rankdata

    if grouping == "per_target":
        return _standard_ranks(values.T, used.T, "per_source").T
    ranks = np.zeros_like(values)
    groups = [used] if grouping == "all" else [used & (np.arange(len(used)) == i)[:, None] for i in range(len(used))]
    for group in groups:
        centred = rankdata(values[group]) - (group.sum() + 1) / 2
        norm = np.linalg.norm(centred)
        ranks[group] = centred / norm if norm > 0 and group.sum() >= LEAST_CELLS else np.nan
    return ranks


def _mean_rho(x: FloatArray, y: FloatArray, labels: IntArray, grouping: Grouping) -> FloatArray:
    """Return the agreement under each relabelling [relabelling]; joint relabelling permutes ranks, never re-ranks."""
    products = x[None] * y[labels[:, :, None], labels[:, None, :]]
    if grouping == "all":
        return products.sum(axis=(1, 2))
    rhos = products.sum(axis=2 if grouping == "per_source" else 1)
    defined = ~np.isnan(rhos)
    counts = defined.sum(axis=1)
    return np.where(counts > 0, np.where(defined, rhos, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)
