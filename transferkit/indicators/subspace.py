"""Explaining. Whether the rows of two prompts span the same directions, whatever the rows themselves are.

A prompt is stood for by the leading right singular vectors of its rows (not centred). Two subspaces have one principal
angle per dimension (Björck and Golub 1973); how much of a target a source's subspace holds has a direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, named, needs_of, sides, stacks
from transferkit.shapes import FloatArray

NEGLIGIBLE = 1e-4


@dataclass(frozen=True)
class SubspaceAngle:
    """Mean cosine of the principal angles between the leading subspaces: 1 for the same, 0 for orthogonal ones.

    Attributes:
        rank: dimensions of a prompt's subspace; fewer where its rows span fewer.
    """

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Björck and Golub 1973"

    rank: int = 10
    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("subspace_angle" + _rank_name(self.rank), self.rows, self.of)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the mean cosine of every pair [n_a,n_b]; 0 where a prompt is zero."""
        first, second = sides(self._directions, a, b)
        products = np.einsum("ird,jsd->ijrs", first, second, optimize=True)
        n_angles = np.minimum(_dimensions(first)[:, None], _dimensions(second)[None, :])
        return np.linalg.svd(products, compute_uv=False).sum(axis=2) / np.maximum(n_angles, 1)

    def _directions(self, prompts: Sequence[Prompt]) -> FloatArray:
        return np.array([leading_directions(rows, self.rank) for rows in stacks(prompts, rows=self.rows, of=self.of)])


@dataclass(frozen=True)
class SubspaceCoverage:
    """Share of the target prompt's squared norm that lies in the source's leading subspace.

    Attributes:
        rank: dimensions of the source's subspace; fewer where its rows span fewer.
    """

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = False
    reference: ClassVar[str] = "transferkit"

    rank: int = 10
    rows: Rows = "live"
    of: Of = "vectors"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("subspace_coverage" + _rank_name(self.rank), self.rows, self.of)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the share of every source and target [n_a,n_b]; 0 where the target is zero."""
        first, second = sides(partial(stacks, rows=self.rows, of=self.of), a, b)
        directions = np.concatenate([leading_directions(rows, self.rank) for rows in first]).astype(np.float32)
        shares = np.zeros((len(first), len(second)))
        for j, rows in enumerate(second):
            if norm := np.linalg.norm(rows):
                products = (rows / norm).astype(np.float32) @ directions.T
                inside = np.sum(products**2, axis=0, dtype=np.float64)
                shares[:, j] = inside.reshape(len(first), self.rank).sum(axis=1)
        return shares


def leading_directions(rows: FloatArray, rank: int) -> FloatArray:
    """Return the leading right singular vectors of rows [P,d], longest first; zero rows fill up to `rank` [rank,d].

    They come from the Gram matrix, several times cheaper than an SVD; singular values this far above rounding stand it.
    """
    squares, left = (part[..., ::-1] for part in np.linalg.eigh(rows @ rows.T))
    sizes = np.sqrt(np.maximum(squares, 0.0))
    n_found = min(rank, int(np.sum(sizes > sizes[0] * NEGLIGIBLE)))
    found = left[:, :n_found].T @ rows / sizes[:n_found, None]
    return np.pad(found, ((0, rank - n_found), (0, 0)))


def _dimensions(directions: FloatArray) -> FloatArray:
    return np.sum(np.linalg.norm(directions, axis=2) > 0.5, axis=1)


def _rank_name(rank: int) -> str:
    return "" if rank == 10 else f"_{rank}"
