"""Explaining. Is one cell of the transfer matrix above or below what it is compared with, or could it be chance?

The test belongs to the answers on single examples, so it also holds for one prompt per source.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from transferkit.shapes import BoolArray, FloatArray, IntArray, NumberArray
from transferkit.statistics.intervals import LEVEL, Interval, check_sides, compare, mcnemar, scores_of
from transferkit.tasks.base import Metric

EQUAL = 1e-12  # scores that differ by less are one score, rounded differently
Verdict = Literal["transfers", "neutral", "harms"]


@dataclass(frozen=True)
class CellTest:
    """A difference of mean scores, the widest of its intervals, and a two-sided p value that claims no more.

    `method` says where p and the interval come from.
    """

    difference: float
    low: float
    high: float
    p: float
    method: str


def cell_test(
    first: NumberArray,
    second: NumberArray,
    gold: IntArray | None,
    *,
    metric: Metric = "accuracy",
    n_classes: int | None = None,
    generator: np.random.Generator,
    n_resamples: int = 2000,
) -> CellTest:
    """Test whether prompts score differently from a baseline on the same examples.

    Two single prompts whose answers are right or wrong are compared through McNemar's exact test. Otherwise p is the
    largest of those behind the intervals of `compare` (over examples and, for several seeds, over seeds and over both)
    and, where the other side has several prompts, of Welch's t test of one side's scores against the other's: random
    prompts differ too.

    Args:
        first: predicted labels of each seed [seed,n]; without `gold` what each example scores.
        second: the same of each seed or draw of the other side [seed_or_draw,n].
        gold: right labels [n]; None where each example has a score of its own, whose mean is compared.
        metric: how labels are counted.
        n_classes: classes of the task.
        generator: where chance comes from.
        n_resamples: resamples behind each interval.

    Raises:
        InputError: predictions and gold labels, or the two sides, differ in number.
    """
    first, second = check_sides(first, second, gold)
    found = compare(
        first, second, gold, metric=metric, n_classes=n_classes, generator=generator, n_resamples=n_resamples
    )
    widest = found.widest_claim
    p, method = found.p, widest.method
    right = [_is_right(side[0], gold, metric) for side in (first, second) if len(side) == 1]
    if len(right) == 2 and right[0] is not None and right[1] is not None:
        p, method = mcnemar(right[0], right[1]), f"McNemar; {widest.method}"
    claims = [(p, widest)]
    if len(second) > 1:
        ones = np.ones((1, first.shape[1]), dtype=np.int64)
        sides = [scores_of(side, gold, ones, metric=metric, n_classes=n_classes)[0] for side in (first, second)]
        claims += [between] if (between := _between_prompts(*sides)) else []
    p = max(p for p, _ in claims)
    widest = max((interval for _, interval in claims), key=lambda interval: interval.high - interval.low)
    return CellTest(found.difference, widest.low, widest.high, p, widest.method if len(claims) > 1 else method)


def _is_right(answers: NumberArray, gold: IntArray | None, metric: Metric) -> BoolArray | None:
    """Return which answers of one prompt are right [n]; None where they are not simply right or wrong."""
    if gold is not None:
        return answers == gold if metric == "accuracy" else None
    return answers == 1 if np.isin(answers, (0, 1)).all() else None


def _between_prompts(first: FloatArray, second: FloatArray) -> tuple[float, Interval] | None:
    """Return p and interval of the difference of mean scores, prompts being what varies; None where none does.

    Args:
        first: score of each seed [seed]; of a single one nothing is known but its score.
        second: score of each draw, two or more [draw].
    """
    from scipy import stats

    sides = [(np.var(side, ddof=1) / len(side), len(side) - 1) for side in (first, second) if len(side) > 1]
    square = sum(variance for variance, _ in sides)
    if square < EQUAL**2:
        return None
    freedom = square**2 / sum(variance**2 / n for variance, n in sides)  # Welch and Satterthwaite
    difference, error = float(first.mean() - second.mean()), float(np.sqrt(square))
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, freedom)) * error
    p = 2.0 * float(stats.t.sf(abs(difference) / error, freedom))
    return p, Interval(difference - reach, difference + reach, "Welch's t over the prompts of both sides")


def verdicts(q: FloatArray, difference: FloatArray, level: float = 0.05) -> npt.NDArray[np.str_]:
    """Return the verdict on each cell, "" where q or the difference is NaN.

    Args:
        q: p values corrected for how many cells were looked at; see `false_discovery`.
        difference: of the cell and what it is compared with, same shape.
        level: share of false discoveries allowed.
    """
    q, difference = np.asarray(q, dtype=np.float64), np.asarray(difference, dtype=np.float64)
    words: list[Verdict] = ["transfers", "harms"]
    found = np.select([(q <= level) & (difference > 0), (q <= level) & (difference < 0)], words, default="neutral")
    return np.where(np.isnan(q) | np.isnan(difference), "", found)
