"""Explaining. What trusting an indicator loses, by how many of its highest-ranked sources are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import INK, PALETTE, QUIET, axes_or_new, tip
from transferkit.statistics.top_k import RANDOM, SAME_GROUP, TopK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_BEST = 3
BASELINES = {"same_group": ("same group", PALETTE[6], "--"), "norm_proxy": ("norm proxy", PALETTE[6], ":")}
FAINT = "#c9ced6"


def regret_curves(curves: Sequence[TopK], *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the regret of each indicator over the number of sources tried; the best three and the yardsticks stand out.

    Best is lowest at one source, then at two, and so on; the baselines do not compete. Regret is in-sample: the sources
    are chosen and scored on the same examples.

    Args:
        curves: of `statistics.top_k_curves`, the yardsticks among them.
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    ax = axes_or_new(ax, 5.6, 3.4)
    indicators = [curve for curve in curves if curve.name not in (*BASELINES, RANDOM, SAME_GROUP)]
    ranked = sorted(indicators, key=lambda curve: (*np.round(curve.regret, 12).tolist(), curve.name))
    others = ranked[N_BEST:]
    for i, curve in enumerate(others):
        label = f"{len(others)} other indicators" if len(others) > 1 else curve.name.replace("_", " ")
        _line(ax, curve, None if i else label, color=FAINT, linewidth=0.9, zorder=1)
    for curve in curves:
        if curve.name == RANDOM:
            _line(ax, curve, RANDOM, color=QUIET, linestyle="-.", zorder=2)
        elif curve.name in BASELINES:
            label, colour, dashes = BASELINES[curve.name]
            _line(ax, curve, label, color=colour, linestyle=dashes, zorder=2)
    for curve, colour in zip(ranked[:N_BEST], PALETTE, strict=False):
        _line(ax, curve, curve.name.replace("_", " "), color=colour, marker="o", markersize=3.5, zorder=3)
    n_targets = {curve.n_targets for curve in curves}
    mean = f"mean of {max(n_targets)} targets" if len(n_targets) == 1 else "mean over targets"
    ax.set(xlabel="sources tried, k", ylabel=f"regret@k, {mean}")
    ax.set_title(title or "What trusting an indicator loses")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=0))
    ax.set_ylim(bottom=0)
    ax.axhline(0, color=INK, linewidth=0.8)
    if curves:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _line(ax: Axes, curve: TopK, label: str | None, **look: object) -> None:
    (line,) = ax.plot(curve.k, curve.regret, label=label, **look)  # pyright: ignore[reportArgumentType]
    at = ", ".join(f"{value:.1%}" for value in curve.regret[:5])
    tip(line, f"{curve.name}: regret@1…{min(5, len(curve.k))} = {at}")
