"""Explaining. When has a training curve converged, and how much sooner does a prompt that began from another one?

Su et al. 2022, section 6, report a convergence speed-up and a comparable-result speed-up, without a rule for either.
Ours is stated here: a curve has converged at the first evaluation whose score is within a tolerance of the best of the
curve and stays there for some further evaluations, or to the end of the curve. Steps are known to the evaluation
interval: reached at step t means reached in (t − interval, t], and what differs by one interval is as fast.

What a run does not show is a bound. One that is first there at its very last look did not show that it stays. One whose
best score lies at its last look alone may converge later than it seems: its steps to convergence may be more. And a
prompt that settles below the level of the plain one has not converged to anything that counts: it is not there.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from transferkit.shapes import FloatArray, IntArray
from transferkit.statistics.speedup import Speedup, ratio


@dataclass(frozen=True, kw_only=True)
class ConvergenceRule:
    """The rule.

    Attributes:
        tolerance: how far below the best score of a curve it counts as there.
        kept: further evaluations it has to stay there for.
    """

    tolerance: float = 0.02
    kept: int = 1


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores by step.

    Attributes:
        steps: evaluated steps in rising order [T]; 0 is the start.
        scores: higher is better [T].
    """

    steps: IntArray
    scores: FloatArray

    @property
    def trained(self) -> Self:
        """The curve without its start."""
        return type(self)(self.steps[self.steps > 0], self.scores[self.steps > 0])

    @property
    def first(self) -> int:
        """The first evaluated step behind the start."""
        return int(self.steps[self.steps > 0][0])

    @property
    def last(self) -> int:
        """The last evaluated step."""
        return int(self.steps[-1])

    @property
    def interval(self) -> int:
        """The most steps from one evaluation to the next."""
        return int(np.diff(self.steps, prepend=0).max())

    @property
    def is_unfinished(self) -> bool:
        """Whether its best score lies at its last look alone."""
        return int(self.scores.argmax()) == len(self.scores) - 1


@dataclass(frozen=True)
class Times:
    """Steps of a plain curve and of a started one, with what is not known of them.

    Attributes:
        plain: steps of the plain one.
        started: those of the started one; 0 where it was there at once, None where it was not shown to be.
        is_open: whether the plain one, and the started one, may have needed more.
    """

    plain: int
    started: int | None
    is_open: tuple[bool, bool]


RULE = ConvergenceRule()
ROUNDING = 1e-9  # 0.92 − 0.02 may lie above 0.90


def converged_level(curve: Curve, rule: ConvergenceRule = RULE) -> float:
    """Return the score at which a curve counts as converged."""
    return float(curve.scores.max()) - rule.tolerance


def step_reaching(curve: Curve, level: float, rule: ConvergenceRule = RULE) -> int | None:
    """Return the first evaluated step from which the score stays at a level; None where there is none."""
    is_there = curve.scores >= level - ROUNDING
    for place in np.flatnonzero(is_there):
        if is_there[place : place + rule.kept + 1].all():
            return int(curve.steps[place])
    return None


def step_converged(curve: Curve, rule: ConvergenceRule = RULE) -> int | None:
    """Return the step at which a curve has converged; None where it does not keep its own best level."""
    return step_reaching(curve, converged_level(curve, rule), rule)


def reference_step(plain: Curve, rule: ConvergenceRule = RULE) -> int | None:
    """Return the step at which a curve from nothing has converged, its start left out.

    None where it does not keep its own best level, and where the start is there already: what training gains no more
    than the tolerance cannot be gained sooner.
    """
    level = converged_level(plain.trained, rule)
    start = plain.scores[plain.steps == 0]
    return None if (start >= level - ROUNDING).any() else step_reaching(plain.trained, level, rule)


def convergence_times(plain: Curve, started: Curve, rule: ConvergenceRule = RULE) -> Times | None:
    """Return the steps to each curve's own convergence, the start of the started one counted; None without the first.

    A started curve whose converged level lies more than the tolerance below the plain one's is not there.
    """
    reference, run = reference_step(plain, rule), plain.trained
    if reference is None:
        return None
    is_enough = converged_level(started, rule) >= converged_level(run, rule) - rule.tolerance - ROUNDING
    there = _shown(started, step_converged(started, rule), rule) if is_enough else None
    is_open = (run.is_unfinished or _shown(run, reference, rule) is None, started.is_unfinished)
    return Times(reference, there, is_open)


def comparable_times(plain: Curve, started: Curve, rule: ConvergenceRule = RULE) -> Times | None:
    """Return the steps of both to the level that the plain curve converged at within its steps; None without a level.

    The level is what the plain curve shows: were it trained on, it might be higher, for both.
    """
    reference, run = reference_step(plain, rule), plain.trained
    if reference is None:
        return None
    there = _shown(started, step_reaching(started, converged_level(run, rule), rule), rule)
    return Times(reference, there, (_shown(run, reference, rule) is None, False))


def _shown(curve: Curve, step: int | None, rule: ConvergenceRule) -> int | None:
    """Return the step where evaluations enough lie behind it to show that the curve stays, else None."""
    return step if step is not None and np.count_nonzero(curve.steps > step) >= rule.kept else None


def convergence_speedup(plain: Curve, started: Curve, rule: ConvergenceRule = RULE) -> Speedup | None:
    """Return the plain curve's steps to convergence ÷ the started one's; None where nothing can be told."""
    return _ratio(convergence_times(plain, started, rule), started)


def comparable_speedup(plain: Curve, started: Curve, rule: ConvergenceRule = RULE) -> Speedup | None:
    """Return the plain curve's steps to convergence ÷ those of the started one to the level the plain one converged at.

    None where nothing can be told.
    """
    return _ratio(comparable_times(plain, started, rule), started)


def _ratio(times: Times | None, started: Curve) -> Speedup | None:
    if times is None:
        return None
    slack = started.interval / times.plain
    return ratio(times.plain, times.started, first=started.first, last=started.last, is_open=times.is_open, slack=slack)
