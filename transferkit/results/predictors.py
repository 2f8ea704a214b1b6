"""Explaining. One table that says what an indicator is worth: its agreement beside every baseline and correction.

An agreement alone says little (Su et al. 2022 give no more): prompt norms, task groups, the choice of cells and the
number of indicators tried can each make it. Every correction stands in the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferkit.matrices import Matrix
from transferkit.statistics import (
    Grouping,
    Regret,
    agreement,
    asymmetry_agreement,
    false_discovery,
    leave_one_group_out,
    mantel_many,
    over_tasks,
    partial_agreement,
    random_regret,
    regret,
    same_group_regret,
)

if TYPE_CHECKING:
    import pandas as pd

BASELINES = ("same_group", "norm_proxy")
YARDSTICKS = (*BASELINES, "norm_proxy_all_rows")
TWIN = "euclidean_concat_centred"  # at unit norm distances order pairs as cosines do, and centring moves none
KS = (1, 3)


def predictors(
    transfer: Matrix, candidates: list[Matrix], *, grouping: Grouping, seed: int, n_resamples: int
) -> pd.DataFrame:
    """Return one row per indicator, off the diagonal.

    Columns: `rho` with `low` and `high` (95 %, bootstrap over tasks), `p` (one-sided Mantel), `q` (false-discovery rate
    over the indicators, baselines left out), `given_norm_proxy`, `given_same_group`, `given_both` (partial
    correlations), `lowest_without_a_group` and `highest_without_a_group` (a group of tasks left out at a time),
    `within_groups`, `across_groups`, and `asymmetry` (of directional indicators).

    Args:
        transfer: scores in one form.
        candidates: indicators of the same tasks, the baselines among them.
        grouping: what the correlations are taken over.
        seed: of relabellings and resamples.
        n_resamples: resamples behind each interval.
    """
    import pandas as pd

    generator = np.random.default_rng(seed)
    p = mantel_many([transfer], candidates, generator=generator, grouping=grouping, diagonal="without")[0]
    intervals = over_tasks(transfer, candidates, generator=generator, grouping=grouping, n_resamples=n_resamples)
    known = {matrix.name: matrix for matrix in candidates if matrix.name in YARDSTICKS}
    rows = []
    for matrix, value, interval in zip(candidates, p, intervals, strict=True):
        row: dict[str, object] = {"indicator": matrix.name, "is_baseline": matrix.name in YARDSTICKS}
        found = agreement(transfer, matrix, grouping=grouping)
        row |= {"rho": _number(found.rho), "p": value, "n_cells": found.n_cells}
        row |= {"low": interval.low if interval else np.nan, "high": interval.high if interval else np.nan}
        row |= _partials(transfer, matrix, known, grouping)
        rows.append({**row, **_subsets(transfer, matrix, grouping)})
    table = pd.DataFrame(rows)
    q = np.full(len(table), np.nan)
    tried = ~(table["is_baseline"] | (table["indicator"] == TWIN)).to_numpy(dtype=bool)
    q[tried] = false_discovery(table.loc[tried, "p"].to_numpy(dtype=np.float64))
    return table.assign(q=q)


def _partials(transfer: Matrix, matrix: Matrix, known: Mapping[str, Matrix], grouping: Grouping) -> dict[str, float]:
    norms = "norm_proxy_all_rows" if matrix.name.endswith("_all_rows") else "norm_proxy"  # of the rows compared
    given = {"norm_proxy": known.get(norms), "same_group": known.get("same_group")}
    others = {n: other for n, other in given.items() if other is not None and other.name != matrix.name}
    row = {f"given_{name}": np.nan for name in BASELINES}
    for name, other in others.items():
        row[f"given_{name}"] = _number(partial_agreement(transfer, matrix, other, grouping=grouping))
    both = partial_agreement(transfer, matrix, list(others.values()), grouping=grouping) if len(others) > 1 else None
    return row | {"given_both": _number(both)}


def _subsets(transfer: Matrix, matrix: Matrix, grouping: Grouping) -> dict[str, float]:
    without = leave_one_group_out(transfer, matrix, grouping=grouping).values()
    known = [rho for rho in without if rho is not None]
    within, across = (
        _number(agreement(transfer, matrix, grouping=grouping, cells=cells).rho)
        for cells in ("within_groups", "across_groups")
    )
    return {
        "lowest_without_a_group": min(known, default=np.nan),
        "highest_without_a_group": max(known, default=np.nan),
        "within_groups": within,
        "across_groups": across,
        "asymmetry": _number(asymmetry_agreement(transfer, matrix)),
    }


def regrets(transfer: Matrix, candidates: list[Matrix]) -> pd.DataFrame:
    """Return what trusting each indicator's k best sources loses: k, regret (fraction), hits, n_targets.

    Two yardsticks stand below: a source drawn at random, and one drawn at random from the target's group.
    """
    import pandas as pd

    rows = []
    for k in KS:
        found = {matrix.name: regret(transfer, matrix, k=k) for matrix in candidates}
        found |= {"random source": random_regret(transfer, k=k)}
        found |= {"random source of the same group": same_group_regret(transfer, k=k)}
        rows += [_regret_row(name, k, value) for name, value in found.items()]
    return pd.DataFrame(rows)


def _regret_row(name: str, k: int, found: Regret | None) -> dict[str, object]:
    row: dict[str, object] = {"indicator": name, "k": k}
    if found is None:
        return {**row, "regret": np.nan, "hits": np.nan, "n_targets": 0}
    return {**row, "regret": found.regret, "hits": found.hits, "n_targets": found.n_targets}


def _number(value: float | None) -> float:
    return np.nan if value is None else value
