"""Explaining. How good is the best of the k sources an indicator ranks highest, for every k (Vu et al. 2022)?

One number per k and target: the highest score among the sources tried, ties in expectation, as in `regret`. An oracle
gets the best foreign score at once; a random pick and one within the target's group say what needs no prompt at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from transferkit.matrices import Matrix
from transferkit.shapes import FloatArray, IntArray
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
