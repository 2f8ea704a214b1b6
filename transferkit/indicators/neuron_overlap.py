"""Explaining. Whether two prompts switch on the same feed-forward neurons (Su et al. 2022, section 4.3, ON).

Two sets overlap by accident too, the more the denser they are: `chance` belongs beside every value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from transferkit.artifacts import Neurons
from transferkit.errors import InputError
from transferkit.indicators.base import Reads, mirrored
from transferkit.shapes import FloatArray, IntArray

Blocks = Literal["all", "bottom", "top"] | int | tuple[int, ...] | slice
Kind = Literal["cosine", "jaccard", "count", "excess", "containment"]


@dataclass(frozen=True)
class NeuronOverlap:
    """Overlap of two sets of activated neurons.

    Attributes:
        kind: "cosine" of the 0/1 vectors (the paper's ON), "jaccard", the plain "count" of shared neurons, "excess" of
            the cosine over chance (0 is chance, 1 equal sets), or "containment", the share of the target's neurons that
            the source activates too, the one kind with a direction.
        blocks: all, the bottom or top third (at least one), one index, several, or a slice.
    """

    reads: ClassVar[Reads] = "neurons"
    reference: ClassVar[str] = "Su et al. 2022, section 4.3"

    kind: Kind = "cosine"
    blocks: Blocks = "all"

    @property
    def symmetric(self) -> bool:
        """Whether swapping source and target changes nothing."""
        return self.kind != "containment"

    @property
    def name(self) -> str:
        """Name in tables."""
        suffix = "" if self.kind == "cosine" else f"_{self.kind}"
        return f"neuron_overlap_{_blocks_name(self.blocks)}{suffix}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays of a prompt that must not be None: none is read."""
        return ()

    def __call__(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> FloatArray:
        """Return the overlap of every pair [n_a,n_b]; 0 where a set is empty."""
        first, second = self._bits(a, b)
        found = self._ratio(_shared(first, second), _counts(first).sum(axis=1), _counts(second).sum(axis=1))
        return _excess(found, self._chance(first, second, _width(a))) if self.kind == "excess" else found

    def chance(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> FloatArray:
        """Return the overlap expected of sets drawn at random with the same number of neurons in each block [n_a,n_b].

        For one block this is √(ρ_a ρ_b) for the cosine, ρ_a ρ_b / (ρ_a + ρ_b − ρ_a ρ_b) for Jaccard and ρ_a for
        containment; for the excess it is 0.
        """
        expected = self._chance(*self._bits(a, b), _width(a))
        return np.zeros_like(expected) if self.kind == "excess" else expected

    def density(self, sets: Sequence[Neurons]) -> FloatArray:
        """Return the share of activated neurons in these blocks, per set [n]."""
        bits, _ = self._bits(sets, sets)
        return _counts(bits).mean(axis=1) / _width(sets)

    def _chance(self, first: IntArray, second: IntArray, n_neurons: int) -> FloatArray:
        """Return the expected overlap, for the excess that of the cosine behind it."""
        per_block = _counts(first), _counts(second)
        shared = per_block[0] @ per_block[1].T / n_neurons
        return self._ratio(shared, per_block[0].sum(axis=1), per_block[1].sum(axis=1))

    def _ratio(self, shared: FloatArray, n_a: FloatArray, n_b: FloatArray) -> FloatArray:
        whole = {
            "count": np.ones_like(shared),
            "jaccard": n_a[:, None] + n_b[None, :] - shared,
            "containment": np.tile(n_b, (len(n_a), 1)),
        }.get(self.kind, np.sqrt(np.outer(n_a, n_b)))
        return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)

    def _bits(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> tuple[IntArray, IntArray]:
        """Return the chosen blocks of both sides as words of 64 neurons [n,L',ceil(F/64)].

        The same sets are taken once, and are then one object.
        """
        shapes = sorted({neurons.active.shape for neurons in (*a, *b)})
        if len(shapes) > 1:
            raise InputError(f"neuron sets of shapes {shapes} cannot be compared", fix="compare sets of one backbone")
        places = block_indices(self.blocks, shapes[0][0])
        first = _packed(a, places)
        is_same = len(a) == len(b) and all(one is other for one, other in zip(a, b, strict=True))
        return first, first if is_same else _packed(b, places)


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


def _excess(found: FloatArray, chance: FloatArray) -> FloatArray:
    """Return what is above chance as a share of what could be; 0 where sets fill their blocks and nothing could."""
    return np.divide(found - chance, 1.0 - chance, out=np.zeros_like(found), where=chance < 1.0)


def _blocks_name(blocks: Blocks) -> str:
    if isinstance(blocks, str):
        return blocks
    if isinstance(blocks, slice):
        return "blocks_" + "_".join("" if part is None else str(part) for part in (blocks.start, blocks.stop))
    return f"block_{blocks}" if isinstance(blocks, int) else "blocks_" + "_".join(map(str, blocks))


def _packed(sets: Sequence[Neurons], places: list[int]) -> IntArray:
    """Return these blocks as words of 64 neurons, each block filled up with zeros [n,L',ceil(F/64)]."""
    n_neurons = _width(sets)
    words = np.zeros((len(sets), len(places), -(-n_neurons // 64)), dtype=np.uint64)
    octets = words.view(np.uint8)[:, :, : -(-n_neurons // 8)]
    for row, neurons in zip(octets, sets, strict=True):
        row[:] = np.packbits(neurons.active[places], axis=1)
    return words


def _shared(first: IntArray, second: IntArray) -> FloatArray:
    """Return how many neurons every two sets share [n_a,n_b].

    A word of bits stands for 64 products of a matrix multiplication. Of one object with itself half the pairs will do.
    """
    rows, columns = first.reshape(len(first), -1), second.reshape(len(second), -1)
    shared = np.zeros((len(rows), len(columns)))
    for i, row in enumerate(rows):
        start = i if first is second else 0
        shared[i, start:] = np.bitwise_count(row & columns[start:]).sum(axis=1)
    return mirrored(shared) if first is second else shared


def _counts(bits: IntArray) -> FloatArray:
    """Return how many neurons of each block are activated [n,L']."""
    return np.bitwise_count(bits).sum(axis=2).astype(np.float64)


def _width(sets: Sequence[Neurons]) -> int:
    return sets[0].active.shape[1]
