"""Explaining. How sure is a score, and is a trained prompt really better than what needs no training?

Three sources of chance are kept apart: which examples were drawn, which seed the prompt was trained from, and both.
"""

from dataclasses import dataclass

import numpy as np

from transferkit.errors import InputError
from transferkit.shapes import BoolArray, FloatArray, IntArray, NumberArray
from transferkit.tasks.base import Metric

LEVEL = 0.95
MOST_DRAWN = 2**24  # counts drawn at a time: 128 MB


@dataclass(frozen=True)
class Interval:
    """An interval and how it was found."""

    low: float
    high: float
    method: str
    level: float = LEVEL

    def excludes(self, value: float = 0.0) -> bool:
        """Tell whether a value lies outside."""
        return value < self.low or value > self.high


@dataclass(frozen=True)
class Comparison:
    """A mean difference of scores with its intervals.

    Attributes:
        difference: mean of the first side minus mean of the second.
        examples: paired bootstrap over examples, the prompts at hand held fixed.
        seeds: t interval over seeds, the examples at hand held fixed; None for one seed.
        both: bootstrap over seeds and examples together; None for one seed.
        p: two-sided, the largest of those behind the intervals, so that it claims no more than any of them.
    """

    difference: float
    examples: Interval
    seeds: Interval | None
    both: Interval | None
    p: float

    @property
    def widest_claim(self) -> Interval:
        """The interval a claim rests on: the widest there is.

        With few seeds the bootstrap over both sources of chance is too narrow when seeds differ much, because it knows
        nothing of how badly so few show their spread; the t interval over seeds does, and then is the wider one.
        """
        found = [interval for interval in (self.examples, self.seeds, self.both) if interval is not None]
        return max(found, key=lambda interval: interval.high - interval.low)


def wilson(hits: int, n: int, *, level: float = LEVEL) -> Interval:
    """Return Wilson's interval of a proportion."""
    from scipy.stats import binomtest

    found = binomtest(hits, n).proportion_ci(confidence_level=level, method="wilson")
    return Interval(float(found.low), float(found.high), f"Wilson, {n} examples", level)


def over_seeds(values: FloatArray, *, level: float = LEVEL) -> Interval | None:
    """Return the t interval of a mean over seeds [seed]; None for fewer than two."""
    return _over(values, "seeds", level)


def over_examples(values: FloatArray, *, level: float = LEVEL) -> Interval | None:
    """Return the t interval of a mean over examples that have a number each [n]; None for fewer than two."""
    return _over(values, "examples", level)


def _over(values: FloatArray, what: str, level: float) -> Interval | None:
    from scipy import stats

    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return None
    error = float(stats.sem(values))
    mean = float(values.mean())
    low, high = stats.t.interval(level, len(values) - 1, loc=mean, scale=error) if error > 0 else (mean, mean)
    return Interval(float(low), float(high), f"t over {len(values)} {what}", level)


def paired_bootstrap(
    first: FloatArray,
    second: FloatArray,
    *,
    generator: np.random.Generator,
    n_resamples: int = 4000,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of mean(first − second) over examples [n], pairs kept together.

    Raises:
        InputError: the two sides are not about the same examples.
    """
    from scipy import stats

    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape:
        raise InputError(f"{first.shape} and {second.shape} examples cannot be paired", fix="score both on one split")
    difference = first - second
    method = f"paired bootstrap, {len(first)} examples"
    if np.ptp(difference) == 0:
        return Interval(float(difference[0]), float(difference[0]), method, level)
    found = stats.bootstrap(
        (difference,),
        np.mean,
        n_resamples=n_resamples,
        batch=250,
        confidence_level=level,
        method="percentile",
        rng=generator,
    ).confidence_interval
    return Interval(float(found.low), float(found.high), method, level)


def mcnemar(first_right: BoolArray, second_right: BoolArray) -> float:
    """Return the exact two-sided p value that two readers of the same examples [n] are equally often right."""
    from scipy.stats import binomtest

    only_first = int(np.count_nonzero(first_right & ~second_right))
    only_second = int(np.count_nonzero(~first_right & second_right))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def compare(
    first: NumberArray,
    second: NumberArray,
    gold: IntArray | None,
    *,
    metric: Metric = "accuracy",
    n_classes: int | None = None,
    generator: np.random.Generator,
    n_resamples: int = 4000,
) -> Comparison:
    """Compare the mean score of trained prompts with that of a baseline on the same examples.

    Seeds are resampled with their spread enlarged by √(S / (S − 1)), for resampling S of them alone shows too little.

    Args:
        first: predicted labels of each seed [seed,n]; without `gold` what each example scores.
        second: the same of each draw of the baseline [draw,n]; the draws are held fixed.
        gold: right labels [n]; None where each example has a score of its own, whose mean is compared.
        metric: how labels are counted.
        n_classes: classes of the task; one that never occurs counts 0 in the macro F1, as in stored scores.
        generator: where chance comes from.
        n_resamples: resamples behind each interval.

    Raises:
        InputError: predictions and gold labels, or the two sides, differ in number.
    """
    first, second = check_sides(first, second, gold)
    n, n_seeds = first.shape[1], len(first)
    here, resampled = resampled_scores(
        np.vstack([first, second]),
        gold,
        metric=metric,
        n_classes=n_classes,
        generator=generator,
        n_resamples=n_resamples,
    )
    own, other = resampled[:, :n_seeds], resampled[:, n_seeds:].mean(axis=1)
    fixed = own.mean(axis=1) - other
    examples = percentiles(fixed, f"paired bootstrap over {n} examples")
    p = _two_sided(fixed)
    differences = here[:n_seeds] - here[n_seeds:].mean()
    both = None
    if n_seeds > 1:
        picked = generator.integers(n_seeds, size=(n_resamples, n_seeds))
        spread = np.take_along_axis(own, picked, axis=1).mean(axis=1) - own.mean(axis=1)
        means = own.mean(axis=1) + spread * np.sqrt(n_seeds / (n_seeds - 1))
        both = percentiles(means - other, f"bootstrap over {n_seeds} seeds and {n} examples")
        p = max(p, _two_sided(means - other), _p_over_seeds(differences))
    return Comparison(float(differences.mean()), examples, over_seeds(differences), both, p)


def resampled_scores(
    predicted: NumberArray,
    gold: IntArray | None,
    *,
    metric: Metric = "accuracy",
    n_classes: int | None = None,
    generator: np.random.Generator,
    n_resamples: int = 4000,
) -> tuple[FloatArray, FloatArray]:
    """Return the score of each prediction [k], and its scores in resamples of the examples [resample,k].

    All predictions share each resample. Examples that are alike in every row are drawn together.

    Args:
        predicted: predicted labels [k,n]; without `gold` what each example scores.
        gold: right labels [n]; None where each example has a score of its own.
        metric: how labels are counted.
        n_classes: classes of the task, absent ones included.
        generator: where chance comes from.
        n_resamples: how many resamples.
    """
    rows = predicted if gold is None else np.vstack([np.asarray(gold)[None], predicted])
    patterns, counts = np.unique(rows, axis=1, return_counts=True)
    said, right = (patterns, None) if gold is None else (patterns[1:], patterns[0])

    def scored(counts: IntArray) -> FloatArray:
        return scores_of(said, right, counts, metric=metric, n_classes=n_classes)

    n, most = int(counts.sum()), max(1, MOST_DRAWN // len(counts))
    drawn = [
        scored(generator.multinomial(n, counts / n, size=min(most, n_resamples - done)))
        for done in range(0, n_resamples, most)
    ]
    return scored(counts[None])[0], np.concatenate(drawn)


def percentiles(resampled: FloatArray, method: str) -> Interval:
    """Return the percentile interval of resamples [resample]; `method` says what was resampled."""
    low, high = np.percentile(resampled, [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2])
    return Interval(float(low), float(high), method)


def check_sides(first: NumberArray, second: NumberArray, gold: IntArray | None) -> tuple[NumberArray, NumberArray]:
    """Return both sides with one row per prompt [prompt,n].

    Raises:
        InputError: they are not about as many examples as there are gold labels, or as each other.
    """
    first, second = np.atleast_2d(first), np.atleast_2d(second)
    n = first.shape[1] if gold is None else len(gold)
    if first.shape[1] != n or second.shape[1] != n:
        raise InputError(f"{first.shape[1]} and {second.shape[1]} predictions for {n} examples", fix="measure again")
    return first, second


def scores_of(
    predicted: NumberArray,
    gold: IntArray | None,
    counts: IntArray,
    *,
    metric: Metric = "accuracy",
    n_classes: int | None = None,
) -> FloatArray:
    """Return the score of each prediction under each weighting of the examples.

    Args:
        predicted: predicted labels [k,n]; without `gold` what each example scores.
        gold: right labels [n]; None where each example has a score of its own.
        counts: how often each example counts [resample,n].
        metric: how labels are counted.
        n_classes: classes of the task, absent ones included.

    Returns:
        Scores [resample,k].
    """
    weights = np.asarray(counts, dtype=np.float64)
    if gold is None or metric == "accuracy":
        each = predicted if gold is None else predicted == gold[None]
        return weights @ each.T.astype(np.float64) / weights.sum(axis=1, keepdims=True)
    labels = np.arange(n_classes or 0)
    gold_is = gold[None, :] == labels[:, None]
    scores = []
    for row in predicted:
        row_is = row[None, :] == labels[:, None]
        hits = weights @ (gold_is & row_is).T
        present = weights @ gold_is.T + weights @ row_is.T  # twice the hits plus both kinds of errors
        f1 = np.divide(2.0 * hits, present, out=np.zeros_like(hits), where=present > 0)
        scores.append(f1.mean(axis=1))
    return np.array(scores).T


def _two_sided(resampled: FloatArray) -> float:
    """Return the p value that a difference is zero from its resamples [resample]; never 0, at most 1."""
    tails = np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0)
    return min(1.0, 2 * (1 + min(tails)) / (1 + len(resampled)))


def _p_over_seeds(differences: FloatArray) -> float:
    """Return the p value of a one-sample t test over seeds [seed]."""
    from scipy import stats

    error = float(stats.sem(differences))
    if error == 0:
        return float(differences[0] == 0)
    return float(2 * stats.t.sf(abs(differences.mean()) / error, len(differences) - 1))
