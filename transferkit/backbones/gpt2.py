"""GPT-2: absolute positions, norm in front of each sub-layer, queries, keys and values in one weight."""

from torch import Tensor
from torch.nn.functional import linear

from transferkit.backbones.activations import activated
from transferkit.backbones.attention import split_heads
from transferkit.backbones.family import Family, FeedForward, LinearMap, Memory, Rotary, Stock


def _embed(base: Stock, words: Tensor, positions: Tensor, _types: Tensor) -> Tensor:
    return base.drop(words + base.wpe(positions))


def _map(block: Stock, part: int) -> LinearMap:
    """Return the queries' (0), keys' (1) or values' (2) part of the one weight, which holds [in,out]."""
    attention = block.attn
    where = slice(part * attention.split_size, (part + 1) * attention.split_size)
    return LinearMap(attention.c_attn.weight[:, where].T, attention.c_attn.bias[where])


def _heads(block: Stock, rows: Tensor, part: int) -> Tensor:
    found = _map(block, part)
    return split_heads(linear(rows, found.weight, found.bias), block.attn.num_heads)


def _queries(block: Stock, rows: Tensor, _rotary: Rotary | None) -> Tensor:
    return _heads(block, rows, 0)


def _keys(block: Stock, rows: Tensor, _rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    return _heads(block, rows, 1), _heads(block, rows, 2)


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attended = block.attn.resid_dropout(block.attn.c_proj(mixed)) + asking
    mlp = block.mlp
    neurons = activated(mlp.act, mlp.c_fc(block.ln_2(attended)))
    return attended + mlp.dropout(mlp.c_proj(neurons))


GPT2 = Family(
    model_types=("gpt2",),
    stack="decoder",
    blocks=lambda base: base.h,
    embed=_embed,
    enter=lambda block, rows: block.ln_1(rows),
    queries=_queries,
    keys=_keys,
    leave=_leave,
    final=lambda base, rows, _encoder: base.ln_f(rows),
    head=lambda _model, rows: rows,
    decoder=lambda model: LinearMap(model.lm_head.weight, None),
    feed_forward=lambda _block: FeedForward(up="mlp.c_fc", down="mlp.c_proj"),
    attention_dropout=lambda block: block.attn.attn_dropout.p,
    capacity=lambda config: config.max_position_embeddings,
    scale=lambda block: block.attn.scaling,
    maps=lambda block: (_map(block, 1), _map(block, 2)),
)
