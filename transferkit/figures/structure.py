"""Explaining. A figure as plain data, so that a test can say what changed in it: values and labels, never pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import numpy as np

from transferkit.figures.style import TIP

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIGITS = 6
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def structure(figure: Figure) -> dict[str, Plain]:
    """Return what a figure says: per axes its labels, limits, ticks, texts, patches, lines and legend.

    Floats keep six significant digits; ticks of colour bars are left out, for they follow the height of the bar.
    """
    from matplotlib.axes import Axes

    figure.canvas.draw()
    everything = [ax for outer in figure.axes for ax in (outer, *outer.child_axes) if isinstance(ax, Axes)]
    super_labels = [text.get_text() for text in figure.texts if text.get_text()]
    return {"texts": cast("Plain", super_labels), "axes": cast("Plain", [_axes(ax) for ax in everything])}


def _axes(ax: Axes) -> dict[str, Plain]:
    is_bar = ax.get_label() == "<colorbar>"
    found: dict[str, Plain] = {
        "title": ax.get_title(loc="left"),
        "xlabel": ax.get_xlabel(),
        "ylabel": ax.get_ylabel(),
        "xlim": _floats(ax.get_xlim()),
        "ylim": _floats(ax.get_ylim()),
        "scales": [ax.get_xscale(), ax.get_yscale()],
    }
    if not is_bar:
        found["xticks"] = [label.get_text() for label in ax.get_xticklabels()]
        found["yticks"] = [label.get_text() for label in ax.get_yticklabels()]
        found["texts"] = [_text(text) for text in ax.texts]
        found["patches"] = [_patch(patch) for patch in ax.patches]
        found["lines"] = [_line(line) for line in ax.lines]
        legend = ax.get_legend()
        found["legend"] = [text.get_text() for text in legend.get_texts()] if legend else None
    return found


def _text(text: Artist) -> dict[str, Plain]:
    from matplotlib.text import Text

    assert isinstance(text, Text)
    return {"text": text.get_text(), "at": _floats(text.get_position()), "colour": _colour(text.get_color())}


def _patch(patch: Artist) -> dict[str, Plain]:
    from matplotlib.patches import Patch, Rectangle

    assert isinstance(patch, Patch)
    box = [*patch.get_xy(), patch.get_width(), patch.get_height()] if isinstance(patch, Rectangle) else []
    return {"box": _floats(box), "fill": _colour(patch.get_facecolor()), "hatch": patch.get_hatch(), "tip": _tip(patch)}


def _line(line: Artist) -> dict[str, Plain]:
    from matplotlib.lines import Line2D

    assert isinstance(line, Line2D)
    return {
        "x": _floats(np.asarray(line.get_xdata(), dtype=np.float64).ravel()),
        "y": _floats(np.asarray(line.get_ydata(), dtype=np.float64).ravel()),
        "colour": _colour(line.get_color()),
        "look": [str(line.get_linestyle()), str(line.get_marker())],
        "tip": _tip(line),
    }


def _tip(artist: Artist) -> str | None:
    gid = artist.get_gid()
    return unquote(gid.removeprefix(TIP)) if gid and gid.startswith(TIP) else None


def _colour(colour: object) -> str:
    from matplotlib.colors import to_hex

    return to_hex(colour)  # pyright: ignore[reportArgumentType]


def _floats(values: object) -> list[Plain]:
    return [None if np.isnan(v) else float(f"{v:.{DIGITS}g}") + 0.0 for v in np.ravel(np.asarray(values, np.float64))]
