"""Beside both halves. What the paper says of its tasks and backbones: groups, metrics, classes, rows that are read."""

from collections.abc import Mapping
from typing import Literal, TypeVar

import numpy as np

from transferkit.shapes import BoolArray

GROUPS: dict[str, str] = {
    **dict.fromkeys(("IMDB", "SST2", "laptop", "restaurant", "movierationales", "tweetevalsentiment"), "sentiment"),
    **dict.fromkeys(("MNLI", "QNLI", "snli", "recastner"), "nli"),
    **dict.fromkeys(("ethicsdeontology", "ethicsjustice"), "ethics"),
    **dict.fromkeys(("QQP", "MRPC"), "paraphrase"),
    **dict.fromkeys(("squad", "nq_open"), "qa"),
    **dict.fromkeys(("multi_news", "samsum"), "summarization"),
}
GENERATION = frozenset({"squad", "nq_open", "multi_news", "samsum"})
N_CLASSES: dict[str, int] = {
    **dict.fromkeys(("SST2", "IMDB", "movierationales", "QNLI", "RTE", "WNLI", "QQP", "MRPC"), 2),
    **dict.fromkeys(("tweetevalsentiment", "MNLI", "snli"), 3),
    **dict.fromkeys(("laptop", "restaurant"), 4),
}
BINARY_FAMILIES = ("recast", "ethics", "emobank", "persuasiveness", "squinky")  # beginnings of names
BACKBONES: dict[str, str] = {
    "Bert": "google-bert/bert-base-uncased",
    "Roberta": "FacebookAI/roberta-base",
    "RobertaLarge": "FacebookAI/roberta-large",
    "T5": "google-t5/t5-base",
    "T5Small": "google-t5/t5-small",
}
MASKED = ("Roberta", "Bert")  # families whose mask stands in the prompt's first row
UNMASKED = ("T5",)
_T = TypeVar("_T")


def live_rows(backbone: str, n: int) -> BoolArray:
    """Return which of n rows a backbone reads [n]: in masked models the mask's embedding overwrites the first."""
    return np.arange(n) > 0 if backbone.startswith(MASKED) else np.ones(n, dtype=bool)


def group_of(task: str) -> str:
    """Return a task's group in the paper; an unknown task is a group of its own."""
    return _find(task, GROUPS) or task


def metric_of(task: str) -> Literal["accuracy", "bleu_like"]:
    """Return what the number called `acc` is: for generation, BLEU rounded down per batch, over the examples."""
    return "bleu_like" if _find(task, dict.fromkeys(GENERATION, task)) else "accuracy"


def n_classes_of(task: str) -> int | None:
    """Return a task's number of label words; None for generation and for tasks the paper does not describe."""
    return _find(task, N_CLASSES) or (2 if task.lower().startswith(BINARY_FAMILIES) else None)


def _find(task: str, table: Mapping[str, _T]) -> _T | None:
    if task in table:
        return table[task]
    return {name.lower(): value for name, value in table.items()}.get(task.lower())
