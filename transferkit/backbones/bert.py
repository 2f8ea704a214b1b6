"""BERT, RoBERTa and XLM-RoBERTa, MiniLM among them: absolute positions, norm after each sub-layer."""

from torch import Tensor, nn
from transformers import PreTrainedConfig

from transferkit.backbones.attention import split_heads
from transferkit.backbones.family import Family, FeedForward, LinearMap, Memory, Rotary, Stock


def _blocks(base: Stock) -> nn.ModuleList:
    return base.encoder.layer


def _embed(base: Stock, words: Tensor, positions: Tensor, types: Tensor) -> Tensor:
    return base.embeddings(inputs_embeds=words, position_ids=positions.unsqueeze(0), token_type_ids=types)


def _queries(block: Stock, rows: Tensor, _rotary: Rotary | None) -> Tensor:
    attention = block.attention.self
    return split_heads(attention.query(rows), attention.num_attention_heads)


def _keys(block: Stock, rows: Tensor, _rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    attention = block.attention.self
    n_heads = attention.num_attention_heads
    return split_heads(attention.key(rows), n_heads), split_heads(attention.value(rows), n_heads)


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attended = block.attention.output(mixed, asking)
    return block.output(block.intermediate(attended), attended)


def _maps(block: Stock) -> tuple[LinearMap, LinearMap]:
    key, value = block.attention.self.key, block.attention.self.value
    return LinearMap(key.weight, key.bias), LinearMap(value.weight, value.bias)


def _bert_head(model: Stock, rows: Tensor) -> Tensor:
    return model.cls.predictions.transform(rows)


def _bert_decoder(model: Stock) -> LinearMap:
    return LinearMap(model.cls.predictions.decoder.weight, model.cls.predictions.decoder.bias)


def roberta_head(model: Stock, rows: Tensor) -> Tensor:
    """Return the rows of a RoBERTa-like head: dense, GELU, norm."""
    head = model.lm_head
    return head.layer_norm(nn.functional.gelu(head.dense(rows)))


def roberta_decoder(model: Stock) -> LinearMap:
    """Return the vocabulary map of a RoBERTa-like head."""
    return LinearMap(model.lm_head.decoder.weight, model.lm_head.decoder.bias)


def _roberta_first(config: PreTrainedConfig) -> int:
    return config.pad_token_id + 1


def _roberta_capacity(config: PreTrainedConfig) -> int:
    return config.max_position_embeddings - config.pad_token_id - 1


def feed_forward(_block: Stock) -> FeedForward:
    """Return where the neurons of a BERT-like block are."""
    return FeedForward(up="intermediate.dense", down="output.dense")


BERT = Family(
    model_types=("bert",),
    blocks=_blocks,
    embed=_embed,
    queries=_queries,
    keys=_keys,
    leave=_leave,
    head=_bert_head,
    decoder=_bert_decoder,
    feed_forward=feed_forward,
    attention_dropout=lambda block: block.attention.self.dropout.p,
    capacity=lambda config: config.max_position_embeddings,
    maps=_maps,
)

ROBERTA = Family(
    model_types=("roberta", "xlm-roberta"),
    blocks=_blocks,
    embed=_embed,
    queries=_queries,
    keys=_keys,
    leave=_leave,
    head=roberta_head,
    decoder=roberta_decoder,
    feed_forward=feed_forward,
    attention_dropout=lambda block: block.attention.self.dropout.p,
    first_position=_roberta_first,
    capacity=_roberta_capacity,
    maps=_maps,
)
