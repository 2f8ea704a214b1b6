"""How a task went, prompt by prompt: one entry point for training and for measuring, whatever kind of task it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transferkit.backbones import Backbone
from transferkit.batches import Encoded
from transferkit.predictions.classes import answers, metrics_of
from transferkit.predictions.entrants import Entrant
from transferkit.predictions.texts import texts
from transferkit.readouts import Readout
from transferkit.shapes import FloatArray, IntArray
from transferkit.tasks.base import Task
from transferkit.text_metrics import score_texts


@dataclass(frozen=True)
class Outcome:
    """How one prompt did on a split.

    Attributes:
        metrics: fractions by name, the task's metric among them, and the mean cross-entropy `loss`, infinite where the
            scores are not finite.
        predicted: predicted label of each example [n]; None where answers are texts.
        values: where answers are texts, each metric example by example [n]; None elsewhere.
        n_distinct: different answers given; 1 means that the prompt ignores the text.
    """

    metrics: Mapping[str, float]
    predicted: IntArray | None
    values: Mapping[str, FloatArray] | None
    n_distinct: int


def outcomes(
    task: Task,
    backbone: Backbone,
    readout: Readout,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    batch_size: int,
    legal: bool = False,
    progress: Callable[[int], None] = lambda _n: None,
) -> list[Outcome]:
    """Return how each prompt did on a split.

    Args:
        task: whose metrics count.
        backbone: the frozen model.
        readout: of that task on that backbone.
        encoded: the split, tokenised once for all.
        entrants: what is put before the text.
        batch_size: examples per forward pass; changes memory, not predictions.
        legal: whether to count as well how often a label word beats the whole vocabulary, which costs a look at all of
            it; of texts it is always counted how many are possible answers.
        progress: called with the number of (prompt, example) pairs done.
    """
    if task.answer is not None:
        assert encoded.written is not None
        wrote = texts(
            task.answer,
            backbone,
            readout,
            encoded,
            entrants,
            batch_size=batch_size,
            progress=progress,
        )
        found = []
        for one in wrote:
            values = score_texts(task, one.said, encoded.written.references, encoded.written.shown)
            metrics = {name: float(own.mean()) for name, own in values.items()}
            found.append(Outcome({**metrics, "loss": one.loss}, None, values, len(set(one.said))))
        return found
    said = answers(
        backbone,
        readout,
        encoded,
        entrants,
        batch_size=batch_size,
        legal=legal,
        progress=progress,
    )
    return [_of_classes(task, encoded, one.scores, one.legal) for one in said]


def _of_classes(task: Task, encoded: Encoded, scores: FloatArray, legal: np.ndarray | None) -> Outcome:
    metrics = metrics_of(task, encoded.gold, scores)
    if legal is not None:
        metrics["legal"] = float(legal.mean())
    predicted = scores.argmax(1)
    return Outcome(metrics, predicted, None, len(np.unique(predicted)))
