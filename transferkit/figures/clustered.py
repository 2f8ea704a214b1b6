"""Explaining. A symmetric matrix with similar tasks put side by side, and the tree that puts them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.errors import InputError
from transferkit.figures.heatmap import Scale, Show, heatmap
from transferkit.figures.style import QUIET
from transferkit.matrices import Matrix
from transferkit.shapes import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def clustered(
    matrix: Matrix,
    *,
    ax: Axes | None = None,
    show: Show | None = None,
    scale: Scale | None = None,
    centre: float | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a similarity matrix in the order of an average-linkage tree, with the tree above it.

    Raises:
        InputError: rows and columns differ, fewer than three of them, or a pair was not measured.
    """
    from scipy.cluster.hierarchy import dendrogram

    tree = linkage(matrix)
    drawn = dendrogram(tree, no_plot=True)
    order = [int(leaf) for leaf in drawn["leaves"]]
    ordered = matrix.select(order, order)
    ax = heatmap(ordered, ax=ax, show=show, scale=scale, centre=centre, title=title, groups="mixed")
    heading = ax.get_title(loc="left")
    ax.set_title("")
    above = ax.inset_axes((0, 1.01, 1, 0.14))
    for x, y in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        above.plot((np.asarray(x) - 5) / 10, y, color=QUIET, linewidth=1)
    low, high = float(tree[:, 2].min()), float(tree[:, 2].max())
    reach = (high - low) or 1.0  # from just below the first join: where all pairs are far apart the rest would be flat
    above.set(xlim=(-0.5, len(order) - 0.5), ylim=(low - 0.2 * reach, high + 0.05 * reach))
    above.set_axis_off()
    above.set_title(heading)
    return ax


def linkage(matrix: Matrix) -> FloatArray:
    """Return the average-linkage tree of a similarity matrix, scipy's form [n-1,4].

    The distance of a pair is 1 minus their similarity, both directions averaged; where a similarity exceeds 1, or none
    is above 0, the largest takes the place of 1.

    Raises:
        InputError: rows and columns differ, fewer than three of them, or a pair was not measured.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    off = ~np.eye(len(matrix.sources), len(matrix.targets), dtype=bool)
    if not matrix.is_square or len(matrix.sources) < 3 or not matrix.is_measured[off].all():
        raise InputError(f"{matrix.name}: cannot be clustered", fix="use a whole square matrix of at least three tasks")
    values = (matrix.values + matrix.values.T) / 2
    top = values[off].max()
    distances = np.where(off, (1.0 if 0.0 < top <= 1.0 else top) - values, 0.0)
    return hierarchy.linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
