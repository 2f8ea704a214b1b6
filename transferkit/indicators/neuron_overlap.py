"""Explaining. Whether two prompts switch on the same feed-forward neurons (Su et al. 2022, section 4.3, ON).

Two sets overlap by accident too, the more the denser they are: `chance` belongs beside every value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from transferkit.artifacts import Neurons
from transferkit.errors import InputError
from transferkit.indicators.base import Reads
from transferkit.shapes import FloatArray

Blocks = Literal["all", "bottom", "top"] | int | tuple[int, ...] | slice
Kind = Literal["cosine", "jaccard", "count"]


@dataclass(frozen=True)
class NeuronOverlap:
    """Overlap of two sets of activated neurons.

    Attributes:
        kind: "cosine" of the 0/1 vectors (the paper's ON), "jaccard", or the plain "count" of shared neurons.
        blocks: all, the bottom or top third (at least one), one index, several, or a slice.
    """

    reads: ClassVar[Reads] = "neurons"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Su et al. 2022, section 4.3"

    kind: Kind = "cosine"
    blocks: Blocks = "all"

    @property
    def name(self) -> str:
        """Name in tables."""
        suffix = "" if self.kind == "cosine" else f"_{self.kind}"
        return f"neuron_overlap_{_blocks_name(self.blocks)}{suffix}"

    def __call__(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> FloatArray:
        """Return the overlap of every pair [n_a,n_b]; 0 where a set is empty."""
        first, second = self._masks(a, b)
        shared = _flat(first) @ _flat(second).T
        return self._ratio(shared, first.sum(axis=(1, 2)), second.sum(axis=(1, 2)))

    def chance(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> FloatArray:
        """Return the overlap expected of sets drawn at random with the same number of neurons in each block [n_a,n_b].

        For one block this is √(ρ_a ρ_b) for the cosine and ρ_a ρ_b / (ρ_a + ρ_b − ρ_a ρ_b) for Jaccard.
        """
        first, second = self._masks(a, b)
        per_block = first.sum(axis=2), second.sum(axis=2)
        shared = per_block[0] @ per_block[1].T / first.shape[2]
        return self._ratio(shared, per_block[0].sum(axis=1), per_block[1].sum(axis=1))

    def density(self, sets: Sequence[Neurons]) -> FloatArray:
        """Return the share of activated neurons in these blocks, per set [n]."""
        return self._masks(sets, sets)[0].mean(axis=(1, 2))

    def _ratio(self, shared: FloatArray, n_a: FloatArray, n_b: FloatArray) -> FloatArray:
        if self.kind == "count":
            return shared
        whole = np.sqrt(np.outer(n_a, n_b)) if self.kind == "cosine" else n_a[:, None] + n_b[None, :] - shared
        return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)

    def _masks(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> tuple[FloatArray, FloatArray]:
        """Return the chosen blocks of both sides as 0/1 [n,L',F]."""
        shapes = sorted({neurons.active.shape for neurons in (*a, *b)})
        if len(shapes) > 1:
            raise InputError(f"neuron sets of shapes {shapes} cannot be compared", fix="compare sets of one backbone")
        places = block_indices(self.blocks, shapes[0][0])
        first, second = (np.array([n.active[places] for n in side], dtype=np.float64) for side in (a, b))
        return first, second


def block_indices(blocks: Blocks, n_blocks: int) -> list[int]:
    """Return which of a backbone's blocks are meant.

    Raises:
        InputError: no such block.
    """
    everything = list(range(n_blocks))
    third = max(1, n_blocks // 3)
    if isinstance(blocks, str):
        return {"all": everything, "bottom": everything[:third], "top": everything[-third:]}[blocks]
    wanted = range(n_blocks)[blocks] if isinstance(blocks, slice) else (blocks,) if isinstance(blocks, int) else blocks
    try:
        chosen = [everything[i] for i in wanted]
    except IndexError as error:
        raise InputError(f"blocks {blocks}: the backbone has {n_blocks}", fix=f"use 0 … {n_blocks - 1}") from error
    if not chosen:
        raise InputError(f"blocks {blocks} name none of {n_blocks}", fix=f"use 0 … {n_blocks - 1}")
    return chosen


def _blocks_name(blocks: Blocks) -> str:
    if isinstance(blocks, str):
        return blocks
    if isinstance(blocks, slice):
        return "blocks_" + "_".join("" if part is None else str(part) for part in (blocks.start, blocks.stop))
    return f"block_{blocks}" if isinstance(blocks, int) else "blocks_" + "_".join(map(str, blocks))


def _flat(masks: FloatArray) -> FloatArray:
    return masks.reshape(len(masks), -1)
