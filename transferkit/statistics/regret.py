"""Explaining. What does trusting an indicator cost, when all one wants is a good source for a target?

Regret@k is the part of the best foreign score that is lost by trying only the k sources an indicator ranks highest.
Tied sources are picked at random; what is returned is the exact expectation, so a constant indicator is a random pick.
"""

from dataclasses import dataclass
from math import comb

import numpy as np

from transferkit.errors import InputError
from transferkit.matrices import Matrix, same_group
from transferkit.shapes import BoolArray, FloatArray
from transferkit.statistics.ranking import shared_cells


@dataclass(frozen=True)
class Regret:
    """What is lost by trusting the first k of a ranking of sources.

    Attributes:
        k: how many sources are tried per target.
        regret: (best foreign score − best score tried) ÷ best foreign score, mean over targets, expected under ties.
        hits: expected number of targets whose best foreign source is among those tried.
        n_targets: targets with at least two foreign sources to choose from and a best score above zero.
        score: expected best score of those tried, mean over these targets.
        best: the best foreign score, mean over these targets: what an oracle gets.
    """

    k: int
    regret: float
    hits: float
    n_targets: int
    score: float
    best: float


def regret(transfer: Matrix, indicator: Matrix, *, k: int) -> Regret | None:
    """Return the regret of an indicator's k highest-ranked foreign sources; None without a target to choose for.

    Raises:
        InputError: the matrices do not have the same sources and targets, or k is below one.
    """
    used = shared_cells(transfer, indicator, diagonal="without")
    return _mean_regret(transfer.values, indicator.values, used, used, k)


def random_regret(transfer: Matrix, *, k: int) -> Regret | None:
    """Return the expected regret of k foreign sources drawn at random.

    Raises:
        InputError: k is below one.
    """
    used = shared_cells(transfer, diagonal="without")
    return _mean_regret(transfer.values, np.zeros(used.shape), used, used, k)


def same_group_regret(transfer: Matrix, *, k: int) -> Regret | None:
    """Return the expected regret of k foreign sources drawn from the target's group, or of all where there are fewer.

    Targets without any are left out.

    Raises:
        InputError: k is below one.
    """
    used = shared_cells(transfer, diagonal="without")
    of_group = used & (same_group(transfer).values == 1)
    return _mean_regret(transfer.values, np.zeros(used.shape), used, of_group, k)


def _mean_regret(scores: FloatArray, guesses: FloatArray, used: BoolArray, tried: BoolArray, k: int) -> Regret | None:
    """Average over targets: what is best among the cells `used`, and is picked among those `tried` [source,target]."""
    if k < 1:
        raise InputError(f"k={k} sources cannot be tried", fix="use k=1 or more")
    tried_best, foreign_best, hit = [], [], []
    for score, guess, is_used, is_tried in zip(scores.T, guesses.T, used.T, tried.T, strict=True):
        if is_used.sum() < 2 or not is_tried.any() or (best := score[is_used].max()) <= 0:
            continue
        expected, chance = _expected_pick(score[is_tried], guess[is_tried], best, k)
        tried_best.append(expected)
        foreign_best.append(best)
        hit.append(chance)
    if not hit:
        return None
    got, most = np.array(tried_best), np.array(foreign_best)
    lost = float(np.mean((most - got) / most))
    return Regret(k, lost, float(np.sum(hit)), len(hit), float(got.mean()), float(most.mean()))


def _expected_pick(scores: FloatArray, guesses: FloatArray, best: float, k: int) -> tuple[float, float]:
    """Return the expected highest score of the k highest guesses, and the chance that it is the best one.

    All guesses above the k-th highest are sure; r more are drawn from the m that equal it. The highest of r draws
    without replacement is the q-th smallest with probability C(q − 1, r − 1) ÷ C(m, r).
    """
    k = min(k, len(scores))
    threshold = np.sort(guesses)[-k]
    sure, tied = scores[guesses > threshold], np.sort(scores[guesses == threshold])
    m, r = len(tied), k - len(sure)
    chances = [comb(q, r - 1) / comb(m, r) for q in range(m)]
    highest = np.maximum(tied, sure.max(initial=-np.inf))
    return float(np.dot(chances, highest)), float(np.dot(chances, highest == best))
