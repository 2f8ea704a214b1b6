"""Forum comments, insulting or not, with their official split. Abusive language: never quote it in reports or tests."""

import re
from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw, Row
from transferkit.catalogue.corpora.tables import load_csv

ESCAPE = re.compile(r"\\[nrt]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")
LABELS = {"0": "neutral", "1": "insult"}


def load_insults(folder: Path) -> Raw:
    """Return both official parts."""
    return Raw(_rows(folder / "train.csv"), report=_rows(folder / "test_with_solutions.csv"))


def _rows(path: Path) -> list[Row]:
    return [
        {"text": _unescape(row["Comment"]), "label": LABELS[row["Insult"]]}
        for row in load_csv(path)
        if row["Insult"] in LABELS
    ]


def _unescape(comment: str) -> str:
    return ESCAPE.sub(" ", comment.replace("\\\\", "\\")).strip('" ')
