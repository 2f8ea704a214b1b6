"""Explaining. Does a prompt get there sooner while its backbone grows (Huang et al. 2022)? Score by cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.figures.depths import MOST_TICKS, in_percent, legend_below, panel_size
from transferkit.figures.style import INK, PALETTE, QUIET, small_panels, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

ACROSS = 3
ALL = "all tasks"
PLAIN = "plain"
THEIRS = ("depth", "width", "both")
TIMES = {"step": "step", "gflop": "GFLOP of training", "seconds": "CPU-seconds of steps"}
MOST_MARKERS = 12  # on one line, evenly; a few more where the backbone becomes whole and at the end


def growth(
    curves: pd.DataFrame,
    *,
    by: Literal["step", "gflop", "seconds"] = "gflop",
    figure: Figure | None = None,
    title: str | None = None,
) -> list[Axes]:
    """Draw the score on the whole backbone, dashed and hollow as long as only a part of it is trained on.

    The first panel shows means over all runs, the others means over seeds, with thin lines for seeds. The stretch from
    the last look at a part to the first at the whole is solid: steps on the whole end it.

    Args:
        curves: columns task, seed, way, step, gflop, seconds, selection_score and is_whole, whether the whole backbone
            ran in the stage that ended there; what it says of step 0 is not read.
        by: what is on the x axis.
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes: of all tasks, where there are several, then in the order of the tasks.
    """
    tasks = list(dict.fromkeys(curves["task"]))
    shown = [None, *tasks] if len(tasks) != 1 else tasks  # a single one is all of them
    titles = [task or ALL for task in shown]
    figure, panels = small_panels(titles, ACROSS, panel_size(min(ACROSS, len(titles)), 2.2), figure)
    colours = way_colours(curves["way"])
    for ax, task in zip(panels, shown, strict=True):
        for way in sorted(colours, key=lambda way: way == PLAIN):  # the plain prompt on top
            is_shown = (curves["way"] == way) & (task is None or curves["task"] == task)
            _way(ax, curves[is_shown], by=by, colour=colours[way], with_seeds=task is not None)
        in_percent(ax)
        _few_numbers(ax, integer=by == "step")
    if not curves.loc[curves["step"] > 0, "is_whole"].all():
        look = {"color": QUIET, "linestyle": "--", "marker": "o", "markersize": 3.5, "markerfacecolor": "white"}
        panels[0].plot([], [], label="while a part ran", **look)  # pyright: ignore[reportArgumentType]
    label = "selection score, whole backbone"
    finish(figure, panels, labels=(TIMES[by], label), title=title or "Training while the backbone grows")
    legend_below(figure, panels)
    return panels


def way_colours(ways: Iterable[str]) -> dict[str, str]:
    """Return one colour per way of training, by first appearance; the paper's three and the plain one keep theirs."""
    own = dict(zip(THEIRS, PALETTE, strict=False)) | {PLAIN: INK}
    others = [way for way in dict.fromkeys(ways) if way not in own]
    free = PALETTE[len(THEIRS) :]
    own |= {way: free[place % len(free)] for place, way in enumerate(others)}
    return {way: own[way] for way in dict.fromkeys(ways)}


def finish(figure: Figure, panels: Sequence[Axes], *, labels: tuple[str, str], title: str) -> None:
    """Say what rows and columns of small panels show, x then y; their legend comes afterwards."""
    for ax in panels:
        ax.grid(axis="y")
        ax.tick_params(labelsize=7)
    for ax in panels[-min(ACROSS, len(panels)) :]:  # the lowest panel of each column
        ax.set_xlabel(labels[0])
    figure.supylabel(labels[1], fontsize=9)
    figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")


def _way(ax: Axes, runs: pd.DataFrame, *, by: str, colour: str, with_seeds: bool) -> None:
    """Draw the mean over some runs of one way, with its looks, and a thin line per seed where there are several."""
    if runs.empty:
        return
    way = str(runs["way"].iloc[0])
    if with_seeds and runs["seed"].nunique() > 1:
        for seed, run in runs.groupby("seed"):
            for line in _stretches(ax, _by_step(run, by), color=colour, linewidth=0.5, alpha=0.35):
                tip(line, f"{way}, seed {seed}")
    looks = _by_step(runs, by)
    lines = _stretches(ax, looks, color=colour, linewidth=2.0 if way == PLAIN else 1.3)
    lines[-1].set_label(way)
    for line in lines:
        tip(line, way)
    x, scores, is_whole = looks["x"].to_numpy(), looks["score"].to_numpy(), looks["is_whole"].to_numpy(dtype=bool)
    for i in _marked(is_whole):
        fill = colour if is_whole[i] else "white"
        mark = ax.plot(x[i], scores[i], linestyle="", marker="o", markersize=3.5, color=colour, markerfacecolor=fill)
        tip(mark[0], f"{way}, step {looks.index[i]}: {scores[i]:.1%}")


def _by_step(runs: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the mean x and score by step, and whether the whole backbone ran; step 0 goes with what follows it."""
    groups = runs.groupby("step")
    found = groups[["selection_score"]].mean().rename(columns={"selection_score": "score"})
    found["x"] = found.index.to_numpy() if by == "step" else groups[by].mean()
    is_whole = groups["is_whole"].all().to_numpy(dtype=bool, copy=True)
    if len(found) > 1 and found.index[0] == 0:
        is_whole[0] = is_whole[1]
    return found.assign(is_whole=is_whole)


def _stretches(ax: Axes, looks: pd.DataFrame, **style: object) -> list[Line2D]:
    """Draw what a part ran for, dashed, if anything, and last what the whole backbone ran for."""
    x, y = (looks[name].to_numpy(dtype=np.float64) for name in ("x", "score"))
    n_parts = int((~looks["is_whole"]).sum())
    begin = max(0, n_parts - 1)
    dashed = ax.plot(x[:n_parts], y[:n_parts], linestyle="--", **style) if n_parts else []  # pyright: ignore[reportArgumentType]
    return [*dashed, *ax.plot(x[begin:], y[begin:], **style)]  # pyright: ignore[reportArgumentType]


def _marked(is_whole: np.ndarray) -> list[int]:
    """Return which looks get a marker: some of many, the last, and both between which the backbone becomes whole."""
    last = len(is_whole) - 1
    every = -(-len(is_whole) // MOST_MARKERS)
    grows = np.flatnonzero(is_whole[1:] != is_whole[:-1])
    return sorted({*range(0, last, every), *grows.tolist(), *(grows + 1).tolist(), last})


def _few_numbers(ax: Axes, *, integer: bool) -> None:
    """Number the x axis so that sums of arithmetic have room."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    highest = ax.get_xlim()[1]
    unit, sign = (1e6, "M") if highest >= 2e6 else (1e3, "k") if highest >= 1e4 else (1, "")
    ax.xaxis.set_major_locator(MaxNLocator(MOST_TICKS - 1, steps=[1, 2, 2.5, 5, 10], integer=integer))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit:g}{sign if value else ''}"))
