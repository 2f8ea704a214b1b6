"""How text tables of unknown cleanliness are read: undecodable bytes become the replacement sign, never an error."""

import bz2
import csv
import io
from pathlib import Path


def load_text(path: Path) -> str:
    """Return the text of a file, unpacked if its name ends in ``.bz2``."""
    content = path.read_bytes()
    if path.suffix == ".bz2":
        content = bz2.decompress(content)
    return content.decode("utf-8", errors="replace")


def load_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line."""
    csv.field_size_limit(10**9)
    return list(csv.DictReader(io.StringIO(load_text(path), newline="")))


def load_tab(path: Path, *, header_lines: int) -> list[list[str]]:
    """Return the cells of a tab-separated file below its header."""
    csv.field_size_limit(10**9)
    return list(csv.reader(io.StringIO(load_text(path), newline=""), delimiter="\t"))[header_lines:]
