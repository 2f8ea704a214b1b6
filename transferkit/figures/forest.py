"""Explaining. Which indicators agree with transfer? One line each: agreement and interval, beside baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import INK, PALETTE, QUIET, axes_or_new, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEVEL = 0.05
LOOKS = {"indicator": (PALETTE[0], "o", "q"), "baseline": (PALETTE[1], "D", "p")}  # colour, marker, what fills it


def forest(predictors: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw each indicator's agreement with transfer and its 95 % interval, best first; filled where it is significant.

    Args:
        predictors: columns indicator, is_baseline, rho, low, high, p, q (`Results.predictors`); an indicator without
            rho is left out and counted.
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    rows = predictors.dropna(subset=["rho"]).sort_values(["rho", "indicator"], ascending=[False, True])
    ax = axes_or_new(ax, 7.4, 1.2 + 0.21 * max(4, len(rows)))
    ax.axvline(0, color=QUIET, linewidth=1)
    names = [str(name).replace("_", " ") for name in rows["indicator"]]
    columns = ["is_baseline", "rho", "low", "high", "p", "q"]
    for place, row in enumerate(rows[columns].itertuples(index=False)):
        is_baseline, rho, low, high, p, q = row
        colour, marker, _ = LOOKS["baseline" if is_baseline else "indicator"]
        ax.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        fill = colour if (p if is_baseline else q) <= LEVEL else "white"
        point = ax.plot(rho, place, linestyle="", marker=marker, markersize=5.5, color=colour, markerfacecolor=fill)
        tip(point[0], _said(names[place], rho, (low, high), {"p": p, "q": q}))
        if names[place] == "same group":
            _mark_same_group(ax, rho)
    ax.set_yticks(range(len(rows)), names)
    ax.set(ylim=(max(len(rows), 1) - 0.5, -0.5), xlabel="Spearman with transfer")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    _legend(ax, n_undefined=len(predictors) - len(rows))
    ax.set_title(title or "What predicts transfer", pad=18)
    return ax


def _said(name: str, rho: float, interval: tuple[float, float], chances: dict[str, float]) -> str:
    around = "" if np.isnan(interval).any() else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
    known = (f"{name} = {chance:.3g}" for name, chance in chances.items() if not np.isnan(chance))
    return ", ".join([f"{name}: {rho:+.3f}{around}", *known])


def _mark_same_group(ax: Axes, rho: float) -> None:
    ax.axvline(rho, color=LOOKS["baseline"][0], linestyle="--", linewidth=0.9, zorder=1)
    ax.annotate(
        "same group",
        (rho, 1),
        (0, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )


def _legend(ax: Axes, *, n_undefined: int) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], linestyle="", marker=marker, color=colour, label=f"{kind}, {value} ≤ {LEVEL}")
        for kind, (colour, marker, value) in LOOKS.items()
    ]
    entries.append(
        Line2D([], [], linestyle="", marker="o", color=INK, markerfacecolor="white", label=f"hollow: above {LEVEL}")
    )
    entries.append(Line2D([], [], color=INK, label="95 % interval"))
    if n_undefined:
        entries.append(Line2D([], [], linestyle="", label=f"left out, not defined: {n_undefined}"))
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
