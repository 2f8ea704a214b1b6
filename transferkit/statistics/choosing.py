"""Explaining. Which of some prompts is best for a task that has shown only a few examples, and how sure is that?

All prompts answered the same examples, so they are compared on the same resamples of them. A prompt is ruled out as the
best if another's score is higher than its own by more than any other's is by chance in 95 % of resamples (the reality
check of White 2000, once for each prompt): the truly best one stays in at least 95 times of a hundred, however many
there are. Bootstraps of very few examples promise a little more than they hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferkit.shapes import BoolArray, FloatArray, IntArray, NumberArray
from transferkit.statistics.intervals import LEVEL, Interval, over_examples, scores_of, wilson
from transferkit.tasks.base import Metric

ROUNDING = 1e-12  # scores that differ by less are equal
MOST_NEEDED = 1e6  # more examples than that are no answer


@dataclass(frozen=True)
class Choice:
    """Prompts compared on the same examples; every array in the order they were given.

    Attributes:
        order: the prompts from the best to the worst: by score, then by cross-entropy [k].
        scores: of each prompt [k].
        low, high: 95 % interval of each score, other prompts not considered [k].
        probability: share of resamples in which a prompt is the best of all; equal ones share [k].
        may_be_best: prompts that are not ruled out as the best at 95 % [k].
        n_needed: about how many examples rule a prompt out, these included, if it is as much worse than the first as it
            is here [k]; NaN where it is not worse, or no less than a million would.
        optimism: by how much the first's score is too high, on average, because it was chosen on these examples.
        interval: what kind of interval it is.
    """

    order: IntArray
    scores: FloatArray
    low: FloatArray
    high: FloatArray
    probability: FloatArray
    may_be_best: BoolArray
    n_needed: FloatArray
    optimism: float
    interval: str


def choose(
    said: NumberArray,
    gold: IntArray | None,
    losses: FloatArray,
    *,
    generator: np.random.Generator,
    metric: Metric = "accuracy",
    n_classes: int | None = None,
    n_resamples: int = 2000,
) -> Choice:
    """Compare prompts that answered the same examples.

    Args:
        said: predicted label of each prompt and example [k,n]; without `gold` what each example scores.
        gold: right labels [n]; None where each example has a score of its own.
        losses: mean cross-entropy of each prompt [k]; orders those of equal score, and does nothing else.
        generator: of the resamples.
        metric: how labels are counted.
        n_classes: classes of the task.
        n_resamples: resamples.
    """
    n = said.shape[1]
    counts = np.concatenate(
        [np.ones((1, n), dtype=np.int64), generator.multinomial(n, np.full(n, 1 / n), size=n_resamples)]
    )
    scores, *resampled = scores_of(said, gold, counts, metric=metric, n_classes=n_classes)
    drawn = np.array(resampled)
    rounded = np.round(scores, 12)
    order = np.lexsort((losses, -rounded))
    critical = _critical(scores, drawn)
    behind = scores[order[0]] - scores
    intervals = _intervals(said, gold, drawn, metric)
    return Choice(
        order=order,
        scores=scores,
        probability=_shares(drawn),
        may_be_best=behind <= critical + ROUNDING,
        n_needed=_needed(behind, critical, n),
        optimism=_optimism(scores, drawn),
        low=np.array([one.low for one in intervals]),
        high=np.array([one.high for one in intervals]),
        interval=intervals[0].method,
    )


def _critical(scores: FloatArray, drawn: FloatArray) -> FloatArray:
    """Return how far ahead of each prompt the best other one is by chance, at most, in 95 % of resamples [k]."""
    found = []
    for own, score in zip(drawn.T, scores, strict=True):
        by_chance = (drawn - own[:, None]) - (scores - score)
        found.append(np.quantile(by_chance.max(axis=1), LEVEL))
    return np.array(found)


def _shares(drawn: FloatArray) -> FloatArray:
    """Return how often each prompt is the best [k]; of several that are equal each counts for its part."""
    is_best = drawn >= drawn.max(axis=1, keepdims=True) - ROUNDING
    return (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0)


def _needed(behind: FloatArray, critical: FloatArray, n: int) -> FloatArray:
    """Return the examples that would rule each prompt out: what is more than chance shrinks with the root of them."""
    found = np.full(len(behind), np.nan)
    is_behind = behind > ROUNDING
    found[is_behind] = np.ceil(n * np.maximum(1.0, (critical[is_behind] / behind[is_behind]) ** 2))
    return np.where(found < MOST_NEEDED, found, np.nan)


def _optimism(scores: FloatArray, drawn: FloatArray) -> float:
    """Return how much higher the best of a resample scores there than on all examples, mean over resamples."""
    is_best = drawn >= drawn.max(axis=1, keepdims=True) - ROUNDING
    elsewhere = (is_best * scores).sum(axis=1) / is_best.sum(axis=1)
    return max(0.0, float((drawn.max(axis=1) - elsewhere).mean()))


def _intervals(said: NumberArray, gold: IntArray | None, drawn: FloatArray, metric: Metric) -> list[Interval]:
    n = said.shape[1]
    if gold is not None and metric == "accuracy":
        return [wilson(int((own == gold).sum()), n) for own in said]
    if gold is None:
        flat = [Interval(float(own.mean()), float(own.mean()), f"t over {n} examples") for own in said]
        return [over_examples(own) or alone for own, alone in zip(said, flat, strict=True)]
    tails = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [Interval(float(low), float(high), f"bootstrap over {n} examples") for low, high in tails.T]


def by_name(probability: FloatArray, names: Sequence[str]) -> dict[str, float]:
    """Return the probability that the best prompt is one of a name, from the likeliest name on."""
    found: dict[str, float] = {}
    for name, share in zip(names, probability, strict=True):
        found[name] = found.get(name, 0.0) + float(share)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
