"""Shallower and narrower backbones as views: a choice of blocks, and prefixes of their neurons in order of rank.

Permuting feed-forward neurons leaves a block's function as it is. Sorted once by rank, every width is then a view of
the first rows and columns: the same numbers as gathering the neurons, without a copy for each width (Huang et al. 2022
gather anew at every growth). What blocks owe to each other, such as T5's table of relative positions, belongs to the
stack and not to a block, so no choice of blocks loses it.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from transferkit.artifacts import Activity
from transferkit.backbones.family import Family, FeedForward, Stock
from transferkit.shapes import FloatArray, IntArray
from transferkit.specs import Partial
from transferkit.specs.partial import Neurons

FEWEST = 2  # blocks of a half that has as many: the evenly spaced choice has a first and a last one


def kept_blocks(partial: Partial, n_encoder: int, n_blocks: int, activity: Activity | None) -> tuple[int, ...]:
    """Return the blocks that are kept, by their numbers in the whole.

    Args:
        partial: what is kept.
        n_encoder: blocks of the encoder; 0 for a decoder-only model.
        n_blocks: all blocks.
        activity: what blocks are ranked by, where they are.
    """
    change = None if activity is None else activity.change
    found = list(range(min(partial.above, n_blocks)))
    for start, stop, is_cut in ((0, n_encoder, True), (n_encoder, n_blocks, partial.decoder or not n_encoder)):
        free = np.arange(max(start, partial.above), stop)
        if len(free) == 0:
            continue
        n_kept = min(len(free), max(FEWEST, int(partial.depth * len(free) + 0.5))) if is_cut else len(free)
        found += free[_chosen(partial, len(free), n_kept, None if change is None else change[free])].tolist()
    return tuple(found)


def _chosen(partial: Partial, n: int, n_kept: int, change: FloatArray | None) -> list[int]:
    if n_kept == n or partial.blocks == "first":
        return list(range(n_kept))
    if partial.blocks == "even":
        return even(n, n_kept)
    if partial.blocks == "nested":
        return sorted(spread_out(n)[:n_kept])
    assert change is not None
    others = 1 + np.argsort(-change[1:], kind="stable")  # the first block stays
    return sorted([0, *others[: n_kept - 1].tolist()])


def even(n: int, n_kept: int) -> list[int]:
    """Return evenly spaced numbers below n, the first and the last among them; wider gaps come last (theirs).

    Raises:
        ValueError: fewer than two are to be kept.
    """
    if n_kept < FEWEST:
        raise ValueError(f"an even choice of {n_kept} blocks has no first and last one")
    gap, wider = divmod(n - 1, n_kept - 1)
    gaps = [gap] * (n_kept - 1 - wider) + [gap + 1] * wider
    return np.concatenate([[0], np.cumsum(gaps)]).tolist()


def spread_out(n: int) -> list[int]:
    """Return all numbers below n so that those that come first are spread out: first, last, then amid widest gaps."""
    found = [0, n - 1][: min(n, 2)]
    while len(found) < n:
        ordered = sorted(found)
        gaps = np.diff(ordered)
        widest = int(gaps.argmax())
        found.append(ordered[widest] + int(gaps[widest]) // 2)
    return found


@dataclass
class RankedBlocks:
    """The blocks of a backbone, and their feed-forward weights once more in order of rank, as far as they were asked.

    Attributes:
        blocks: all of them, untouched.
        family: what is known of their architecture.
        neurons: by what they are ranked.
        activity: the measurement they are ranked by, where they are.
        order: neurons of each block in order of rank [L,F]; None where they stand in it, and nothing is copied.
    """

    blocks: Sequence[nn.Module]
    family: Family
    neurons: Neurons
    activity: Activity | None
    order: IntArray | None
    _weights: "dict[int, _Weights]" = field(default_factory=dict)

    @classmethod
    def of(
        cls, blocks: Sequence[nn.Module], family: Family, partial: Partial, activity: Activity | None
    ) -> "RankedBlocks":
        """Rank the neurons of all blocks as a part wants them; its blocks may be chosen by the same measurement."""
        order = None
        if partial.neurons == "random":
            widths = ffn_widths(blocks, family)
            order = np.stack([np.random.default_rng([i]).permutation(n) for i, n in enumerate(widths)])
        elif partial.neurons != "first" and activity is not None:
            by = activity.absolute if partial.neurons == "active" else activity.signed
            order = np.argsort(-by, axis=1, kind="stable")
        return cls(blocks, family, partial.neurons, activity, order)

    def serves(self, partial: Partial, activity: Activity | None) -> bool:
        """Tell whether a part ranks its neurons so."""
        return self.neurons == partial.neurons and self.activity is activity

    def narrow(self, number: int, share: float) -> nn.Module:
        """Return a block with a share of its neurons, the first ones of its rank; all else is the block's own."""
        block = self.blocks[number]
        paths = self.family.feed_forward(block)
        if number not in self._weights:
            order = None if self.order is None else torch.from_numpy(self.order[number])
            self._weights[number] = _Weights.of(block, paths, order)
        return self._weights[number].view(block, paths, share)


@dataclass(frozen=True)
class _Weights:
    """Maps into the neurons [F,d] with their biases, and the one out of them [d,F]."""

    up: tuple[tuple[Float[Tensor, "F d"], Float[Tensor, "F"] | None], ...]
    down: Float[Tensor, "d F"]

    @classmethod
    def of(cls, block: nn.Module, paths: FeedForward, order: Int[Tensor, "F"] | None) -> "_Weights":
        maps = [_as_linear(block.get_submodule(path)) for path in paths.entering]
        if paths.gate_first:  # one map gives both branches, one after the other
            ((weight, bias),) = maps
            biases = (None, None) if bias is None else bias.chunk(2)
            maps = list(zip(weight.chunk(2), biases, strict=True))
        down, _ = _as_linear(block.get_submodule(paths.down))
        if order is None:
            return cls(tuple(maps), down)
        at = order.to(down.device)
        return cls(tuple((w[at], None if b is None else b[at]) for w, b in maps), down[:, at])

    def view(self, block: nn.Module, paths: FeedForward, share: float) -> nn.Module:
        n_kept = kept_neurons(share, self.down.shape[1])
        ups = [(weight[:n_kept], None if bias is None else bias[:n_kept]) for weight, bias in self.up]
        if paths.gate_first:
            block = _replaced(block, paths.up, _TwoBranches(*(_linear(*one) for one in ups)))
        else:
            for path, one in zip(paths.entering, ups, strict=True):
                block = _replaced(block, path, _linear(*one))
        _, bias = _as_linear(block.get_submodule(paths.down))
        return _replaced(block, paths.down, _linear(self.down[:, :n_kept], bias))


def kept_neurons(share: float, n: int) -> int:
    """Return how many of n neurons a share of them is, at least one."""
    return max(1, int(share * n + 0.5))


def ffn_widths(blocks: Sequence[nn.Module], family: Family) -> tuple[int, ...]:
    """Return how many feed-forward neurons each block has."""
    downs = (block.get_submodule(family.feed_forward(block).down) for block in blocks)
    return tuple(_as_linear(down)[0].shape[1] for down in downs)


class _TwoBranches(nn.Module):
    """Both branches of a gated map, one after the other, whose weights are no longer neighbours."""

    def __init__(self, first: nn.Linear, second: nn.Linear) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, rows: Float[Tensor, "B S d"]) -> Float[Tensor, "B S 2k"]:
        return torch.cat([self.first(rows), self.second(rows)], dim=-1)


def _as_linear(module: Stock) -> tuple[Float[Tensor, "out d"], Float[Tensor, "out"] | None]:
    """Return weight and bias as a linear map has them; GPT-2's lie the other way round."""
    return (module.weight.T if isinstance(module, Conv1D) else module.weight), module.bias


def _linear(weight: Float[Tensor, "out d"], bias: Float[Tensor, "out"] | None) -> nn.Linear:
    """Return a map that shares these weights."""
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias, requires_grad=False)
    return made.eval()


def _replaced(module: nn.Module, path: str, new: nn.Module) -> nn.Module:
    """Return a module that shares all but one of its parts with another, which stays as it is."""
    name, _, rest = path.partition(".")
    made = copy.copy(module)
    made._modules = dict(module._modules)
    made._modules[name] = _replaced(module.get_submodule(name), rest, new) if rest else new
    return made
