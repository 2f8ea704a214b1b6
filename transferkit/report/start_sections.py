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
from transferkit.results.started_costs import speedup_of
from transferkit.results.starts import NOTHING, PART, TRAINED
from transferkit.results.ways import ALL, HELD_OUT, SEEN
from transferkit.statistics import Speedup, median_speedup

if TYPE_CHECKING:
    import pandas as pd

BOUNDS = {"exact": "", "more_than": "more than ", "less_than": "less than ", "between": ""}
PROJECTED = "from the task's own prompt of another backbone, projected"
PARTS = {
    SEEN: " by what has seen the task,",
    HELD_OUT: " by what has not seen the task,",
    ALL: " by what is fitted on no tasks,",
}
COUNTED = ("n_faster", "n_slower", "n_reached", "n_at_once", "n_not_reached")


def start_section(results: Results) -> Section | None:
    """Return curves, speed-ups and what predicts them; None where the study has no such prompts, or none is there."""
    known = _started(results)
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
        if results.speedups.curves(str(backbone))["gflop_before"].gt(0).any():
            parts.append(_curves(results, str(backbone), by_arithmetic=True))
        if backbone in results.backbones and results.speedups.matrix(backbone).is_measured.any():
            parts.append(_matrix(results, str(backbone)))
        parts.append(pair_table(results, str(backbone)))
        if backbone in results.backbones and (table := agreement_table(results, str(backbone))) is not None:
            parts.append(table)
    return Section(title="Starting from another prompt", slug="starts", parts=tuple(parts))


def start_sentence(results: Results) -> str | None:
    """Say in how many pairs a started prompt gets there sooner and later, and how much; None without any ratio."""
    table = results.speedups.table()
    known = table.dropna(subset=["comparable"])
    started = known[known["how"] != NOTHING]
    native, same = started["how"] == TRAINED, started["same_group"].eq(True)
    cut, own = started["how"] == PART, started["source"] == started["target"]
    kinds = {
        "within a group": started[native & same],
        "across groups": started[native & ~same],
        "from the task's own prompt of a part of the backbone": started[cut & own],
        "from another task's of a part": started[cut & ~own],
    }
    for part, rows in started[~native & ~cut].groupby("part", dropna=False, sort=False):
        kinds[PROJECTED + PARTS.get(str(part), ",")] = rows
    said = [_counted(where, rows) for where, rows in kinds.items() if len(rows)]
    if not said:
        return None
    return (
        "Does it help to begin from another prompt? The level at which a prompt from nothing converges is reached"
        f" sooner {'; '.join(said)}. Pairs are source and target, times are steps, and sooner and later are by more"
        f" than one evaluation interval.{_by_chance(table)}{_with_source(started)}"
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


def _by_chance(table: pd.DataFrame) -> str:
    """Say what single runs do, and what they do by chance alone."""
    is_control = table["how"] == NOTHING
    counts = [
        [int(rows[f"comparable_{name}"].sum()) for name in COUNTED] for rows in (table[~is_control], table[is_control])
    ]
    (faster, slower, *known), (faster_by_chance, slower_by_chance, *by_chance) = counts
    single = f" Of single runs: faster in {faster}, slower in {slower} of {sum(known)};"
    if not sum(by_chance):
        return f"{single} what chance alone does cannot be told, which takes runs from nothing with two seeds."
    return (
        f"{single} by chance alone, a run from nothing with another seed: faster in {faster_by_chance}, slower in"
        f" {slower_by_chance} of {sum(by_chance)}."
    )


def _with_source(table: pd.DataFrame) -> str:
    """Say in how many pairs it pays where the source's prompt has to be trained first; empty where nobody knows."""
    values = _values(table, "flops_with_source")
    n_faster = sum(value.verdict == "faster" for value in values)
    if not values:
        return ""
    n_brought = int(table.dropna(subset=["flops_with_source"])["projection"].notna().sum())
    tuned = ", and tuned the projector that brought it" if n_brought else ""
    return f" With the arithmetic counted that trained the source's prompt{tuned}: in {n_faster} of {len(values)}."


def _values(rows: pd.DataFrame, name: str) -> list[Speedup]:
    found = [speedup_of(row, name) for row in rows.to_dict("records")]
    return [value for value in found if value is not None]


def in_words(value: Speedup) -> str:
    """Return a speed-up as part of a sentence."""
    said = f"{value.low:.1f} to {value.high:.1f}" if value.side == "between" else f"{value.value:.1f}"
    return f"{BOUNDS[value.side]}{said} times as fast"


def _what_it_means(results: Results) -> str:
    curves = results.speedups.curves()
    plain = curves[(curves["how"] == NOTHING) & (curves["step"] > 0)].groupby("key")
    highest = [run["selection_score"].to_numpy().argmax() == len(run) - 1 for _, run in plain]
    return (
        f"{rule_of(results)} The two speed-ups are those of Su et al. (2022), who give no rule. To its own convergence,"
        " a prompt counts as there only if it settles no more than the said points below the level of the one from"
        " nothing: one that never learns is not fast. Steps are known to the evaluation interval: what happened between"
        " two evaluations is not seen. A prompt that is there before its first step has no ratio, but is more than so"
        " many times as fast; one that is not shown to be there within its steps is less than so many times as fast;"
        f" where bounds leave the median open, it is given from least to most.{_left_out(results)} In"
        f" {int(np.sum(highest))} of {len(highest)} runs from nothing the selection score was highest at the last look"
        " alone: they may not have converged. Speed-ups to convergence are bounds there (more than, or less than where"
        " it is the other run, and nothing where it is both); those to the same level are to the level of these steps,"
        " and longer runs might tell otherwise."
    )


def _left_out(results: Results) -> str:
    """Say how many pairs have no number, and why."""
    known = _started(results)
    n_blank = int(known["comparable"].isna().sum())
    if n_blank == 0:
        return ""
    return (
        f" {n_blank} of {len(known)} pairs have no number: the prompt from nothing does not keep its best level, or"
        f" training gains it no more than {100 * results.speedups.rule.tolerance:g} points, so that there is nothing to"
        " gain sooner; or it is there at its last look only and the other one never; or one seed is there at once and"
        " another never."
    )


def _started(results: Results) -> pd.DataFrame:
    """Return the pairs that are there, without what stands for chance."""
    known = results.speedups.table().dropna(subset=["plain_best"])
    return known[known["how"] != NOTHING]


def _curves(results: Results, backbone: str, *, by_arithmetic: bool = False) -> Drawing:
    frame = results.speedups.curves(backbone)
    title = f"Training from another prompt{', by arithmetic' if by_arithmetic else ''}, {backbone}"
    n_seeds = frame["seed"].nunique()
    over = f"means over {n_seeds} seeds, thin lines are the seeds" if n_seeds > 1 else "one seed"
    options = ', by="gflop", with_source=True' if by_arithmetic else ""
    axis = "arithmetic of training, what trained the source's prompt and tuned its projector included" * by_arithmetic
    blank = " Prompts of which nobody noted that are not drawn." if by_arithmetic else ""
    return Drawing(
        name=f"starts-{'arithmetic-' if by_arithmetic else ''}{slug(backbone)}",
        title=title,
        caption=f"Selection score by {axis or 'step'}, {over}; one panel per target, one coloured line per source. The"
        f" first point of each is the source's prompt as it is.{blank} Dashed: the level the prompt from nothing"
        f" converges at. {rule_of(results)}",
        draw=drawn(
            lambda: figures.starts(
                frame, by="gflop" if by_arithmetic else "step", with_source=by_arithmetic, title=title
            )[0]
        ),
        frame=frame,
        snippet=snippet(results, f'tk.figures.starts(results.speedups.curves("{backbone}"){options})'),
        keys=tuple(dict.fromkeys(frame["key"])),
    )


def _matrix(results: Results, backbone: str) -> Drawing:
    matrix = results.speedups.matrix(backbone)
    over = f" Pointing at a cell shows the {matrix.interval}." if matrix.interval else ""
    return Drawing(
        name=f"speed-up-{slug(backbone)}",
        title=f"How many times as fast, {backbone}",
        caption="Comparable-result speed-up: steps to convergence from nothing ÷ steps until the prompt begun from the"
        " source stays at that level. >: there before the first step, or more steps may be needed from nothing; <: not"
        " shown to stay there within its steps; ~: the middle of a median that lies between two ends. Colours are"
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
