"""MPNet: absolute positions at the embeddings and a relative-position bias shared by all blocks."""

from torch import Tensor

from transferkit.backbones.attention import split_heads
from transferkit.backbones.bert import feed_forward, roberta_decoder, roberta_head
from transferkit.backbones.family import Family, LinearMap, Memory, Rotary, Stock


def _embed(base: Stock, words: Tensor, positions: Tensor, _types: Tensor) -> Tensor:
    return base.embeddings(inputs_embeds=words, position_ids=positions.unsqueeze(0))


def _bias(base: Stock, hidden: Tensor, _in_decoder: bool) -> Tensor:
    # One example is enough: the bias depends on row distances alone.
    return base.encoder.compute_position_bias(hidden[:1])


def _queries(block: Stock, rows: Tensor, _rotary: Rotary | None) -> Tensor:
    attention = block.attention.attn
    return split_heads(attention.q(rows), attention.num_attention_heads)


def _keys(block: Stock, rows: Tensor, _rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    attention = block.attention.attn
    n_heads = attention.num_attention_heads
    return split_heads(attention.k(rows), n_heads), split_heads(attention.v(rows), n_heads)


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attention = block.attention
    attended = attention.LayerNorm(attention.dropout(attention.attn.o(mixed)) + asking)
    return block.output(block.intermediate(attended), attended)


def _maps(block: Stock) -> tuple[LinearMap, LinearMap]:
    key, value = block.attention.attn.k, block.attention.attn.v
    return LinearMap(key.weight, key.bias), LinearMap(value.weight, value.bias)


MPNET = Family(
    model_types=("mpnet",),
    blocks=lambda base: base.encoder.layer,
    embed=_embed,
    queries=_queries,
    keys=_keys,
    leave=_leave,
    head=roberta_head,
    decoder=roberta_decoder,
    feed_forward=feed_forward,
    attention_dropout=lambda block: block.attention.attn.dropout.p,
    first_position=lambda _config: 2,  # the padding index, 1, is written into the stock class
    capacity=lambda config: config.max_position_embeddings - 2,
    bias=_bias,
    maps=_maps,
)
