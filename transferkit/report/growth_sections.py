"""Explaining. The section about growing backbones: what is saved, what is lost, and what parts teach."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit import figures
from transferkit.report.page import Drawing, Part, Section, Table, Text
from transferkit.report.part_sections import SHOWN, keys_of, part_parts
from transferkit.report.score_sections import drawn
from transferkit.report.words import listed, percent, points, slug, snippet
from transferkit.results import Results
from transferkit.results.growth import PLAIN, SAVED
from transferkit.specs.partial import WHOLE

if TYPE_CHECKING:
    import pandas as pd

By = Literal["gflop", "seconds"]
AXES: dict[By, str] = {
    "gflop": "arithmetic of its steps (forward and backward, by formula, of texts of the task's length; decoder and "
    "head included, looks at the selection split not)",
    "seconds": "CPU-seconds of its steps alone (on a GPU seconds of the clock), on a machine that may have been busy; "
    "plain prompts that shared passes with others have none and are not drawn, growing ones never share any",
}
COLUMNS = {
    "way": "way",
    "score": "score, %",
    "gain": "over plain, points",
    "gain_low": "from",
    "gain_high": "to",
    "share_gflop": "arithmetic, % of plain",
    "share_seconds": "seconds of steps, % of plain",
    "share_clock": "clock, looks included, % of plain",
    "equal_share": "plain with no less: arithmetic, %",
    "equal_gain": "over that, points",
    "equal_low": "from ",
    "equal_high": "to ",
}
SAVINGS = {
    "way": "way",
    "gflop_saved": "arithmetic saved at the same score, %",
    "gflop_low": "from",
    "gflop_high": "to",
    "gflop_side": "which is",
    "seconds_saved": "seconds saved, %",
    "seconds_low": "from ",
    "seconds_high": "to ",
    "seconds_side": "which is ",
}
SIDES = {
    "exact": "",
    "at_most": "at most: it never gets there",
    "unknown": "not to be told: plain training gains nothing, or there is one pair of runs",
    "not_measured": "not measured: runs shared passes, or are of an older version",
}
LEVEL = 0.05


def growth_section(results: Results) -> Section | None:
    """Return what growing backbones come to; None where the study has none, or none is there."""
    table = results.growth.table()
    if not table["is_grown"].any():
        return None
    parts: list[Part] = [Text(body=sentence) for sentence in (*growth_sentences(results), *about_rates(results))]
    for backbone in dict.fromkeys(table["backbone"]):
        parts += [_table(results, str(backbone)), _savings(results, str(backbone))]
        parts += [_curves(results, str(backbone), by) for by in AXES]
        if len(results.growth.parts.table(str(backbone))):
            parts += part_parts(results, str(backbone))
    return Section(title="Growing backbones", slug="growth", parts=tuple(parts))


def growth_sentences(results: Results) -> list[str]:
    """Say for every backbone what growing costs and saves, and what prompts of parts are worth on the whole."""
    said = []
    table = results.growth.table()
    for backbone, rows in table.groupby("backbone", sort=False):
        grown = rows[rows["is_grown"].astype(bool)]
        if grown.empty:
            continue
        ways = [_way(row) for row in grown.to_dict("records")]
        is_alone = int(grown["n_seeds"].iloc[0]) == 1
        over = ", ".join(_counted(int(grown[f"n_{what}s"].iloc[0]), what) for what in ("task", "seed"))
        said.append(
            f"Does it save work to let the backbone grow while a prompt is trained? {backbone}, {over}:"
            f" {'; '.join(ways)}. That growing beats plain prompts trained with no less arithmetic {_beats(grown)}"
            f" ({_level(grown)}, tasks held fixed{', examples alone' * is_alone})."
        )
        if (sentence := _part_sentence(results, str(backbone))) is not None:
            said.append(sentence)
    return said


def about_rates(results: Results) -> list[str]:
    """Say where the rate falls, which makes plain training of fewer steps something else than its beginning."""
    specs = results.growth.specs
    schedule = "constant" if specs is None else specs.plain[0].recipe.schedule
    if schedule == "constant":
        return []
    return [
        f"The rate is not constant (schedule = {schedule!r}): the whole backbone saw the last of it alone, and plain"
        " training of fewer steps is not the beginning of that of all."
    ]


def _beats(grown: pd.DataFrame) -> str:
    known = grown.dropna(subset=["equal_low"])
    if known.empty:
        return "cannot be told"
    beats, lags = (
        [str(way) for way in known.loc[those, "way"]] for those in (known["equal_low"] > 0, known["equal_high"] < 0)
    )
    shown = f"is shown for {listed(beats)}" if beats else "is shown for none"
    return f"{shown}, that it falls behind them for {listed(lags)}" if lags else shown


def _level(grown: pd.DataFrame) -> str:
    n = int(grown["equal_low"].notna().sum())
    return f"{n} comparisons, each at 95 % and uncorrected" if n > 1 else "95 %"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' if n > 1 else ''}"


def _way(row: Mapping[Hashable, object]) -> str:
    names = ("gain", "gain_low", "gain_high", "share_gflop", "share_seconds")
    gain, low, high, share, seconds = (float(str(row[name])) for name in names)
    costs = {"arithmetic": share, "seconds": seconds}
    known = [f"{percent(value)} of the {what}" for what, value in costs.items() if not np.isnan(value)]
    spent = f" with {listed(known)} of plain steps" if known else ""
    worth = "differences not known" if np.isnan(gain) else f"{points(gain)} points [{points(low)}, {points(high)}]"
    return f"in {row['way']}{spent}, {worth}"


def _part_sentence(results: Results, backbone: str) -> str | None:
    """Say what prompts of parts score on the whole, and whether a task's are alike."""
    table = results.growth.parts.table(backbone)
    table = table[table["part"] != WHOLE].dropna(subset=["on_whole"])
    if table.empty:
        return None
    table = table.drop_duplicates(["share", "on_itself", "on_whole"])  # the same blocks and neurons by another rule
    best = table.sort_values("on_whole").iloc[-1]
    whole = results.growth.table(backbone)
    own = float(whole.loc[whole["way"] == PLAIN, "score"].iloc[0])
    tests = results.growth.parts.likeness_tests(backbone)
    shown = tests[(tests["measure"] == SHOWN) & (tests["form"] == "from their start")]
    alike = ""
    if len(shown):
        row = shown.iloc[0]
        alike = (
            f" Prompts of one task trained on different parts are {'' if row['p'] <= LEVEL else 'not shown to be '}more"
            f" alike than those of different tasks (cosine of what training changed: {row['difference']:+.3f}, p ="
            f" {row['p']:.2g})."
        )
    share, bare = float(best["share"]), _bare(results, backbone)
    with_share = "" if np.isnan(share) else f", with {percent(share)} of the arithmetic of a step"
    without = "" if np.isnan(bare) else f" and no prompt {percent(bare)}"
    return (
        f"Trained on a part of {backbone} alone and used on the whole untrained, prompts score"
        f" {percent(float(table['on_whole'].min()))} to {percent(float(best['on_whole']))} (best of {len(table)}:"
        f" {best['part']}"
        f"{with_share}), where the whole's own score {percent(own)}{without}.{alike}"
    )


def _bare(results: Results, backbone: str) -> float:
    table = results.growth.parts.table(backbone)
    return float(table.loc[table["part"] == WHOLE, "no_prompt"].iloc[0])


def _table(results: Results, backbone: str) -> Table:
    frame = results.growth.table(backbone)
    return Table(
        name=f"growth-{slug(backbone)}",
        title=f"What growing costs and is worth, {backbone}",
        caption="Scores on the report split of the whole backbone, means over tasks and seeds; differences with their"
        " widest 95 % interval (examples, seeds, both), the tasks held fixed. Arithmetic and CPU-seconds are those of"
        " training steps, looks at the selection split left out; the clock runs on through the looks, which are always"
        " at the whole backbone, so that the more of them there are the less is saved, and through whatever else the"
        " machine did. Measuring which neurons are"
        " active costs one forward pass over the training texts for each task, not counted. The plain way compared at"
        " equal arithmetic is the shortest one of the study that takes no less: the comparison favours it. Checkpoints"
        " are chosen on the selection split, of a growing backbone among those of the whole alone, so it has fewer to"
        " choose from.",
        frame=frame.drop(columns=list(SAVED)),
        columns=COLUMNS,
        percent=tuple(COLUMNS)[1:],
        snippet=snippet(results, f'results.growth.table("{backbone}")'),
        keys=keys_of(frame),
    )


def _savings(results: Results, backbone: str) -> Table:
    frame = results.growth.table(backbone)
    frame = frame[frame["is_grown"].astype(bool)]
    frame = frame.assign(**{f"{what}_side": frame[f"{what}_side"].map(SIDES) for what in AXES})
    return Table(
        name=f"savings-{slug(backbone)}",
        title=f"What is saved at the same score, {backbone}",
        caption="1 − what growing takes ÷ what plain training takes to first get nine tenths of what plain training"
        " gains; below zero where plain training is there sooner. Scores are those of the selection split, averaged"
        " over tasks and seeds and made monotone (isotonic regression), between two looks taken as straight; growing"
        " may count only once the whole backbone trains. 95 % intervals: seeds drawn anew within tasks, pairs of one"
        " task and seed together, tasks and examples held fixed; with few seeds they are too narrow rather than too"
        " wide. Without a low end: too many resamples never get there.",
        frame=frame[["backbone", *SAVINGS]],
        columns=SAVINGS,
        percent=tuple(name for name in SAVINGS if name.endswith(("saved", "low", "high"))),
        snippet=snippet(results, f'results.growth.table("{backbone}")'),
        keys=keys_of(frame),
    )


def _curves(results: Results, backbone: str, by: By) -> Drawing:
    frame = results.growth.curves(backbone)
    n_seeds = frame["seed"].nunique()
    over = f"Means over {n_seeds} seeds, thin lines are the seeds" if n_seeds > 1 else "One seed"
    title = f"Training while the backbone grows, {backbone}, by {'arithmetic' if by == 'gflop' else 'seconds'}"
    return Drawing(
        name=f"growth-{by}-{slug(backbone)}",
        title=title,
        caption="Score of the whole backbone on the selection split, whatever part a prompt is being trained on, by"
        f" {AXES[by]}. Dashed: looks while only a part is trained on, of which none is ever chosen. {over};"
        " with several tasks the first panel is their mean.",
        draw=drawn(lambda: figures.growth(frame, by=by, title=title)[0]),
        frame=frame,
        snippet=snippet(results, f'tk.figures.growth(results.growth.curves("{backbone}"), by="{by}")'),
        keys=tuple(dict.fromkeys(frame["key"])),
    )
