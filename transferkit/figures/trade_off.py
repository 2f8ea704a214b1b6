"""Explaining. The trade-off of depth (Liu et al. 2022): a short way for the label's signal, few blocks to act in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.depth_lines import MOST_TICKS, in_percent, legend_below, panel_size
from transferkit.figures.layers import NAMES
from transferkit.figures.style import PALETTE, QUIET, panel_grid, tip

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
        of_task = scores[scores["task"] == task].assign(quantity="score", value=lambda rows: rows["score"])
        _panel(grid[0][column], of_task, generators, sizes=sizes)
        _floor(grid[0][column], of_task)
        for place, quantity in enumerate(list(ROWS)[1:], 1):
            chosen = (influence["task"] == task) & (influence["quantity"] == quantity)
            _panel(grid[place][column], influence[chosen], generators, sizes=None)
            _logarithmic(grid[place][column])
        _distances(grid[0][column], influence)
        grid[-1][column].set_xlabel("blocks below the prompt")
    figure.suptitle(title or "Trade-off by depth", fontsize=10, fontweight="bold", x=0.01, ha="left")
    legend_below(figure, grid[0])
    return grid


def _panel(
    ax: Axes, rows: pd.DataFrame, generators: list[str], *, sizes: dict[tuple[str, str, int], float] | None
) -> None:
    """Draw a line per generator, of one colour in every panel; sizes of markers are those of the score."""
    from matplotlib.ticker import MaxNLocator

    for place, generator in enumerate(generators):
        line = rows[rows["generator"] == generator].sort_values("insert_after")
        if line.empty:
            continue
        depths = line["insert_after"].to_numpy(dtype=np.float64) + 0.08 * (place - (len(generators) - 1) / 2)
        values, low, high = (line[name].to_numpy(dtype=np.float64) for name in ("value", "low", "high"))
        colour = PALETTE[place % len(PALETTE)]
        # On a logarithmic axis a bar that reaches 0 would have no end: it ends at a tenth of its point.
        ends = low if sizes is not None else np.maximum(low, values / 10)
        ax.vlines(depths, ends, high, color=colour, linewidth=1.2, alpha=0.7)
        ax.plot(depths, values, color=colour, linewidth=1.3, label=NAMES[str(generator)])
        for x, record in zip(depths, line.to_dict("records"), strict=True):
            point = (str(record["task"]), str(generator), int(str(record["insert_after"])))
            size = 4.5 if sizes is None else sizes.get(point, SMALLEST)
            said = f"after {point[2]} blocks: {record['value']:.3g} [{record['low']:.3g}, {record['high']:.3g}]"
            (marker,) = ax.plot(x, record["value"], linestyle="", marker="o", markersize=size, color=colour)
            tip(marker, said)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if sizes is not None:
        in_percent(ax)


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


def _floor(ax: Axes, rows: pd.DataFrame) -> None:
    floor = float(rows["no prompt"].iloc[0])
    if not np.isnan(floor):
        ax.axhline(floor, color=QUIET, linestyle="--", linewidth=1.1, label="no prompt")


def _distances(ax: Axes, influence: pd.DataFrame) -> None:
    """Name the blocks between prompt and answer above the top panel."""
    if influence.empty:
        return
    n_blocks = int(influence["insert_after"].iloc[0] + influence["distance"].iloc[0])
    upper = ax.secondary_xaxis("top", functions=(partial(np.subtract, n_blocks), partial(np.subtract, n_blocks)))
    upper.set_xlabel("blocks above it", fontsize=7)
    upper.tick_params(labelsize=6)
