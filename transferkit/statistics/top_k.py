"""Explaining. How good is the best of the k sources an indicator ranks highest, for every k (Vu et al. 2022)?

One number per k and target: the highest score among the sources tried, ties in expectation, as in `regret`. An oracle
gets the best foreign score at once; a random pick and one within the target's group say what needs no prompt at all.

The best of several is too high where it is chosen and scored on the same examples: of sources that are equally good the
luckiest is named. `cross_fitted` chooses on one half of the examples and scores on the other, both ways round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from transferkit.matrices import Matrix, same_group
from transferkit.shapes import BoolArray, FloatArray, IntArray
from transferkit.statistics.ranking import shared_cells
from transferkit.statistics.regret import Regret, random_regret, regret, same_group_regret

RANDOM = "random source"
SAME_GROUP = "random source of the same group"


@dataclass(frozen=True)
class TopK:
    """What trying more and more of a ranking's first sources comes to.

    Attributes:
        name: the indicator, or `RANDOM` or `SAME_GROUP`.
        k: how many sources are tried, 1, 2, … [k].
        score: expected best score of those tried, mean over targets [k].
        regret: expected part of the best foreign score that is lost, mean over targets [k].
        hits: expected number of targets whose best foreign source is among those tried [k].
        oracle: the best foreign score, mean over targets.
        n_targets: targets that count, see `Regret`.
    """

    name: str
    k: IntArray
    score: FloatArray
    regret: FloatArray
    hits: FloatArray
    oracle: float
    n_targets: int


@dataclass(frozen=True)
class Halves:
    """Scores on either half of each target's examples; what is no cell is NaN.

    Attributes:
        first, second: scores on the one half and on the other [source,target].
        share: part of the examples that is in the first half [target].
    """

    first: FloatArray
    second: FloatArray
    share: FloatArray


@dataclass(frozen=True)
class CrossFitted:
    """What curves come to where sources are chosen on one half of the examples and scored on the other.

    Attributes:
        scores: per curve, as in `TopK.score` [k].
        oracle: the source that is best on one half, scored on the other, mean over targets.
    """

    scores: list[FloatArray]
    oracle: float


def top_k(transfer: Matrix, indicator: Matrix) -> TopK | None:
    """Return the curve of an indicator; None without a target to choose for.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    return _curve(indicator.name, transfer, lambda k: regret(transfer, indicator, k=k))


def top_k_curves(transfer: Matrix, indicators: Sequence[Matrix]) -> list[TopK]:
    """Return the curves of indicators that have one, and below them the two yardsticks that need none.

    Raises:
        InputError: the matrices do not have the same sources and targets.
    """
    found = [
        *(top_k(transfer, indicator) for indicator in indicators),
        _curve(RANDOM, transfer, lambda k: random_regret(transfer, k=k)),
        _curve(SAME_GROUP, transfer, lambda k: same_group_regret(transfer, k=k)),
    ]
    return [curve for curve in found if curve is not None]


def _curve(name: str, transfer: Matrix, found: Callable[[int], Regret | None]) -> TopK | None:
    most = int(shared_cells(transfer, diagonal="without").sum(axis=0).max(initial=0))
    points = [point for k in range(1, most + 1) if (point := found(k)) is not None]
    if not points:
        return None
    return TopK(
        name=name,
        k=np.array([point.k for point in points]),
        score=np.array([point.score for point in points]),
        regret=np.array([point.regret for point in points]),
        hits=np.array([point.hits for point in points]),
        oracle=points[0].best,
        n_targets=points[0].n_targets,
    )


def cross_fitted(
    transfer: Matrix, indicators: Sequence[Matrix], curves: Sequence[TopK], halves: Halves
) -> CrossFitted | None:
    """Return what `curves` score where no source is chosen on the examples that it is scored on; None without any.

    Either half serves once to choose and once to score, weighted by the examples that score. Sources an indicator ties
    are tried in expectation, as in `regret`; of those that are equal on the half that chooses, the first in the
    matrix's order is taken.

    Args:
        transfer: scores on all examples, which say what there is to choose for.
        indicators: what the curves are of, by name.
        curves: of `top_k_curves`.
        halves: scores on the halves, known for every foreign cell of `transfer`.
    """
    if not curves:
        return None
    used = shared_cells(transfer, diagonal="without")
    same, known = same_group(transfer).values == 1, {one.name: one for one in indicators}
    scores = []
    for curve in curves:
        one = known.get(curve.name) if curve.name not in {RANDOM, SAME_GROUP} else None
        here = used if one is None else used & one.is_measured
        guesses = np.zeros(used.shape) if one is None else one.values
        tried = here & same if curve.name == SAME_GROUP else here
        targets = _targets(transfer.values, here, tried)
        scores.append(np.array([_crossed(halves, guesses, tried, targets, int(k)) for k in curve.k]))
    targets = _targets(transfer.values, used, used)
    return CrossFitted(scores, _crossed(halves, np.zeros(used.shape), used, targets, len(used)))


def _targets(scores: FloatArray, used: BoolArray, tried: BoolArray) -> list[int]:
    """Return the targets that count, as in `regret`."""
    best = np.where(used, scores, -np.inf).max(axis=0, initial=-np.inf)
    return np.flatnonzero((used.sum(axis=0) >= 2) & tried.any(axis=0) & (best > 0)).tolist()


def _crossed(halves: Halves, guesses: FloatArray, tried: BoolArray, targets: Sequence[int], k: int) -> float:
    found = []
    for j in targets:
        first, second, guess = (side[tried[:, j], j] for side in (halves.first, halves.second, guesses))
        share = float(halves.share[j])
        found.append((1 - share) * _picked(first, second, guess, k) + share * _picked(second, first, guess, k))
    return float(np.mean(found))


def _picked(chosen_on: FloatArray, scored_on: FloatArray, guesses: FloatArray, k: int) -> float:
    """Return the expected score of the source that is best on other examples, among the k highest guesses."""
    k = min(k, len(guesses))
    place = np.empty(len(guesses), dtype=int)
    place[np.lexsort((-np.arange(len(guesses)), chosen_on))] = np.arange(len(guesses))  # the highest is the best
    threshold = np.sort(guesses)[-k]
    sure, tied = place[guesses > threshold], np.sort(place[guesses == threshold])
    m, r = len(tied), k - len(sure)
    chances = [comb(q, r - 1) / comb(m, r) for q in range(m)]
    by_place = scored_on[np.argsort(place)]
    return float(np.dot(chances, by_place[np.maximum(tied, sure.max(initial=-1))]))
