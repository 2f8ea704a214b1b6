"""Explaining. How surprising is an agreement?

Cells of a matrix are not independent, so a plain p value would be too small: sources and targets are relabelled jointly
instead (Mantel 1967). Relabelling the indicator by a permutation equals relabelling transfer by its inverse, so
transfer is permuted once for all indicators, and all their correlations are one matrix product.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations
from math import ceil, factorial

import numpy as np

from transferkit.matrices import Diagonal, Matrix
from transferkit.shapes import BoolArray, FloatArray, IntArray
from transferkit.statistics.ranking import (
    Grouping,
    asked_cells,
    by_group,
    check_labels,
    mean_over_groups,
    n_tasks,
    standard_ranks,
    weighted_rhos,
)

N_RELABELLINGS = 10_000
ROUNDING = 1e-12  # equal correlations may be summed in different orders
CHUNK = 2**18  # cells relabelled at a time: a few megabytes


def mantel(
    transfer: Matrix,
    indicator: Matrix,
    *,
    generator: np.random.Generator,
    grouping: Grouping = "all",
    diagonal: Diagonal = "without",
    n_relabellings: int = N_RELABELLINGS,
) -> float | None:
    """Return the one-sided p value of an agreement under joint relabelling of the indicator's rows and columns.

    None where the agreement is undefined or the indicator misses a cell; see `mantel_many`.

    Raises:
        InputError: the matrices do not have the same labels, or rows and columns are not the same things.
    """
    found = mantel_many(
        [transfer],
        [indicator],
        generator=generator,
        grouping=grouping,
        diagonal=diagonal,
        n_relabellings=n_relabellings,
    )[0, 0]
    return None if np.isnan(found) else float(found)


def mantel_many(
    transfers: Sequence[Matrix],
    indicators: Sequence[Matrix],
    *,
    generator: np.random.Generator,
    grouping: Grouping = "all",
    diagonal: Diagonal = "without",
    n_relabellings: int = N_RELABELLINGS,
) -> FloatArray:
    """Return the p value of every agreement [transfer,indicator], from the same relabellings for the same tasks.

    Every relabelling is tried where there are no more than `n_relabellings`, the identity among them; otherwise
    p = (1 + hits) / (1 + relabellings). Tasks an indicator knows nothing of are left out for it. NaN where the
    agreement is undefined or the indicator still misses a cell, for any cell may come to lie on a measured one. Where
    transfer misses cells, indicators are ranked anew among the others.

    Raises:
        InputError: the matrices do not have the same labels, or rows and columns are not the same things.
    """
    p = np.full((len(transfers), len(indicators)), np.nan)
    if p.size == 0:
        return p
    n_tasks(transfers[0])
    check_labels(*transfers, *indicators)
    known = [_known_tasks(indicator) for indicator in indicators]
    for tasks in dict.fromkeys(known):
        here = [j for j, one in enumerate(known) if one == tasks]
        rows = list(tasks)
        if len(rows) > 1:
            p[:, here] = _p_of(
                [transfer.select(rows, rows) for transfer in transfers],
                [indicators[j].select(rows, rows) for j in here],
                generator=generator,
                grouping=grouping,
                diagonal=diagonal,
                n_relabellings=n_relabellings,
            )
    return p


def _known_tasks(indicator: Matrix) -> tuple[int, ...]:
    """Return the places of the tasks an indicator says anything of beside themselves."""
    seen = indicator.is_measured & ~indicator.is_own()
    return tuple(int(i) for i in np.flatnonzero(seen.any(axis=0) | seen.any(axis=1)))


def _p_of(
    transfers: Sequence[Matrix],
    indicators: Sequence[Matrix],
    *,
    generator: np.random.Generator,
    grouping: Grouping,
    diagonal: Diagonal,
    n_relabellings: int,
) -> FloatArray:
    """Return the p value of every agreement [transfer,indicator] over tasks that all indicators know."""
    p = np.full((len(transfers), len(indicators)), np.nan)
    size = len(transfers[0].sources)
    asked = asked_cells(transfers[0], diagonal)
    is_complete = np.array([bool(indicator.is_measured[asked].all()) for indicator in indicators])
    if not is_complete.any():
        return p
    values = by_group(np.array([i.values for i, keep in zip(indicators, is_complete, strict=True) if keep]), grouping)
    asked_groups = by_group(asked, grouping)
    ranks = np.array([_ranks(value, asked_groups) for value in values])
    labels = _relabellings(size, n_relabellings, generator)
    for row, transfer in zip(p, transfers, strict=True):
        used = asked_groups & by_group(transfer.is_measured, grouping)
        own = _ranks(by_group(transfer.values, grouping), used)
        is_whole = np.all(used == asked_groups, axis=1) | ~used.any(axis=1)
        rhos = partial(_whole_rhos, own, ranks) if is_whole.all() else partial(_broken_rhos, own, used, values)
        row[is_complete] = _p_values(rhos, labels)
    return p


def _relabellings(size: int, n_relabellings: int, generator: np.random.Generator) -> IntArray:
    """Return labels [relabelling,task]: every one where there are few enough, else random ones."""
    if factorial(size) <= n_relabellings:
        return np.array(list(permutations(range(size))))
    return generator.permuted(np.tile(np.arange(size), (n_relabellings, 1)), axis=1)


def _p_values(rhos: Callable[[IntArray], FloatArray], labels: IntArray) -> FloatArray:
    """Return the share of relabellings [indicator] that agree no less than the labels as they are."""
    n, size = labels.shape
    observed = rhos(np.arange(size)[None])[0]
    chunks = np.array_split(labels, ceil(n * size**2 / CHUNK))
    hits = sum(np.count_nonzero(rhos(chunk) >= observed - ROUNDING, axis=0) for chunk in chunks)
    drawn = 0 if n == factorial(size) else 1
    return np.where(np.isnan(observed), np.nan, (drawn + hits) / (drawn + n))


def _ranks(values: FloatArray, used: BoolArray) -> FloatArray:
    """Return standard ranks [group,member] of the members used."""
    return standard_ranks(np.where(used, values, np.nan), used[:, None].astype(np.float64))[:, 0]


def _cells(labels: IntArray) -> IntArray:
    """Return where each cell of a flat [group,member] comes from [relabelling,cell].

    Rows and columns are relabelled alike, so this holds for groups that are rows, columns, or all cells.
    """
    return (labels[:, :, None] * labels.shape[1] + labels[:, None, :]).reshape(len(labels), -1)


def _whole_rhos(own: FloatArray, ranks: FloatArray, labels: IntArray) -> FloatArray:
    """Return agreements [relabelling,indicator] where every group is complete, or empty: ranks stay what they are."""
    n_groups = len(own)
    relabelled = np.nan_to_num(own).ravel()[_cells(labels)]
    total = relabelled @ np.nan_to_num(ranks).reshape(len(ranks), -1).T
    is_own, is_other = ~np.isnan(own[:, 0]), ~np.isnan(ranks[:, :, 0])
    moved = is_own[labels] if n_groups > 1 else np.broadcast_to(is_own, (len(labels), 1))
    count = moved.astype(np.float64) @ is_other.T
    return total / np.where(count > 0, count, np.nan)


def _broken_rhos(own: FloatArray, used: BoolArray, values: FloatArray, labels: IntArray) -> FloatArray:
    """Return agreements [relabelling,indicator] where an indicator's ranks depend on which cells it is compared on."""
    cells = _cells(labels)
    shape = (len(labels), *own.shape)
    standard = own.ravel()[cells].reshape(shape).swapaxes(0, 1)
    weights = used.ravel()[cells].reshape(shape).swapaxes(0, 1).astype(np.float64)
    rhos = [mean_over_groups(weighted_rhos(standard, value, weights), np.ones(1)) for value in values]
    return np.array(rhos).T
