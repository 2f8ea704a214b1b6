"""Explaining. How alike two prompts point: cosine similarity (Su et al. 2022, section 4.3, C_concat and C_average)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, flat, named, needs_of, sides, stacks, unit
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

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the cosine of every pair [n_a,n_b]; 0 where a prompt is zero."""
        first, second = sides(partial(flat, rows=self.rows, of=self.of), a, b)
        norms = np.outer(np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1))
        return np.divide(first @ second.T, norms, out=np.zeros_like(norms), where=norms > 0)


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

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the mean cosine of every pair [n_a,n_b]."""
        first, second = sides(self._means, a, b)
        return first @ second.T

    def _means(self, prompts: Sequence[Prompt]) -> FloatArray:
        return np.array([unit(rows).mean(axis=0) for rows in stacks(prompts, rows=self.rows, of=self.of)])
