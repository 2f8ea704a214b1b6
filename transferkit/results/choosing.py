"""Explaining. Which source should a target begin from? What each way to choose one comes to, and what it costs.

The protocol of Vu et al. 2022 (SPoT, section 4.3): the best of the k sources an indicator ranks highest, and their
average weighted by what it says of them, beside an oracle that knows the scores and picks that know nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transferkit.errors import InputError, nearest
from transferkit.indicators import BY_NAME
from transferkit.matrices import Matrix
from transferkit.results.reading import Reading
from transferkit.shapes import FloatArray
from transferkit.specs import AnyScoreSpec, PromptSpec, ScoreSpec, key
from transferkit.specs.mixing import mean_prompt, weighted_prompt
from transferkit.statistics import TopK, top_k_curves

if TYPE_CHECKING:
    import pandas as pd

ALL = "mean of all foreign prompts"
DIGITS = 6  # of a weight: the same average has the same name wherever it is computed
COLUMNS = ("backbone", "indicator", "k", "best_of_k", "average", "regret", "hits", "n_targets", "needs", "keys")


@dataclass(frozen=True)
class Average:
    """A weighted mean of sources for one target.

    Attributes:
        backbone, target, seed: where, for what, of which seed's prompts.
        indicator: what ranked them; `ALL` for all of them alike.
        k: how many there are.
        score: what is measured of it.
    """

    backbone: str
    indicator: str
    k: int
    target: str
    seed: int
    score: ScoreSpec


class Choosing:
    """The part of `Results` that is about choosing a source.

    Args:
        reading: the store.
        transfer: gives a backbone's transfer matrix.
        candidates: gives its indicators.
    """

    def __init__(
        self, reading: Reading, *, transfer: Callable[[str], Matrix], candidates: Callable[[str], list[Matrix]]
    ) -> None:
        self._reading = reading
        self._transfer = transfer
        self._candidates = candidates

    def curves(self, backbone: str) -> list[TopK]:
        """Return for every indicator, and for picks that know nothing, what the best of k sources scores."""
        return top_k_curves(self._transfer(backbone), self._candidates(backbone))

    def averages(self, backbone: str | None = None) -> list[Average]:
        """Return the averages the study asks for, as far as their prompts are there; none where it asks for none.

        Raises:
            InputError: it names an indicator there is not.
        """
        asked = getattr(self._reading.question, "retrieval", None)
        if asked is None:
            return []
        for name in asked.indicators:
            if name not in BY_NAME:
                raise InputError(f"retrieval: unknown indicator {name!r}", fix=nearest(name, list(BY_NAME)))
        found: list[Average] = []
        for place in (backbone,) if backbone else asked.backbones or self._reading.backbones:
            known = {matrix.name: matrix for matrix in self._candidates(place)}
            matrices = [known[name] for name in asked.indicators if name in known]
            for target in self._reading.tasks_on(place):
                found += self._of_target(place, target.name, matrices, asked.top_k)
        return found

    def table(self, backbone: str) -> pd.DataFrame:
        """Return one row per indicator and k: score of the best of k, of their average, regret, hits, n_targets.

        Scores are means over the same targets. Averages that were not measured are blank. The oracle, which is the best
        foreign source itself, has k = 1.
        """
        import pandas as pd

        averaged: dict[tuple[str, int], list[Average]] = {}
        for one in self.averages(backbone):
            averaged.setdefault((one.indicator, one.k), []).append(one)
        rows, curves = [], self.curves(backbone)
        for curve in curves:
            for i, k in enumerate(curve.k):
                several = averaged.get((curve.name, int(k)), [])
                row = {"indicator": curve.name, "k": int(k), "best_of_k": curve.score[i], "regret": curve.regret[i]}
                row |= {"hits": curve.hits[i], "n_targets": curve.n_targets, "needs": _needs(curve.name)}
                rows.append({**row, "average": self._mean(several), "keys": _keys(several)})
        for (name, k), several in averaged.items():
            if name == ALL:
                row = {"indicator": ALL, "k": k, "average": self._mean(several), "keys": _keys(several)}
                rows.append({**row, "n_targets": len({one.target for one in several}), "needs": "nothing"})
        if curves:
            oracle = {"indicator": "oracle", "k": 1, "best_of_k": curves[0].oracle, "regret": 0.0}
            rows.append(
                {**oracle, "hits": curves[0].n_targets, "n_targets": curves[0].n_targets, "needs": "all scores"}
            )
        return pd.DataFrame(rows, columns=COLUMNS[1:]).assign(backbone=backbone)[list(COLUMNS)]

    # --- details -----------------------------------------------------------------------------------------------------
    def _of_target(self, backbone: str, target: str, matrices: list[Matrix], ks: tuple[int, ...]) -> list[Average]:
        (like, *_rest) = [s for s in self._reading.measured_on(backbone, target) if isinstance(s, ScoreSpec)] or [None]
        prompts = {
            (spec.task.name, spec.seed): spec
            for spec in self._reading.prompts
            if isinstance(spec, PromptSpec) and spec.backbone.name == backbone and spec.task.name != target
        }
        if like is None or not prompts or any(not self._reading.store.has(spec) for spec in prompts.values()):
            return []
        names = tuple(dict.fromkeys(name for name, _ in prompts))
        ways: list[tuple[str, int, dict[str, float]]] = [(ALL, len(names), dict.fromkeys(names, 1.0))]
        for matrix in matrices:
            values = dict(zip(matrix.sources, matrix.values[:, matrix.targets.index(target)], strict=True))
            for k in ks:
                if (weights := _weights({name: values[name] for name in names}, k)) is not None:
                    ways.append((matrix.name, k, weights))
        found = []
        for indicator, k, weights in ways:
            for seed in sorted({seed for _, seed in prompts}):
                sources = [prompts[name, seed].source for name in weights]
                similar = list(weights.values())
                mixed = mean_prompt(sources) if indicator == ALL else weighted_prompt(sources, similar)
                score = ScoreSpec(source=mixed, backbone=like.backbone, readout=like.readout, task=like.task)
                found.append(Average(backbone, indicator, k, target, seed, score))
        return found

    def _mean(self, several: list[Average]) -> float:
        """Return the mean over targets and seeds; NaN unless all of it is measured."""
        scores: dict[str, list[AnyScoreSpec]] = {}
        for one in several:
            scores.setdefault(one.target, []).append(one.score)
        cells: FloatArray = np.array([self._reading.mean(specs).value for specs in scores.values()])
        return float(cells.mean()) if len(cells) else float("nan")


def _weights(values: dict[str, float], k: int) -> dict[str, float] | None:
    """Return the k largest values as weights that sum to one, rounded; None where too few are known or above zero."""
    if len(values) < k or any(np.isnan(value) for value in values.values()):
        return None
    best = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:k]
    if any(value <= 0 for _, value in best):
        return None
    total = sum(value for _, value in best)
    return {name: round(value / total, DIGITS) for name, value in best}


def _needs(name: str) -> str:
    """Return what an indicator has to be given of a pair of tasks."""
    if name not in BY_NAME:
        return "groups of tasks" if "group" in name else "nothing"
    return "both prompts" if BY_NAME[name].reads == "prompt" else "both prompts, and a pass of the backbone for each"


def _keys(several: list[Average]) -> str:
    return " ".join(key(one.score) for one in several)
