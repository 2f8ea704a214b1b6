"""Short text messages, personal or spam (Almeida et al. 2011)."""

from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw
from transferkit.catalogue.corpora.tables import load_text


def load_sms_spam(folder: Path) -> Raw:
    """Return the messages; lines that begin with no label are not messages."""
    lines = load_text(folder / "spam_collection.csv").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    labelled = [line.split("\t", 1) for line in lines if line.startswith(("ham\t", "spam\t"))]
    return Raw([{"text": text, "label": label} for label, text in labelled])
