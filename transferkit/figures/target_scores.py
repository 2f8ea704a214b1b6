"""Explaining. What is one prompt worth on every target? Its scores beside those of own and random prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import INK, QUIET, axes_or_new, group_colours, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BAR = [(-1, -5), (1, -5), (1, 5), (-1, 5), (-1, -5)]  # a tick with room inside


def target_scores(scores: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw one row per target: a dot for the prompt's score, ticks for the target's own and for a random prompt.

    Args:
        scores: columns target, group, score, own, random (fractions, NaN where missing) and is_own, for one prompt.
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    from matplotlib.ticker import PercentFormatter

    rows = scores.sort_values(["group", "target"])
    ax = axes_or_new(ax, 6.8, 1.2 + 0.26 * max(3, len(rows)))
    colours = group_colours(rows["group"])
    names = []
    columns = ["target", "group", "score", "own", "random", "is_own"]
    for place, row in enumerate(rows[columns].itertuples(index=False)):
        target, group, score, own, random, is_own = row
        marks = ax.plot(random, place, linestyle="", marker=BAR, markersize=11, color=QUIET, markerfacecolor="white")
        tip(marks[0], f"{target}: random prompt {_percent(random)}")
        marks = ax.plot(own, place, linestyle="", marker="|", markersize=13, markeredgewidth=1.6, color=INK)
        tip(marks[0], f"{target}: own prompt {_percent(own)}")
        marks = ax.plot(score, place, linestyle="", marker="o", markersize=7, color=colours[str(group)], zorder=3)
        tip(marks[0], f"{target}: {_percent(score)}, own {_percent(own)}, random {_percent(random)}")
        note = " (own task)" if is_own else ""
        names.append(f"{target}{note}" + (" (missing)" if np.isnan(score) else ""))
    ax.set_yticks(range(len(rows)), names)
    ax.set(ylim=(max(len(rows), 1) - 0.5, -0.5), xlabel="score")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    _legend(ax, colours)
    ax.set_title(title or "What the prompt scores on every target")
    return ax


def _percent(score: float) -> str:
    return "missing" if np.isnan(score) else f"{100 * score:.1f} %"


def _legend(ax: Axes, colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], linestyle="", marker="o", color=c, label=group) for group, c in colours.items()]
    own = Line2D([], [], linestyle="", marker="|", markersize=9, markeredgewidth=1.6, color=INK, label="own prompt")
    random = Line2D([], [], linestyle="", marker=BAR, markersize=8, color=QUIET, label="random prompt")
    random.set_markerfacecolor("white")
    ax.legend(handles=[*entries, own, random], loc="center left", bbox_to_anchor=(1.0, 0.5))
