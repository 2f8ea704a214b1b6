"""Explaining. How long two prompts are: the direction-free yardstick of the Euclidean indicators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, named, needs_of, sides, stacks
from transferkit.shapes import FloatArray


@dataclass(frozen=True)
class NormProxy:
    """−√(‖A‖² + ‖B‖²): the distance two prompts would have if they were orthogonal. It knows no direction."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "transferkit"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("norm_proxy", self.rows, self.of)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the proxy of every pair [n_a,n_b]."""
        first, second = sides(self._squared_norms, a, b)
        return -np.sqrt(first[:, None] + second[None, :])

    def _squared_norms(self, prompts: Sequence[Prompt]) -> FloatArray:
        return np.array([np.sum(rows**2) for rows in stacks(prompts, rows=self.rows, of=self.of)])
