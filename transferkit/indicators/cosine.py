"""Explaining. How alike two prompts point: cosine similarity (Su et al. 2022, section 4.3, C_concat and C_average)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, flat, named, stacks
from transferkit.shapes import FloatArray


@dataclass(frozen=True)
class CosineConcat:
    """Cosine of the prompts laid end to end: row i is compared with row i."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Su et al. 2022, section 4.3"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("cosine_concat", self.rows, self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the cosine of every pair [n_a,n_b]."""
        both = unit(flat([*a, *b], rows=self.rows, of=self.of))
        return both[: len(a)] @ both[len(a) :].T


@dataclass(frozen=True)
class CosineAverage:
    """Mean over all pairs of rows of cos(a_i, b_j), which is the dot product of the mean unit rows."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Su et al. 2022, section 4.3"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("cosine_average", self.rows, self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the mean cosine of every pair [n_a,n_b]."""
        means = np.array([unit(rows).mean(axis=0) for rows in stacks([*a, *b], rows=self.rows, of=self.of)])
        return means[: len(a)] @ means[len(a) :].T


def unit(rows: FloatArray) -> FloatArray:
    """Return rows [n,d] at length 1; a zero row stays zero, so that its cosine with anything is 0."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
