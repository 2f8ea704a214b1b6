"""Explaining. One look for every figure: fonts, colours that colour-blind readers can tell apart, and readable labels.

Nothing here changes a global setting: `style()` is a context, the rest are values and small functions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's palette without yellow, darkest first where lines are thin
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#4D4D4D", "#8C510A")
INK = "#1f2328"
QUIET = "#8a9099"
MISSING = "#f3f4f6"
MAPS = {"sequential": "cividis", "diverging": "RdBu_r"}
HASHSALT = "transferkit"
TIP = "tip:"

SETTINGS: dict[str, object] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "grid.color": "#e5e7eb",
    "hatch.linewidth": 0.6,
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": HASHSALT,
    "pdf.fonttype": 42,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw with the package's settings, whatever the user's are; they are back afterwards."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)  # pyright: ignore[reportArgumentType, reportCallIssue]
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure with constrained layout that no window manager knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def small_panels(
    titles: Sequence[str],
    most_across: int,
    size: tuple[float, float],
    figure: Figure | None,
    *,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Return a figure, a new one by default, with a panel of a size for each title, at most so many side by side."""
    across = min(most_across, max(1, len(titles)))
    down = max(1, -(-len(titles) // across))
    figure = new_figure(size[0] * across + 0.6, size[1] * down + 0.7) if figure is None else figure
    grid = list(figure.subplots(down, across, squeeze=False, sharex=sharex, sharey=sharey).flat)
    for ax, title in zip(grid, titles, strict=False):
        ax.set_title(title)
    for ax in grid[len(titles) :]:
        ax.set_axis_off()
        ax.set_in_layout(False)
    return figure, grid[: max(1, len(titles))]


def panel_grid(
    titles: Sequence[str], labels: Sequence[str], size: tuple[float, float], figure: Figure | None
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure, a new one by default, with a column of panels for each title and a row for each label."""
    figure = new_figure(size[0] * len(titles) + 0.6, size[1] * len(labels) + 0.8) if figure is None else figure
    grid = [list(row) for row in figure.subplots(len(labels), len(titles), squeeze=False)]
    for ax, title in zip(grid[0], titles, strict=True):
        ax.set_title(title)
    for row, label in zip(grid, labels, strict=True):
        row[0].set_ylabel(label)
    for ax in (ax for row in grid for ax in row):
        ax.grid(axis="y")
        ax.tick_params(labelsize=7)
    return figure, grid


def depth_colours(depths: Iterable[int]) -> dict[int, str]:
    """Return one colour per depth, dark to light with rising depth, none too pale for a line on white."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    ordered = sorted(set(depths))
    places = np.linspace(0.0, 0.85, len(ordered)) if len(ordered) > 1 else [0.0]
    return {depth: to_hex(mpl.colormaps["viridis"](place)) for depth, place in zip(ordered, places, strict=True)}


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the axes given, or the only one of a new figure."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def figure_of(ax: Axes) -> Figure | SubFigure:
    """Return the figure axes belong to."""
    figure = ax.figure
    assert figure is not None
    return cast("Figure | SubFigure", figure)


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """Return one colour per group; the same groups get the same colours in every figure."""
    return {group: PALETTE[i % len(PALETTE)] for i, group in enumerate(sorted(set(groups)))}


def tip(artist: Artist, text: str) -> None:
    """Attach the text a reader sees when pointing at the artist in the HTML report."""
    artist.set_gid(TIP + quote(text))


def luminance(colour: tuple[float, ...]) -> float:
    """Return the relative luminance of an RGB colour (WCAG 2.1)."""
    rgb = np.asarray(colour[:3], dtype=np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.1)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def ink_on(colour: tuple[float, ...]) -> str:
    """Return black or white, whichever is easier to read on a colour; one of them always reaches 4.5."""
    return "white" if contrast(colour, (1.0, 1.0, 1.0)) > contrast(colour, (0.0, 0.0, 0.0)) else "black"


def legible(colour: str) -> str:
    """Return a colour darkened just as far as words on white need: contrast 4.5."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = to_rgb(colour)
    shades = [(red * share, green * share, blue * share) for share in np.linspace(1, 0, 51)]
    return to_hex(next(shade for shade in shades if contrast(shade, (1.0, 1.0, 1.0)) >= 4.5))
