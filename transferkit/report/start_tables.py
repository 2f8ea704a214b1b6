"""Explaining. The tables about prompts begun from other prompts: pair by pair, and what predicts who is faster."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferkit.report.page import Table
from transferkit.report.words import points, slug, snippet
from transferkit.results import Results
from transferkit.statistics import Speedup

if TYPE_CHECKING:
    import pandas as pd

PAIRS = {
    "target": "target",
    "source": "source",
    "from": "begun from",
    "same_group": "same group",
    "comparable_said": "to that level, times as fast",
    "convergence_said": "to convergence, times as fast",
    "counts": "seeds there later / at once / never",
    "flops_said": "in arithmetic",
    "flops_with_source_said": "source's training counted",
    "started_start": "at step 0, %",
    "started_best": "best, %",
    "plain_best": "best from nothing, %",
    "started_score": "report split, %",
    "plain_score": "from nothing, %",
    "difference_said": "difference, points",
}
PERCENT = ("started_start", "started_best", "plain_best", "started_score", "plain_score")
GROUPINGS = {"per_target": "per target", "all": "all cells"}


def rule_of(results: Results) -> str:
    """Return the rule in words."""
    rule = results.speedups.rule
    more = "the evaluation after it" if rule.kept == 1 else f"{rule.kept} further evaluations"
    return (
        f"A run has converged at the first evaluation whose selection score is at most {100 * rule.tolerance:g} points"
        f" below its best one, and for {more} stays so, or to its end."
    )


def pair_table(results: Results, backbone: str) -> Table:
    """Return one row per pair of source and target."""
    frame = results.speedups.table(backbone).dropna(subset=["plain_best"])
    for name in ("comparable", "convergence", "flops", "flops_with_source"):
        frame[f"{name}_said"] = [_said(row, name) for row in frame.to_dict("records")]
    counts = ("comparable_n_reached", "comparable_n_at_once", "comparable_n_not_reached")
    frame["counts"] = [" / ".join(str(int(n)) for n in row) for row in frame[list(counts)].to_numpy()]
    frame["difference_said"] = [_difference(row) for row in frame.to_dict("records")]
    has_brought = bool((frame["how"] != "trained").any())
    frame["from"] = [
        "this backbone" if how == "trained" else f"{origin}, {how.replace('_', ' ')}"
        for how, origin in zip(frame["how"], frame["source_backbone"], strict=True)
    ]
    brought = " What made the projector is left out." if has_brought else ""
    return Table(
        name=f"speed-ups-{slug(backbone)}",
        title=f"Pair by pair, {backbone}",
        caption="To that level: steps to convergence from nothing ÷ steps to the same level from the source's prompt."
        " To convergence: ÷ steps to its own convergence, wherever that is. Medians over seeds, in brackets the first"
        " and the last seed in order; > there at once, < not there at the last step. The counts are of the first,"
        " and leave out seeds whose prompt from nothing does not keep its best level, or gains no more than the said"
        " points in training."
        f" {rule_of(results)} In arithmetic: the first in operations of training by formula (blocks alone, forward and"
        " backward, without evaluations), where the source's prompt is there already; then with all steps counted that"
        f" trained it.{brought} Best: highest selection score of the run, the start included where it begins from a"
        " prompt. On the report split: the chosen checkpoints, and their mean difference with a 95 % t interval over"
        " seeds.",
        frame=frame,
        columns={name: words for name, words in PAIRS.items() if name != "from" or has_brought},
        percent=PERCENT,
        snippet=snippet(results, f'results.speedups.table("{backbone}")'),
        keys=tuple(dict.fromkeys(" ".join(frame["keys"]).split())),
    )


def _said(row: Mapping[Hashable, object], name: str) -> str | None:
    values = [_speedup(row, f"{name}{end}") for end in ("", "_low", "_high")]
    middle, low, high = values
    if middle is None:
        return None
    return str(middle) if low == high or low is None or high is None else f"{middle} ({low} to {high})"


def _speedup(row: Mapping[Hashable, object], name: str) -> Speedup | None:
    value, side = row.get(name), row.get(f"{name}_side")
    return Speedup(float(str(value)), side) if side in ("exact", "more_than", "less_than") else None


def _difference(row: Mapping[Hashable, object]) -> str | None:
    mean, low, high = (float(str(row[f"difference{end}"])) for end in ("", "_low", "_high"))
    if np.isnan(mean):
        return None
    return points(mean) if np.isnan(low) else f"{points(mean)} [{points(low)}, {points(high)}]"


def agreement_table(results: Results, backbone: str) -> Table | None:
    """Return how indicators agree with the speed-up and with zero-shot transfer; None where neither can be told."""
    table = results.speedups.agreements(backbone)
    if table["speedup_rho"].isna().all():
        return None
    n_cells = int(table["n_cells"].max())
    return Table(
        name=f"speed-up-agreement-{slug(backbone)}",
        title=f"What predicts who is faster, {backbone}",
        caption=f"Spearman correlation of each indicator with the comparable-result speed-up and, over the same"
        f" {n_cells} pairs, with zero-shot transfer (scores of the source's prompt as it is ÷ the target's own). p:"
        " one-sided, by joint relabelling of the tasks (Mantel), each indicator by itself: of twenty that know nothing"
        " one is below 0.05. Prompts that are there at once rank highest, those that never are lowest. The last row is"
        f" zero-shot transfer as an indicator. {rule_of(results)}",
        frame=_wide(table),
        columns={"indicator": "indicator"}
        | {
            f"{grouping}_{name}": f"{words}: {said}"
            for grouping, words in GROUPINGS.items()
            for name, said in (
                ("speedup_rho", "speed-up"),
                ("speedup_p", "p"),
                ("zero_shot_rho", "zero-shot"),
                ("zero_shot_p", "p of it"),
            )
        }
        | {"n_cells": "pairs"},
        snippet=snippet(results, f'results.speedups.agreements("{backbone}")'),
        keys=results.speedups.matrix(backbone).keys,
    )


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per indicator with a column for each grouping and number."""
    numbers = ["speedup_rho", "speedup_p", "zero_shot_rho", "zero_shot_p"]
    parts = {name: rows.set_index("indicator") for name, rows in table.groupby("grouping", sort=False)}
    first = next(iter(parts.values()))
    wide = first[["n_cells"]].copy()
    for grouping, rows in parts.items():
        for name in numbers:
            wide[f"{grouping}_{name}"] = rows[name]
    wide.index = wide.index.str.replace("_", " ")
    return wide.reset_index()
