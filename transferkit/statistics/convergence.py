"""Explaining. When has a training curve converged, and how much sooner does a prompt that began from another one?

Su et al. 2022, section 6, report a convergence speed-up and a comparable-result speed-up, without a rule for either.
Ours is stated here: a curve has converged at the first evaluation whose score is within a tolerance of the best of the
curve and stays there for some further evaluations, or to the end of the curve. Steps are known to the evaluation
interval: reached at step t means reached in (t − interval, t]. A curve that still rises at its last step has converged
to what it has reached by then.
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


def convergence_speedup(plain: Curve, started: Curve, rule: ConvergenceRule = RULE) -> Speedup | None:
    """Return the plain curve's steps to convergence ÷ the started one's, whose start counts; None without the first."""
    reference = reference_step(plain, rule)
    if reference is None:
        return None
    return ratio(reference, step_converged(started, rule), first=started.first, last=started.last)


def comparable_speedup(plain: Curve, started: Curve, rule: ConvergenceRule = RULE) -> Speedup | None:
    """Return the plain curve's steps to convergence ÷ those of the started one to the level the plain one converged at.

    The start of the started curve counts. None where the plain one has no such step.
    """
    reference = reference_step(plain, rule)
    if reference is None:
        return None
    there = step_reaching(started, converged_level(plain.trained, rule), rule)
    return ratio(reference, there, first=started.first, last=started.last)
