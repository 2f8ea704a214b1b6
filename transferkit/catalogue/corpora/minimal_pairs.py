"""Is this acceptable English: one sentence of each minimal pair, chosen by a coin.

The coin of `agreement_gulordava` depends on the whole right sentence and its openings are split together: 224 openings
come with 25 continuations each, and a coin per opening would let the label be read from it.
"""

import json
import random
import re
from pathlib import Path

from transferkit.catalogue.corpora.bigbench import load_examples
from transferkit.catalogue.corpora.splitting import PASSAGE, Raw

OPTIONS = re.compile(r'a " (.*?) " b " (.*?) "')
ADJECTIVE_LIMIT = 12_000


def load_agreement_gulordava(folder: Path) -> Raw:
    """Return nonsense sentences whose verb agrees with its subject, or not (Gulordava et al. 2018)."""
    path = folder / "subject_verb_agreement/gulordava_nonce_english.json"
    rows = []
    for example in json.loads(path.read_text(encoding="utf-8"))["examples"]:
        opening, scores = example["input"], example["target_scores"]
        right, wrong = max(scores, key=scores.__getitem__), min(scores, key=scores.__getitem__)
        is_right = _coin(opening + right)
        rows.append({"text": opening + (right if is_right else wrong), "label": _label(is_right), PASSAGE: opening})
    return Raw(rows)


def load_adjective_order(folder: Path) -> Raw:
    """Return phrases whose adjectives stand in the usual order, or not."""
    rows = []
    for text, best in load_examples(folder / "hyperbaton/task.json"):
        if options := OPTIONS.search(text):
            right, wrong = (options[1], options[2]) if best == "a" else (options[2], options[1])
            is_right = _coin(text)
            rows.append({"text": right if is_right else wrong, "label": _label(is_right)})
    return Raw(rows, limit=ADJECTIVE_LIMIT)


def _coin(seed: str) -> bool:
    return random.Random(seed).random() < 0.5  # noqa: S311 (not for secrets)


def _label(is_right: bool) -> str:
    return "acceptable" if is_right else "unacceptable"
