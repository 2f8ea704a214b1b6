"""Explaining. The sections about scores: what training a prompt gains, and where a prompt serves another task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit import figures
from transferkit.figures import Scale
from transferkit.matrices import Matrix
from transferkit.report.page import Drawing, Part, Row, Section, Table, Text
from transferkit.report.words import examples_of, listed, percent, points, seeds_of, slug, snippet
from transferkit.results import LEAST_GAP, Form, Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OWN_COLUMNS = {
    "task": "task",
    "n": "n",
    "score": "own score, %",
    "legal": "legal outputs, %",
    "spread": "lowest to highest seed",
    "no prompt": "no prompt, %",
    "majority": "majority, %",
    "random prompt": "random prompt, %",
    "chance": "guessing, %",
    "best_baseline": "best baseline",
    "difference": "gain, points",
    "examples_interval": "over examples",
    "seeds_interval": "over seeds",
    "low": "widest from",
    "high": "to",
    "excludes_zero": "excludes 0",
}

IMPORTED_COLUMNS = ("task", "score", "random prompt", "chance", "best_baseline", "difference")


def drawn(draw: Callable[[], Axes]) -> Callable[[], Figure]:
    """Return a function that makes the whole figure of some axes."""

    def make() -> Figure:
        figure = draw().get_figure(root=True)
        assert figure is not None
        return figure

    return make


def own_section(results: Results) -> Section | None:
    """Return own scores beside baselines, and whether each gain is more than chance; None for prompts alone."""
    if results.is_imported and results.own_scores()["score"].isna().all():
        return None
    parts: list[Part] = [Text(body=gain_sentence(results.own_scores()))]
    for backbone in results.backbones:
        own = results.own_scores(backbone)
        if results.is_imported and own["score"].isna().all():
            continue
        if own["low"].notna().any():
            parts.append(_gains(results, backbone, own))
        parts.append(_own_table(results, backbone, own))
    return Section(title="Own scores and what training gains", slug="own-scores", parts=tuple(parts))


def gain_sentence(own: pd.DataFrame) -> str:
    """Say on how many tasks the gain's interval excludes zero, and name those where it does not."""
    known = own.dropna(subset=["difference", "low"])
    if known.empty and own["difference"].notna().any():
        return (
            f"Own prompts score {points(float(own['difference'].mean()))} points above the better of a random prompt "
            f"and guessing, on average over {own['difference'].notna().sum()} tasks. On "
            f"{int((own['random prompt'] < own['chance'] - 0.05).sum())} of them the random prompt is more than 5 "
            "points worse than guessing: it must prefer a rare class. The single answers did not come with the scores, "
            "so no interval can be given."
        )
    if known.empty:
        return "No own score can be compared with a baseline yet."
    better = known[known["low"] > 0]
    rest = known[known["low"] <= 0]
    text = (
        f"The 95 % interval of own score minus best baseline lies above zero on {len(better)} of {len(known)} pairs of "
        "task and backbone."
    )
    if len(rest):
        columns = rest[["task", "backbone", "high"]].itertuples(index=False)
        names = [f"{t} on {b} ({'below zero' if float(high) < 0 else 'zero lies within'})" for t, b, high in columns]
        text += f" It does not for {listed(names, most=20)}."
    if left := len(own) - len(known):
        text += f" {left} could not be compared: something is missing."
    return text


def _gains(results: Results, backbone: str, own: pd.DataFrame) -> Drawing:
    return Drawing(
        name=f"gain-{slug(backbone)}",
        title=f"Own score minus best baseline, {backbone}",
        caption=f"Mean over {seeds_of(results)}, {examples_of(results)}. Bars are the widest of the 95 % intervals "
        f"of the table below. Hollow points hold zero. The best baseline is chosen on the same "
        "examples, which works against the trained prompt.",
        draw=drawn(partial(figures.intervals, own, title=f"What training the prompt gains, {backbone}")),
        frame=own,
        snippet=snippet(results, f'tk.figures.intervals(results.own_scores("{backbone}"))'),
        keys=_own_keys(own),
    )


def _own_table(results: Results, backbone: str, own: pd.DataFrame) -> Table:
    shown = own.copy()
    shown["spread"] = _ranges(own["score_low"], own["score_high"])
    shown["examples_interval"] = _ranges(own["examples_low"], own["examples_high"])
    shown["seeds_interval"] = _ranges(own["seeds_low"], own["seeds_high"])
    left_out = ("chance",) if len(results.seeds) > 1 else ("chance", "spread", "seeds_interval")
    left_out += tuple(name for name in ("legal", "majority") if own[name].isna().all())
    caption = (
        f"Report split; mean over {seeds_of(results)}. Random prompts: mean over their draws. The gain is "
        "paired over examples. Its 95 % intervals: bootstrap over examples with the prompts held fixed, t over seeds "
        "with the examples held fixed, and the widest of these and of a bootstrap over both, on which the last column "
        "rests. The draws of the random prompt are held fixed."
    )
    if "legal" not in left_out:
        caption += (
            " Legal outputs: where label words are scored, and compete with each other alone, the share of examples on"
            " which no other word of the vocabulary beats them; of written answers, the share that are possible ones."
        )
    if results.is_imported:
        left_out = tuple(name for name in OWN_COLUMNS if name not in IMPORTED_COLUMNS)
        caption = (
            "As published: scores alone, without the answers behind them, so without intervals. The majority class was "
            "not published either, so the baseline is the better of the random prompt and of guessing."
        )
    return Table(
        name=f"own-scores-{slug(backbone)}",
        title=f"Own scores, {backbone}",
        caption=caption,
        frame=shown,
        columns={name: words for name, words in OWN_COLUMNS.items() if name not in left_out},
        percent=("score", "legal", "no prompt", "majority", "random prompt", "chance", "difference", "low", "high"),
        snippet=snippet(results, f'results.own_scores("{backbone}")'),
        keys=_own_keys(own),
    )


def _ranges(low: pd.Series, high: pd.Series) -> list[str]:
    """Return intervals of fractions as text, in percent or points."""
    return [
        "–" if np.isnan(a) else f"{_decimal(100 * a)} to {_decimal(100 * b)}" for a, b in zip(low, high, strict=True)
    ]


def _decimal(value: float) -> str:
    """Return a number with one digit and a typographic minus."""
    return f"{value:.1f}".replace("-", "−")


def _own_keys(own: pd.DataFrame) -> tuple[str, ...]:
    return tuple(key for keys in own["keys"] for key in str(keys).split())


def transfer_section(results: Results) -> Section | None:
    """Return the transfer matrices of every backbone: raw, relative and chance-corrected; None for prompts alone."""
    parts: list[Part] = [
        Text(
            body="Each row is a task whose prompt was trained, each column a task it is used on without further "
            "training. Raw scores depend on the target's difficulty; relative scores divide by the target's own score; "
            "chance-corrected scores also take away what an untrained prompt reaches, so that 0 is no transfer at all "
            "and 100 the target's own prompt."
        )
    ]
    for backbone in results.backbones:
        forms = results.forms(backbone)
        if not forms["raw"].is_measured.any():
            continue
        parts.append(Text(heading=backbone, body=_transfer_sentence(forms)))
        parts.append(Row(parts=tuple(_transfer(results, backbone, form) for form in forms)))
    if len(parts) == 1 and results.is_imported:
        return None
    return Section(title="Transfer between tasks", slug="transfer", parts=tuple(parts))


def _transfer_sentence(forms: dict[Form, Matrix]) -> str:
    said = []
    for form in ("relative", "chance_corrected"):
        same, other = group_medians(forms[form])
        if same is not None and other is not None:
            words = form.replace("_", "-")
            said.append(f"{percent(same)} within a group and {percent(other)} across groups ({words})")
    above = int(np.count_nonzero(forms["relative"].values[~forms["relative"].is_own()] > 1.0))
    text = (
        f"Off the diagonal the median is {', '.join(said)}."
        if said
        else "Too few cells are there for medians over groups."
    )
    words = "1 foreign prompt scores" if above == 1 else f"{above} foreign prompts score"
    return f"{text} {words} above the target's own." if above else text


def group_medians(matrix: Matrix) -> tuple[float | None, float | None]:
    """Return the median off the diagonal within groups and across groups.

    A mean would follow the few targets whose own prompt gains little, where a chance-corrected score is huge.
    """
    same = np.array(matrix.source_groups)[:, None] == np.array(matrix.target_groups)[None, :]
    foreign = matrix.is_measured & ~matrix.is_own()
    means = [matrix.values[foreign & cells] for cells in (same, ~same)]
    first, second = (float(np.median(values)) if values.size else None for values in means)
    return first, second


def _transfer(results: Results, backbone: str, form: Form) -> Drawing:
    matrix = results.transfer(backbone, baselines="with") if form == "raw" else results.forms(backbone)[form]
    call = {
        "raw": f'results.transfer("{backbone}", baselines="with")',
        "relative": f'results.relative("{backbone}")',
        "chance_corrected": f'results.chance_corrected("{backbone}"), scale=tk.figures.Scale(-1, 1, 0)',
    }[form]
    scale = Scale(-1.0, 1.0, 0.0) if form == "chance_corrected" else _shared_scale(results, form)
    caption = {
        "raw": "Mean score in percent; the last rows are what needs no training.",
        "relative": "Score in percent of the target's own score; 100 on the diagonal.",
        "chance_corrected": "0 is a random prompt, 100 the target's own; colours end at ±100. Columns whose own prompt "
        f"beats a random one by {100 * LEAST_GAP:.0f} points or less are not applicable.",
    }[form]
    has_intervals = matrix.interval and matrix.low is not None and not np.isnan(matrix.low).all()
    return Drawing(
        name=f"transfer-{slug(form)}-{slug(backbone)}",
        title=f"{form.capitalize().replace('_', '-')} scores, {backbone}",
        caption=f"{caption} Mean over {seeds_of(results)}, {examples_of(results)}. Thick lines part the groups."
        + (f" Pointing at a cell shows its interval ({matrix.interval})." if has_intervals else ""),
        draw=drawn(partial(figures.heatmap, matrix, scale=scale)),
        frame=matrix.cells(),
        snippet=snippet(results, f"tk.figures.heatmap({call})"),
        keys=matrix.keys,
    )


def _shared_scale(results: Results, form: str) -> Scale:
    """Return the same colours for every backbone: from the lowest value, down to a full tenth, to at least 1."""
    if form == "raw":
        matrices = [results.transfer(backbone, baselines="with") for backbone in results.backbones]
    else:
        matrices = [results.relative(backbone) for backbone in results.backbones]
    values = np.concatenate([matrix.values[matrix.is_measured] for matrix in matrices])
    if not values.size:
        return Scale(0.0, 1.0)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return Scale(min(np.floor(10 * low) / 10, 0.9), max(1.0, high))


def cross_model_section(results: Results) -> Section | None:
    """Return scores of prompts on other backbones; None for a study of one backbone or without such cells."""
    if len(results.backbones) < 2:
        return None
    matrix = results.cross_model()
    across = np.array(matrix.source_groups)[:, None] != np.array(matrix.target_groups)[None, :]
    if (matrix.states[across] == "not_applicable").all():
        return None
    own = matrix.relative()
    means = [own.values[own.is_measured & cells & ~own.is_own()] for cells in (~across, across)]
    same_task = np.array([s.split(" · ")[-1] for s in own.sources])[:, None] == np.array(
        [t.split(" · ")[-1] for t in own.targets]
    )
    moved = own.values[own.is_measured & across & same_task]
    said = [
        f"{percent(float(values.mean()))} {what}"
        for values, what in zip(
            [*means, moved],
            ("within a backbone", "across backbones", "for the same task on another backbone"),
            strict=True,
        )
        if values.size
    ]
    drawing = Drawing(
        name="cross-model",
        title="Scores within and across backbones",
        caption=f"Prompts used as they are on another backbone, without a projector. Mean over {seeds_of(results)}, "
        f"{examples_of(results)}; thick lines part the backbones.",
        draw=drawn(partial(figures.heatmap, matrix, scale=_shared_scale(results, "raw"))),
        frame=matrix.cells(),
        snippet=snippet(results, "tk.figures.heatmap(results.cross_model())"),
        keys=matrix.keys,
    )
    text = (
        f"Relative to the target's own score, off the diagonal, the mean is {listed(said)}."
        if said
        else "No cell is there yet."
    )
    return Section(title="Transfer between backbones", slug="cross-model", parts=(Text(body=text), drawing))
