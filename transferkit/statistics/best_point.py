"""Explaining. Which point of a sweep is best, and how sure is that, had seeds and examples been others?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferkit.shapes import IntArray, NumberArray
from transferkit.statistics.intervals import LEVEL, scores_of
from transferkit.tasks.base import Metric

BATCH = 500  # resamples at a time
ROUNDING = 1e-12  # means that differ by less are equal


@dataclass(frozen=True)
class BestPoint:
    """The best of some points in an order.

    Attributes:
        best: the point of the highest mean.
        low, high: points between which the best one lies in `level` of the resamples.
        level: see above.
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
    """Return the best point by mean score, with a percentile interval over resampled seeds and examples.

    All points share the seeds and examples of a resample. Where several are best in one, the interval holds them all,
    so points that cannot be told apart span it; the best point itself is then the lowest of them.

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
    flat = predicted.reshape(n_points * n_seeds, n_examples)

    def means(examples: IntArray, seeds: IntArray) -> np.ndarray:
        scores = scores_of(flat, gold, examples, metric=metric, n_classes=n_classes)
        return np.einsum("rds,rs->rd", scores.reshape(-1, n_points, n_seeds), seeds / n_seeds)

    whole = means(np.ones((1, n_examples), dtype=np.int64), np.ones((1, n_seeds), dtype=np.int64))
    firsts, lasts = [], []
    for begin in range(0, n_resamples, BATCH):
        size = min(BATCH, n_resamples - begin)
        examples = generator.multinomial(n_examples, np.full(n_examples, 1 / n_examples), size=size)
        seeds = generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=size)
        drawn = means(examples, seeds)
        is_best = drawn >= drawn.max(1, keepdims=True) - ROUNDING
        firsts.append(is_best.argmax(1))
        lasts.append(n_points - 1 - is_best[:, ::-1].argmax(1))
    tail = int((1 - LEVEL) / 2 * n_resamples)
    low, high = np.sort(np.concatenate(firsts))[tail], np.sort(np.concatenate(lasts))[-1 - tail]
    best = int((whole[0] >= whole[0].max() - ROUNDING).argmax())
    return BestPoint(points[best], points[low], points[high])
