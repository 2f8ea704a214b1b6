"""Explaining. Ratios of two times of which one may not be known: values with a side, and what several seeds say.

A prompt that is there at once, or never, has no ratio but a bound on it. A bound is kept as what it is, never as 0 or
infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import total_ordering
from math import nan, sqrt
from typing import Literal

import numpy as np

Side = Literal["exact", "more_than", "less_than"]
ORDER: tuple[Side, ...] = ("less_than", "exact", "more_than")
SIGNS: dict[Side, str] = {"exact": "", "more_than": ">", "less_than": "<"}


@total_ordering
@dataclass(frozen=True)
class Speedup:
    """How many times as fast; ordered by side first: never there is lowest, there at once is highest.

    Attributes:
        value: the ratio, or the bound on it.
        side: what the value is. "more_than": it was there at once; "less_than": not within its steps.
    """

    value: float
    side: Side = "exact"

    def __lt__(self, other: Speedup) -> bool:
        return (ORDER.index(self.side), self.value) < (ORDER.index(other.side), other.value)

    def __str__(self) -> str:
        return f"{SIGNS[self.side]} {self.value:.2f}".strip()

    @property
    def verdict(self) -> Literal["faster", "slower", "same", "unclear"]:
        """Whether it is faster than once; "unclear" where a bound does not say."""
        if self.side == "more_than":
            return "faster" if self.value >= 1 else "unclear"
        if self.side == "less_than":
            return "slower" if self.value <= 1 else "unclear"
        return "same" if self.value == 1 else "faster" if self.value > 1 else "slower"


@dataclass(frozen=True)
class SpeedupSummary:
    """What several seeds, or several pairs of tasks, say together.

    Attributes:
        median: the middle one, see `median_speedup`; `low` and `high` are the first and the last in order.
        n_reached: how many are exact; `n_at_once` and `n_not_reached`: bounds of either side.
        n_unknown: how many have no ratio at all.
        mean: of the exact ones alone, as is their standard deviation `sd`.
    """

    median: Speedup | None
    low: Speedup | None
    high: Speedup | None
    n_reached: int
    n_at_once: int
    n_not_reached: int
    n_unknown: int
    mean: float
    sd: float


def ratio(plain: float, started: float | None, *, first: float, last: float, before: float = 0.0) -> Speedup:
    """Return plain ÷ (before + started), or a bound on it.

    Args:
        plain: what the plain prompt needed, in steps or in operations.
        started: what the started one needed; 0 where it was there at once, None where it never was.
        first: what it needs up to its first evaluation behind the start.
        last: what it needs up to its last evaluation.
        before: what had to be done before it could start.
    """
    if started is None:
        return Speedup(plain / (before + last), "less_than")
    if before + started == 0:
        return Speedup(plain / first, "more_than")
    return Speedup(plain / (before + started))


def median_speedup(values: Sequence[Speedup]) -> Speedup | None:
    """Return the middle one in order; of an even number the geometric mean of the middle pair.

    A pair with a bound gives a bound. None without values, and where the pair bounds from both sides.
    """
    if not values:
        return None
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if low is high:
        return low
    if low.side == "less_than" and high.side == "more_than":
        return None
    side = high.side if low.side == "exact" else low.side
    return Speedup(sqrt(low.value * high.value), side)


def summarise(values: Sequence[Speedup | None]) -> SpeedupSummary:
    """Return what several speed-ups say together; None stands for one without a ratio."""
    known = [value for value in values if value is not None]
    exact = [value.value for value in known if value.side == "exact"]
    return SpeedupSummary(
        median=median_speedup(known),
        low=min(known, default=None),
        high=max(known, default=None),
        n_reached=len(exact),
        n_at_once=sum(value.side == "more_than" for value in known),
        n_not_reached=sum(value.side == "less_than" for value in known),
        n_unknown=len(values) - len(known),
        mean=float(np.mean(exact)) if exact else nan,
        sd=float(np.std(exact, ddof=1)) if len(exact) > 1 else nan,
    )
