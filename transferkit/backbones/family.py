"""What a family of architectures must say about itself so that the stack of blocks can be entered, left and read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedConfig

# A stock module: its parts are found by name, which torch types as Tensor | Module whatever they are.
Stock = Any
Stack = Literal["encoder", "decoder", "encoder-decoder"]
Reach = Literal["full", "local"]
Rotary = tuple[Float[Tensor, "B S dh"], Float[Tensor, "B S dh"]]


@dataclass(frozen=True)
class Memory:
    """What decoder blocks attend to besides their own rows.

    Attributes:
        hidden: encoder rows, normed [B,S,d].
        mask: added to the scores [B,1,1,S]; None when nothing is padded.
        absorb: whether keys and values may be left unformed where that is cheaper (see `attention.absorbed`).
    """

    hidden: Float[Tensor, "B S d"]
    mask: Float[Tensor, "B 1 1 S"] | None
    absorb: bool


@dataclass(frozen=True)
class FeedForward:
    """Where a block's feed-forward neurons are, as dotted paths inside it.

    Attributes:
        up: linear map whose output is the pre-activation, of the gate branch in gated families.
        down: linear map whose input is the post-activation, gate applied.
        gate_first: whether `up` gives pre-activation and gate side by side, [.., 2F].
        beside: linear map of the other branch, where a gated family has one of its own.
    """

    up: str
    down: str
    gate_first: bool = False
    beside: str | None = None

    @property
    def entering(self) -> tuple[str, ...]:
        """The maps into the neurons."""
        return (self.up,) if self.beside is None else (self.up, self.beside)


@dataclass(frozen=True)
class LinearMap:
    """A linear map as weight [out,in] and bias [out]."""

    weight: Float[Tensor, "out d"]
    bias: Float[Tensor, "out"] | None


def _nothing(_block: Stock, hidden: Tensor) -> Tensor:
    return hidden


@dataclass(frozen=True)
class Family:
    """One architecture; chosen by `config.model_type`, never by a substring of a name.

    A block is told in four steps, so that one engine (`attention.py`, `base.py`) serves whole blocks, single rows and
    shared prompts alike: `enter` (a norm in front, if any), `queries`, `keys`, and `leave` (all behind the attention).

    Attributes:
        model_types: the values of `config.model_type` it serves.
        blocks: base model → its blocks; of an encoder-decoder those of the encoder, then those of the decoder.
        embed: base model, word rows [B,S,d], positions [S], token types [B,S] → rows in front of block 0 [B,S,d].
        first_position: number of the first position.
        capacity: rows the position table holds; None where there is no limit.
        queries: block, entered rows, rotary table of these rows or None → [B,heads,R,dh].
        keys: block, entered rows, rotary table or None → keys and values [B,heads,S,dh] (fewer heads where grouped).
        leave: block, rows that asked [B,R,d], what attention mixed for them [B,R,heads·dh], memory → rows after it.
        head: whole model, rows [B,R,d] → what the vocabulary is multiplied with.
        decoder: whole model → weight [V,d] and bias [V] of the vocabulary head.
        feed_forward: block → where its neurons are.
        attention_dropout: block → probability that an attention weight is dropped while dropout is on.
        stack: "encoder" sees both ways, "decoder" only backwards.
        enter: block, rows → rows as queries and keys read them.
        final: base model, rows behind the last block of its kind → normed; the flag asks for the encoder's.
        scale: block → factor on the scores; None for 1/√dh.
        bias: base model, rows, whether in the decoder → relative-position bias [1,heads,S,S].
        content_bias: base model, block, queries, keys, rows that ask or None for all → bias that depends on them.
        rotary: base model, rows, positions [S] → rotary table per reach.
        reach: block → whether it attends to all rows or to near ones.
        window: config → the farthest row a "local" block still sees.
        maps: block → linear maps of its keys and values, where nothing but they forms them; None elsewhere.
        check: config → complains about what the family cannot do.
    """

    model_types: tuple[str, ...]
    blocks: Callable[[Stock], Iterable[nn.Module]]
    embed: Callable[[Stock, Tensor, Tensor, Tensor], Tensor]
    queries: Callable[[Stock, Tensor, Rotary | None], Tensor]
    keys: Callable[[Stock, Tensor, Rotary | None], tuple[Tensor, Tensor]]
    leave: Callable[[Stock, Tensor, Tensor, Memory | None], Tensor]
    head: Callable[[Stock, Tensor], Tensor]
    decoder: Callable[[Stock], LinearMap]
    feed_forward: Callable[[Stock], FeedForward]
    attention_dropout: Callable[[Stock], float]
    first_position: Callable[[PreTrainedConfig], int] = lambda _config: 0
    capacity: Callable[[PreTrainedConfig], int | None] = lambda _config: None
    stack: Stack = "encoder"
    enter: Callable[[Stock, Tensor], Tensor] = _nothing
    final: Callable[[Stock, Tensor, bool], Tensor] = lambda _base, hidden, _encoder: hidden
    scale: Callable[[Stock], float | None] = lambda _block: None
    bias: Callable[[Stock, Tensor, bool], Tensor] | None = None
    content_bias: Callable[[Stock, Stock, Tensor, Tensor, Tensor | None], Tensor] | None = None
    rotary: Callable[[Stock, Tensor, Tensor], Mapping[Reach, Rotary]] | None = None
    reach: Callable[[Stock], Reach] = lambda _block: "full"
    window: Callable[[PreTrainedConfig], int | None] = lambda _config: None
    maps: Callable[[Stock], tuple[LinearMap, LinearMap]] | None = None
    check: Callable[[PreTrainedConfig], None] = field(default=lambda _config: None)
