"""Explaining. What is a prompt worth by depth? One panel per task, one line per way of making the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.depths import generator_lines, in_percent, legend_below, panel_size
from transferkit.figures.style import QUIET, small_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3
FLOORS = {"no prompt": "--", "majority": ":"}


def layers(points: pd.DataFrame, *, figure: Figure | None = None, title: str | None = None) -> list[Axes]:
    """Draw the score over the number of blocks below the prompt, with intervals and what needs no training.

    Args:
        points: columns task, generator, insert_after, score, low, high, no prompt and majority
            (`Results.depths.scores` of one backbone).
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, in the order of the tasks.
    """
    tasks = list(dict.fromkeys(points["task"]))
    figure, panels = small_panels(tasks, ACROSS, panel_size(min(ACROSS, len(tasks)), 2.4), figure)
    generators = list(dict.fromkeys(points["generator"]))
    for ax, task in zip(panels, tasks, strict=False):
        rows = points[points["task"] == task]
        generator_lines(ax, rows.assign(value=rows["score"]), generators, said="{:.1%}".format)
        draw_floors(ax, rows)
        in_percent(ax)
        ax.grid(axis="y")
        ax.tick_params(labelsize=7)
    for ax in panels[-min(ACROSS, len(panels)) :]:  # the lowest panel of each column
        ax.set_xlabel("blocks below the prompt")
    figure.supylabel("score", fontsize=9)
    figure.suptitle(title or "Score by depth", fontsize=10, fontweight="bold", x=0.01, ha="left")
    legend_below(figure, panels)
    return panels


def draw_floors(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw the scores that need no training as level lines, those that the rows have."""
    for name, style in FLOORS.items():
        floor = float(rows[name].iloc[0]) if name in rows else np.nan
        if not np.isnan(floor):
            ax.axhline(floor, color=QUIET, linestyle=style, linewidth=1.1, label=name)
