"""Explaining. From results to a report, and from a report to a folder anyone can open."""

from transferkit.report.build import Chapter, build, headline
from transferkit.report.page import Drawing, Links, Part, Report, Row, Section, Table, Text
from transferkit.report.writing import check_folder, write

__all__ = [
    "Chapter",
    "Drawing",
    "Links",
    "Part",
    "Report",
    "Row",
    "Section",
    "Table",
    "Text",
    "build",
    "check_folder",
    "headline",
    "write",
]
