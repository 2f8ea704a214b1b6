"""Explaining. A matrix drawn as coloured cells with its numbers in them; what is not measured is hatched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.figures.style import INK, MAPS, MISSING, axes_or_new, figure_of, ink_on, tip
from transferkit.matrices import Matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.patches import Rectangle

Show = Literal["percent", "number"]
LEAST_RATIO = 1.5  # that the colours of ratios reach to, at least
HATCHES = {"missing": "////", "not_applicable": "...."}


@dataclass(frozen=True)
class Scale:
    """How values become colours: limits, the value in the middle of a diverging map, and whether ratios count."""

    low: float
    high: float
    centre: float | None = None
    spacing: Literal["linear", "log"] = "linear"


def heatmap(
    matrix: Matrix,
    *,
    ax: Axes | None = None,
    show: Show | None = None,
    scale: Scale | None = None,
    centre: float | None = None,
    title: str | None = None,
    groups: Literal["separated", "mixed"] = "separated",
) -> Axes:
    """Draw a matrix, sources down and targets across.

    Args:
        matrix: what to draw, in the order it has.
        ax: where to draw; a new figure by default.
        show: fractions as percent or as numbers; percent for scores by default.
        scale: colour limits; those of the data by default.
        centre: value in the middle of a diverging map, such as 0 for chance-corrected scores.
        title: the matrix's name by default.
        groups: whether lines part the groups; "mixed" where the order is not by group.
    """
    n_rows, n_columns = matrix.values.shape
    ax = axes_or_new(ax, *size_of(matrix))
    show = show or ("percent" if matrix.unit.startswith("fraction") else "number")
    colours = _colours(scale or _scale(matrix, centre))
    for i in range(n_rows):
        for j in range(n_columns):
            _draw_cell(ax, matrix, (i, j), colours=colours, show=show)
    draw_frame(ax, matrix, title)
    if groups == "separated":
        draw_separators(ax, matrix)
    _draw_bar(ax, matrix, colours, show)
    return ax


def size_of(matrix: Matrix) -> tuple[float, float]:
    """Return width and height, in inches, that leave room for every cell and label."""
    n_rows, n_columns = matrix.values.shape
    letters = 0.075 * max(map(len, (*matrix.sources, *matrix.targets)), default=1)
    cell = 0.52 if max(n_rows, n_columns) <= 18 else 0.4
    return 1.9 + letters + max(cell * n_columns, 2.2), 1.3 + 0.8 * letters + max(cell * 0.85 * n_rows, 1.5)


def _scale(matrix: Matrix, centre: float | None) -> Scale:
    values = matrix.values[matrix.is_measured]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if centre is not None:
        reach = max(abs(high - centre), abs(low - centre)) or 1.0
        return Scale(centre - reach, centre + reach, centre)
    return Scale(low, high) if high > low else Scale(low - 0.5, high + 0.5)


def ratio_scale(*matrices: Matrix) -> Scale:
    """Return colours for ratios: 1 in the middle, twice as far from it as half."""
    values = np.concatenate([matrix.values[matrix.is_measured] for matrix in matrices])
    reach = float(np.exp(np.abs(np.log(values)).max(initial=np.log(LEAST_RATIO))))
    return Scale(1 / reach, reach, 1.0, "log")


def _colours(scale: Scale) -> ScalarMappable:
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    name = MAPS["sequential" if scale.centre is None else "diverging"]
    norm = LogNorm if scale.spacing == "log" else Normalize
    return ScalarMappable(norm(scale.low, scale.high), mpl.colormaps[name])


def _draw_cell(ax: Axes, matrix: Matrix, at: tuple[int, int], *, colours: ScalarMappable, show: Show) -> None:
    from matplotlib.colors import to_hex, to_rgb
    from matplotlib.patches import Rectangle

    i, j = at
    state = matrix.states[at]
    box = Rectangle((j - 0.5, i - 0.5), 1, 1, linewidth=0.8, edgecolor="white")
    if state == "measured":
        fill = to_hex(colours.to_rgba(np.array([matrix.values[at]]))[0])
        box.set_facecolor(fill)
        text = _bound(matrix, at) + number(matrix.values[at], show)
        size = 8 if max(matrix.values.shape) <= 12 else 7
        ax.text(j, i, text, ha="center", va="center", fontsize=size, color=ink_on(to_rgb(fill)))
    else:
        hatch(box, state)
    tip(box, _tip(matrix, at))
    ax.add_patch(box)


def hatch(box: Rectangle, state: str) -> None:
    """Make a cell look like one without a number."""
    box.set(facecolor=MISSING, hatch=HATCHES[state], edgecolor="#9aa1ab", linewidth=0.0)


def number(value: float, show: Show) -> str:
    """Return a value as it stands in a cell: percent with one digit, or two or three decimals."""
    if show == "percent":
        digits = 1 if abs(value) < 9.995 else 0
        value = 100 * value
    else:
        digits = 2 if abs(value) >= 0.1 or value == 0 else 3
    if show == "number" and (abs(value) >= 1000 or 0 < abs(value) < 0.001):
        return f"{value:.1e}".replace("e-0", "e-").replace("-", "−")
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _bound(matrix: Matrix, at: tuple[int, int]) -> str:
    return "" if matrix.bounds is None else str(matrix.bounds[at])


def _tip(matrix: Matrix, at: tuple[int, int]) -> str:
    i, j = at
    where = f"{matrix.sources[i]} → {matrix.targets[j]}"
    if matrix.states[at] != "measured":
        return f"{where}: {str(matrix.states[at]).replace('_', ' ')}"
    text = f"{where}: {_bound(matrix, at)}{matrix.values[at]:.4g}"
    if matrix.low is not None and matrix.high is not None and not np.isnan(matrix.low[at]):
        text += f" [{matrix.low[at]:.4g}, {matrix.high[at]:.4g}]"
    return text if matrix.n is None or matrix.n[at] <= 0 else f"{text}, n = {matrix.n[at]}"


def draw_frame(ax: Axes, matrix: Matrix, title: str | None) -> None:
    """Write labels, title and the count of hatched cells around a matrix."""
    n_rows, n_columns = matrix.values.shape
    ax.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
    ax.set_xticks(range(n_columns), matrix.targets, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n_rows), matrix.sources)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel("target: where the prompt is used")
    ax.set_ylabel("source: where it was trained")
    ax.set_title(title or matrix.name)
    if holes := _holes(matrix):
        ax.annotate(
            holes,
            (1, 0),
            (0, -4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=7,
            ha="left",
            va="top",
        )


def draw_separators(ax: Axes, matrix: Matrix) -> None:
    """Draw a line wherever one group ends and the next begins."""
    for edge in _edges(matrix.source_groups):
        ax.axhline(edge, color=INK, linewidth=1.4)
    for edge in _edges(matrix.target_groups):
        ax.axvline(edge, color=INK, linewidth=1.4)


def _holes(matrix: Matrix) -> str:
    counts = {state: matrix.count(state) for state in ("missing", "not_applicable")}
    said = [f"{count} {state.replace('_', ' ')}" for state, count in counts.items() if count]
    return "\n".join(["hatched:", *said]) if said else ""


def _edges(groups: tuple[str, ...]) -> list[float]:
    """Return where one group ends and the next begins."""
    return [i - 0.5 for i in range(1, len(groups)) if groups[i] != groups[i - 1]]


def _draw_bar(ax: Axes, matrix: Matrix, colours: ScalarMappable, show: Show) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter, LogLocator, PercentFormatter

    if not matrix.is_measured.any():
        return
    bar = figure_of(ax).colorbar(colours, ax=ax, fraction=0.05, pad=0.02, aspect=24)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    bar.ax.tick_params(length=2, labelsize=7)
    if show == "percent":
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif isinstance(colours.norm, LogNorm):
        bar.set_ticks(LogLocator(base=2))  # pyright: ignore[reportArgumentType]
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.minorticks_off()
    bar.set_label(matrix.unit.replace("fraction", "percent") if show == "percent" else matrix.unit, fontsize=8)
