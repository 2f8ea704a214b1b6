"""Explaining. Does a prompt get there sooner from another one? The selection score by step, one panel per target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.figures.depths import MOST_TICKS, in_percent, legend_below, panel_size
from transferkit.figures.style import INK, PALETTE, QUIET, small_panels, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

ACROSS = 3
PLAIN, SAME, OTHER = "from nothing", "same group", "other group"
BROUGHT, PART = "other backbone", "part of the backbone"
LOOKS = {
    OTHER: {"color": PALETTE[0], "linewidth": 1.1},
    SAME: {"color": PALETTE[1], "linewidth": 1.3},
    BROUGHT: {"color": PALETTE[2], "linewidth": 1.3},
    PART: {"color": PALETTE[3], "linewidth": 1.3},
    PLAIN: {"color": INK, "linewidth": 2.4},
}
TIMES = {"step": "step", "gflop": "GFLOP of training"}


def starts(
    curves: pd.DataFrame,
    *,
    by: Literal["step", "gflop"] = "step",
    with_source: bool = False,
    figure: Figure | None = None,
    title: str | None = None,
) -> list[Axes]:
    """Draw prompts trained from other prompts beside those from nothing, means over seeds with thin lines for seeds.

    Args:
        curves: columns target, source, source_backbone, how, projection, same_group, seed, step, gflop, gflop_before,
            selection_score and level (`Results.speedups.curves` of one backbone); a dashed line marks the mean level.
        by: what is on the x axis.
        with_source: whether arithmetic begins with what was spent before the first step, to train the source's prompt
            and to tune the projector that brought it.
        figure: where to draw; a new figure by default.
        title: a plain one by default.

    Returns:
        The panels' axes, in the order of the targets.
    """
    from matplotlib.ticker import MaxNLocator

    if with_source:
        curves = curves.assign(gflop=curves["gflop"] + curves["gflop_before"])
    targets = list(dict.fromkeys(curves["target"]))
    size = panel_size(min(ACROSS, len(targets)), 2.2)
    figure, panels = small_panels(targets, ACROSS, size, figure)
    relations = relation_of(curves)
    for ax, target in zip(panels, targets, strict=False):
        of_target = curves["target"] == target
        for relation in LOOKS:  # the plain prompt on top
            _lines(ax, curves[of_target & (relations == relation)], by=by, relation=relation)
        levels = curves[of_target].groupby("seed")["level"].first()
        if len(levels):
            ax.axhline(float(levels.mean()), color=QUIET, linestyle="--", linewidth=1.1, label="its converged level")
        in_percent(ax)
        ax.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, integer=by == "step"))
        ax.grid(axis="y")
        ax.tick_params(labelsize=7)
    for ax in panels[-min(ACROSS, len(panels)) :]:  # the lowest panel of each column
        ax.set_xlabel(TIMES[by] + ", source's included" * (with_source and by == "gflop"))
    figure.supylabel("selection score", fontsize=9)
    figure.suptitle(title or "Training from another prompt", fontsize=10, fontweight="bold", x=0.01, ha="left")
    legend_below(figure, panels)
    return panels


def relation_of(curves: pd.DataFrame) -> np.ndarray:
    """Return how each row's source is related to its target, a key of `LOOKS` [row]."""
    same = curves["same_group"].eq(True).to_numpy()
    is_brought = ~curves["how"].isin(["trained", "part", PLAIN]).to_numpy()
    found = np.where(same, SAME, OTHER).astype(object)
    found[is_brought] = BROUGHT
    found[(curves["how"] == "part").to_numpy()] = PART
    found[(curves["how"] == PLAIN).to_numpy()] = PLAIN
    return found


def _lines(ax: Axes, rows: pd.DataFrame, *, by: str, relation: str) -> None:
    """Draw one line per source, and a thin one per seed where there are several; one of them names the relation."""
    label: str | None = relation
    sources = rows.fillna({"source_backbone": "", "projection": ""}) if len(rows) else rows
    for names, line in sources.groupby(["source", "source_backbone", "how", "projection"], sort=False):
        source, origin, how, _ = map(str, names)
        if line["seed"].nunique() > 1:
            for _, one in line.groupby("seed"):
                _line(ax, one, by, {**LOOKS[relation], "linewidth": 0.5, "alpha": 0.35})
        means = line.groupby("step", as_index=False)[["gflop", "selection_score"]].mean()
        drawn = _line(ax, means, by, {**LOOKS[relation], "label": label})
        where = "" if how in ("trained", PLAIN) else f" of {origin} ({how.replace('_', ' ')})"
        tip(drawn, source if relation == PLAIN else f"from {source}{where}")
        label = None


def _line(ax: Axes, rows: pd.DataFrame, by: str, look: dict[str, object]) -> Line2D:
    ordered = rows.sort_values("step")
    x, y = (ordered[name].to_numpy(dtype=np.float64) for name in (by, "selection_score"))
    (line,) = ax.plot(x, y, **look)  # pyright: ignore[reportArgumentType]
    return line
