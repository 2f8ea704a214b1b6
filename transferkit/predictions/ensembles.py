"""Several prompts of one backbone that answer a task together, in one pass over it (Lester et al. 2021, section 6).

Prompts of one shape and place are tiled along the batch, on a CPU too. By a vote the class that most prompts choose
wins, and of classes with equally many votes the one to which all prompts together give the larger probability. By the
mean, the class of the largest mean probability wins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from transferkit.backbones import Backbone
from transferkit.batches import Encoded
from transferkit.errors import InputError
from transferkit.predictions.classes import answers, count_right, metrics_of
from transferkit.predictions.entrants import Entrant, shareable
from transferkit.predictions.outcomes import Outcome
from transferkit.readouts import Readout
from transferkit.tasks.base import Task

Combine = Literal["vote", "mean"]


@dataclass(frozen=True)
class Ensemble:
    """What several prompts answer together, and each of them alone.

    Attributes:
        combined: how the ensemble did; by a vote without `loss`, for votes are no probabilities.
        members: how each prompt did alone, in the order they were given.
        scores: class scores of every member and example, in the order of the split [G,n,K].
    """

    combined: Outcome
    members: tuple[Outcome, ...]
    scores: Float[np.ndarray, "G n K"]


def ensemble_scores(
    task: Task,
    backbone: Backbone,
    readout: Readout,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    combine: Combine = "vote",
    batch_size: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> Ensemble:
    """Return how prompts do on a split together, and each alone, from one pass over it.

    Args:
        task: whose metrics count.
        backbone: the frozen model.
        readout: of that task on that backbone.
        encoded: the split, tokenised once for all.
        entrants: the members; those of one shape and place share every pass.
        combine: how their answers become one.
        batch_size: rows per forward pass, each example counted once per prompt; changes memory, not predictions.
        progress: called with the number of (prompt, example) pairs done.

    Raises:
        InputError: there is no member, or the task's answers are texts.
    """
    if task.answer is not None:
        raise InputError(
            f"task {task.name!r}: its answers are texts, of which there is neither a majority nor a mean",
            fix="let prompts answer together on tasks with classes",
        )
    if not entrants:
        raise InputError("an ensemble of 0 prompts answers nothing", fix="give one prompt or more")
    together = shareable(entrants, batch_size)
    found = answers(
        backbone,
        readout,
        encoded,
        entrants,
        batch_size=max(1, batch_size // max(map(len, together))),
        legal=False,
        progress=progress,
        together=together,
    )
    scores = np.stack([said.scores for said in found])
    members = tuple(_alone(task, encoded.gold, own) for own in scores)
    return Ensemble(combined(task, encoded.gold, scores, combine), members, scores)


def combined(task: Task, gold: Int[np.ndarray, "n"], scores: Float[np.ndarray, "G n K"], combine: Combine) -> Outcome:
    """Return how members do together, from the class scores of each."""
    chances = softmax(scores.astype(np.float64), axis=-1)
    if combine == "mean":
        return _alone(task, gold, np.log(np.maximum(chances.mean(axis=0), np.finfo(np.float64).tiny)))
    predicted = majority(chances)
    return _outcome(count_right(gold, predicted, np.arange(len(task.labels))), predicted)


def majority(chances: Float[np.ndarray, "G n K"]) -> Int[np.ndarray, "n"]:
    """Return the class most members find likeliest, of several such classes the one of the larger sum."""
    votes = (chances.argmax(axis=-1)[..., None] == np.arange(chances.shape[-1])).sum(axis=0)
    leads = votes == votes.max(axis=-1, keepdims=True)
    return np.where(leads, chances.sum(axis=0), -1.0).argmax(axis=-1)


def _alone(task: Task, gold: Int[np.ndarray, "n"], scores: Float[np.ndarray, "n K"]) -> Outcome:
    return _outcome(metrics_of(task, gold, scores), scores.argmax(axis=-1))


def _outcome(metrics: dict[str, float], predicted: Int[np.ndarray, "n"]) -> Outcome:
    return Outcome(metrics, predicted, None, len(np.unique(predicted)))
