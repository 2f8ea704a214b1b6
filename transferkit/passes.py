"""Making. How many examples go through a backbone at once, and how batches are cut and joined for it.

Numbers do not depend on it, up to rounding: losses are summed and divided once. Where some are dropped at random,
passes of another size drop others.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from transferkit.batches import Batch
from transferkit.errors import RunError

LOG = logging.getLogger("transferkit")
FILLS = {"targets": -100}  # what pads a field; 0 where nothing is said, and nobody reads it
T = TypeVar("T")


class Room:
    """How many examples fit: as many as are wanted until memory runs out, then half as many, and so on.

    Attributes:
        most: examples per pass at most; None while nothing has been refused.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most

    def fit(self, n_wanted: int, work: Callable[[int], T]) -> T:
        """Do some work with passes of as many examples as fit, from the beginning after each refusal.

        Args:
            n_wanted: examples in all.
            work: called with the examples per pass; must not leave anything behind when memory runs out.

        Raises:
            RunError: not even one example fits.
        """
        while True:
            size = max(1, min(n_wanted, self.most or n_wanted))
            random = _random_state()
            try:
                return work(size)
            except RuntimeError as error:
                if not _is_memory(error):
                    raise
                trouble = str(error).splitlines()[0]
            if size == 1:
                raise RunError(
                    f"one example alone does not fit into memory ({trouble})",
                    fix='lower max_tokens or prompt_length, set dtype = "bfloat16", or use a smaller backbone',
                )
            self.most = size // 2
            _restore_random(random)  # what was refused has drawn numbers that belong to what comes now
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            LOG.warning("memory ran out with %d examples at once: going on with %d", size, self.most)


def _random_state() -> tuple[Tensor, list[Tensor]]:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []


def _restore_random(state: tuple[Tensor, list[Tensor]]) -> None:
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])


def _is_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def part(batch: Batch, rows: slice) -> Batch:
    """Return some examples of a batch, without columns that are padding for all of them."""
    n_columns = int(batch.mask[rows].sum(1).max())
    wide = {"ids", "mask", "types", "stored"}
    fields = {
        name: value[rows][:, :n_columns] if name in wide else value[rows] for name, value in _tensors(batch).items()
    }
    return dataclasses.replace(batch, **fields, is_padded=not bool(fields["mask"].all()))


def merge(batches: Sequence[Batch]) -> Batch:
    """Return batches of one readout as one, narrower ones padded on the right."""
    if len(batches) == 1:
        return batches[0]
    if len({(batch.stored is None, batch.stored_depth) for batch in batches}) > 1:  # then all are computed
        batches = [dataclasses.replace(batch, stored=None, stored_depth=0) for batch in batches]
    fields = {}
    for name in _tensors(batches[0]):
        values = [getattr(batch, name) for batch in batches]
        if values[0].ndim > 1:
            width = max(value.shape[1] for value in values)
            behind = [0, 0] * (values[0].ndim - 2)  # `pad` counts dimensions from the last
            values = [F.pad(value, (*behind, 0, width - value.shape[1]), value=FILLS.get(name, 0)) for value in values]
        fields[name] = torch.cat(values)
    return dataclasses.replace(batches[0], **fields, is_padded=not bool(fields["mask"].all()))


def _tensors(batch: Batch) -> dict[str, Tensor]:
    found = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}
