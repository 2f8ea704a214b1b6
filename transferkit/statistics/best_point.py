"""Explaining. Which point of a sweep is best, and which others cannot be told from it?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferkit.shapes import BoolArray, FloatArray, IntArray, NumberArray
from transferkit.statistics.intervals import LEVEL, scores_of
from transferkit.tasks.base import Metric

BATCH = 500  # resamples at a time
ROUNDING = 1e-12  # means that differ by less are equal


@dataclass(frozen=True)
class BestPoint:
    """The best of some points in an order.

    Attributes:
        best: the point of the highest mean.
        low, high: the lowest and the highest point that cannot be told from the best.
        level: how often, at least, the truly best points all lie between those two.
    """

    best: int
    low: int
    high: int
    level: float = LEVEL


def best_point(
    points: Sequence[int],
    predicted: NumberArray,
    gold: IntArray | None,
    *,
    generator: np.random.Generator,
    metric: Metric = "accuracy",
    n_classes: int | None = None,
    n_resamples: int = 4000,
) -> BestPoint:
    """Return the best point by mean score, and between which points the truly best one lies.

    A point is ruled out if another's mean is higher by more standard errors than any two points differ by chance in
    95 % of resamples (multiple comparisons with the best, Hsu 1984, with a studentised bootstrap). So a sweep in which
    depth does not matter loses a point about one time in twenty, however many points it has.

    All points share the seeds and examples of a resample. Of S seeds S − 1 are drawn, which gives means the variance
    that S seeds have (McCarthy and Snowden 1985); it still knows little of seeds where there are three.

    Args:
        points: numbers in rising order [D].
        predicted: predicted labels [D,S,n] of every point, seed and example; without `gold` what each example scores.
        gold: right labels [n]; None where each example has a score of its own.
        generator: of the resamples.
        metric: how labels are counted.
        n_classes: classes of the task.
        n_resamples: resamples.
    """
    n_points, n_seeds, n_examples = predicted.shape
    n_drawn = max(1, n_seeds - 1)
    flat = predicted.reshape(n_points * n_seeds, n_examples)

    def means(examples: IntArray, seeds: FloatArray) -> FloatArray:
        scores = scores_of(flat, gold, examples, metric=metric, n_classes=n_classes)
        return np.einsum("rds,rs->rd", scores.reshape(-1, n_points, n_seeds), seeds)

    whole = means(np.ones((1, n_examples), dtype=np.int64), np.full((1, n_seeds), 1 / n_seeds))[0]
    drawn = []
    for begin in range(0, n_resamples, BATCH):
        size = min(BATCH, n_resamples - begin)
        examples = generator.multinomial(n_examples, np.full(n_examples, 1 / n_examples), size=size)
        seeds = generator.multinomial(n_drawn, np.full(n_seeds, 1 / n_seeds), size=size)
        drawn.append(means(examples, seeds / n_drawn))
    (kept,) = np.nonzero(_not_worse(whole, np.concatenate(drawn)))
    best = int((whole >= whole.max() - ROUNDING).argmax())
    return BestPoint(points[best], points[kept[0]], points[kept[-1]])


def _not_worse(whole: FloatArray, drawn: FloatArray) -> BoolArray:
    """Return which points [D] no other is surely above, by their means [D] and those of resamples [R,D]."""
    differences = whole[:, None] - whole
    by_chance = (drawn[:, :, None] - drawn[:, None, :]) - differences
    errors = np.maximum(by_chance.std(axis=0), ROUNDING)
    most = np.quantile((np.abs(by_chance) / errors).max(axis=(1, 2)), LEVEL)
    return ~((differences > ROUNDING) & (differences / errors > most)).any(axis=0)
