"""Explaining. How near two prompts lie: Euclidean similarity (Su et al. 2022, section 4.3, E_concat and E_average).

Both forms mostly measure how long the two prompts are; `NormProxy` shows how much of an agreement is that alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, flat, named, stacks
from transferkit.shapes import FloatArray, IntArray


@dataclass(frozen=True)
class EuclideanConcat:
    """1 / (1 + ‖A − B‖), the prompts laid end to end: row i is compared with row i."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Su et al. 2022, section 4.3"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("euclidean_concat", self.rows, self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the similarity of every pair [n_a,n_b]."""
        from scipy.spatial.distance import cdist

        both = flat([*a, *b], rows=self.rows, of=self.of)
        return 1.0 / (1.0 + cdist(both[: len(a)], both[len(a) :]))


@dataclass(frozen=True)
class EuclideanAverage:
    """1 / (1 + mean over all pairs of rows of ‖a_i − b_j‖): blind to the order of rows; not 1 for a prompt itself."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Su et al. 2022, section 4.3"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("euclidean_average", self.rows, self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the similarity of every pair [n_a,n_b]."""
        both = stacks([*a, *b], rows=self.rows, of=self.of)
        columns, ends = np.concatenate(both[len(a) :]), np.cumsum([0, *(len(rows) for rows in both[len(a) :])])
        distances = np.array([_mean_distances(rows, columns, ends) for rows in both[: len(a)]])
        return 1.0 / (1.0 + distances)


def _mean_distances(rows: FloatArray, columns: FloatArray, ends: IntArray) -> FloatArray:
    """Return the mean distance of one prompt's rows [P,d] to each prompt's rows in `columns` [n·P,d]."""
    squares = np.sum(rows**2, axis=1)[:, None] + np.sum(columns**2, axis=1)[None, :] - 2.0 * rows @ columns.T
    sums = np.add.reduceat(np.sqrt(np.maximum(squares, 0.0)).sum(axis=0), ends[:-1])
    return sums / (len(rows) * np.diff(ends))
