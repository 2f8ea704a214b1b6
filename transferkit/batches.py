"""Making. How examples become rows of token ids: template, truncation, length-bucketed batches.

Text is cut so that text, template, special tokens *and* the prompt fit the backbone; only the inputs are cut, never the
template or the mask. Every per-token tensor of a batch is made here and extended in one place (`Backbone.embed`).
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from transferkit.backbones import Backbone
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.shapes import IntArray
from transferkit.tasks.base import Task

ReadoutKind = Literal["masked", "embedding"]
POOL = 32  # batches sorted by length together: padding of sorted buckets, order still drawn anew each epoch


@dataclass(frozen=True)
class Batch:
    """Token rows of some examples, padded on the right.

    Attributes:
        ids: token ids [B,T].
        mask: True for real tokens [B,T].
        types: token types [B,T]; None for families without.
        answer: row of the mask token [B]; zeros where the readout pools.
        gold: index of the right label [B].
        index: number of each example in its split [B].
        is_padded: whether any row is padding.
    """

    ids: Int[Tensor, "B T"]
    mask: Bool[Tensor, "B T"]
    types: Int[Tensor, "B T"] | None
    answer: Int[Tensor, "B"]
    gold: Int[Tensor, "B"]
    index: Int[Tensor, "B"]
    is_padded: bool

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return self._each(lambda rows: rows.to(device, non_blocking=True))

    def tile(self, times: int) -> "Batch":
        """Return the batch repeated, one copy after another: [B] becomes [times·B]."""
        return self._each(lambda rows: rows.repeat(times, *[1] * (rows.ndim - 1)))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
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
        ids: token ids of each example.
        types: token types of each example; None for families without.
        answer: row of the mask token [n].
        gold: index of the right label [n].
        pad_id: id that fills short rows.
        n_truncated: examples whose text was cut.
    """

    ids: Sequence[Sequence[int]]
    types: Sequence[Sequence[int]] | None
    answer: IntArray
    gold: IntArray
    pad_id: int
    n_truncated: int

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def lengths(self) -> IntArray:
        """Tokens of each example [n]."""
        return np.array([len(ids) for ids in self.ids], dtype=np.int64)

    def batch(self, index: IntArray) -> Batch:
        """Return the examples of these numbers as one batch."""
        lengths = self.lengths[index]
        shape = (len(index), int(lengths.max()))
        ids = np.full(shape, self.pad_id, dtype=np.int64)
        types = None if self.types is None else np.zeros(shape, dtype=np.int64)
        for row, i in enumerate(index):
            ids[row, : lengths[row]] = self.ids[i]
            if types is not None and self.types is not None:
                types[row, : lengths[row]] = self.types[i]
        mask = np.arange(shape[1]) < lengths[:, None]
        return Batch(
            ids=torch.from_numpy(ids),
            mask=torch.from_numpy(mask),
            types=None if types is None else torch.from_numpy(types),
            answer=torch.from_numpy(self.answer[index]),
            gold=torch.from_numpy(self.gold[index]),
            index=torch.from_numpy(np.asarray(index, dtype=np.int64)),
            is_padded=not bool(mask.all()),
        )

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every example once, shortest first: the order of scoring."""
        order = np.argsort(self.lengths, kind="stable")
        for start in range(0, len(order), batch_size):
            yield self.batch(order[start : start + batch_size])

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


def encode(examples: Examples, task: Task, backbone: Backbone, readout: ReadoutKind, *, room: int) -> Encoded:
    """Return a split as token ids.

    Args:
        examples: texts and gold labels.
        task: its template and its limit on tokens.
        backbone: its tokenizer and capacity.
        readout: which of the task's templates is shown.
        room: prompt rows to keep free at the embeddings.

    Raises:
        InputError: the backbone has no mask token, or the template alone does not fit.
    """
    tokenizer = backbone.tokenizer
    limit = task.max_tokens if backbone.capacity is None else min(task.max_tokens, backbone.capacity - room)
    if limit <= 0:
        raise InputError(
            f"prompt_length = {room} does not fit {backbone.spec.name}, which holds {backbone.capacity} rows",
            fix=f"choose a prompt_length well below {backbone.capacity}",
        )
    template = task.shown(readout)
    if readout == "masked" and tokenizer.mask_token is None:
        raise InputError(f"{backbone.spec.name} has no mask token", fix='use readout = "embedding"')
    fields = [_escaped(texts, tokenizer) for texts in examples.texts]
    ids, types = _tokenize([_render(template, task.inputs, text, tokenizer) for text in fields], tokenizer)
    cut = [i for i, row in enumerate(ids) if len(row) > limit]
    for i in cut:
        ids[i], type_row = _fit(fields[i], template, task, tokenizer, limit)
        if types is not None and type_row is not None:
            types[i] = type_row
    answer = np.zeros(len(ids), dtype=np.int64)
    if readout == "masked":
        mask_id = special_id(tokenizer.mask_token_id)
        answer = np.array([row.index(mask_id) for row in ids], dtype=np.int64)
    return Encoded(ids, types, answer, examples.gold, special_id(tokenizer.pad_token_id), len(cut))


def special_id(found: object) -> int:
    """Return a special token's id; 0 where the tokenizer has none (a pad id nobody then reads)."""
    return found if isinstance(found, int) else 0


def _escaped(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return the texts with special tokens defused: "[MASK]" written by a user is no second mask."""
    special = [token for token in tokenizer.all_special_tokens if len(token) > 2]
    for token in special:
        texts = [text.replace(token, f"{token[0]} {token[1:-1]} {token[-1]}") for text in texts]
    return tuple(texts)


def _render(
    template: str, columns: Sequence[str], texts: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> tuple[str, ...]:
    """Return the one or two segments of an example."""
    shown = template.replace("{mask}", str(tokenizer.mask_token or ""))
    segments = [segment.strip() for segment in shown.split("{sep}")]
    # One pass: a text that itself holds "{column}" is left as it is.
    fields = {f"{{{column}}}": text for column, text in zip(columns, texts, strict=True)}
    places = re.compile("|".join(map(re.escape, fields)))
    return tuple(places.sub(lambda found: fields[found[0]], segment) for segment in segments)


def _tokenize(
    rendered: Sequence[tuple[str, ...]], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[list[int]], list[list[int]] | None]:
    first = [segments[0] for segments in rendered]
    second = [segments[1] for segments in rendered] if len(rendered[0]) > 1 else None
    out = tokenizer(first, second, truncation=False, verbose=False)
    types = out["token_type_ids"] if "token_type_ids" in out and second is not None else None
    return [list(row) for row in out["input_ids"]], None if types is None else [list(row) for row in types]


def _fit(
    texts: tuple[str, ...], template: str, task: Task, tokenizer: PreTrainedTokenizerBase, limit: int
) -> tuple[list[int], list[int] | None]:
    """Cut the longest input, again and again, until the whole fits."""
    while True:
        ids, types = _tokenize([_render(template, task.inputs, texts, tokenizer)], tokenizer)
        if (excess := len(ids[0]) - limit) <= 0:
            return ids[0], None if types is None else types[0]
        spans = [
            tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"] for text in texts
        ]
        longest = max(range(len(texts)), key=lambda i: len(spans[i]))
        kept = len(spans[longest]) - excess
        if (kept < 0 and len(texts) == 1) or not spans[longest]:
            raise InputError(
                f"task {task.name!r}: template {template!r} alone is longer than {limit} tokens",
                fix="shorten the template, the prompt, or raise max_tokens",
            )
        # In front of the first token dropped: a character may be several tokens, and must then go with all of them.
        end = spans[longest][max(0, kept)][0]
        texts = tuple(text[:end] if i == longest else text for i, text in enumerate(texts))
