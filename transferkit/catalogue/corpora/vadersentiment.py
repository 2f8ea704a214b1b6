"""Sentences of product reviews with a mean rating between −4 and 4 (Hutto & Gilbert 2014)."""

import tarfile
from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw
from transferkit.errors import StoreError

MEMBER = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"
CLEAR_RATING = 0.5


def load_vader_amazon(folder: Path) -> Raw:
    """Return the sentences that are clearly negative or positive.

    Raises:
        StoreError: the nested archive lacks the table.
    """
    with tarfile.open(folder / "hutto_ICWSM_2014.tar.gz") as archive:
        file = archive.extractfile(MEMBER)
        if file is None:
            raise StoreError(
                f"the archive holds no {MEMBER}", fix="transferkit fetch vadersentiment, in an empty cache"
            )
        table = file.read().decode("utf-8", errors="replace")
    lines = table.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cells = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
    return Raw(
        [
            {"text": text, "label": "positive" if float(rating) > 0 else "negative"}
            for _, rating, text in cells
            if abs(float(rating)) >= CLEAR_RATING
        ]
    )
