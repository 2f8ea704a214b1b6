"""Explaining. Which cells a rank correlation is about, which of them are compared with each other, and their ranks.

A grouping says which cells are ranked together. Missing cells, resampled tasks and relabelled tasks all come down to
weights on cells: a mid-rank is the weight below plus half the weight that is equal, one matrix product for all of them.
"""

from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from transferkit.errors import InputError
from transferkit.matrices import Diagonal, Matrix
from transferkit.shapes import BoolArray, FloatArray, IntArray

Grouping = Literal["per_source", "per_target", "all"]
GROUPINGS: tuple[Grouping, ...] = ("per_source", "per_target", "all")
LEAST_CELLS = 3  # a rank correlation of two points is always ±1
Kind = TypeVar("Kind", bound=np.generic)


def check_labels(*matrices: Matrix) -> None:
    """Check that all matrices have the same sources and targets.

    Raises:
        InputError: they do not.
    """
    first = matrices[0]
    for other in matrices[1:]:
        if first.sources != other.sources or first.targets != other.targets:
            raise InputError(
                f"{first.name!r} and {other.name!r} have different sources or targets",
                fix="build both from the same study and backbone, and order both or neither",
            )


def n_tasks(transfer: Matrix) -> int:
    """Return how many tasks there are, each of them a source and a target.

    Raises:
        InputError: rows and columns are not the same things.
    """
    if not transfer.is_square:
        raise InputError(
            f"{transfer.name!r} does not have the same sources and targets", fix="leave out the baseline rows first"
        )
    return len(transfer.sources)


def asked_cells(transfer: Matrix, diagonal: Diagonal) -> BoolArray:
    """Return which cells [source,target] a question is about."""
    return np.full(transfer.values.shape, True) if diagonal == "with" else ~transfer.is_own()


def shared_cells(*matrices: Matrix, diagonal: Diagonal) -> BoolArray:
    """Return which of the cells [source,target] asked for all matrices know.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    check_labels(*matrices)
    return np.logical_and.reduce([asked_cells(matrices[0], diagonal), *(matrix.is_measured for matrix in matrices)])


def by_group(cells: npt.NDArray[Kind], grouping: Grouping) -> npt.NDArray[Kind]:
    """Return cells [...,source,target] as [...,group,member]: those of one group are ranked together."""
    if grouping == "all":
        return cells.reshape(*cells.shape[:-2], 1, -1)
    return cells if grouping == "per_source" else cells.swapaxes(-1, -2)


def weighted_ranks(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mid-ranks within weighted groups, where a weight of w counts like w copies of a member.

    Args:
        values: what is ranked [group,member]; members that never weigh anything may be NaN.
        weights: whole numbers [group,resample,member].

    Returns:
        Ranks less their mean [group,resample,member], and √(Σ weight · rank²) of them [group,resample].
    """
    other, own = values[:, :, None], values[:, None, :]
    below = (other < own) + 0.5 * (other == own)
    # Sums of halves are exact, so equal members have equal ranks and a group without variance has norm 0.
    centred = weights @ below - weights.sum(axis=-1, keepdims=True) / 2
    return centred, np.sqrt(np.einsum("grm,grm,grm->gr", weights, centred, centred))


def standard_ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return weighted ranks [group,resample,member] whose product with other ranks ÷ their norm is Spearman's rho.

    A group is NaN throughout where it has no variance or too few members that weigh anything.
    """
    centred, norm = weighted_ranks(values, weights)
    is_defined = (norm > 0) & (np.count_nonzero(weights, axis=-1) >= LEAST_CELLS)
    return weights * centred / np.where(is_defined, norm, np.nan)[..., None]


def weighted_rhos(standard: FloatArray, values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the rank correlation [group,resample] of values [group,member] with standard ranks of the same weights."""
    centred, norm = weighted_ranks(values, weights)
    return np.einsum("grm,grm->gr", standard, centred) / np.where(norm > 0, norm, np.nan)


def mean_over_groups(rhos: FloatArray, weights: FloatArray | IntArray) -> FloatArray:
    """Return the weighted mean [resample] of the correlations [group,resample] that are defined; NaN without any."""
    weights = np.where(np.isnan(rhos), 0.0, weights)
    total = weights.sum(axis=0)
    return (weights * np.nan_to_num(rhos)).sum(axis=0) / np.where(total > 0, total, np.nan)
