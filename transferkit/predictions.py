"""Making. What class scores a frozen backbone gives, for many prompts in one pass over the data."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.metrics import accuracy_score, f1_score, log_loss
from torch import Tensor

from transferkit.backbones import Backbone
from transferkit.batches import Encoded
from transferkit.readouts import Readout
from transferkit.specs import Placement
from transferkit.tasks.base import Task

CUDA_ROWS = 1024  # examples per forward pass on a GPU, prompts tiled along the batch


@dataclass(frozen=True)
class Entrant:
    """Something to put before the text: prompt rows and where they enter, or nothing."""

    vectors: Float[Tensor, "P d"] | None
    placement: Placement


@torch.no_grad()
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
    found: list[list[np.ndarray]] = [[] for _ in entrants]
    order: list[np.ndarray] = []
    for batch in encoded.in_order(batch_size):
        order.append(batch.index.numpy())
        moved = batch.to(backbone.device)
        for together in _groups(entrants, backbone, len(batch.index)):
            tiled = moved.tile(len(together)) if len(together) > 1 else moved
            state = backbone.enter(tiled, _stack(together, entrants, len(batch.index)), entrants[together[0]].placement)
            logits = readout.logits(state, tiled).float().cpu().numpy().reshape(len(together), len(batch.index), -1)
            for entrant, rows in zip(together, logits, strict=True):
                found[entrant].append(rows)
            progress(len(together) * len(batch.index))
    back = np.argsort(np.concatenate(order))
    return [np.concatenate(rows)[back] for rows in found]


def _groups(entrants: Sequence[Entrant], backbone: Backbone, n_examples: int) -> list[list[int]]:
    """Return which prompts share a forward pass.

    On a CPU each runs alone: sharing gains nothing there, and a score must not depend, not even in its last bit, on
    which others were missing when it was measured. On a GPU prompts of one shape and place are tiled along the batch.
    """
    if backbone.device.type == "cpu":
        return [[i] for i in range(len(entrants))]
    size = max(1, CUDA_ROWS // n_examples)
    alike: dict[object, list[int]] = {}
    for i, entrant in enumerate(entrants):
        shape = None if entrant.vectors is None else tuple(entrant.vectors.shape)
        alike.setdefault((shape, entrant.placement), []).append(i)
    return [same[i : i + size] for same in alike.values() for i in range(0, len(same), size)]


def _stack(together: list[int], entrants: Sequence[Entrant], n_examples: int) -> Tensor | None:
    vectors = [v for i in together if (v := entrants[i].vectors) is not None]
    if not vectors:
        return None
    if len(vectors) == 1:
        return vectors[0]
    return torch.stack(vectors).repeat_interleave(n_examples, dim=0)


def metrics_of(task: Task, gold: Int[np.ndarray, "n"], logits: Float[np.ndarray, "n K"]) -> dict[str, float]:
    """Return accuracy, macro F1 and mean cross-entropy over all examples (scikit-learn)."""
    classes = np.arange(len(task.labels))
    chances = torch.from_numpy(logits).double().softmax(1).numpy()
    loss = log_loss(gold, chances / chances.sum(1, keepdims=True), labels=classes)
    return {
        **count_right(gold, logits.argmax(1), classes),
        "loss": float(loss) if math.isfinite(loss) else float("inf"),
    }


def count_right(
    gold: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"], classes: Int[np.ndarray, "K"]
) -> dict[str, float]:
    """Return accuracy and macro F1 over all classes of the task, absent ones included."""
    f1 = f1_score(gold, predicted, labels=classes, average="macro", zero_division=0.0)  # pyright: ignore[reportArgumentType]
    return {"accuracy": float(accuracy_score(gold, predicted)), "macro_f1": float(f1)}
