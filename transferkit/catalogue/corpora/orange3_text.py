"""Reuters newswire, the eight-topic subset with its official split (ModApte)."""

from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw, Row
from transferkit.catalogue.corpora.tables import load_tab


def load_reuters_r8(folder: Path) -> Raw:
    """Return both official parts."""
    return Raw(_rows(folder / "reuters-r8-train.tab"), report=_rows(folder / "reuters-r8-test.tab"))


def _rows(path: Path) -> list[Row]:
    return [{"text": cells[1], "label": cells[0]} for cells in load_tab(path, header_lines=3) if len(cells) >= 2]
