"""Explaining. Prompts as points of a plane: the two directions along which they differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import INK, QUIET, axes_or_new, group_colours, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PLACES = ((0, 1, "center"), (0, -1, "center"), (1, 0, "left"), (-1, 0, "right"))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def prompt_map(
    points: pd.DataFrame, *, explained: Sequence[float], ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw prompts by task: colour is the group, marker the seed, a cross the prompt before training.

    Args:
        points: columns task, group, seed, is_initial, x, y (`Results.prompt_points`).
        explained: share of the variance along each axis.
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    ax = axes_or_new(ax, 6.2, 4.2)
    trained = points[~points["is_initial"]]
    colours = group_colours(trained["group"])
    marks = {seed: MARKERS[i % len(MARKERS)] for i, seed in enumerate(sorted(trained["seed"].unique()))}
    columns = ["task", "group", "seed", "x", "y"]
    for task, group, seed, x, y in trained[columns].itertuples(index=False):
        line = ax.plot(x, y, linestyle="", marker=marks[seed], color=colours[group], markersize=7, alpha=0.85)
        tip(line[0], f"{task}, seed {seed}: {x:.3g}, {y:.3g}")
    for x, y in points.loc[points["is_initial"], ["x", "y"]].drop_duplicates().itertuples(index=False):
        ax.plot(x, y, linestyle="", marker="x", color=INK, markersize=7)
    _name_tasks(ax, trained)
    _legend(ax, colours, marks, has_initial=bool(points["is_initial"].any()))
    ax.set(xlabel=f"first component ({explained[0]:.0%} of variance)")
    ax.set(ylabel=f"second component ({explained[1]:.0%})")
    ax.margins(0.14)
    ax.set_title(title or "Prompts in their principal plane")
    return ax


def _name_tasks(ax: Axes, trained: pd.DataFrame) -> None:
    """Write each task's name beside its first seed, where no name is yet."""
    spans = [max(float(np.ptp(trained[axis])), 1e-12) for axis in ("x", "y")]
    taken: list[tuple[float, float, float]] = []  # centre and half width, in shares of the spans
    for task, rows in trained.groupby("task"):
        x, y = (float(v) for v in rows.sort_values("seed")[["x", "y"]].iloc[0])
        half = 0.011 * len(str(task))
        centres = [(x / spans[0] + r * (half + 0.03), y / spans[1] + u * 0.05, half) for r, u, _ in PLACES]
        free = [all(abs(a - c) > half + h or abs(b - d) > 0.05 for c, d, h in taken) for a, b, _ in centres]
        place = free.index(True) if True in free else 0
        right, up, align = PLACES[place]
        taken.append(centres[place])
        offset = (7 * right, 6 if up > 0 else -13 if up < 0 else -3)
        ax.annotate(str(task), (x, y), offset, textcoords="offset points", ha=align, fontsize=7, color=INK)


def _legend(ax: Axes, colours: dict[str, str], marks: dict[int, str], *, has_initial: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], linestyle="", marker="o", color=c, label=group) for group, c in colours.items()]
    entries += [Line2D([], [], linestyle="", marker=m, color=QUIET, label=f"seed {s}") for s, m in marks.items()]
    if has_initial:
        entries.append(Line2D([], [], linestyle="", marker="x", color=INK, label="before training"))
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
