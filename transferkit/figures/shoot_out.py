"""Explaining. Which way to bring a prompt to another backbone scores best? One line each, tasks seen and held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from transferkit.figures.style import INK, PALETTE, QUIET, axes_or_new, figure_of, tip

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LOOKS = {"held out": (PALETTE[0], "o"), "seen": (PALETTE[1], "s"), "all tasks": (PALETTE[0], "o")}
APART = 0.17  # from the middle of a line, where there are two parts
COLUMNS = ["method", "is_yardstick", "part", "score", "least", "largest", "beats_constant"]
MARKED: dict[str, Literal["--", ":"]] = {"own prompt": "--", "random prompt": ":"}


def shoot_out(table: pd.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw each way's mean score with its range over tasks; filled is a projector that beats every constant prompt.

    Projectors stand above the line, yardsticks below it.

    Args:
        table: columns method, is_yardstick, part, score, least, largest, beats_constant
            (`Results.projections.shoot_out`, of one pair of backbones).
        ax: where to draw; a new figure by default.
        title: a plain one by default.
    """
    rows = sorted(table[COLUMNS].itertuples(index=False), key=lambda row: row[1])  # stable
    names = list(dict.fromkeys(row[0] for row in rows))
    parts = [part for part in LOOKS if any(row[2] == part for row in rows)]
    ax = axes_or_new(ax, 7.4, 1.9 + 0.27 * max(4, len(names)))
    for method, is_yardstick, part, score, least, largest, beats in rows:
        colour, marker = LOOKS[part]
        place = names.index(method) + (0 if len(parts) == 1 else APART * (2 * parts.index(part) - 1))
        ax.plot([100 * least, 100 * largest], [place, place], color=colour, linewidth=1.2, alpha=0.45)
        is_filled = not is_yardstick and beats in (True, 1)  # a file knows no None but NaN
        point = ax.plot(100 * score, place, linestyle="", marker=marker, markersize=6, color=colour)[0]
        point.set_markerfacecolor(colour if is_filled else "#d5d8dc" if is_yardstick else "white")
        tip(point, f"{method}, {part}: {100 * score:.1f} % ({100 * least:.1f} to {100 * largest:.1f})")
        if method in MARKED:
            ax.axvline(100 * score, color=colour, linestyle=MARKED[method], linewidth=0.9, zorder=0.9)
    n_projectors = len({row[0] for row in rows if not row[1]})
    if 0 < n_projectors < len(names):
        ax.axhline(n_projectors - 0.5, color=QUIET, linewidth=0.8)
    ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    ax.set(ylim=(max(len(names), 1) - 0.5, -0.5), xlabel="mean score over tasks, percent")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_axisbelow(True)
    _legend(ax, parts, [name for name in MARKED if name in names])
    ax.set_title(title or "Ways to bring a prompt to another backbone")
    return ax


def _legend(ax: Axes, parts: list[str], marked: list[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    entries = [
        Line2D([], [], marker=LOOKS[part][1], color=LOOKS[part][0], label=f"{part}, mean and range over tasks")
        for part in parts
    ]
    fills = {
        "projector that beats every constant prompt": INK,
        "projector that does not, or it is unknown": "white",
        "yardstick": "#d5d8dc",
    }
    entries += [
        Line2D([], [], linestyle="", marker="o", color=INK, markerfacecolor=fill, label=label)
        for label, fill in fills.items()
    ]
    entries += [Line2D([], [], linestyle=MARKED[name], color=INK, linewidth=0.9, label=name) for name in marked]
    figure = figure_of(ax)
    below = ax.transAxes + ScaledTranslation(0, -0.45, figure.dpi_scale_trans)  # below the words of the axis
    ax.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=2)
