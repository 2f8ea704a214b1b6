"""Explaining. Is a trained prompt better than what needs no training? One line per task: difference and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferkit.figures.style import INK, QUIET, axes_or_new, group_colours, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def intervals(own: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw own score minus best baseline per task, in points, with its 95 % interval; hollow where it holds zero.

    Args:
        own: columns task, group, difference, low, high, excludes_zero, best_baseline (`Results.own_scores` of one
            backbone).
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    rows = own.dropna(subset=["difference"]).sort_values(["group", "task"]).reset_index(drop=True)
    ax = axes_or_new(ax, 6.4, 1.3 + 0.3 * max(1, len(rows)))
    colours = group_colours(own["group"])
    columns = ["task", "group", "difference", "low", "high", "excludes_zero", "best_baseline"]
    for place, row in enumerate(rows[columns].itertuples(index=False)):
        task, group, difference, low, high, excludes, baseline = row
        colour = colours[str(group)]
        ax.plot([100 * low, 100 * high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        fill = colour if excludes else "white"
        point = ax.plot(100 * difference, place, marker="o", markersize=7, color=colour, markerfacecolor=fill)
        tip(point[0], f"{task}: {100 * difference:+.1f} points [{100 * low:.1f}, {100 * high:.1f}] over {baseline}")
    ax.axvline(0, color=QUIET, linewidth=1)
    ax.set_yticks(
        range(len(rows)),
        [f"{task}  (− {base})" for task, base in zip(rows["task"], rows["best_baseline"], strict=True)],
    )
    ax.set(ylim=(max(len(rows), 1) - 0.5, -0.5), xlabel="own score minus best baseline, points")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    _legend(ax, colours)
    ax.set_title(title or "What training the prompt gains")
    return ax


def _legend(ax: Axes, colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], marker="o", color=colour, label=group) for group, colour in colours.items()]
    hollow = Line2D([], [], linestyle="", marker="o", color=INK, markerfacecolor="white", label="holds zero")
    entries.append(hollow)
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
