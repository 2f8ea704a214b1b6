"""Explaining. Overlap of activated neurons block by block, beside the overlap two random sets would have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferkit.figures.style import PALETTE, QUIET, axes_or_new, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOOKS = {
    "same task, other seed": (PALETTE[6], "s"),
    "same group": (PALETTE[1], "o"),
    "other group": (PALETTE[0], "^"),
    "random prompts": (PALETTE[2], "D"),
}
MOST_TICKS = 16


def overlap(by_block: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw mean overlap over blocks, one line per relation, and the chance level as a dashed line.

    Args:
        by_block: columns block, relation, mean, chance, density, n_pairs (`Results.overlap_by_block`).
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    ax = axes_or_new(ax, 6.2, 3.4)
    for relation, (colour, marker) in LOOKS.items():
        rows = by_block[by_block["relation"] == relation].sort_values("block")
        if rows.empty:
            continue
        label = f"{relation} ({int(rows['n_pairs'].iloc[0])} pairs)"
        ax.plot(rows["block"] + 1, rows["mean"], color=colour, marker=marker, markersize=4, label=label)
        for block, mean, density in rows[["block", "mean", "density"]].itertuples(index=False):
            point = ax.plot(block + 1, mean, color=colour, marker=marker, markersize=4)
            tip(point[0], f"block {block + 1}, {relation}: {mean:.3f}, density {density:.3f}")
    if not by_block.empty:
        trained = by_block[by_block["relation"] != "random prompts"]  # random prompts switch on a share of their own
        chance = (by_block if trained.empty else trained).groupby("block")["chance"].mean()
        ax.plot(chance.index + 1, chance, color=QUIET, linestyle="--", linewidth=1.2, label="chance at these densities")
        blocks = sorted(by_block["block"].unique() + 1)
        ax.set_xticks(blocks[:: 1 + len(blocks) // MOST_TICKS])
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set(xlabel="block", ylabel="overlap (cosine)", ylim=(0, 1.03))
    ax.grid(axis="y")
    ax.set_title(title or "Overlap of activated neurons by block")
    return ax
