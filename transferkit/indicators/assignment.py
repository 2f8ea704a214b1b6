"""Explaining. How alike two prompts point when their rows may be matched in any order.

`cosine_concat` imposes the order of rows and `cosine_average` blurs it: here each row gets the one partner that makes
the whole most alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, mirrored, named, needs_of, sides, stacks, unit
from transferkit.shapes import FloatArray


@dataclass(frozen=True)
class OptimalAssignment:
    """Mean cosine of rows matched one to one so that it is largest; rows left over in a longer prompt count nothing."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "transferkit"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("optimal_assignment", self.rows, self.of)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the mean matched cosine of every pair [n_a,n_b]."""
        first, second = sides(self._unit_rows, a, b)
        is_same = first is second
        columns, starts = np.concatenate(second), np.cumsum([0, *(len(rows) for rows in second)])
        values = np.zeros((len(first), len(second)))
        for i, source in enumerate(first):
            begin = i if is_same else 0
            cosines = source @ columns[starts[begin] :].T
            cuts = starts[begin + 1 : -1] - starts[begin]
            values[i, begin:] = [_best_mean(part) for part in np.split(cosines, cuts, axis=1)]
        return mirrored(values) if is_same else values

    def _unit_rows(self, prompts: Sequence[Prompt]) -> list[FloatArray]:
        return [unit(rows).astype(np.float32) for rows in stacks(prompts, rows=self.rows, of=self.of)]


def _best_mean(cosines: FloatArray) -> float:
    from scipy.optimize import linear_sum_assignment

    return float(cosines[linear_sum_assignment(cosines, maximize=True)].mean(dtype=np.float64))
