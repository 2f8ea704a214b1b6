"""Explaining. How long two prompts are: the direction-free yardstick of the Euclidean indicators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, named, rows_of
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

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the proxy of every pair [n_a,n_b]."""
        squares = [np.array([np.sum(rows_of(p, rows=self.rows, of=self.of) ** 2) for p in side]) for side in (a, b)]
        return -np.sqrt(squares[0][:, None] + squares[1][None, :])
