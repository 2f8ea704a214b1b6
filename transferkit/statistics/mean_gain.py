"""Explaining. Is one way to get prompts better than another, on average over some tasks?

The tasks are held fixed: what is said holds for them, not for others. Which examples were drawn and which seed was
trained are chance, and both sides share them: examples are paired, and so are seeds, one seed for all tasks at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transferkit.errors import InputError
from transferkit.shapes import FloatArray, IntArray, NumberArray
from transferkit.statistics.intervals import Interval, check_sides, over_seeds, percentiles, resampled_scores
from transferkit.tasks.base import Metric


@dataclass(frozen=True)
class Sides:
    """Two ways to get prompts for one task, seed by seed and example by example.

    Attributes:
        first: predicted labels [seed,n]; where answers are texts, what each example scores.
        second: the same of the other way, of the same seeds.
        gold: right labels [n]; None where answers are texts.
        metric: how labels are counted.
        n_classes: classes of the task; None where there are none.
    """

    first: NumberArray
    second: NumberArray
    gold: IntArray | None
    metric: Metric = "accuracy"
    n_classes: int | None = None


@dataclass(frozen=True)
class MeanGain:
    """A mean difference of scores over tasks.

    Attributes:
        difference: first minus second.
        interval: the widest of those over examples, over seeds, and over both.
    """

    difference: float
    interval: Interval

    @property
    def is_above(self) -> bool:
        """Whether the first way is better, beyond chance."""
        return self.interval.low > 0


def mean_gain(tasks: Sequence[Sides], *, generator: np.random.Generator, n_resamples: int = 4000) -> MeanGain:
    """Return the mean difference over tasks with its widest interval; seeds' spread is enlarged as in `compare`.

    Args:
        tasks: all of the same seeds, in one order.
        generator: where chance comes from.
        n_resamples: resamples behind each interval.

    Raises:
        InputError: no task, or tasks of different seeds.
    """
    n_seeds = {len(one.first) for one in tasks} | {len(one.second) for one in tasks}
    if len(n_seeds) != 1:
        raise InputError("a mean over tasks needs the same seeds on both sides of each", fix="measure what is missing")
    (n,) = n_seeds
    found = [_differences(one, generator, n_resamples) for one in tasks]
    here, resampled = (np.mean(side, axis=0) for side in zip(*found, strict=True))
    mean = resampled.mean(axis=1)
    intervals = [percentiles(mean, "bootstrap over examples")]
    if n > 1:
        picked = generator.integers(n, size=(n_resamples, n))
        spread = np.take_along_axis(resampled, picked, axis=1).mean(axis=1) - mean
        intervals.append(percentiles(mean + spread * np.sqrt(n / (n - 1)), f"bootstrap over {n} seeds and examples"))
        over = over_seeds(here)
        assert over is not None
        intervals.append(over)
    return MeanGain(float(here.mean()), max(intervals, key=lambda interval: interval.high - interval.low))


def _differences(one: Sides, generator: np.random.Generator, n_resamples: int) -> tuple[FloatArray, FloatArray]:
    """Return the difference of each seed [seed], and the same in resamples of the examples [resample,seed]."""
    first, second = check_sides(one.first, one.second, one.gold)
    chance = {"generator": generator, "n_resamples": n_resamples}
    if one.gold is None or one.metric == "accuracy":  # means: the difference of two is the mean of differences
        sides = [side if one.gold is None else side == one.gold for side in (first, second)]
        return resampled_scores(sides[0].astype(np.float64) - sides[1], None, **chance)
    rows = np.vstack([first, second])
    here, drawn = resampled_scores(rows, one.gold, metric=one.metric, n_classes=one.n_classes, **chance)
    return here[: len(first)] - here[len(first) :], drawn[:, : len(first)] - drawn[:, len(first) :]
