"""Explaining. What the figures about depth share: names and colours of generators, points with bars, legends below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import PALETTE, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"none": "plain prompt", "bottleneck": "bottleneck", "average_pool": "average pool", "max_pool": "max pool"}
COLOURS = dict(zip(NAMES, PALETTE, strict=False))  # a generator has its colour in every figure
MOST_TICKS = 6
WIDTH = 4.2  # of all panels together, at least, in inches
BESIDE = 0.08  # blocks between the points of two generators at one depth


def panel_size(n_across: int, height: float) -> tuple[float, float]:
    """Return the size of a panel, in inches: wide enough, where there are few, for the title and legend of them all."""
    return max(2.3, WIDTH / max(1, n_across)), height


def generator_lines(
    ax: Axes,
    rows: pd.DataFrame,
    generators: Sequence[str],
    *,
    said: Callable[[float], str] = "{:.3g}".format,
    size_of: Callable[[str, int], float] = lambda _generator, _depth: 4.5,
    lowest: float = 0.0,
) -> None:
    """Draw a line per generator over the number of blocks below the prompt, with bars and points that say their value.

    Args:
        ax: where to draw.
        rows: columns generator, insert_after, value, low, high.
        generators: all of the figure, so that points of one stand at the same side in every panel.
        said: how a value is written where a reader points at it.
        size_of: size of a point, in points, by generator and depth.
        lowest: the share of a point's value that its bar reaches down to at most, dotted where it is cut; above 0 for
            logarithmic axes.
    """
    from matplotlib.ticker import MaxNLocator

    for place, generator in enumerate(generators):
        line = rows[rows["generator"] == generator].sort_values("insert_after")
        if line.empty:
            continue
        depths = line["insert_after"].to_numpy(dtype=np.int64)
        values, low, high = (line[name].to_numpy(dtype=np.float64) for name in ("value", "low", "high"))
        at = depths + BESIDE * (place - (len(generators) - 1) / 2)
        colour = COLOURS[generator]
        is_cut = low < lowest * values if lowest else np.zeros(len(low), dtype=bool)
        ends = np.where(is_cut, lowest * values, low)
        for some, dashes in ((~is_cut, "-"), (is_cut, ":")):
            ax.vlines(at[some], ends[some], high[some], color=colour, linewidth=1.2, alpha=0.7, linestyle=dashes)
        ax.plot(at, values, color=colour, linewidth=1.3, label=NAMES[generator])
        for x, depth, value, start, end in zip(at, depths, values, low, high, strict=True):
            size = size_of(generator, int(depth))
            (marker,) = ax.plot(x, value, linestyle="", marker="o", markersize=size, color=colour)
            tip(marker, f"after {depth} blocks: {said(value)} [{said(start)}, {said(end)}]")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def in_percent(ax: Axes) -> None:
    """Number an axis in per cent, with as many digits as its ticks have."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))


def legend_below(figure: Figure, panels: Sequence[Axes], *, title: str | None = None) -> None:
    """Name each line of some panels once below them, in as many columns as the figure has room for."""
    named: dict[str, Artist] = {}
    for ax in panels:
        handles, labels = ax.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    look = {"loc": "outside lower center", "fontsize": 8, "title": title, "title_fontsize": 8, "handlelength": 1.6}
    for n_columns in range(len(named), 0, -1):
        legend = figure.legend(list(named.values()), list(named), ncols=n_columns, columnspacing=1.2, **look)
        if n_columns == 1 or legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            break
        legend.remove()
