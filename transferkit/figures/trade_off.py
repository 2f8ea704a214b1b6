"""Explaining. The trade-off of depth (Liu et al. 2022): a short way for the label's signal, few blocks to act in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.depths import MOST_TICKS, generator_lines, in_percent, legend_below, panel_size
from transferkit.figures.layers import draw_floors
from transferkit.figures.style import panel_grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = {
    "score": "score",
    "removed": "influence on the\nanswer, nats",
    "signal_initial": "signal at the\nfirst step",
    "sensitivity": "sensitivity",
}
SMALLEST, LARGEST = 3.0, 8.0  # markers, in points
DECADES = 2  # an axis over more decades than this shows powers of ten alone


def trade_off(
    scores: pd.DataFrame,
    influence: pd.DataFrame,
    *,
    costs: pd.DataFrame | None = None,
    figure: Figure | None = None,
    title: str | None = None,
) -> list[list[Axes]]:
    """Draw score, influence, signal and sensitivity over the number of blocks below the prompt, a column per task.

    Args:
        scores: columns task, generator, insert_after, score, low, high and no prompt (`Results.depths.scores` of one
            backbone).
        influence: columns task, generator, insert_after, distance, quantity, value, low, high
            (`Results.depths.influence`).
        costs: columns task, generator, insert_after, gflop_per_example (`Results.depths.costs`): the larger a marker
            of the score, the more arithmetic an example of a training step takes; all alike by default.
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, row by row.
    """
    tasks = list(dict.fromkeys(scores["task"]))
    figure, grid = panel_grid(tasks, list(ROWS.values()), panel_size(len(tasks), 1.7), figure)
    sizes = _sizes(costs)
    generators = list(dict.fromkeys([*scores["generator"], *influence["generator"]]))
    for column, task in enumerate(tasks):
        top, *lower = (row[column] for row in grid)
        rows = scores[scores["task"] == task]
        size_of = partial(_size_of, sizes, task)
        generator_lines(top, rows.assign(value=rows["score"]), generators, said="{:.1%}".format, size_of=size_of)
        in_percent(top)
        draw_floors(top, rows.drop(columns="majority", errors="ignore"))
        for ax, quantity in zip(lower, list(ROWS)[1:], strict=True):
            chosen = (influence["task"] == task) & (influence["quantity"] == quantity)
            generator_lines(ax, influence[chosen], generators, lowest=0.1)
            _logarithmic(ax)
            ax.set_xlim(top.get_xlim())  # a quantity that is not defined at every depth leaves the others' places free
        _distances(top, influence)
        grid[-1][column].set_xlabel("blocks below the prompt")
    figure.suptitle(title or "Trade-off by depth", fontsize=10, fontweight="bold", x=0.01, ha="left")
    legend_below(figure, grid[0])
    return grid


def _logarithmic(ax: Axes) -> None:
    """Scale an axis by powers of ten, at least one of which is shown, and few enough numbers to read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = np.log10(ax.get_ylim())
    subs = (1.0,) if high - low > DECADES else (1.0, 3.0) if high - low > 1 else (1.0, 2.0, 5.0)
    ax.yaxis.set_major_locator(LogLocator(subs=subs, numticks=MOST_TICKS))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _sizes(costs: pd.DataFrame | None) -> dict[tuple[str, str, int], float]:
    """Return a marker's size for each point: its area grows with the arithmetic."""
    if costs is None or costs["gflop_per_example"].isna().all():
        return {}
    most = float(costs["gflop_per_example"].max())
    return {
        (str(row["task"]), str(row["generator"]), int(row["insert_after"])): SMALLEST
        + (LARGEST - SMALLEST) * float(np.sqrt(row["gflop_per_example"] / most))
        for row in costs.dropna(subset=["gflop_per_example"]).to_dict("records")
    }


def _size_of(sizes: dict[tuple[str, str, int], float], task: str, generator: str, depth: int) -> float:
    return sizes.get((task, generator, depth), SMALLEST)


def _distances(ax: Axes, influence: pd.DataFrame) -> None:
    """Name the blocks between prompt and answer above the top panel."""
    if influence.empty:
        return
    n_blocks = int(influence["insert_after"].iloc[0] + influence["distance"].iloc[0])
    upper = ax.secondary_xaxis("top", functions=(partial(np.subtract, n_blocks), partial(np.subtract, n_blocks)))
    upper.set_xlabel("blocks above it", fontsize=7)
    upper.tick_params(labelsize=6)
