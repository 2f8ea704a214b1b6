"""Explaining. How long is every row of every prompt? Norm by position, beside where training began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import INK, QUIET, axes_or_new, group_colours, tip
from transferkit.shapes import BoolArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MANY = 30  # positions; beyond them only live rows without a live neighbour get a point


def row_norms(norms: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw one line per prompt, coloured by group; rows the backbone never reads are hollow and stand alone.

    Args:
        norms: columns task, group, seed, position, norm, initial_norm (NaN where unknown), is_live
            (`Results.row_norms`).
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    is_long = norms["position"].nunique() > MANY
    ax = axes_or_new(ax, 9.0 if is_long else 7.2, 3.8)
    colours = group_colours(norms["group"])
    for (group, task, seed), rows in norms.sort_values("position").groupby(["group", "task", "seed"]):
        colour = colours[str(group)]
        position, norm = (rows[column].to_numpy(dtype=np.float64) for column in ("position", "norm"))
        is_live = rows["is_live"].to_numpy(dtype=bool)
        said = f"{task}, seed {seed}"
        if is_live.any():
            live = np.where(is_live, norm, np.nan)  # a gap where a row is never read
            line = ax.plot(position, live, color=colour, linewidth=0.8, alpha=0.75, marker="o", markersize=3)
            line[0].set_markevery(np.flatnonzero(_alone(is_live)).tolist() if is_long else None)
            tip(line[0], f"{said}: {np.nanmin(live):.3g} to {np.nanmax(live):.3g}, {is_live.sum()} rows read")
        if not is_live.all():
            dead = ax.plot(
                position[~is_live], norm[~is_live], linestyle="", marker="o", markersize=5 if is_long else 4.5
            )
            dead[0].set(color=colour, markerfacecolor="none", markeredgewidth=0.7, alpha=0.6)
            tip(dead[0], f"{said}: {(~is_live).sum()} rows never read")
    _draw_initial(ax, norms)
    _scale(ax)
    _legend(ax, colours, has_dead=not norms["is_live"].all())
    ax.set(xlabel="prompt position", ylabel="norm of the row")
    ax.grid(axis="y")
    ax.set_title(title or "Norms of prompt rows")
    return ax


def _alone(is_live: BoolArray) -> BoolArray:
    """Tell which live rows have no live neighbour, so that no line shows them."""
    padded = np.pad(is_live, 1)
    return is_live & ~padded[:-2] & ~padded[2:]


def _draw_initial(ax: Axes, norms: pd.DataFrame) -> None:
    from matplotlib.patheffects import withStroke

    mean = norms.dropna(subset=["initial_norm"]).groupby("position")["initial_norm"].mean()
    if len(mean):
        line = ax.plot(mean.index, mean, color=QUIET, linestyle="--", linewidth=1.6, label="before training, mean")
        line[0].set(zorder=3, path_effects=[withStroke(linewidth=3.6, foreground="white")])
        tip(line[0], f"before training, mean: {mean.min():.3g} to {mean.max():.3g}")


def _scale(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=11))


def _legend(ax: Axes, colours: dict[str, str], *, has_dead: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color=c, label=group) for group, c in colours.items()]
    if has_dead:
        entries.append(Line2D([], [], linestyle="", marker="o", color=INK, markerfacecolor="none", label="never read"))
    entries += [line for line in ax.lines if line.get_linestyle() == "--"]
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
