"""Explaining. Prompts as points of a plane: the two directions along which they differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transferkit.figures.style import INK, QUIET, axes_or_new, group_colours, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

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
    """Write each task's name at its first seed, a little above."""
    for task, rows in trained.groupby("task"):
        x, y = rows.sort_values("seed")[["x", "y"]].iloc[0]
        ax.annotate(
            str(task), (x, y), (0, 6), textcoords="offset points", ha="center", fontsize=7, color=INK, annotation_clip=True
        )


def _legend(ax: Axes, colours: dict[str, str], marks: dict[int, str], *, has_initial: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], linestyle="", marker="o", color=c, label=group) for group, c in colours.items()]
    entries += [Line2D([], [], linestyle="", marker=m, color=QUIET, label=f"seed {s}") for s, m in marks.items()]
    if has_initial:
        entries.append(Line2D([], [], linestyle="", marker="x", color=INK, label="before training"))
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
