"""What a family of architectures must say about itself so that the stack of blocks can be entered, left and read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedConfig

# A stock module: its parts are found by name, which torch types as Tensor | Module whatever they are.
Stock = Any


@dataclass(frozen=True)
class Surroundings:
    """What a block needs besides its rows, built from the State at every entry.

    Attributes:
        mask: True for keys that may be attended to [B,1,1,S]; None when nothing is padded.
        bias: added to the attention scores [1,heads,S,S], for families with relative positions.
    """

    mask: Bool[Tensor, "B 1 1 S"] | None
    bias: Float[Tensor, "1 heads S S"] | None = None


@dataclass(frozen=True)
class FeedForward:
    """Dotted paths, inside a block, of the modules whose tensors are neurons.

    Attributes:
        up: linear map whose output is the pre-activation.
        down: linear map whose input is the post-activation.
    """

    up: str
    down: str


@dataclass(frozen=True)
class Family:
    """One architecture; chosen by `config.model_type`, never by a substring of a name.

    Attributes:
        model_types: the values of `config.model_type` it serves.
        blocks: base model → its blocks.
        embed: base model, word rows [B,S,d], positions [S], token types [B,S] → rows in front of block 0 [B,S,d].
        first_position: number of the first position.
        capacity: rows the position table holds; None where there is no limit.
        surroundings: base model, rows, key mask → what its blocks need.
        call: block, rows, surroundings → rows after the block.
        call_rows: the same for some rows only [B,R], which attend to all; None runs the block whole and gathers.
        head: whole model, rows [B,R,d] → what the vocabulary is multiplied with; None for families without a head.
        decoder: whole model → weight [V,d] and bias [V] of the vocabulary head.
        feed_forward: where neurons are.
    """

    model_types: tuple[str, ...]
    blocks: Callable[[Stock], nn.ModuleList]
    embed: Callable[[Stock, Tensor, Tensor, Tensor], Tensor]
    first_position: Callable[[PreTrainedConfig], int]
    capacity: Callable[[PreTrainedConfig], int | None]
    surroundings: Callable[[Stock, Tensor, Tensor | None], Surroundings]
    call: Callable[[Stock, Tensor, Surroundings], Tensor]
    call_rows: Callable[[Stock, Tensor, Tensor, Surroundings], Tensor] | None
    head: Callable[[Stock, Tensor], Tensor]
    decoder: Callable[[Stock], tuple[Tensor, Tensor | None]]
    feed_forward: FeedForward


def plain_surroundings(
    _base: Stock, _hidden: Float[Tensor, "B S d"], mask: Bool[Tensor, "B 1 1 S"] | None
) -> Surroundings:
    """Return the mask alone: absolute positions were added at the embeddings."""
    return Surroundings(mask)


def attend(
    query: Float[Tensor, "B R d"],
    key: Float[Tensor, "B S d"],
    value: Float[Tensor, "B S d"],
    *,
    n_heads: int,
    mask: Bool[Tensor, "B 1 1 S"] | Float[Tensor, "B heads R S"] | None,
) -> Float[Tensor, "B R d"]:
    """Return multi-head attention of some rows to all rows, before the output map."""

    def heads(rows: Tensor) -> Tensor:
        return rows.view(*rows.shape[:2], n_heads, -1).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(heads(query), heads(key), heads(value), attn_mask=mask)
    return mixed.transpose(1, 2).reshape(query.shape)


def pick_bias(bias: Float[Tensor, "1 heads S S"], rows: Int[Tensor, "B R"]) -> Float[Tensor, "B heads R S"]:
    """Return the rows of a relative-position bias that belong to some queries."""
    return bias[0].transpose(0, 1)[rows].transpose(1, 2)
