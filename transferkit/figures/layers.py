"""Explaining. What is a prompt worth by depth? One panel per task, one line per way of making the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import PALETTE, QUIET, small_panels, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3
NAMES = {"none": "plain prompt", "bottleneck": "bottleneck", "average_pool": "average pool", "max_pool": "max pool"}
FLOORS = {"no prompt": "--", "majority": ":"}


def layers(points: pd.DataFrame, *, figure: Figure | None = None, title: str | None = None) -> list[Axes]:
    """Draw the score over the number of blocks below the prompt, with intervals and what needs no training.

    Args:
        points: columns task, generator, insert_after, score, low, high, no prompt and majority (`Results.layers` of one
            backbone).
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, in the order of the tasks.
    """
    tasks = list(dict.fromkeys(points["task"]))
    figure, panels = small_panels(tasks, ACROSS, (3.1, 2.4), figure)
    for ax, task in zip(panels, tasks, strict=False):
        _panel(ax, points[points["task"] == task])
    for ax in panels[-min(ACROSS, len(panels)) :]:  # the lowest panel of each column
        ax.set_xlabel("blocks below the prompt")
    figure.supylabel("score", fontsize=9)
    figure.suptitle(title or "Score by depth", fontsize=10, fontweight="bold", x=0.01, ha="left")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, max(1, len(labels))), fontsize=8)
    return panels


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    generators = list(dict.fromkeys(rows["generator"]))
    for place, generator in enumerate(generators):
        line = rows[rows["generator"] == generator].sort_values("insert_after")
        depths = line["insert_after"].to_numpy(dtype=np.float64) + 0.08 * (place - (len(generators) - 1) / 2)
        scores, low, high = (line[name].to_numpy(dtype=np.float64) for name in ("score", "low", "high"))
        colour = PALETTE[place % len(PALETTE)]
        ax.vlines(depths, low, high, color=colour, linewidth=1.2, alpha=0.7)
        ax.plot(depths, scores, color=colour, marker="o", markersize=4, linewidth=1.4, label=NAMES[str(generator)])
        for x, depth, score, ends in zip(
            depths, line["insert_after"], scores, zip(low, high, strict=True), strict=True
        ):
            said = f"after {depth} blocks: {100 * score:.1f} % [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
            tip(ax.plot(x, score, linestyle="", marker="o", markersize=4, color=colour)[0], said)
    for name, style in FLOORS.items():
        floor = float(rows[name].iloc[0])
        if not np.isnan(floor):
            ax.axhline(floor, color=QUIET, linestyle=style, linewidth=1.1, label=name)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.grid(axis="y")
    ax.tick_params(labelsize=7)
