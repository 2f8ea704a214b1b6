"""Shelf. How texts are counted: exact match and F1 by the rules of SQuAD, ROUGE, and whether an answer is possible.

Every number is of one example and lies between 0 and 1; of several right answers the nearest counts.

Exact match and F1 follow the official script of SQuAD 1.1 and 2.0: lower case, no punctuation, no articles, single
spaces. ROUGE is that of the `rouge-score` package: F-measure, words stemmed (Porter) as in most papers on
summarisation, and ROUGE-L over the whole text (not `Lsum`). It knows a to z and digits only: texts in other scripts
count nothing.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from transferkit.shapes import FloatArray
from transferkit.tasks.base import Answer, Task

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

ARTICLES = re.compile(r"\b(a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
ROUGE = ("rouge1", "rouge2", "rougeL")


def score_texts(
    task: Task, predictions: Sequence[str], references: Sequence[tuple[str, ...]], inputs: Sequence[str]
) -> dict[str, FloatArray]:
    """Return the task's metric, others of its kind and `legal`, each for every example [n].

    Args:
        task: one whose answers are texts.
        predictions: what was written.
        references: the right answers of each example.
        inputs: what each example showed, for `legal`.

    Raises:
        ValueError: the three differ in length, an example has no right answer, or the task has classes.
    """
    if task.answer is None:
        raise ValueError(f"task {task.name!r} has classes, not texts")
    by_name = rouge if task.metric in ROUGE else squad
    found = [by_name(said, right) for said, right in zip(predictions, references, strict=True)]
    legal = [is_legal(task.answer, said, shown) for said, shown in zip(predictions, inputs, strict=True)]
    names = ROUGE if task.metric in ROUGE else ("exact_match", "f1")
    values = {name: np.array([one[name] for one in found], dtype=np.float64) for name in names}
    return {**values, "legal": np.array(legal, dtype=np.float64)}


def squad(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """Return exact match and F1 of words, each with the reference it is best with."""
    return {
        "exact_match": _best(lambda right: float(normalised(prediction) == normalised(right)), references),
        "f1": _best(lambda right: _f1(normalised(prediction).split(), normalised(right).split()), references),
    }


def rouge(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """Return the F-measures of ROUGE-1, ROUGE-2 and ROUGE-L, each with the reference it is best with."""
    found = [_scorer().score(right, prediction) for right in references]
    return {name: max(float(one[name].fmeasure) for one in found) for name in ROUGE}


@cache
def _scorer() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(ROUGE, use_stemmer=True)


def is_legal(answer: Answer, prediction: str, shown: str) -> bool:
    """Return whether a text is a possible answer: not empty and, if extractive, standing in what was shown.

    Extractive answers are compared word by word, without case, punctuation, articles and extra spaces.
    """
    if answer.kind == "free":
        return bool(prediction.strip())
    said = normalised(prediction)
    return bool(said) and f" {said} " in f" {normalised(shown)} "


def normalised(text: str) -> str:
    """Return a text as SQuAD compares it: lower case, no punctuation, no articles, single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(NO_PUNCTUATION)).split())


def _f1(said: list[str], right: list[str]) -> float:
    """Return the F1 of two bags of words; where one is empty, whether both are."""
    if not said or not right:
        return float(said == right)
    n_shared = sum((Counter(said) & Counter(right)).values())
    return 2 * n_shared / (len(said) + len(right))


def _best(score: Callable[[str], float], references: Sequence[str]) -> float:
    return max(score(right) for right in references)
