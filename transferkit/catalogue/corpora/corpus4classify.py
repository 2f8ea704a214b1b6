"""BBC news stories; the folder of a file is its topic."""

from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw
from transferkit.catalogue.corpora.tables import load_text


def load_bbc_news(folder: Path) -> Raw:
    """Return the stories of all topics."""
    paths = sorted(folder.glob("*/*.txt"))
    return Raw(
        [{"text": load_text(path), "label": path.parent.name} for path in paths if path.parent.name != "licences"]
    )
