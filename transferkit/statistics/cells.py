"""Explaining. Is one cell of the transfer matrix above or below what it is compared with, or could it be chance?

The test belongs to the answers on single examples, so it also holds for one prompt per source.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from transferkit.shapes import FloatArray, IntArray
from transferkit.statistics.intervals import Metric, compare, mcnemar

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
    first: IntArray,
    second: IntArray,
    gold: IntArray,
    *,
    metric: Metric,
    n_classes: int,
    generator: np.random.Generator,
    n_resamples: int = 2000,
) -> CellTest:
    """Test whether prompts score differently from a baseline on the same examples.

    Two single prompts are compared by accuracy through McNemar's exact test. Otherwise p is the largest of those behind
    the intervals of `compare`: over examples and, for several seeds, over seeds and over both.

    Args:
        first: predicted labels of each seed [seed,n].
        second: predicted labels of each seed or draw of the other side [seed_or_draw,n], which is held fixed.
        gold: right labels [n].
        metric: how answers are counted.
        n_classes: classes of the task.
        generator: where chance comes from.
        n_resamples: resamples behind each interval.

    Raises:
        InputError: predictions and gold labels differ in number.
    """
    first, second, gold = np.atleast_2d(first), np.atleast_2d(second), np.asarray(gold)
    found = compare(
        first, second, gold, metric=metric, n_classes=n_classes, generator=generator, n_resamples=n_resamples
    )
    widest = found.widest_claim
    p, method = found.p, widest.method
    if len(first) == len(second) == 1 and metric == "accuracy":
        p, method = mcnemar(first[0] == gold, second[0] == gold), f"McNemar; {widest.method}"
    return CellTest(found.difference, widest.low, widest.high, p, method)


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
