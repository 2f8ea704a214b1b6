"""Explaining. Which prompts help where? A map of verdicts against a random prompt, and where the own one is matched."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.heatmap import draw_frame, draw_separators, hatch, size_of
from transferkit.figures.style import INK, PALETTE, axes_or_new, ink_on, tip
from transferkit.matrices import Matrix

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FILLS = {"transfers": PALETTE[0], "neutral": "#e5e7eb", "harms": PALETTE[5], "own": "#ffffff"}
MATCHED = "not shown to be worse than own"
ASKED = ["source", "target", "difference_random", "verdict", "is_worse_than_own", "n", "p_random", "q_random"]


def verdicts(cells: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw sources down and targets across: colour is the verdict, the number the difference to a random prompt.

    Args:
        cells: columns source, source_group, target, target_group, difference_random (fraction), verdict ("transfers",
            "neutral", "harms" or "own"), is_worse_than_own (NaN or None where unknown), n, p_random, q_random
            (`Results.cell_tests`). A cell that is not there, or has no difference, is hatched.
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    known = cells.dropna(subset=["difference_random"])
    matrix = _matrix(cells, known)
    width, height = size_of(matrix)
    ax = axes_or_new(ax, width + 0.7, height)
    for i, j in np.argwhere(~matrix.is_measured):
        _draw_missing(ax, matrix, (int(i), int(j)))
    counts: Counter[str] = Counter()
    for source, target, difference, verdict, is_worse, n, p, q in known[ASKED].itertuples(index=False):
        at = (matrix.sources.index(source), matrix.targets.index(target))
        is_matched = verdict != "own" and is_worse in (False, 0)  # unknown is neither
        counts.update([verdict, MATCHED] if is_matched else [verdict])
        points = f"{round(100 * difference, 1) + 0.0:+.1f}".replace("-", "−")
        said = f"{source} → {target}: {points} points over a random prompt, {verdict}"
        said += f", n = {n:.0f}" if verdict == "own" else f", p = {p:.3g}, q = {q:.3g}, n = {n:.0f}"
        _draw_cell(ax, at, verdict=verdict, points=points, said=f"{said}, {MATCHED}" if is_matched else said)
        if is_matched:
            _draw_ring(ax, at, verdict)
    draw_frame(ax, matrix, title)
    draw_separators(ax, matrix)
    _legend(ax, counts)
    return ax


def _matrix(cells: pd.DataFrame, known: pd.DataFrame) -> Matrix:
    def side(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        pairs = sorted(set(zip(cells[f"{name}_group"], cells[name], strict=True)))
        return tuple(label for _, label in pairs), tuple(group for group, _ in pairs)

    (sources, source_groups), (targets, target_groups) = side("source"), side("target")
    values = np.full((len(sources), len(targets)), np.nan)
    for source, target, difference in known[ASKED[:3]].itertuples(index=False):
        values[sources.index(source), targets.index(target)] = difference
    return Matrix(
        values=values,
        sources=sources,
        targets=targets,
        source_groups=source_groups,
        target_groups=target_groups,
        name="Score minus that of a random prompt, points",
    )


def _draw_missing(ax: Axes, matrix: Matrix, at: tuple[int, int]) -> None:
    from matplotlib.patches import Rectangle

    i, j = at
    box = Rectangle((j - 0.5, i - 0.5), 1, 1)
    hatch(box, "missing")
    tip(box, f"{matrix.sources[i]} → {matrix.targets[j]}: missing")
    ax.add_patch(box)


def _draw_cell(ax: Axes, at: tuple[int, int], *, verdict: str, points: str, said: str) -> None:
    from matplotlib.patches import Rectangle

    i, j = at
    inset, edge = (0.05, INK) if verdict == "own" else (0.0, "white")
    wide = 1 - 2 * inset
    box = Rectangle((j - 0.5 + inset, i - 0.5 + inset), wide, wide, linewidth=0.8, edgecolor=edge)
    box.set_facecolor(FILLS[verdict])
    tip(box, said)
    ax.add_patch(box)
    ax.text(j, i, points, ha="center", va="center", fontsize=7, color=_ink(verdict))


def _draw_ring(ax: Axes, at: tuple[int, int], verdict: str) -> None:
    i, j = at
    ax.plot(j + 0.34, i - 0.32, linestyle="", marker="o", markersize=3, color=_ink(verdict), markerfacecolor="none")


def _ink(verdict: str) -> str:
    from matplotlib.colors import to_rgb

    return ink_on(to_rgb(FILLS[verdict]))


def _legend(ax: Axes, counts: Counter[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Patch | Line2D] = [
        Patch(facecolor=fill, edgecolor=INK if verdict == "own" else "none", label=f"{verdict} ({counts[verdict]})")
        for verdict, fill in FILLS.items()
    ]
    ring = {"linestyle": "", "marker": "o", "markersize": 4, "color": INK, "markerfacecolor": "none"}
    entries.append(Line2D([], [], label=f"{MATCHED} ({counts[MATCHED]})", **ring))  # pyright: ignore[reportArgumentType]
    ax.legend(handles=entries, loc="center left", bbox_to_anchor=(1.0, 0.5))
