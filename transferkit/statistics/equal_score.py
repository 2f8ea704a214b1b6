"""Explaining. How much less is spent to get to the same score? Two sets of training curves, run beside run.

Scores of single looks are noisy, and the best or last of many noisy looks is too good: which of two ways is first at
the end of a plateau is a matter of chance. So curves are averaged over runs first, the mean one is made monotone
(isotonic regression), and both are compared at a level below the plateau: most of what plain training gains.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from transferkit.errors import InputError
from transferkit.shapes import FloatArray, IntArray
from transferkit.statistics.intervals import LEVEL, Interval

OF_THE_GAIN = 0.9  # of plain training: the level both are compared at
FEWEST = 2  # pairs: what one run happens to end at says nothing
ROUNDING = 1e-9  # of means of shares of right answers
Side = Literal["exact", "at_most", "unknown", "not_measured"]


@dataclass(frozen=True)
class Run:
    """A curve.

    Attributes:
        spent: what was spent up to each look, in shares of all the plain run spent [T].
        scores: score at each look [T].
        group: what is held fixed when runs are drawn, as the task; those of a group differ by the seed.
        first: the first look that counts; before it the way is not yet one that could be stopped at.
    """

    spent: FloatArray
    scores: FloatArray
    group: Hashable = None
    first: int = 0


@dataclass(frozen=True)
class Saved:
    """What is saved on the way to nine tenths of what plain training gains.

    Attributes:
        share: 1 − what it had spent when it first got there ÷ what the plain side had; below 0 where that was less.
        side: "at_most" where it never gets there, so that all it spent is counted; "unknown" where plain training gains
            nothing, and where there is but one pair of runs; "not_measured" where what was spent is not known.
        score: the level, as a score.
        interval: over the runs of each group; its low end is -inf where too many resamples never get there. None where
            no group has two runs, or nothing can be said.
    """

    share: float
    side: Side
    score: float
    interval: Interval | None


def saved_share(
    plain: Sequence[Run], other: Sequence[Run], *, generator: np.random.Generator, n_resamples: int = 2000
) -> Saved:
    """Return what a way of training saves against the plain one at the same score.

    Runs are pairs: of one task and seed on both sides, and drawn together in the bootstrap. Of S runs of a group S − 1
    are drawn, since S would spread less than means of S do (Efron 1982, chapter 8).

    Args:
        plain: runs of the plain way, all looked at after the same steps.
        other: runs of the other way, likewise.
        generator: where chance comes from.
        n_resamples: resamples behind the interval.

    Raises:
        InputError: the two sides are not pairs, or runs of a side were not looked at alike.
    """
    if len(plain) != len(other) or not plain or any(a.group != b.group for a, b in zip(plain, other, strict=True)):
        raise InputError(f"{len(plain)} plain and {len(other)} other runs make no pairs", fix="measure what is missing")
    if any(len({len(run.spent) for run in runs}) > 1 for runs in (plain, other)):
        raise InputError("runs of one way were looked at unlike often", fix="give each as many looks")
    first = max(run.first for run in other)
    sides = [np.array([[run.spent, run.scores] for run in runs]) for runs in (plain, other)]  # [run,2,T] each
    sides[1] = sides[1][..., first:]

    def drawn(at: IntArray | slice) -> tuple[float, Side, float]:
        return _saved(sides[0][at].mean(axis=0), sides[1][at].mean(axis=0))

    share, side, score = drawn(slice(None))
    if len(plain) < FEWEST and side != "not_measured":
        return Saved(float("nan"), "unknown", score, None)
    interval = None
    if side in ("exact", "at_most"):
        draws = _draws([run.group for run in plain], generator, n_resamples)
        interval = None if draws is None else _interval([drawn(at) for at in draws], len(plain))
    return Saved(share, side, score, interval)


def _saved(plain: FloatArray, other: FloatArray) -> tuple[float, Side, float]:
    """Return share, side and score of two mean curves, each rows of spending and of scores [2,T]."""
    rising, its = _rising(plain[1]), _rising(other[1])
    gain = float(rising[-1] - rising[0])
    score = float(rising[0] + OF_THE_GAIN * gain)
    if np.isnan(plain[0]).any() or np.isnan(other[0]).any():
        return float("nan"), "not_measured", score
    if gain <= ROUNDING:
        return float("nan"), "unknown", score
    at, there = _spent_at(plain[0], rising, score), its[-1] >= score - ROUNDING
    spent = _spent_at(other[0], its, score) if there else float(other[0][-1])
    return 1 - spent / at, "exact" if there else "at_most", score


def _spent_at(spent: FloatArray, rising: FloatArray, score: float) -> float:
    """Return what was spent when a score was first reached; between two looks the way is straight."""
    look = int(np.searchsorted(rising, score - ROUNDING))  # one that rounding alone keeps from it is there
    if look == 0:
        return float(spent[0])
    return float(np.interp(score, rising[look - 1 : look + 1], spent[look - 1 : look + 1]))


def _rising(scores: FloatArray) -> FloatArray:
    from scipy.optimize import isotonic_regression

    return isotonic_regression(scores).x


def _draws(groups: Sequence[Hashable], generator: np.random.Generator, n_resamples: int) -> IntArray | None:
    """Return which runs each resample is made of [resample,run]; None where each group has one run alone."""
    members = [np.flatnonzero([one == group for one in groups]) for group in dict.fromkeys(groups)]
    if all(len(own) == 1 for own in members):
        return None
    # of one run there is nothing to draw from
    n_each = [max(len(own) - 1, 1) for own in members]
    return np.concatenate(
        [generator.choice(own, size=(n_resamples, n)) for own, n in zip(members, n_each, strict=True)], axis=1
    )


def _interval(drawn: Sequence[tuple[float, Side, float]], n_pairs: int) -> Interval | None:
    """Return where the middle of the resamples lies: of those that only bound it, the low end knows nothing."""
    exact, bounded = (np.array([side in known for _, side, _ in drawn]) for known in (("exact",), ("exact", "at_most")))
    values = np.array([value for value, _, _ in drawn])
    outside = (1 - LEVEL) / 2
    low = float(np.quantile(np.where(exact, values, -np.inf), outside, method="lower"))
    high = float(np.quantile(np.where(bounded, values, np.inf), 1 - outside, method="higher"))
    return None if np.isinf(high) else Interval(low, high, f"bootstrap over {n_pairs} pairs of runs")
