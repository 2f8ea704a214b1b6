"""Llama (SmolLM and SmolLM2 among them), Mistral, Qwen2, Qwen3, SmolLM3: rotary positions, gated feed-forward."""

import dataclasses
from collections.abc import Mapping

from torch import Tensor
from transformers import PreTrainedConfig

from transferkit.backbones.attention import rotate, split_heads
from transferkit.backbones.family import Family, FeedForward, LinearMap, Memory, Reach, Rotary, Stock
from transferkit.errors import InputError

REACHES: Mapping[str, Reach] = {"full_attention": "full", "sliding_attention": "local"}


def _embed(_base: Stock, words: Tensor, _positions: Tensor, _types: Tensor) -> Tensor:
    return words


def _heads(attention: Stock, rows: Tensor) -> Tensor:
    return split_heads(rows, rows.shape[-1] // attention.head_dim)


def _turned(heads: Tensor, rotary: Rotary | None) -> Tensor:
    return heads if rotary is None else rotate(heads, rotary)


def _queries(block: Stock, rows: Tensor, rotary: Rotary | None) -> Tensor:
    attention = block.self_attn
    return _turned(_heads(attention, attention.q_proj(rows)), rotary)


def _keys(block: Stock, rows: Tensor, rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    attention = block.self_attn
    return _turned(_heads(attention, attention.k_proj(rows)), rotary), _heads(attention, attention.v_proj(rows))


def normed_queries(block: Stock, rows: Tensor, rotary: Rotary | None) -> Tensor:
    """Return queries of blocks that norm each head before they turn it."""
    attention = block.self_attn
    return _turned(attention.q_norm(_heads(attention, attention.q_proj(rows))), rotary)


def normed_keys(block: Stock, rows: Tensor, rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    """Return keys and values of such blocks; values are neither normed nor turned."""
    attention = block.self_attn
    key = attention.k_norm(_heads(attention, attention.k_proj(rows)))
    return _turned(key, rotary), _heads(attention, attention.v_proj(rows))


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attended = asking + block.self_attn.o_proj(mixed)
    return attended + block.mlp(block.post_attention_layernorm(attended))


def _rotary(base: Stock, rows: Tensor, positions: Tensor) -> Mapping[Reach, Rotary]:
    table = base.rotary_emb(rows, positions.unsqueeze(0))
    return {"full": table, "local": table}


def typed_reach(block: Stock) -> Reach:
    """Return the reach of a block whose config lists one type of attention per block."""
    attention = block.self_attn
    return REACHES[attention.config.layer_types[attention.layer_idx]]


def window(config: PreTrainedConfig) -> int | None:
    """Return the farthest distance a sliding window covers; the config counts the row itself."""
    return None if config.sliding_window is None else config.sliding_window - 1


def check_rotary(config: PreTrainedConfig) -> None:
    """Refuse rotary angles that depend on how many rows there are: a prompt computed alone would be turned by others.

    Raises:
        InputError: the config asks for such angles.
    """
    parameters = config.rope_parameters
    for table in parameters.values() if "rope_type" not in parameters else (parameters,):
        if table["rope_type"] in ("dynamic", "longrope"):
            raise InputError(
                f"backbone architecture {config.model_type!r} with rope_type = {table['rope_type']!r} is not supported:"
                " its positions depend on the length of the text",
                fix="use a model whose rotary positions are fixed",
            )


LLAMA = Family(
    model_types=("llama",),
    stack="decoder",
    blocks=lambda base: base.layers,
    embed=_embed,
    enter=lambda block, rows: block.input_layernorm(rows),
    queries=_queries,
    keys=_keys,
    leave=_leave,
    final=lambda base, rows, _encoder: base.norm(rows),
    head=lambda _model, rows: rows,
    decoder=lambda model: LinearMap(model.lm_head.weight, None),
    feed_forward=lambda _block: FeedForward(up="mlp.gate_proj", beside="mlp.up_proj", down="mlp.down_proj"),
    attention_dropout=lambda block: block.self_attn.attention_dropout,
    scale=lambda block: block.self_attn.scaling,
    rotary=_rotary,
    check=check_rotary,
)

MISTRAL = dataclasses.replace(
    LLAMA,
    model_types=("mistral",),
    reach=lambda block: "full" if block.self_attn.config.sliding_window is None else "local",
    window=window,
)

QWEN2 = dataclasses.replace(LLAMA, model_types=("qwen2",), reach=typed_reach, window=window)

QWEN3 = dataclasses.replace(QWEN2, model_types=("qwen3",), queries=normed_queries, keys=normed_keys)

# Every fourth block knows no positions.
SMOLLM3 = dataclasses.replace(
    QWEN2,
    model_types=("smollm3",),
    queries=lambda block, rows, rotary: _queries(block, rows, rotary if block.self_attn.use_rope else None),
    keys=lambda block, rows, rotary: _keys(block, rows, rotary if block.self_attn.use_rope else None),
)
