"""Rows of token ids, padded on the right, and a split ready to be cut into them."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transferkit.batches.answers import Written
from transferkit.shapes import IntArray

POOL = 32  # batches sorted by length together: padding of sorted buckets, order still drawn anew each epoch
ROWS_OF_A_PASS = 64  # what a pass costs beside its rows, in rows
IGNORED = -100  # in place of a target where there is none


class StoredRows(Protocol):
    """The rows of a split's texts in front of some block, kept from an earlier pass (see `states.py`)."""

    @property
    def depth(self) -> int:
        """Blocks that have run."""
        ...

    def read(self, index: IntArray) -> Float[Tensor, "B T d"]:
        """Return the rows of the examples of these numbers, zeros behind shorter ones."""
        ...


@dataclass(frozen=True)
class Batch:
    """Token rows of some examples, padded on the right.

    Attributes:
        ids: token ids [B,T]; of a causal backbone that learns to write, the text and what it should write.
        mask: True for real tokens [B,T].
        types: token types [B,T]; None for families without.
        answer: row that answers [B]: the mask token, the last of a causal text, the decoder's first; zeros where the
            readout pools.
        gold: index of the right label [B].
        index: number of each example in its split [B].
        is_padded: whether any row is padding.
        decoder_ids: tokens an encoder-decoder begins its answer with [B,D]; None for the start token alone.
        targets: tokens that should be written [B,R], `IGNORED` behind the last; None where classes are asked for.
        target_rows: the row each of them is read at [B,R]: of the decoder, or of the causal text.
        stored: the rows of these texts in front of block `stored_depth` [B,T,d], where somebody kept them.
        stored_depth: see there.
    """

    ids: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    types: Int[Tensor, "B T"] | None
    answer: Int[Tensor, "B"]
    gold: Int[Tensor, "B"]
    index: Int[Tensor, "B"]
    is_padded: bool
    decoder_ids: Int[Tensor, "B D"] | None = None
    targets: Int[Tensor, "B R"] | None = None
    target_rows: Int[Tensor, "B R"] | None = None
    stored: Float[Tensor, "B T d"] | None = None
    stored_depth: int = 0

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return self.each(lambda rows: rows.to(device, non_blocking=True))

    def tile(self, times: int) -> "Batch":
        """Return the batch repeated, one copy after another: [B] becomes [times·B]."""
        return self.each(lambda rows: rows.repeat(times, *[1] * (rows.ndim - 1)))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Return the batch with every tensor of it changed in the same way."""
        tensors = {
            field.name: change(value)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **tensors)


@dataclass(frozen=True)
class Encoded:
    """A split as token ids, ready to be batched.

    Attributes:
        ids: token ids of each text.
        types: token types of each text; None for families without.
        answer: row that answers [n], see `Batch`.
        gold: index of the right label [n].
        pad_id: id that fills short rows.
        n_truncated: examples whose text was cut.
        written: the right answers of a text task; None where classes are asked for, or where nobody shows them.
        stored: rows of all texts in front of some block, which batches bring along; None where nobody kept them.
    """

    ids: Sequence[Sequence[int]]
    types: Sequence[Sequence[int]] | None
    answer: IntArray
    gold: IntArray
    pad_id: int
    n_truncated: int
    written: Written | None = None
    stored: StoredRows | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unanswered(self) -> "Encoded":
        """The same texts without the answers that should be written."""
        return dataclasses.replace(self, written=None, stored=None)

    @property
    def without_rows(self) -> "Encoded":
        """The same texts without the rows somebody kept of them."""
        return dataclasses.replace(self, stored=None) if self.stored is not None else self

    def with_rows(self, batch: Batch) -> Batch:
        """Return a batch of these texts with the rows somebody kept of them, on its device."""
        if self.stored is None:
            return batch
        rows = self.stored.read(batch.index.cpu().numpy()).to(batch.ids.device)
        return dataclasses.replace(batch, stored=rows, stored_depth=self.stored.depth)

    @cached_property
    def lengths(self) -> IntArray:
        """Tokens of each example [n]."""
        return np.array([len(self.row(i)) for i in range(len(self))], dtype=np.int64)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that reaches the backbone of these texts: tokens, those to be written included, and types."""
        digest = hashlib.sha256()
        for i in range(len(self)):
            types = None if self.types is None else list(self.types[i])
            digest.update(json.dumps([list(self.row(i)), types]).encode())
        return digest.hexdigest()

    def batch(self, index: IntArray) -> Batch:
        """Return the examples of these numbers as one batch."""
        lengths = self.lengths[index]
        ids = _padded([self.row(i) for i in index], self.pad_id)
        mask = np.arange(ids.shape[1]) < lengths[:, None]
        types = None
        if self.types is not None:
            types = np.zeros_like(ids)
            for row, i in enumerate(index):
                types[row, : len(self.types[i])] = self.types[i]
        found = Batch(
            ids=torch.from_numpy(ids),
            mask=torch.from_numpy(mask),
            types=None if types is None else torch.from_numpy(types),
            answer=torch.from_numpy(self.answer[index]),
            gold=torch.from_numpy(self.gold[index]),
            index=torch.from_numpy(np.asarray(index, dtype=np.int64)),
            is_padded=not bool(mask.all()),
            stored_depth=0,
            **self._to_write(index),
        )
        return self.with_rows(found)

    def row(self, i: int) -> Sequence[int]:
        """Return the tokens that stand in an example's rows: behind a causal text all of the answer but its end."""
        if self.written is None or self.written.start is not None:
            return self.ids[i]
        return [*self.ids[i], *self.written.tokens[i][:-1]]

    def _to_write(self, index: IntArray) -> dict[str, Tensor]:
        if self.written is None:
            return {}
        tokens = [self.written.tokens[i] for i in index]
        targets = _padded(tokens, IGNORED)
        rows = np.broadcast_to(np.arange(targets.shape[1]), targets.shape)
        found = {"targets": targets}
        if self.written.start is None:
            rows = rows + self.answer[index][:, None]
        else:
            found["decoder_ids"] = _padded([[self.written.start, *said[:-1]] for said in tokens], self.pad_id)
        found["target_rows"] = np.where(targets == IGNORED, 0, rows)
        return {name: torch.from_numpy(values) for name, values in found.items()}

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every example once, shortest first: the order of scoring.

        Batches are cut so that padding and what a pass costs however few rows it has are least together.
        """
        order = np.argsort(self.lengths, kind="stable")
        for start, stop in itertools.pairwise(cheapest_cuts(self.lengths[order], batch_size)):
            yield self.batch(order[start:stop])

    def shuffled(self, batch_size: int, rng: np.random.Generator) -> list[IntArray]:
        """Return one epoch as example numbers per batch: drawn at random, bucketed by length, in random order."""
        order = rng.permutation(len(self))
        pools = [order[i : i + POOL * batch_size] for i in range(0, len(order), POOL * batch_size)]
        batches = [
            pool[np.argsort(self.lengths[pool], kind="stable")][start : start + batch_size]
            for pool in pools
            for start in range(0, len(pool), batch_size)
        ]
        return [batches[i] for i in rng.permutation(len(batches))]


def cheapest_cuts(lengths: IntArray, most: int) -> list[int]:
    """Return where to cut texts of rising lengths into batches of at most so many, both ends included."""
    best = np.zeros(len(lengths) + 1)
    begin = np.zeros(len(lengths) + 1, dtype=np.int64)
    for stop in range(1, len(lengths) + 1):
        starts = np.arange(max(0, stop - most), stop)
        costs = best[starts] + (stop - starts) * lengths[stop - 1] + ROWS_OF_A_PASS
        begin[stop], best[stop] = starts[costs.argmin()], costs.min()
    cuts = [len(lengths)]
    while cuts[-1]:
        cuts.append(int(begin[cuts[-1]]))
    return cuts[::-1]


def _padded(rows: Sequence[Sequence[int]], fill: int) -> IntArray:
    """Return rows of different lengths as one array, filled up on the right."""
    found = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for at, row in enumerate(rows):
        found[at, : len(row)] = row
    return found
