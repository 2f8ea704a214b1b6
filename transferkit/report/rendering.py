"""Explaining. Figures and tables as text for a page: SVG that needs no font of ours, cells that can be sorted."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat
from urllib.parse import unquote

import numpy as np

from transferkit.report.page import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FONTS = "'DejaVu Sans', Verdana, system-ui, sans-serif"
MOST_INLINE_BYTES = 160_000
ABSENT = "–"


def svg_of(figure: Figure) -> str:
    """Return a figure as SVG without a date in it, laid out for good."""
    svg = io.StringIO()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not once per format
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return svg.getvalue().replace("'DejaVu Sans'", FONTS)


def pdf_of(figure: Figure) -> bytes:
    """Return a figure as PDF without a date in it."""
    pdf = io.BytesIO()
    figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    return pdf.getvalue()


def inline(figure: Figure, drawn: str, name: str, label: str) -> str:
    """Return a figure as HTML: its SVG with hover texts, or a PNG where the SVG is large and the PNG smaller."""
    svg = inline_svg(drawn, name, label)
    if len(svg) <= MOST_INLINE_BYTES:
        return svg
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    encoded = base64.b64encode(png.getvalue()).decode()
    if len(svg) <= len(encoded):
        return svg
    return f'<img alt="{html.escape(label, quote=True)}" src="data:image/png;base64,{encoded}">'


def inline_svg(svg: str, name: str, label: str) -> str:
    """Return an SVG file as an element of a page: small, with ids of its own, hover texts as titles."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s+xmlns(?::\w+)?=\"[^\"]*\"", "", svg)
    svg = re.sub(r'\b(d|transform|x|y|width|height|points)="([^"]*)"', _rounded, svg)
    svg = re.sub(r'<g id="tip:([^"]*)">', _titled, svg)
    svg = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{name}-\1"', svg)
    opening = f'<svg role="img" aria-label="{html.escape(label, quote=True)}"'
    svg = re.sub(r'^<svg(?: (?:width|height|version)="[^"]*")*', opening, svg)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"| version="[\d.]+"', "", svg, count=3)
    return re.sub(r">\s+<", "><", svg).strip()


def _rounded(match: re.Match[str]) -> str:
    shorter = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found.group()):.2f}", match.group(2))
    return f'{match.group(1)}="{" ".join(shorter.split())}"'


def _titled(match: re.Match[str]) -> str:
    return f"<g><title>{html.escape(unquote(match.group(1)))}</title>"


@dataclass(frozen=True)
class Shown:
    """A table's cell as text, and the value it is sorted by."""

    text: str
    value: str
    is_number: bool


def shown_columns(table: Table) -> dict[str, str]:
    """Return the columns shown with the words above them."""
    return table.columns or {str(name): str(name).replace("_", " ") for name in table.frame.columns}


def shown_rows(table: Table) -> list[list[Shown]]:
    """Return the cells shown."""
    names = list(shown_columns(table))
    frame = table.frame[names]
    return [[_shown(v, n in table.percent) for n, v in zip(names, row, strict=True)] for row in frame.to_numpy(object)]


def _shown(value: object, is_percent: bool) -> Shown:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return Shown(ABSENT, "", is_number=False)
    if isinstance(value, bool | np.bool_):
        return Shown("yes" if value else "no", "1" if value else "0", is_number=False)
    if isinstance(value, SupportsFloat) and not isinstance(value, str):
        number = float(value)
        return Shown(_number(number, is_percent), repr(number), is_number=True)
    text = str(value)
    led = re.match(r"(?:[<>] )?([−-]?\d+(?:\.\d+)?)", text)  # a number, or a bound
    by = led[1].replace("−", "-") if led and len(led[1]) > 2 else text
    return Shown(text, by, is_number=bool(led) and by != text)


def _number(value: float, is_percent: bool) -> str:
    if is_percent:
        return f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "−")
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):{',' if abs(value) >= 1e4 else ''}}".replace("-", "−")
    if abs(value) < 0.001:
        return f"{value:.4f}".replace("-0.0000", "0.0000").replace("-", "−")
    if abs(value) >= 1e4:
        return f"{value:,.0f}".replace("-", "−")
    text = f"{value:.3f}" if 0.001 <= abs(value) < 100 else f"{value:.4g}"
    return text.replace("e-0", "e-").replace("-", "−")


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV, floats to ten significant digits."""
    return frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def latex_of(table: Table) -> str:
    """Return the cells shown as a LaTeX table."""
    import pandas as pd

    rows = [[cell.text for cell in row] for row in shown_rows(table)]
    frame = pd.DataFrame(rows, columns=list(shown_columns(table).values()))
    styler = frame.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis=1)
    return styler.to_latex(hrules=True, label=f"tab:{table.name}", caption=_escaped(table.caption))


def _escaped(text: str) -> str:
    return re.sub(r"([%&_#$])", r"\\\1", text)


def markdown_of(table: Table) -> str:
    """Return the cells shown as a Markdown table."""
    head = list(shown_columns(table).values())
    rows = [[cell.text.replace("|", "\\|") for cell in row] for row in shown_rows(table)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def data_link(text: str) -> str:
    """Return CSV text as a self-contained address."""
    return "data:text/csv;base64," + base64.b64encode(text.encode()).decode()
