"""Explaining. Transfer as initialisation: how much sooner a prompt gets there that begins from another one.

Su et al. 2022, section 6. When a prompt is there, `transferkit.statistics.convergence` says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.matrices import Matrix
from transferkit.results.reading import Reading
from transferkit.results.started_pairs import COLUMNS, pair_row, summary_of
from transferkit.results.starts import PAIR, TRAINED, Beginning, Pair, beginnings, controls, curve_table
from transferkit.specs import key
from transferkit.statistics import (
    ConvergenceRule,
    Grouping,
    agreement,
    mantel_many,
)
from transferkit.statistics.convergence import RULE
from transferkit.statistics.speedup import ORDER, SIGNS

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["comparable", "convergence"]
NAMES: dict[Kind, str] = {"comparable": "comparable-result speed-up", "convergence": "convergence speed-up"}
FROM_LOW = {SIGNS[side]: place for side, place in ORDER.items()}
GROUPINGS: tuple[Grouping, ...] = ("per_target", "all")
ZERO_SHOT = "zero-shot transfer"
AGREEMENT = ("indicator", "grouping", "speedup_rho", "speedup_p", "zero_shot_rho", "zero_shot_p", "n_groups", "n_cells")


class Speedups:
    """The part of `Results` that is about prompts begun from other prompts.

    Args:
        reading: the study and its store.
        candidates: gives a backbone's indicators.
        relative: gives a backbone's zero-shot transfer, relative to own scores.
        seed: of the relabellings.
        rule: when a curve has converged.
    """

    def __init__(
        self,
        reading: Reading,
        *,
        candidates: Callable[[str], list[Matrix]],
        relative: Callable[[str], Matrix],
        seed: int,
        rule: ConvergenceRule = RULE,
    ) -> None:
        self._reading = reading
        self._candidates = candidates
        self._relative = relative
        self._seed = seed
        self.rule = rule

    @cached_property
    def _found(self) -> dict[Pair, list[Beginning]]:
        return beginnings(self._reading)

    @property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones on which prompts are trained from others."""
        return tuple(dict.fromkeys(pair[0] for pair in self._found))

    def table(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per pair of source and target; `results.started_pairs` says what its columns are.

        Behind those of a target stands what chance does ("from nothing", "another seed"): all ordered pairs of runs
        from nothing that differ in their seed, the second as if it were the started one; blank with a single seed.
        """
        table = self._table
        if backbone is not None:
            self._reading.check_backbone(backbone)
        return table.copy() if backbone is None else table[table["backbone"] == backbone].reset_index(drop=True)

    @cached_property
    def _table(self) -> pd.DataFrame:
        import pandas as pd

        rows = [
            dict(zip(PAIR, pair, strict=True)) | pair_row(self._reading, several, self.rule)
            for pair, several in self._with_controls()
        ]
        return pd.DataFrame(rows, columns=[*PAIR, *COLUMNS])

    def _with_controls(self) -> list[tuple[Pair, list[Beginning]]]:
        place = {at: i for i, at in enumerate(dict.fromkeys((pair[0], pair[5]) for pair in self._found))}
        both = [*self._found.items(), *controls(self._found).items()]
        return sorted(both, key=lambda item: place[item[0][0], item[0][5]])

    def curves(self, backbone: str | None = None) -> pd.DataFrame:
        """Return one row per evaluation of the prompts that are there beside their twins, and of those twins.

        Columns: those that name a pair (the source of a twin is "from nothing"), seed, step, gflop (arithmetic so far),
        gflop_before (what was spent before its first step: the source's training, the projector's tuning),
        selection_score, level (what the plain twin of this seed converged at), key.
        """
        if backbone is not None:
            self._reading.check_backbone(backbone)
        return curve_table({pair: one for pair, one in self._found.items() if backbone in (None, pair[0])}, self.rule)

    def matrix(self, backbone: str, kind: Kind = "comparable") -> Matrix:
        """Return a speed-up, median over seeds, of prompts as they are [source,target]; bounds are marked as such.

        Where the median is only known to lie between two ends, its value is their geometric mean, marked "~". The
        diagonal and pairs without a ratio are not applicable.
        """
        tasks = self._reading.tasks_on(self._reading.check_backbone(backbone))
        names, groups = tuple(task.name for task in tasks), tuple(task.group for task in tasks)
        values, low, high = np.full((3, len(names), len(names)), np.nan)
        state, bounds = np.full(values.shape, "not_applicable"), np.full(values.shape, "")
        place = {name: i for i, name in enumerate(names)}
        found = self._of(backbone)
        for (source, target), several in found.items():
            at, summary = (place[source], place[target]), summary_of(several, kind, self.rule)
            if summary is None:
                state[at] = "missing"
            elif summary.median is not None and summary.low is not None and summary.high is not None:
                state[at], bounds[at] = "measured", SIGNS[summary.median.side]
                values[at], low[at], high[at] = summary.median.middle, summary.low.value, summary.high.value
        n_seeds = max(map(len, found.values()), default=0)
        return Matrix(
            values=values,
            sources=names,
            targets=names,
            source_groups=groups,
            target_groups=groups,
            name=f"{NAMES[kind]} on {backbone}",
            unit="times as fast",
            state=state,
            bounds=bounds,
            low=low if n_seeds > 1 else None,
            high=high if n_seeds > 1 else None,
            interval=f"first and last of {n_seeds} seeds in order" if n_seeds > 1 else None,
            keys=tuple(dict.fromkeys(key(one.start.prompt) for several in found.values() for one in several)),
        )

    def ranks(self, backbone: str, kind: Kind = "comparable") -> Matrix:
        """Return the places of the cells of `matrix` in order: never there is lowest, there at once is highest.

        Values between two ends stand by their middle among the exact ones. Where ranges overlap, the order is that
        convention, and those of one side are ordered by their bound.
        """
        matrix = self.matrix(backbone, kind)
        assert matrix.bounds is not None
        places = {at: (FROM_LOW[matrix.bounds[at]], matrix.values[at].round(9)) for at in _measured(matrix)}
        order = {one: i for i, one in enumerate(sorted(set(places.values())))}
        values = matrix.values.copy()
        for at, one in places.items():
            values[at] = order[one]
        blank = dict.fromkeys(("bounds", "low", "high", "interval"))
        return dataclasses.replace(matrix, values=values, name=f"{matrix.name}, in order", unit="place", **blank)

    def agreements(self, backbone: str, kind: Kind = "comparable") -> pd.DataFrame:
        """Return how well every indicator orders a speed-up and, over the same cells, zero-shot transfer.

        One row per indicator and grouping. The last indicator is zero-shot transfer (relative scores) itself. Bounds
        rank as in `ranks`; p is one-sided, by joint relabelling.
        """
        import pandas as pd

        speedup, zero_shot = self.ranks(backbone, kind), self._relative(backbone)
        beside = dataclasses.replace(zero_shot, name=ZERO_SHOT)
        left_out = ~(speedup.is_measured & zero_shot.is_measured)
        both = [speedup.mask(left_out), zero_shot.mask(left_out)]
        indicators = [*self._candidates(backbone), beside]
        rows = []
        for grouping in GROUPINGS:
            p = mantel_many(both, indicators, generator=np.random.default_rng(self._seed), grouping=grouping)
            for j, indicator in enumerate(indicators):
                first, second = (agreement(one, indicator, grouping=grouping) for one in both)
                is_itself = indicator is beside
                rhos = [np.nan if one.rho is None else one.rho for one in (first, second)]
                other = (np.nan, np.nan) if is_itself else (rhos[1], p[1, j])
                rows.append((indicator.name, grouping, rhos[0], p[0, j], *other, first.n_groups, first.n_cells))
        return pd.DataFrame(rows, columns=list(AGREEMENT))

    def _of(self, backbone: str) -> dict[tuple[str, str], list[Beginning]]:
        """Return the prompts begun from a backbone's own prompts as they are, by source and target."""
        return {
            (pair[3], pair[5]): several
            for pair, several in self._found.items()
            if pair[:3] == (backbone, TRAINED, backbone)
        }


def _measured(matrix: Matrix) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in np.argwhere(matrix.is_measured)]
