"""Explaining. Whether the positions of two prompts relate to each other alike: debiased linear CKA.

Kornblith et al. 2019 compare representations through the similarities within each; the estimator is HSIC_1 of Song et
al. 2012, which does not reward prompts for having few positions and many dimensions. Rotating, moving or rescaling the
rows of a prompt changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.errors import InputError
from transferkit.indicators.base import Of, Reads, Rows, flat, named, needs_of, sides, unit
from transferkit.shapes import FloatArray

NEGLIGIBLE = 1e-10


@dataclass(frozen=True)
class LinearCKA:
    """Cosine of the two prompts' U-centred Gram matrices; positions are the samples, so row i is paired with row i."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Kornblith et al. 2019; Song et al. 2012, equation 5"

    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("linear_cka", self.rows, self.of)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the CKA of every pair [n_a,n_b]; 0 where all rows of a prompt are the same.

        Raises:
            InputError: fewer than four rows, from which the estimator is not defined; or rows that do not pair up.
        """
        first, second = sides(self._grams, a, b)
        return first @ second.T

    def _grams(self, prompts: Sequence[Prompt]) -> FloatArray:
        width = prompts[0].vectors.shape[1]
        flattened = flat(prompts, rows=self.rows, of=self.of)
        return unit(np.array([u_centred_gram(rows.reshape(-1, width)) for rows in flattened]))


def u_centred_gram(rows: FloatArray) -> FloatArray:
    """Return the U-centred Gram matrix of rows [P,d], flattened [P·P].

    Raises:
        InputError: fewer than four rows.
    """
    n = len(rows)
    if n < 4:
        raise InputError(f"linear CKA of prompts with {n} rows is not defined", fix="compare prompts of 4 rows or more")
    moved = rows - rows.mean(axis=0)
    gram = moved @ moved.T
    np.fill_diagonal(gram, 0.0)
    sums = gram.sum(axis=1)
    gram += sums.sum() / ((n - 1) * (n - 2)) - (sums[:, None] + sums[None, :]) / (n - 2)
    np.fill_diagonal(gram, 0.0)
    # What rounding leaves of equal rows would otherwise be brought to length 1.
    return gram.ravel() * (np.linalg.norm(gram) > NEGLIGIBLE * np.sum(rows**2))
