"""Explaining. One line per depth at which a prompt entered: what is behind each block, or how training went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.depths import MOST_TICKS, in_percent, legend_below, panel_size
from transferkit.figures.style import QUIET, depth_colours, panel_grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTITIES = {
    "similarity": "cosine with the\nunprompted row",
    "attention": "attention paid\nto the prompt",
    "information": "information about\nthe label, nats",
}
TIMES = {"step": "step", "seconds": "CPU-seconds"}
NOTHING = "no prompt"


def block_lines(blocks: pd.DataFrame, *, figure: Figure | None = None, title: str | None = None) -> list[list[Axes]]:
    """Draw similarity, attention and information over the blocks that have run, a column per task, a line per depth.

    Args:
        blocks: columns task, generator, insert_after, depth, quantity, value (`Results.depths.blocks` of one backbone
            and one generator); rows of the generator "no prompt" are dashed.
        figure: where to draw; a new figure by default.
        title: a plain one by default.
    """
    tasks = list(dict.fromkeys(blocks["task"]))
    figure, grid = panel_grid(tasks, list(QUANTITIES.values()), panel_size(len(tasks), 1.7), figure)
    colours = depth_colours(blocks.loc[blocks["generator"] != NOTHING, "insert_after"])
    for column, task in enumerate(tasks):
        for row, quantity in zip(grid, QUANTITIES, strict=True):
            found = blocks[(blocks["task"] == task) & (blocks["quantity"] == quantity)]
            plain = found[found["generator"] == NOTHING].sort_values("depth")
            if len(plain):
                row[column].plot(plain["depth"], plain["value"], color=QUIET, linestyle="--", zorder=3, label=NOTHING)
            _lines(row[column], found[found["generator"] != NOTHING], "depth", "value", colours)
        _same_blocks([row[column] for row in grid])
        grid[-1][column].set_xlabel("blocks that have run")
    return _finished(figure, grid, title or "What a prompt changes, block by block")


def convergence(curves: pd.DataFrame, *, figure: Figure | None = None, title: str | None = None) -> list[list[Axes]]:
    """Draw the selection score by step and by CPU-second, mean over seeds, a column per task, a line per depth.

    Args:
        curves: columns task, insert_after, seed, step, seconds, selection_score (`Results.depths.curves` of one
            backbone and one generator).
        figure: where to draw; a new figure by default.
        title: a plain one by default.
    """
    from matplotlib.ticker import MaxNLocator

    tasks = list(dict.fromkeys(curves["task"]))
    labels = [f"selection score\nby {name}" for name in TIMES.values()]
    figure, grid = panel_grid(tasks, labels, panel_size(len(tasks), 1.9), figure)
    means = curves.groupby(["task", "insert_after", "step"], as_index=False)[["seconds", "selection_score"]].mean()
    colours = depth_colours(means["insert_after"])
    for column, task in enumerate(tasks):
        for row, (time, label) in zip(grid, TIMES.items(), strict=True):
            _lines(row[column], means[means["task"] == task], time, "selection_score", colours)
            row[column].set_xlabel(label)
            row[column].xaxis.set_major_locator(MaxNLocator(MOST_TICKS, integer=time == "step"))
            in_percent(row[column])
    return _finished(figure, grid, title or "Training by depth")


def _lines(ax: Axes, rows: pd.DataFrame, x: str, y: str, colours: Mapping[int, str]) -> None:
    for depth, line in rows.groupby("insert_after"):
        ordered = line.sort_values(x)
        name = str(depth)
        colour = colours[int(str(depth))]
        at, values = (np.asarray(ordered[column], dtype=np.float64) for column in (x, y))
        ax.plot(at, values, color=colour, marker="o", markersize=2.5, linewidth=1.2, label=name)


def _same_blocks(panels: list[Axes]) -> None:
    """Let the panels of a column show the same blocks, each of them a whole number."""
    from matplotlib.ticker import MaxNLocator

    ends = [end for ax in panels for end in ax.get_xlim()]
    for ax in panels:
        ax.set_xlim(min(ends), max(ends))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _finished(figure: Figure, grid: list[list[Axes]], title: str) -> list[list[Axes]]:
    figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
    legend_below(figure, [ax for row in grid for ax in row], title="blocks below the prompt")
    return grid
