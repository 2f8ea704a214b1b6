"""Explaining. What a report is made of: sections of texts, tables and drawings, each with the data behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph, with a small heading above it where there is one; `tone` "alarm" makes it stand out."""

    body: str
    heading: str | None = None
    tone: str = "plain"


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table.

    Attributes:
        name: its file's name, unique in the report.
        title: heading above it; `caption`: how to read it.
        frame: everything it holds, as written to CSV.
        columns: columns shown, and the words above them; all by default.
        percent: columns of fractions shown as percent with one digit.
        snippet: Python that recreates it; `keys`: the artifacts it was made from.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    columns: dict[str, str] = field(default_factory=dict)
    percent: tuple[str, ...] = ()
    snippet: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """A figure drawn when the report is written.

    Attributes:
        name: its files' name, unique in the report.
        title: heading above it; `caption`: how to read it.
        draw: makes the figure.
        frame: the numbers behind it, as written to CSV.
        snippet: Python that recreates it; `keys`: the artifacts it was made from.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    frame: pd.DataFrame
    snippet: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """Drawings side by side where the page is wide enough."""

    parts: tuple[Drawing, ...]


@dataclass(frozen=True, kw_only=True)
class Links:
    """Pages of the report's folder: the words of each link, and its address."""

    items: tuple[tuple[str, str], ...]


Part = Text | Table | Drawing | Row | Links


@dataclass(frozen=True, kw_only=True)
class Section:
    """A chapter of the page; `slug` is its address within it."""

    title: str
    slug: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Ordered sections below a title, a few headline sentences, and facts about the study by name.

    `data` are tables written as CSV alone, by name; `cards` are pages of their own, by address without its ending.
    """

    title: str
    sections: tuple[Section, ...]
    headline: tuple[str, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    data: dict[str, pd.DataFrame] = field(default_factory=dict)
    cards: dict[str, Report] = field(default_factory=dict)

    def parts(self) -> list[Text | Table | Drawing | Links]:
        """Return every part in reading order, rows taken apart."""
        flat: list[Text | Table | Drawing | Links] = []
        for section in self.sections:
            for part in section.parts:
                flat += part.parts if isinstance(part, Row) else [part]
        return flat
