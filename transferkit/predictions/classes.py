"""Class scores of every example, and what is made of them: accuracy, macro F1, cross-entropy, legal answers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.metrics import accuracy_score, f1_score, log_loss

from transferkit.backbones import Backbone
from transferkit.batches import Encoded
from transferkit.predictions.entrants import CUDA_ROWS, Entrant, passes
from transferkit.readouts import LabelWords, Readout
from transferkit.shapes import BoolArray
from transferkit.tasks.base import Task


@dataclass(frozen=True)
class Said:
    """What one prompt makes a backbone say, in the order of the split.

    Attributes:
        scores: of every class [n,K].
        legal: whether no word of the whole vocabulary beats the label words [n]; None where that was not asked, or
            where words do not answer.
    """

    scores: Float[np.ndarray, "n K"]
    legal: BoolArray | None


def class_scores(
    backbone: Backbone,
    readout: Readout,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    batch_size: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> list[Float[np.ndarray, "n K"]]:
    """Return, for each prompt, the class scores of every example in the order of the split.

    Args:
        backbone: the frozen model.
        readout: of the split's task on that backbone.
        encoded: the split, tokenised once for all.
        entrants: what is put before the text.
        batch_size: examples per forward pass; changes memory, not predictions.
        progress: called with the number of (prompt, example) pairs done.
    """
    found = answers(backbone, readout, encoded, entrants, batch_size=batch_size, legal=False, progress=progress)
    return [said.scores for said in found]


@torch.no_grad()
def answers(
    backbone: Backbone,
    readout: Readout,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    batch_size: int,
    legal: bool,
    progress: Callable[[int], None],
    together: Sequence[Sequence[int]] | None = None,
) -> list[Said]:
    """Return what each prompt makes a backbone say; arguments as of `class_scores`, `outcomes` and `passes`."""
    found: list[list[tuple[np.ndarray, ...]]] = [[] for _ in entrants]
    words = readout if legal and isinstance(readout, LabelWords) else None
    for now in passes(
        backbone,
        encoded,
        entrants,
        batch_size=batch_size,
        at_once=CUDA_ROWS,
        progress=progress,
        together=together,
    ):
        hidden = backbone.finish(now.state, readout.rows(now.batch))
        parts = [now.spread(readout.scores(hidden, now.batch)).float().cpu().numpy()]
        if words is not None:
            parts.append(now.spread(words.says_label(hidden)).cpu().numpy())
        for place, who in enumerate(now.who):
            found[who].append((now.index, *(part[place] for part in parts)))
    return [_in_order(rows) for rows in found]


def _in_order(found: Sequence[tuple[np.ndarray, ...]]) -> Said:
    index, scores, *legal = (np.concatenate(parts) for parts in zip(*found, strict=True))
    back = np.argsort(index)
    return Said(scores[back], legal[0][back] if legal else None)


def metrics_of(task: Task, gold: Int[np.ndarray, "n"], logits: Float[np.ndarray, "n K"]) -> dict[str, float]:
    """Return accuracy, macro F1 and mean cross-entropy over all examples (scikit-learn).

    The cross-entropy of scores that are not finite is infinite.
    """
    classes = np.arange(len(task.labels))
    loss = math.inf
    if np.isfinite(logits).all():
        chances = torch.from_numpy(logits).double().softmax(1).numpy()
        loss = float(log_loss(gold, chances / chances.sum(1, keepdims=True), labels=classes))
    return {**count_right(gold, logits.argmax(1), classes), "loss": loss if math.isfinite(loss) else math.inf}


def count_right(
    gold: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"], classes: Int[np.ndarray, "K"]
) -> dict[str, float]:
    """Return accuracy and macro F1 over all classes of the task, absent ones included."""
    f1 = f1_score(gold, predicted, labels=classes, average="macro", zero_division=0.0)  # pyright: ignore[reportArgumentType]
    return {"accuracy": float(accuracy_score(gold, predicted)), "macro_f1": float(f1)}
