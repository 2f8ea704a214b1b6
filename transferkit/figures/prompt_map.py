"""Explaining. Prompts as points of a plane: the two directions along which they differ most, or a t-SNE map."""

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
        explained: share of the variance along each axis; NaN for a t-SNE map, whose axes mean nothing.
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
    is_plane = not np.isnan(explained).any()
    if is_plane:
        ax.set(xlabel=f"first component ({explained[0]:.0%} of variance)")
        ax.set(ylabel=f"second component ({explained[1]:.0%})")
    else:
        ax.set(xlabel="first axis of a t-SNE map", ylabel="second axis of a t-SNE map")
    ax.margins(0.14)
    ax.set_title(title or ("Prompts in their principal plane" if is_plane else "Prompts in a t-SNE map"))
    return ax


def _name_tasks(ax: Axes, trained: pd.DataFrame) -> None:
    """Write each task's name beside the seed that stands most alone; where no place is free its hover text serves."""
    spans = np.array([max(float(np.ptp(trained[axis])), 1e-12) for axis in ("x", "y")])
    at = trained[["x", "y"]].to_numpy(dtype=float) / spans
    apart = np.linalg.norm(at[:, None] - at[None], axis=-1) + 9.0 * np.eye(len(at))
    taken: list[tuple[float, float, float]] = []  # centre and half width, in shares of the spans
    for number in np.argsort(-apart.min(axis=1), kind="stable"):
        task, x, y = trained["task"].iloc[number], *at[number]
        if task in {text.get_text() for text in ax.texts}:
            continue
        half = 0.012 * len(str(task))
        for right, up, align in PLACES:
            centre = (x + right * (half + 0.03), y + up * 0.05)
            if all(abs(centre[0] - a) > half + h or abs(centre[1] - b) > 0.055 for a, b, h in taken):
                taken.append((*centre, half))
                offset = (7 * right, 6 if up > 0 else -13 if up < 0 else -3)
                where = tuple(at[number] * spans)
                ax.annotate(str(task), where, offset, textcoords="offset points", ha=align, fontsize=7, color=INK)
                break


def _legend(ax: Axes, colours: dict[str, str], marks: dict[int, str], *, has_initial: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], linestyle="", marker="o", color=c, label=group) for group, c in colours.items()]
    entries += [Line2D([], [], linestyle="", marker=m, color=QUIET, label=f"seed {s}") for s, m in marks.items()]
    if has_initial:
        entries.append(Line2D([], [], linestyle="", marker="x", color=INK, label="before training"))
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
