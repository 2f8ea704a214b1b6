"""Explaining. An indicator against transfer, one point per pair of tasks, with the agreement and its grouping named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transferkit.figures.style import PALETTE, axes_or_new, tip
from transferkit.matrices import Diagonal, Matrix
from transferkit.statistics import Grouping, agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {
    "same group": (PALETTE[1], "o"),
    "other group": (PALETTE[0], "^"),
    "same task": (PALETTE[6], "s"),
}
WORDS = {"per_source": "per source", "per_target": "per target", "all": "all cells"}


def scatter(
    indicator: Matrix,
    transfer: Matrix,
    *,
    ax: Axes | None = None,
    grouping: Grouping = "per_target",
    diagonal: Diagonal = "without",
    title: str | None = None,
) -> Axes:
    """Draw one point per pair of tasks: the indicator across, transfer up.

    Args:
        indicator: values of an indicator.
        transfer: scores of the same sources and targets.
        ax: where to draw; a new figure by default.
        grouping: what the correlation in the title is taken over.
        diagonal: whether a task paired with itself is drawn and counted.
        title: the indicator's name by default.
    """
    found = agreement(transfer, indicator, grouping=grouping, diagonal=diagonal)
    ax = axes_or_new(ax, 4.4, 3.5)
    kinds = _kinds(transfer)
    shown = transfer.is_measured & indicator.is_measured
    for kind, (colour, marker) in KINDS.items():
        cells = np.argwhere(shown & (kinds == kind))
        if not len(cells) or (kind == "same task" and diagonal == "without"):
            continue
        for first, (i, j) in enumerate(cells):
            x, y = float(indicator.values[i, j]), float(transfer.values[i, j])
            label = f"{kind} ({len(cells)})" if first == 0 else None
            line = ax.plot(
                x,
                y,
                linestyle="",
                marker=marker,
                color=colour,
                markersize=5,
                alpha=0.75,
                markeredgewidth=0,
                label=label,
            )
            tip(line[0], f"{transfer.sources[i]} → {transfer.targets[j]}: {x:.4g}, {y:.4g}")
    rho = "not defined" if found.rho is None else f"{found.rho:+.2f}".replace("-", "−")
    groups = "" if grouping == "all" else f", mean of {found.n_groups}"
    ax.set_title(title or indicator.name, pad=20)
    said = f"Spearman {rho} ({WORDS[grouping]}{groups}; {found.n_cells} cells)"
    ax.annotate(said, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=8)
    ax.set(xlabel=indicator.name, ylabel=f"transfer ({transfer.unit})")
    if shown.any():
        ax.legend(loc="best", handletextpad=0.2)
    return ax


def _kinds(transfer: Matrix) -> np.ndarray:
    same = np.array(transfer.source_groups)[:, None] == np.array(transfer.target_groups)[None, :]
    return np.where(transfer.is_own(), "same task", np.where(same, "same group", "other group"))
