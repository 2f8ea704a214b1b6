"""DistilBERT: BERT without token types."""

from torch import Tensor

from transferkit.backbones.attention import split_heads
from transferkit.backbones.family import Family, FeedForward, LinearMap, Memory, Rotary, Stock


def _embed(base: Stock, words: Tensor, positions: Tensor, _types: Tensor) -> Tensor:
    return base.embeddings(None, inputs_embeds=words, position_ids=positions.unsqueeze(0))


def _queries(block: Stock, rows: Tensor, _rotary: Rotary | None) -> Tensor:
    return split_heads(block.attention.q_lin(rows), block.attention.n_heads)


def _keys(block: Stock, rows: Tensor, _rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    attention = block.attention
    return split_heads(attention.k_lin(rows), attention.n_heads), split_heads(attention.v_lin(rows), attention.n_heads)


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attended = block.sa_layer_norm(block.attention.out_lin(mixed) + asking)
    return block.output_layer_norm(block.ffn(attended) + attended)


def _maps(block: Stock) -> tuple[LinearMap, LinearMap]:
    key, value = block.attention.k_lin, block.attention.v_lin
    return LinearMap(key.weight, key.bias), LinearMap(value.weight, value.bias)


def _head(model: Stock, rows: Tensor) -> Tensor:
    return model.vocab_layer_norm(model.activation(model.vocab_transform(rows)))


DISTILBERT = Family(
    model_types=("distilbert",),
    blocks=lambda base: base.transformer.layer,
    embed=_embed,
    queries=_queries,
    keys=_keys,
    leave=_leave,
    head=_head,
    decoder=lambda model: LinearMap(model.vocab_projector.weight, model.vocab_projector.bias),
    feed_forward=lambda _block: FeedForward(up="ffn.lin1", down="ffn.lin2"),
    attention_dropout=lambda block: block.attention.dropout.p,
    capacity=lambda config: config.max_position_embeddings,
    maps=_maps,
)
