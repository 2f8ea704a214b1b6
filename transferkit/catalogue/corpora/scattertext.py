"""Is a sentence about a film a fact or an opinion: plot summaries against critics' snippets, as many of each."""

import random
import re
from pathlib import Path

from transferkit.catalogue.corpora.splitting import Raw
from transferkit.catalogue.corpora.tables import load_csv

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
MIN_WORDS, MAX_WORDS = 6, 60


def load_subjectivity_rt(folder: Path) -> Raw:
    """Return objective and subjective sentences."""
    table = load_csv(folder / "rotten_tomatoes_corpus_full.csv.bz2")
    plots = [row["text"] for row in table if row["category"] == "plot"]
    objective = [sentence for plot in plots for sentence in SENTENCE_END.split(plot) if _has_usual_length(sentence)]
    subjective = [row["text"] for row in table if row["category"] != "plot" and _has_usual_length(row["text"])]
    random.Random(0).shuffle(subjective)  # noqa: S311 (not for secrets)
    return Raw(
        [{"text": text, "label": "objective"} for text in objective]
        + [{"text": text, "label": "subjective"} for text in subjective[: len(objective)]]
    )


def _has_usual_length(text: str) -> bool:
    return MIN_WORDS <= len(text.split()) <= MAX_WORDS
