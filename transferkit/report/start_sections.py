"""Explaining. The section about transfer as initialisation: what is gained by training on from another prompt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Text
from transferkit.report.score_sections import drawn
from transferkit.report.start_tables import agreement_table, pair_table, rule_of
from transferkit.report.words import slug, snippet
from transferkit.results import Results
from transferkit.statistics import Speedup, median_speedup

if TYPE_CHECKING:
    import pandas as pd

BOUNDS = {"exact": "", "more_than": "more than ", "less_than": "less than "}


def start_section(results: Results) -> Section | None:
    """Return curves, speed-ups and what predicts them; None where the study has no such prompts, or none is there."""
    known = results.speedups.table().dropna(subset=["plain_best"])
    if known.empty:
        return None
    parts: list[Part] = [
        Text(
            body=start_sentence(results)
            or "No prompt from nothing gains anything that it keeps: how much sooner another gets there cannot be said."
        ),
        Text(body=_what_it_means(results)),
    ]
    for backbone in dict.fromkeys(known["backbone"]):
        parts.append(_curves(results, str(backbone)))
        if backbone in results.backbones and results.speedups.matrix(backbone).is_measured.any():
            parts.append(_matrix(results, str(backbone)))
        parts.append(pair_table(results, str(backbone)))
        if backbone in results.backbones and (table := agreement_table(results, str(backbone))) is not None:
            parts.append(table)
    return Section(title="Starting from another prompt", slug="starts", parts=tuple(parts))


def start_sentence(results: Results) -> str | None:
    """Say in how many pairs a started prompt gets there sooner and later, and how much; None without any ratio."""
    table = results.speedups.table().dropna(subset=["comparable"])
    native = table["how"] == "trained"
    same = table["same_group"].eq(True)
    kinds = {
        "within a group": table[native & same],
        "across groups": table[native & ~same],
        "from the task's own prompt of another backbone, projected,": table[~native],
    }
    said = [_counted(where, rows) for where, rows in kinds.items() if len(rows)]
    if not said:
        return None
    return (
        "Does it help to begin from another prompt? The level at which a prompt from nothing converges is reached"
        f" sooner {'; '.join(said)}. Pairs are source and target, times are steps.{_with_source(table)}"
    )


def _counted(where: str, rows: pd.DataFrame) -> str:
    values = _values(rows, "comparable")
    verdicts = [value.verdict for value in values]
    median = median_speedup(values)
    worth = "cannot be told" if median is None else in_words(median)
    return (
        f"{where} in {verdicts.count('faster')} of {len(values)} pairs, and later or never in"
        f" {verdicts.count('slower')} (median: {worth})"
    )


def _with_source(table: pd.DataFrame) -> str:
    """Say in how many pairs it pays where the source's prompt has to be trained first; empty where nobody knows."""
    values = _values(table, "flops_with_source")
    n_faster = sum(value.verdict == "faster" for value in values)
    if not values:
        return ""
    return f" With the arithmetic counted that trained the source's prompt: in {n_faster} of {len(values)}."


def _values(rows: pd.DataFrame, name: str) -> list[Speedup]:
    known = rows.dropna(subset=[name])
    return [Speedup(float(v), side) for v, side in zip(known[name], known[f"{name}_side"], strict=True)]


def in_words(value: Speedup) -> str:
    """Return a speed-up as part of a sentence."""
    return f"{BOUNDS[value.side]}{value.value:.1f} times as fast"


def _what_it_means(results: Results) -> str:
    curves = results.speedups.curves()
    plain = curves[curves["how"] == "from nothing"].groupby("key")
    highest = [run["selection_score"].to_numpy().argmax() == len(run) - 1 for _, run in plain]
    return (
        f"{rule_of(results)} The two speed-ups are those of Su et al. (2022), who give no rule. Steps are known to the"
        " evaluation interval: what happened between two evaluations is not seen. A prompt that is there before its"
        " first step has no ratio, but is more than so many times as fast; one that is not there at its last step is"
        f" less than so many times as fast.{_left_out(results)} In {int(np.sum(highest))} of {len(highest)} runs from"
        " nothing the selection score was highest at the last step: they may not have converged, and longer ones might"
        " tell otherwise."
    )


def _left_out(results: Results) -> str:
    """Say how many pairs have no number, and why."""
    known = results.speedups.table().dropna(subset=["plain_best"])
    n_blank = int(known["comparable"].isna().sum())
    if n_blank == 0:
        return ""
    return (
        f" {n_blank} of {len(known)} pairs have no number: the prompt from nothing does not keep its best level, or"
        f" training gains it no more than {100 * results.speedups.rule.tolerance:g} points, so that there is nothing to"
        " gain sooner; or one seed is there at once and another never."
    )


def _curves(results: Results, backbone: str) -> Drawing:
    frame = results.speedups.curves(backbone)
    title = f"Training from another prompt, {backbone}"
    n_seeds = frame["seed"].nunique()
    over = f"means over {n_seeds} seeds, thin lines are the seeds" if n_seeds > 1 else "one seed"
    return Drawing(
        name=f"starts-{slug(backbone)}",
        title=title,
        caption=f"Selection score by step, {over}; one panel per target, one coloured line per source. Step 0 is the"
        f" source's prompt as it is. Dashed: the level the prompt from nothing converges at. {rule_of(results)}",
        draw=drawn(lambda: figures.starts(frame, title=title)[0]),
        frame=frame,
        snippet=snippet(results, f'tk.figures.starts(results.speedups.curves("{backbone}"))'),
        keys=tuple(dict.fromkeys(frame["key"])),
    )


def _matrix(results: Results, backbone: str) -> Drawing:
    matrix = results.speedups.matrix(backbone)
    over = f" Pointing at a cell shows the {matrix.interval}." if matrix.interval else ""
    return Drawing(
        name=f"speed-up-{slug(backbone)}",
        title=f"How many times as fast, {backbone}",
        caption="Comparable-result speed-up: steps to convergence from nothing ÷ steps until the prompt begun from the"
        " source stays at that level. >: there before the first step; <: not there at the last. Colours are"
        f" logarithmic, 1 in the middle. {rule_of(results)}{over} Pairs without a number are not applicable, as is a"
        " task with itself.",
        draw=drawn(partial(figures.heatmap, matrix, scale=figures.ratio_scale(matrix))),
        frame=matrix.cells(),
        snippet=snippet(
            results,
            f'm = results.speedups.matrix("{backbone}"); tk.figures.heatmap(m, scale=tk.figures.ratio_scale(m))',
        ),
        keys=matrix.keys,
    )
