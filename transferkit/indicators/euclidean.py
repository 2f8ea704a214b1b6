"""Explaining. How near two prompts lie: Euclidean similarity (Su et al. 2022, section 4.3, E_concat and E_average).

Both forms mostly measure how long the two prompts are; `NormProxy` shows how much of an agreement is that alone.
Distances come from ‖x − y‖² = ‖x‖² + ‖y‖² − 2x·y. Where little is left of the norms rounding would show, so there the
difference itself is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Of, Reads, Rows, flat, mirrored, named, needs_of, sides, stacks
from transferkit.shapes import BoolArray, FloatArray, IntArray

TILE_ROWS = 2048
PAIRS_AT_ONCE = 4096
# ‖x − y‖² below this share of ‖x‖² + ‖y‖² is taken directly; above it, distances keep a relative error near 1e-6.
CLOSE = {np.float32: 0.05, np.float64: 1e-8}
MANY = 0.02


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

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the similarity of every pair [n_a,n_b]."""
        first, second = sides(partial(flat, rows=self.rows, of=self.of), a, b)
        squares, close = _squared_distances(first, second)
        distances = np.sqrt(np.maximum(squares, 0.0))
        for i, j in zip(*np.nonzero(close), strict=True):
            distances[i, j] = np.linalg.norm(first[i] - second[j])
        return 1.0 / (1.0 + distances)


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

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return needs_of(self.of)

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the similarity of every pair [n_a,n_b]."""
        first, second = sides(partial(stacks, rows=self.rows, of=self.of), a, b)
        centre = np.mean([rows.mean(axis=0) for rows in (*first, *second)], axis=0)
        tiles = _tiles(first, centre)
        others = tiles if first is second else _tiles(second, centre)
        sums = np.zeros((len(first), len(second)))
        for tile in tiles:
            for other in others:
                if first is not second or tile.prompts.start <= other.prompts.start:
                    sums[tile.prompts, other.prompts] = tile.sums_of_distances(other)
        if first is second:
            sums = mirrored(sums)
        return 1.0 / (1.0 + sums / np.outer([len(rows) for rows in first], [len(rows) for rows in second]))


@dataclass(frozen=True)
class _Tile:
    """The rows of a few neighbouring prompts, end to end.

    Attributes:
        prompts: which prompts these are.
        starts: index of the first row of each [n].
        rows: moved so that the common mean is 0, which changes no distance and leaves less to cancel [n·P,d].
        coarse: the same in float32.
    """

    prompts: slice
    starts: IntArray
    rows: FloatArray
    coarse: FloatArray

    def sums_of_distances(self, other: "_Tile") -> FloatArray:
        """Return the sum over all pairs of rows of their distance, per pair of prompts [n,n_other]."""
        squares, close = _squared_distances(self.coarse, other.coarse)
        if np.count_nonzero(close) > MANY * close.size:
            squares, close = _squared_distances(self.rows, other.rows)
        distances = np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)
        places = np.flatnonzero(close)
        for begin in range(0, len(places), PAIRS_AT_ONCE):
            i, j = np.unravel_index(places[begin : begin + PAIRS_AT_ONCE], close.shape)
            distances[i, j] = np.linalg.norm(self.rows[i] - other.rows[j], axis=1)
        per_row = np.add.reduceat(distances, other.starts, axis=1, dtype=np.float64)
        return np.add.reduceat(per_row, self.starts, axis=0)


def _tiles(stack: list[FloatArray], centre: FloatArray) -> list[_Tile]:
    """Return tiles of about `TILE_ROWS` rows."""
    tiles = []
    n_together = max(1, TILE_ROWS // max(len(rows) for rows in stack))
    for begin in range(0, len(stack), n_together):
        part = stack[begin : begin + n_together]
        rows = np.concatenate(part) - centre
        starts = np.cumsum([0, *(len(prompt) for prompt in part[:-1])])
        tiles.append(_Tile(slice(begin, begin + len(part)), starts, rows, rows.astype(np.float32)))
    return tiles


def _squared_distances(x: FloatArray, y: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return ‖x_i − y_j‖² in the arithmetic of x and y, and where it is too near 0 to be trusted [n_x,n_y]."""
    scale = _squared_norms(x)[:, None] + _squared_norms(y)[None, :]
    squares = x @ (-2.0 * y).T
    squares += scale
    scale *= CLOSE[x.dtype.type]
    return squares, squares <= scale


def _squared_norms(rows: FloatArray) -> FloatArray:
    return np.einsum("ij,ij->i", rows, rows)
