"""Explaining. How training went: the selection score by step, one panel per task, one line per seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import PALETTE, QUIET, small_panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 4


def curves(
    histories: pd.DataFrame,
    *,
    column: str = "selection_score",
    baselines: pd.DataFrame | None = None,
    figure: Figure | None = None,
    title: str | None = None,
) -> list[Axes]:
    """Draw one small panel per task; a dashed line marks the best score that needs no training.

    Args:
        histories: columns task, seed, step and `column` (`Results.curves` of one backbone).
        column: what is drawn.
        baselines: columns task and score; lines are left out by default.
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, in the order of the tasks.
    """
    tasks = list(dict.fromkeys(histories["task"]))
    figure, panels = small_panels(tasks, ACROSS, (2.4, 1.9), figure, sharex=True, sharey=column == "selection_score")
    seeds = sorted(histories["seed"].unique())
    floor = {} if baselines is None else dict(zip(baselines["task"], baselines["score"], strict=True))
    for ax, task in zip(panels, tasks, strict=False):
        _draw_panel(ax, histories[histories["task"] == task], column=column, seeds=seeds, floor=floor.get(task))
    for ax in panels[-min(ACROSS, len(panels)) :]:  # the lowest panel of each column
        ax.set_xlabel("step")
        ax.tick_params(axis="x", labelbottom=True)
    figure.supylabel(column.replace("_", " "), fontsize=9)
    figure.suptitle(title or "Training curves", fontsize=10, fontweight="bold", x=0.01, ha="left")
    _draw_legend(figure, panels[0])
    return panels


def _draw_panel(ax: Axes, rows: pd.DataFrame, *, column: str, seeds: list[int], floor: float | None) -> None:
    for place, seed in enumerate(seeds):
        line = rows[rows["seed"] == seed].sort_values("step")
        values = np.asarray(line[column], dtype=np.float64)
        ax.plot(line["step"], values, color=PALETTE[place % len(PALETTE)], label=f"seed {seed}", linewidth=1.3)
    if floor is not None:
        ax.axhline(floor, color=QUIET, linestyle="--", linewidth=1.1, label="best baseline (report split)")
    ax.grid(axis="y")
    ax.tick_params(labelsize=7)


def _draw_legend(figure: Figure, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(handles)))
