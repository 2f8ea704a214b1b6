"""Explaining. Which tasks belong together? The average-linkage tree of a similarity, with the names at its leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferkit.figures.clustered import linkage
from transferkit.figures.style import QUIET, axes_or_new, group_colours, legible, tip
from transferkit.matrices import Matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def dendrogram(matrix: Matrix, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the tree of a similarity matrix, leaves at the left; a branch with one group only has the group's colour.

    Raises:
        InputError: rows and columns differ, fewer than three of them, or a pair was not measured.
    """
    from scipy.cluster.hierarchy import leaves_list

    tree = linkage(matrix)
    order = [int(leaf) for leaf in leaves_list(tree)]
    colours = group_colours(matrix.source_groups)
    ax = axes_or_new(ax, 6.6, 1.2 + 0.25 * len(order))
    members = {leaf: [leaf] for leaf in order}
    ends = {leaf: (0.0, float(place)) for place, leaf in enumerate(order)}  # distance and height of each cluster's stem
    for step, (first, second, distance, _) in enumerate(tree):
        pair, made = (int(first), int(second)), len(order) + step
        members[made] = [leaf for part in pair for leaf in members[part]]
        (x0, y0), (x1, y1) = (ends[part] for part in pair)
        ends[made] = (float(distance), (y0 + y1) / 2)
        groups = {matrix.source_groups[leaf] for leaf in members[made]}
        colour = colours[groups.pop()] if len(groups) == 1 else QUIET
        line = ax.plot([x0, distance, distance, x1], [y0, y0, y1, y1], color=colour, linewidth=1.4, clip_on=False)
        tip(line[0], f"{distance:.4g}: {', '.join(sorted(matrix.sources[leaf] for leaf in members[made]))}")
    for place, leaf in enumerate(order):
        group = matrix.source_groups[leaf]
        dot = ax.plot(0, place, linestyle="", marker="o", markersize=5, color=colours[group], clip_on=False, zorder=3)
        tip(dot[0], f"{matrix.sources[leaf]} ({group})")
    ax.set_yticks(range(len(order)), [matrix.sources[leaf] for leaf in order])
    for label, leaf in zip(ax.get_yticklabels(), order, strict=True):
        label.set_color(legible(colours[matrix.source_groups[leaf]]))
    ax.set(xlim=(0, float(tree[:, 2].max()) * 1.05 or 1), ylim=(len(order) - 0.5, -0.5))
    ax.set_xlabel("distance: 1 minus similarity, averaged over pairs")
    ax.tick_params(axis="y", length=0, pad=7)
    ax.spines["left"].set_visible(False)
    _legend(ax, colours)
    ax.set_title(title or matrix.name)
    return ax


def _legend(ax: Axes, colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], linestyle="", marker="o", color=c, label=group) for group, c in colours.items()]
    entries.append(Line2D([], [], color=QUIET, label="several groups"))
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
