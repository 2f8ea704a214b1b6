"""Prompts on their way through a split: which share a forward pass, and what is computed of them only once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.backbones import Backbone, Prefix, State
from transferkit.batches import Batch, Encoded
from transferkit.generators import Generated
from transferkit.shapes import IntArray
from transferkit.specs import Placement

CUDA_ROWS = 1024  # examples per forward pass on a GPU, prompts tiled along the batch
WHOLE_BATCH = 32  # examples per forward pass where memory is not short
KEPT_BYTES = 2**30  # keys and values of prompts kept between splits


class Prefills:
    """Keys and values of causal prompts on one backbone, kept by name, so that one split after the other may use them.

    The first ones stay until memory is used up: splits ask for the same prompts in the same order, so that whoever
    throws out the oldest would always throw out the next one asked for.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._kept: dict[str, Prefix] = {}
        self._room = limit

    def get(self, name: str, make: Callable[[], Prefix | Tensor]) -> Prefix | Tensor:
        """Return what is kept under a name, or what `make` makes, which is kept if it fits."""
        if name in self._kept:
            return self._kept[name]
        found = make()
        if isinstance(found, Prefix) and found.n_bytes <= self._room:
            self._kept[name] = found
            self._room -= found.n_bytes
        return found


@dataclass(frozen=True)
class Entrant:
    """Something to put before the text.

    Attributes:
        vectors: prompt rows; None for nothing, and where a generator makes them.
        placement: where they enter.
        name: tells it from all others of a backbone.
        kept: where what is computed of it is kept under its name, so that it may serve the next split too; None where
            it comes only once.
        generator: makes each example's rows of its own text; goes through a split alone.
    """

    vectors: Float[Tensor, "P d"] | None
    placement: Placement
    name: str = ""
    kept: Prefills | None = field(default=None, repr=False, compare=False)
    generator: Generated | None = field(default=None, repr=False, compare=False)


def ready(entrants: Sequence[Entrant], backbone: Backbone) -> Prefix | Float[Tensor, "G P d"] | Generated | None:
    """Return the prompts of a pass, with all that can be computed of them before any text is seen."""
    if entrants[0].generator is not None:
        return entrants[0].generator
    rows = stacked(entrants)
    if rows is None:
        return None
    found = []
    for entrant, vectors in zip(entrants, rows, strict=True):
        make = partial(backbone.prefill, vectors, entrant.placement)
        found.append(make() if entrant.kept is None else entrant.kept.get(entrant.name, make))
    prefixes = [one for one in found if isinstance(one, Prefix)]
    return Prefix.together(prefixes) if prefixes else rows


def stacked(entrants: Sequence[Entrant]) -> Float[Tensor, "G P d"] | None:
    """Return the rows of prompts of one shape; None where there are none."""
    vectors = [entrant.vectors for entrant in entrants if entrant.vectors is not None]
    return torch.stack(vectors) if vectors else None


@dataclass(frozen=True)
class Pass:
    """Some examples of a split behind some prompts, in front of what is left of the stack.

    Attributes:
        who: numbers of the entrants, whose copies of the batch follow one another.
        index: numbers of the examples.
        batch: the examples, once per entrant.
        state: where the stack stands.
    """

    who: Sequence[int]
    index: IntArray
    batch: Batch
    state: State

    def spread(self, values: Float[Tensor, "GB ..."]) -> Float[Tensor, "G B ..."]:
        """Return values of all rows entrant by entrant."""
        return values.view(len(self.who), len(self.index), *values.shape[1:])


def passes(
    backbone: Backbone,
    encoded: Encoded,
    entrants: Sequence[Entrant],
    *,
    batch_size: int,
    at_once: int,
    progress: Callable[[int], None],
    together: Sequence[Sequence[int]] | None = None,
) -> Iterator[Pass]:
    """Take every prompt over every example; prompts one after the other, so that what is computed of one can go again.

    Args:
        backbone: the frozen model.
        encoded: the split.
        entrants: what is put before the text.
        batch_size: examples per forward pass.
        at_once: rows per forward pass on a GPU, prompts tiled along the batch.
        progress: called with the number of (prompt, example) pairs done.
        together: numbers of the entrants that share a pass, pass by pass; as `groups` has them by default.
    """
    alone = encoded.without_rows  # stored rows are read batch by batch: all of them at once may not fit
    batches = [(batch.index.numpy(), batch.to(backbone.device)) for batch in alone.in_order(batch_size)]
    room = at_once if batch_size >= WHOLE_BATCH else batch_size  # smaller batches mean that memory is short
    for who in groups(entrants, backbone, room // batch_size) if together is None else together:
        prompt = ready([entrants[i] for i in who], backbone)
        for index, batch in batches:
            whole = encoded.with_rows(batch)
            tiled = whole.tile(len(who)) if len(who) > 1 else whole
            yield Pass(who, index, tiled, backbone.enter(tiled, prompt, entrants[who[0]].placement))
            progress(len(who) * len(index))


def groups(entrants: Sequence[Entrant], backbone: Backbone, size: int) -> list[list[int]]:
    """Return which prompts share a forward pass.

    On a CPU each runs alone: sharing gains nothing there, and a score must not depend, not even in its last bit, on
    which others were missing when it was measured. On a GPU `size` prompts of one shape and place are tiled along the
    batch.
    """
    if backbone.device.type == "cpu":
        return [[i] for i in range(len(entrants))]
    return shareable(entrants, size)


def shareable(entrants: Sequence[Entrant], size: int) -> list[list[int]]:
    """Return which prompts may be tiled along a batch: `size` at most, of one shape and place; a generator is alone."""
    alike: dict[object, list[int]] = {}
    for i, entrant in enumerate(entrants):
        shape = None if entrant.vectors is None else tuple(entrant.vectors.shape)
        alone = None if entrant.generator is None else i
        alike.setdefault((shape, entrant.placement, alone), []).append(i)
    each = max(1, size)
    return [same[i : i + each] for same in alike.values() for i in range(0, len(same), each)]
