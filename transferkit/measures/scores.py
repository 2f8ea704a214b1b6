"""How often a backbone is right on a task, for many prompts in one pass over the data."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int

from transferkit.artifacts import Score
from transferkit.backbones import Backbone
from transferkit.batches import Encoded
from transferkit.predictions import Entrant, count_right, outcomes
from transferkit.readouts import Readout
from transferkit.tasks.base import Task


def score_all(
    task: Task,
    backbone: Backbone,
    readout: Readout,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    batch_size: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> list[Score]:
    """Score many prompts on one task in one pass over its data.

    Args:
        task: whose metric counts.
        backbone: the frozen model.
        readout: of that task on that backbone.
        encoded: the split, tokenised once for all.
        entrants: prompts, one score each.
        batch_size: examples per forward pass; changes memory, not predictions.
        progress: called with the number of (prompt, example) pairs done.
    """
    found = outcomes(
        task,
        backbone,
        readout,
        encoded,
        entrants,
        batch_size=batch_size,
        legal=True,
        progress=progress,
    )
    return [Score(one.metrics, one.predicted, encoded.n_truncated, one.values) for one in found]


def majority_score(task: Task, train_gold: Int[np.ndarray, "m"], gold: Int[np.ndarray, "n"]) -> Score:
    """Return the score of always answering the training split's most frequent class."""
    most = int(np.bincount(train_gold, minlength=len(task.labels)).argmax())
    predicted = np.full(len(gold), most, dtype=np.int64)
    return Score(count_right(gold, predicted, np.arange(len(task.labels))), predicted)
