"""Explaining. The tables about prompts begun from other prompts: pair by pair, and what predicts who is faster."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferkit.report.page import Table
from transferkit.report.words import points, slug, snippet
from transferkit.results import Results
from transferkit.results.started_costs import speedup_of
from transferkit.results.starts import NOTHING, PART, TRAINED

if TYPE_CHECKING:
    import pandas as pd

PAIRS = {
    "target": "target",
    "source": "source",
    "from": "begun from",
    "same_group_said": "same group",
    "part": "the projector's tasks",
    "comparable_said": "to that level, times as fast",
    "convergence_said": "to convergence, times as fast",
    "counts": "seeds exact / more / less / unknown",
    "n_unfinished": "seeds best at the end",
    "single": "single runs faster / slower",
    "flops_said": "in arithmetic",
    "flops_with_source_said": "source's training counted",
    "started_start": "at step 0, %",
    "started_best": "best, %",
    "plain_best": "best from nothing, %",
    "started_at_equal": "at equal arithmetic, %",
    "with_source_said": "source's included, %",
    "started_score": "report split, %",
    "plain_score": "from nothing, %",
    "difference_said": "difference, points",
}
PERCENT = ("started_start", "started_best", "plain_best", "started_at_equal", "started_score", "plain_score")
COUNTS = {"counts": ("reached", "at_once", "not_reached", "unknown"), "single": ("faster", "slower")}
BROUGHT = (
    " All arithmetic that tuned the projector is counted with it, for whatever number of tasks; blank where nobody"
    " noted it, as of those that are not tuned. What the projector was given is not counted. On tasks it has seen, a"
    " projector fitted by distance saw the very prompt the run is compared with: held-out tasks stand apart."
)
GROUPINGS = {"per_target": "per target", "all": "all cells"}


def rule_of(results: Results) -> str:
    """Return the rule in words."""
    rule = results.speedups.rule
    more = "the evaluation after it" if rule.kept == 1 else f"{rule.kept} further evaluations"
    return (
        f"A run has converged at the first evaluation whose selection score is at most {100 * rule.tolerance:g} points"
        f" below its best one, and for {more} stays so;"
        " one that is first there at its last has not shown that it stays."
    )


def pair_table(results: Results, backbone: str) -> Table:
    """Return one row per pair of source and target."""
    frame = results.speedups.table(backbone).dropna(subset=["plain_best"])
    for name in ("comparable", "convergence", "flops", "flops_with_source"):
        frame[f"{name}_said"] = [_said(row, name) for row in frame.to_dict("records")]
    for column, names in COUNTS.items():
        numbers = frame[[f"comparable_n_{name}" for name in names]].to_numpy()
        frame[column] = [" / ".join(str(int(n)) for n in row) for row in numbers]
    frame["with_source_said"] = [_with_source(row) for row in frame.to_dict("records")]
    frame["same_group_said"] = frame["same_group"].map({True: "yes", False: "no"})
    frame["difference_said"] = [_difference(row) for row in frame.to_dict("records")]
    has_brought = bool(frame["projection"].notna().any())
    has_origins = has_brought or PART in set(frame["how"])
    frame["from"] = [_from(row) for row in frame.to_dict("records")]
    brought = BROUGHT if has_brought else ""
    return Table(
        name=f"speed-ups-{slug(backbone)}",
        title=f"Pair by pair, {backbone}",
        caption="To that level: steps to convergence from nothing ÷ steps to the same level from the source's prompt."
        " To convergence: ÷ steps to its own convergence, at about that level or above. Medians over seeds, in"
        " brackets the first and the last seed in order; a to b: the median lies between, more"
        " bounds do not say. >: there at once, or the run from nothing may need more steps than it has; <: not shown"
        " to stay there within its steps, or, to convergence, settled lower by more than the said"
        " points. The counts are of the first; unknown are seeds whose"
        " prompt from nothing does not keep its best level, or gains no more than the said points in training, and"
        " those with open times on both sides. Best at the end: the run from nothing scores highest at its last look"
        " alone; its convergence is a bound, and the level it is compared at that of its own steps. Single runs are"
        " faster or slower by more than one evaluation interval. Another seed: what chance does, all ordered pairs of"
        " runs from nothing with two seeds, the second as if it began from a prompt; no row with a single seed."
        f" {rule_of(results)} In arithmetic: the first in operations of training by formula (blocks alone, forward and"
        " backward, without evaluations), where the source's prompt is there already; then with all steps counted that"
        f" trained it.{brought} At equal arithmetic: the best selection score begun from the prompt has reached when it"
        " has cost what the whole run from nothing costs (its own is the best from nothing), without the training of"
        " the source's prompt and with it; where nothing is left, the prompt as it is stands at step 0. Best: highest"
        " selection score of the run, the start included where it begins from a prompt. On the report split: the chosen"
        " checkpoints, and their mean difference with a 95 % t interval over seeds.",
        frame=frame,
        columns={
            name: words for name, words in PAIRS.items() if {"from": has_origins, "part": has_brought}.get(name, True)
        },
        percent=PERCENT,
        snippet=snippet(results, f'results.speedups.table("{backbone}")'),
        keys=tuple(dict.fromkeys(" ".join(frame["keys"]).split())),
    )


def _said(row: Mapping[Hashable, object], name: str) -> str | None:
    values = [speedup_of(row, f"{name}{end}") for end in ("", "_low", "_high")]
    middle, low, high = values
    if middle is None:
        return None
    return str(middle) if low == high or low is None or high is None else f"{middle} ({low} to {high})"


def _from(row: Mapping[Hashable, object]) -> str:
    if row["how"] == NOTHING:
        return NOTHING
    if row["how"] == TRAINED:
        return "this backbone"
    if row["how"] == PART:
        return str(row["source_backbone"])
    return f"{row['projection']}, {str(row['how']).replace('_', ' ')}"


def _with_source(row: Mapping[Hashable, object]) -> str | None:
    """Return the score at equal arithmetic with the source's training counted, in percent."""
    score, n_without = (float(str(row[name])) for name in ("started_at_equal_with_source", "n_no_budget"))
    if n_without > 0:
        return "no budget left"
    return None if np.isnan(score) else f"{100 * score:.1f}"


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
        " one is below 0.05. Prompts that are there at once rank highest, those that never are lowest, and what is"
        " known to lie between two ends by its middle: where ranges overlap, a convention. The last row is"
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
