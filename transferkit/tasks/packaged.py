"""The source of a task whose examples are a corpus of the catalogue."""

from transferkit.catalogue import CORPORA, ENTRIES
from transferkit.tasks.base import CatalogueData


def packaged(corpus: str) -> CatalogueData:
    """Return the source that names a corpus and pins the package it is read from."""
    return CatalogueData(corpus=corpus, sha256=ENTRIES[CORPORA[corpus].archive].revision)
