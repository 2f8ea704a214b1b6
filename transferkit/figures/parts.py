"""Explaining. What is learnt on a part of a backbone (Huang et al. 2022)? Scores there and on the whole, by size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.depths import in_percent, legend_below, panel_size
from transferkit.figures.growth import ACROSS, finish
from transferkit.figures.style import INK, PALETTE, QUIET, small_panels, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colours that no way of growing has in the figure beside this one
TRAINED_THERE = {
    "on_itself": ("part → part", PALETTE[7], "o", -1),
    "on_whole": ("part → whole", PALETTE[3], "s", 1),
}
YARDSTICKS = {"of_whole": ("whole → part", INK, "-"), "no_prompt": ("no prompt → part", QUIET, "--")}
BESIDE = 0.008  # of the axis, from a part's place to its points


def parts(table: pd.DataFrame, *, figure: Figure | None = None, title: str | None = None) -> list[Axes]:
    """Draw scores of prompts trained on parts over the parts' share of the arithmetic, with intervals and yardsticks.

    Parts are named above the panels; a name without room is left out there and said where a reader points.

    Args:
        table: columns schedule, part, share, on_itself and on_whole with _low and _high (prompts of the part, scored on
            it and on the whole), of_whole (prompts of the whole, scored on the part), no_prompt (on the part).
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, in the order of the schedules.
    """
    from matplotlib.ticker import PercentFormatter

    schedules = list(dict.fromkeys(table["schedule"]))
    size = panel_size(min(ACROSS, len(schedules)), 2.5)
    figure, panels = small_panels(schedules, ACROSS, size, figure, sharey=True)
    for ax, schedule in zip(panels, schedules, strict=False):
        rows = table[table["schedule"] == schedule].sort_values("share")
        for column in TRAINED_THERE:
            _points(ax, rows, column)
        for column, (label, colour, dashes) in YARDSTICKS.items():
            look = {
                "color": colour,
                "linestyle": dashes,
                "linewidth": 0.9,
                "marker": ".",
                "markersize": 3,
                "zorder": 1.9,
            }
            at, scores = (rows[name].to_numpy(dtype=np.float64) for name in ("share", column))
            ax.plot(at, scores, label=label, **look)  # pyright: ignore[reportArgumentType]
        in_percent(ax)
        ax.set(xlim=(0, 1.04), xticks=np.linspace(0, 1, 5))
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    labels = ("share of a step's arithmetic", "score")
    finish(figure, panels, labels=labels, title=title or "Prompts trained on parts of the backbone")
    legend_below(figure, panels, title="trained on → scored on")
    _name_parts(figure, panels, [table[table["schedule"] == schedule] for schedule in schedules])
    return panels


def _points(ax: Axes, rows: pd.DataFrame, column: str) -> None:
    """Draw one score of each part: a line, bars for the intervals, points that name the part."""
    label, colour, marker, side = TRAINED_THERE[column]
    names = ("share", column, f"{column}_low", f"{column}_high")
    share, scores, low, high = (rows[name].to_numpy(dtype=np.float64) for name in names)
    at = share + side * BESIDE
    ax.plot(at, scores, color=colour, linewidth=1.3, label=label)
    for part, x, score, start, end in zip(rows["part"], at, scores, low, high, strict=True):
        if np.isnan(score):
            continue
        ax.plot([x, x], [start, end], color=colour, linewidth=1.2, alpha=0.7)
        (point,) = ax.plot(x, score, linestyle="", marker=marker, markersize=4.5, color=colour)
        around = "" if np.isnan([start, end]).any() else f" [{start:.1%}, {end:.1%}]"
        tip(point, f"{part}, {label}: {score:.1%}{around}")


def _name_parts(figure: Figure, panels: list[Axes], tables: list[pd.DataFrame]) -> None:
    """Write the parts' names above the panels, larger parts first, where they do not cover each other."""
    names = [rows.groupby("share")["part"].agg(_stacked) for rows in tables]
    uppers = []
    for place, (ax, named) in enumerate(zip(panels, names, strict=False)):
        beside = names[place - place % ACROSS :][:ACROSS]
        height = max((name.count("\n") for others in beside for name in others), default=0)  # titles align
        upper = ax.secondary_xaxis("top")
        upper.set_xticks(named.index.tolist(), ["\n" * (height - name.count("\n")) + name for name in named])
        upper.tick_params(labelsize=6, length=2)
        uppers.append(upper)
    figure.draw_without_rendering()  # places are known only now
    for upper in uppers:
        shown, left = [], np.inf
        for label in reversed(upper.get_xticklabels()):
            box = label.get_window_extent()
            has_room = box.x1 + 3 < left
            left = box.x0 if has_room else left
            shown.insert(0, label.get_text() if has_room else "")
        upper.set_xticks(upper.get_xticks(), shown)


def _stacked(names: pd.Series) -> str:
    """Return the names of parts of one size, what each leaves out on a line of its own."""
    return ",\n".join(dict.fromkeys(names)).replace("-", "\n")
