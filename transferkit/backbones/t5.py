"""T5, its version 1.1, FLAN-T5 and mT5: relative positions, norms in front, a decoder that reads the encoder."""

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import PreTrainedConfig

from transferkit.backbones.activations import activated
from transferkit.backbones.attention import absorbed, absorbing_pays, attend, split_heads
from transferkit.backbones.family import Family, FeedForward, LinearMap, Memory, Rotary, Stock
from transferkit.errors import InputError

UNSCALED = 1.0  # the scale is part of T5's weights


def _blocks(base: Stock) -> Sequence[nn.Module]:
    return [*base.encoder.block, *base.decoder.block]


def _embed(base: Stock, words: Tensor, _positions: Tensor, _types: Tensor) -> Tensor:
    return base.encoder.dropout(words)


def _bias(base: Stock, hidden: Tensor, in_decoder: bool) -> Tensor:
    # The first block of either stack owns the table that all its blocks use; heads come last there, and cost every
    # block a detour if they stay.
    stack = base.decoder if in_decoder else base.encoder
    n_rows = hidden.shape[1]
    return stack.block[0].layer[0].SelfAttention.compute_bias(n_rows, n_rows).contiguous()


def _enter(block: Stock, rows: Tensor) -> Tensor:
    return block.layer[0].layer_norm(rows)


def _queries(block: Stock, rows: Tensor, _rotary: Rotary | None) -> Tensor:
    attention = block.layer[0].SelfAttention
    return split_heads(attention.q(rows), attention.n_heads)


def _keys(block: Stock, rows: Tensor, _rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    return _keys_of(block.layer[0].SelfAttention, rows)


def _keys_of(attention: Stock, rows: Tensor) -> tuple[Tensor, Tensor]:
    return split_heads(attention.k(rows), attention.n_heads), split_heads(attention.v(rows), attention.n_heads)


def _maps_of(attention: Stock) -> tuple[LinearMap, LinearMap]:
    return LinearMap(attention.k.weight, None), LinearMap(attention.v.weight, None)


def _leave(block: Stock, asking: Tensor, mixed: Tensor, memory: Memory | None) -> Tensor:
    layer = block.layer[0]
    rows = asking + layer.dropout(layer.SelfAttention.o(mixed))
    if memory is not None:
        rows = _cross(block.layer[1], rows, memory)
    return _feed(block.layer[-1], rows)


def _cross(layer: Stock, rows: Tensor, memory: Memory) -> Tensor:
    """Let decoder rows attend to the encoder's."""
    attention = layer.EncDecAttention
    query = split_heads(attention.q(layer.layer_norm(rows)), attention.n_heads)
    if memory.absorb and absorbing_pays(rows.shape[1], memory.hidden, attention.n_heads, attention.inner_dim):
        mixed = absorbed(query, memory.hidden, _maps_of(attention), mask=memory.mask, scale=UNSCALED)
    else:
        key, value = _keys_of(attention, memory.hidden)
        dropout = attention.dropout if attention.training else 0.0
        mixed = attend(query, key, value, mask=memory.mask, scale=UNSCALED, dropout=dropout)
    return rows + layer.dropout(attention.o(mixed))


def _feed(layer: Stock, rows: Tensor) -> Tensor:
    dense = layer.DenseReluDense
    entered = layer.layer_norm(rows)
    if hasattr(dense, "wi_0"):
        inner = activated(dense.act, dense.wi_0(entered)) * dense.wi_1(entered)
    else:
        inner = activated(dense.act, dense.wi(entered))
    return rows + layer.dropout(dense.wo(dense.dropout(inner)))


def _final(base: Stock, rows: Tensor, of_encoder: bool) -> Tensor:
    stack = base.encoder if of_encoder else base.decoder
    return stack.dropout(stack.final_layer_norm(rows))


def _head(model: Stock, rows: Tensor) -> Tensor:
    # Only where the head was trained tied to the word embeddings; the config remembers, whatever is tied now.
    scaled = getattr(model.config, "scale_decoder_outputs", False)
    return rows * model.config.d_model**-0.5 if scaled else rows


def _feed_forward(block: Stock) -> FeedForward:
    last = len(block.layer) - 1
    path = f"layer.{last}.DenseReluDense"
    gated = hasattr(block.layer[last].DenseReluDense, "wi_0")
    if gated:
        return FeedForward(up=f"{path}.wi_0", beside=f"{path}.wi_1", down=f"{path}.wo")
    return FeedForward(up=f"{path}.wi", down=f"{path}.wo")


def _check(config: PreTrainedConfig) -> None:
    if not config.is_encoder_decoder:
        raise InputError(
            f"this {config.model_type} model is an encoder alone, which is not supported",
            fix="use the model it was taken from, with its decoder",
        )
    if getattr(config, "decoder_start_token_id", None) is None:
        raise InputError(
            f"this {config.model_type} model's config names no decoder_start_token_id", fix="set it, to 0 as a rule"
        )


T5 = Family(
    model_types=("t5", "mt5"),
    stack="encoder-decoder",
    blocks=_blocks,
    embed=_embed,
    enter=_enter,
    queries=_queries,
    keys=_keys,
    leave=_leave,
    final=_final,
    head=_head,
    decoder=lambda model: LinearMap(model.lm_head.weight, None),
    feed_forward=_feed_forward,
    attention_dropout=lambda block: block.layer[0].SelfAttention.dropout,
    scale=lambda _block: UNSCALED,
    bias=_bias,
    maps=lambda block: _maps_of(block.layer[0].SelfAttention),
    check=_check,
)
