"""Explaining. Which source serves a target best as it is? What each way to choose one comes to, and what it costs.

The protocol of Vu et al. 2022 (SPoT, section 4.3): the best of the k sources an indicator ranks highest, and one
prompt made of them (`blends.py`), beside an oracle that knows the scores and picks that know nothing. Beyond it: the
best of several is chosen on one half of the examples and scored on the other, or it would be too high.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from transferkit.indicators import BY_NAME
from transferkit.matrices import Matrix
from transferkit.results.blends import ALL, Blend, find_blends, keys_of
from transferkit.results.reading import Reading
from transferkit.results.scores import answers
from transferkit.shapes import FloatArray
from transferkit.specs import AnyScoreSpec, Spec, key
from transferkit.statistics import TopK, scores_of, top_k_curves
from transferkit.statistics.top_k import Halves, cross_fitted

if TYPE_CHECKING:
    import pandas as pd

SPLIT = 0  # which of the ways to halve the examples: the same for all sources of a target
ASKED = ("backbone", "indicator", "k")
BEST = ("best_of_k", "in_sample", "is_cross_fitted")
BLENDS = {"average": "n_averaged", "mixture": "n_mixed"}  # and over how many targets each is
COLUMNS = (*ASKED, *BEST, *chain(*BLENDS.items()), "regret", "hits", "n_targets", "needs", "keys")


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

    def blends(self, backbone: str | None = None) -> list[Blend]:
        """Return the averages and mixtures the study asks for, as far as their prompts are there.

        Raises:
            InputError: it names an indicator there is not.
        """
        return find_blends(self._reading, self._candidates, backbone)

    def specs(self) -> list[Spec]:
        """Return what averages and mixtures take beyond the study's own specs, each once."""
        return list({key(spec): spec for one in self.blends() for spec in one.specs}.values())

    def table(self, backbone: str) -> pd.DataFrame:
        """Return one row per indicator and k: score of the best of k, of average and mixture, regret, hits, n_targets.

        The best of k is chosen on one half of the examples and scored on the other, see `cross_fitted`; `in_sample` is
        chosen and scored on the same, and so are regret and hits. Where answers are not known, both are in-sample, and
        `is_cross_fitted` is false. Scores are means over the same `n_targets` targets, but averages over `n_averaged`:
        a target whose best k are not all alike to it, by a value above zero, has none; mixtures over `n_mixed`. What
        was not measured is blank. The oracle, which tries all foreign sources, has k = 1.
        """
        import pandas as pd

        blends: dict[tuple[str, int], list[Blend]] = {}
        for one in self.blends(backbone):
            blends.setdefault((one.indicator, one.k), []).append(one)
        rows, curves, halves = [], self.curves(backbone), self._halves(backbone)
        honest = halves and cross_fitted(self._transfer(backbone), self._candidates(backbone), curves, halves)
        is_honest = {"is_cross_fitted": honest is not None}
        for n, curve in enumerate(curves):
            best = honest.scores[n] if honest else curve.score
            for i, k in enumerate(curve.k):
                row = {"indicator": curve.name, "k": int(k), "best_of_k": best[i], "in_sample": curve.score[i]}
                row |= {**is_honest, "regret": curve.regret[i], "hits": curve.hits[i], "n_targets": curve.n_targets}
                rows.append({**row, "needs": _needs(curve.name), **self._means(blends.get((curve.name, int(k)), []))})
        for (name, k), several in blends.items():
            if name == ALL:
                row = {"indicator": ALL, "k": k, **self._means(several), "needs": "nothing"}
                rows.append({**row, "n_targets": len({one.target for one in several})})
        if curves:
            score = honest.oracle if honest else curves[0].oracle
            row = {"indicator": "oracle", "k": 1, "best_of_k": score, "in_sample": curves[0].oracle, **is_honest}
            row |= {"regret": 0.0, "hits": curves[0].n_targets, "n_targets": curves[0].n_targets}
            rows.append({**row, "needs": "all scores"})
        return pd.DataFrame(rows, columns=COLUMNS[1:]).assign(backbone=backbone)[list(COLUMNS)]

    # --- details -----------------------------------------------------------------------------------------------------
    def _halves(self, backbone: str) -> Halves | None:
        """Return what every foreign cell scores on either half of its examples; None where some answers are unknown."""
        transfer, tasks = self._transfer(backbone), self._reading.tasks_on(backbone)
        asked = transfer.is_measured & ~transfer.is_own()
        found = np.full((2, *asked.shape), np.nan)
        share = np.full(len(tasks), np.nan)
        for i, j in zip(*np.nonzero(asked), strict=True):
            task = tasks[j]
            specs = self._reading.prompts_on(backbone, task.name, source=tasks[i].name, source_backbone=backbone)
            said, examples = answers(self._reading, specs), self._reading.gold(task.name)
            is_text = task.n_classes is None
            if said is None or not (is_text or examples) or (n := said.shape[1]) < 2:
                return None
            gold = None if is_text or examples is None else examples.gold
            is_first = np.random.default_rng([SPLIT, n]).permutation(n) < (n + 1) // 2
            how = {"metric": task.metric, "n_classes": task.n_classes}
            scores = scores_of(said, gold, np.array([is_first, ~is_first]), **how)  # type: ignore[arg-type]
            found[:, i, j], share[j] = scores.mean(axis=1), is_first.mean()
        return Halves(found[0], found[1], share)

    def _means(self, several: list[Blend]) -> dict[str, object]:
        """Return the mean over targets and seeds, NaN unless all of it is measured, and over how many targets it is."""
        found: dict[str, object] = {"keys": keys_of(several)}
        for how, counted in BLENDS.items():
            scores: dict[str, list[AnyScoreSpec]] = {}
            for one in several:
                if one.how == how:
                    scores.setdefault(one.target, []).append(one.score)
            cells: FloatArray = np.array([self._reading.mean(specs).value for specs in scores.values()])
            found |= {how: float(cells.mean()) if len(cells) else float("nan"), counted: len(cells)}
        return found


def _needs(name: str) -> str:
    """Return what an indicator has to be given of a pair of tasks."""
    if name not in BY_NAME:
        return "groups of tasks" if "group" in name else "nothing"
    return "both prompts" if BY_NAME[name].reads == "prompt" else "both prompts, and a pass of the backbone for each"
