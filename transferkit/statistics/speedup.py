"""Explaining. Ratios of two times of which one may not be known: values with a side, and what several seeds say.

A prompt that is there at once, or never, has no ratio but a bound on it. A bound is kept as what it is, never as 0 or
infinity. What several say together is known as far as all of them are: two bounds may leave a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import total_ordering
from math import inf, nan, sqrt
from statistics import median as middle_of
from typing import Literal

import numpy as np

Side = Literal["exact", "more_than", "less_than", "between"]
ORDER: dict[Side, int] = {"less_than": 0, "exact": 1, "between": 1, "more_than": 2}
SIGNS: dict[Side, str] = {"exact": "", "more_than": ">", "less_than": "<", "between": "~"}
ROUNDING = 1e-9


@total_ordering
@dataclass(frozen=True)
class Speedup:
    """How many times as fast; the order is less than, then known or between by the middle, then more than.

    Where ranges overlap, that order is a convention: a prompt that is never there comes first, one at once last.

    Attributes:
        value: the ratio, the bound on it, or the lower end where it lies between two.
        side: what the value is. "more_than": it was there at once, or the plain one's time is only known to be longer;
            "less_than": not within its steps.
        upper: the upper end where it lies between two, else None.
        slack: an evaluation interval ÷ what the plain one needed: what differs by no more is as fast.
    """

    value: float
    side: Side = "exact"
    upper: float | None = None
    slack: float = field(default=0.0, compare=False)

    @property
    def low(self) -> float:
        """The least it may be."""
        return 0.0 if self.side == "less_than" else self.value

    @property
    def high(self) -> float:
        """The most it may be."""
        if self.upper is not None:
            return self.upper
        return inf if self.side == "more_than" else self.value

    @property
    def middle(self) -> float:
        """One number for it: the geometric mean of two ends, else the value."""
        return self.value if self.upper is None else sqrt(self.value * self.upper)

    def __lt__(self, other: Speedup) -> bool:
        return (ORDER[self.side], self.middle, self.low) < (ORDER[other.side], other.middle, other.low)

    def __str__(self) -> str:
        if self.upper is not None:
            return f"{self.value:.2f} to {self.upper:.2f}"
        return f"{SIGNS[self.side]} {self.value:.2f}".strip()

    @property
    def verdict(self) -> Literal["faster", "slower", "same", "unclear"]:
        """Whether the times differ by more than an evaluation interval; "unclear" where a bound does not say."""
        fast = inf if self.slack >= 1 else 1 / (1 - self.slack)
        slow = 1 / (1 + self.slack)
        above, below = (self.side == side for side in ("more_than", "less_than"))  # the bound itself is left out
        if self.low > fast * (1 + ROUNDING) or (above and self.low >= fast * (1 - ROUNDING)):
            return "faster"
        if self.high < slow * (1 - ROUNDING) or (below and self.high <= slow * (1 + ROUNDING)):
            return "slower"
        return "unclear" if self.low < slow * (1 - ROUNDING) or self.high > fast * (1 + ROUNDING) else "same"


def within(low: float, high: float, slack: float = 0.0) -> Speedup | None:
    """Return what lies between two ends, 0 and infinity for ends that are not known; None without either."""
    if low == 0 and high == inf:
        return None
    if high <= low * (1 + ROUNDING):
        return Speedup(low, slack=slack)
    if high == inf:
        return Speedup(low, "more_than", slack=slack)
    return Speedup(high, "less_than", slack=slack) if low == 0 else Speedup(low, "between", high, slack=slack)


@dataclass(frozen=True)
class SpeedupSummary:
    """What several seeds, or several pairs of tasks, say together.

    Attributes:
        median: the middle one, see `median_speedup`; `low` and `high` are the first and the last in order.
        n_reached: how many are exact; `n_at_once` and `n_not_reached`: bounds of either side, more and less than.
        n_faster: how many are faster by more than an evaluation interval; `n_slower` likewise.
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
    n_faster: int
    n_slower: int
    mean: float
    sd: float


def ratio(
    plain: float,
    started: float | None,
    *,
    first: float,
    last: float,
    before: float = 0.0,
    is_open: tuple[bool, bool] = (False, False),
    slack: float = 0.0,
) -> Speedup | None:
    """Return plain ÷ (before + started), or a bound on it; None where nothing can be told.

    Args:
        plain: what the plain prompt needed, in steps or in operations.
        started: what the started one needed; 0 where it was there at once, None where it never was.
        first: what it needs up to its first evaluation behind the start.
        last: what it needs up to its last evaluation.
        before: what had to be done before it could start.
        is_open: whether the plain one, and the started one, may have needed more.
        slack: an evaluation interval ÷ what the plain one needed.
    """
    more, less = is_open
    if started is None:
        return None if more else Speedup(plain / (before + last), "less_than", slack=slack)
    if before + started == 0:
        return Speedup(plain / first, "more_than", slack=slack)
    if more and less:
        return None
    return Speedup(plain / (before + started), "more_than" if more else "less_than" if less else "exact", slack=slack)


def median_speedup(values: Sequence[Speedup]) -> Speedup | None:
    """Return the median, as far as it is known: exact, a bound, or between the least and the most it may be.

    The least is the median of all lower ends, the most that of all upper ends; of an even number each is the geometric
    mean of the middle pair. None without values, and where neither end is known.
    """
    if not values:
        return None
    lows, highs = sorted(value.low for value in values), sorted(value.high for value in values)
    return within(_middle(lows), _middle(highs), middle_of(value.slack for value in values))


def _middle(ordered: Sequence[float]) -> float:
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else sqrt(low * high)


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
        n_faster=sum(value.verdict == "faster" for value in known),
        n_slower=sum(value.verdict == "slower" for value in known),
        mean=float(np.mean(exact)) if exact else nan,
        sd=float(np.std(exact, ddof=1)) if len(exact) > 1 else nan,
    )
