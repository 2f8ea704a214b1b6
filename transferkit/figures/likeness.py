"""Explaining. Are prompts of parts of a backbone alike? Mean cosine of pairs by what the two have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import PALETTE, QUIET, small_panels, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOUR = PALETTE[6]
WORDS = 1.9  # room for the names of the rows, in inches


def likeness(table: pd.DataFrame, *, figure: Figure | None = None, title: str | None = None) -> list[Axes]:
    """Draw one row per relation of two prompts: a dot for their mean cosine, a bar for its interval.

    Args:
        table: columns form, relation, mean, low, high and n_pairs; a panel per form, rows as they first appear.
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, in the order of the forms.
    """
    from matplotlib.ticker import MaxNLocator

    forms, relations = (list(dict.fromkeys(table[name])) for name in ("form", "relation"))
    n_across = max(1, len(forms))
    size = (2.3 + WORDS / n_across, 0.4 + 0.26 * max(3, len(relations)))
    figure, panels = small_panels(forms, n_across, size, figure, sharey=True)
    columns = ["relation", "mean", "low", "high", "n_pairs"]
    for ax, form in zip(panels, forms, strict=False):
        rows = table.loc[table["form"] == form, columns].dropna(subset=["mean"])
        for relation, mean, low, high, n_pairs in rows.itertuples(index=False):
            place = relations.index(relation)
            ax.plot([low, high], [place, place], color=COLOUR, linewidth=1.6, solid_capstyle="butt")
            (point,) = ax.plot(mean, place, linestyle="", marker="o", markersize=5.5, color=COLOUR)
            around = "" if np.isnan([low, high]).any() else f" [{low:.3f}, {high:.3f}]"
            tip(point, f"{relation}: {mean:.3f}{around}, {n_pairs} pairs")
        start, end = ax.get_xlim()
        if start <= 0 <= end:
            ax.axvline(0, color=QUIET, linewidth=1, zorder=1)
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.set_xlabel("cosine")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        ax.set_axisbelow(True)
    panels[0].set_yticks(range(len(relations)), relations)
    panels[0].set_ylim(max(len(relations), 1) - 0.5, -0.5)
    figure.suptitle(title or "Likeness of prompts", fontsize=10, fontweight="bold", x=0.01, ha="left")
    return panels
