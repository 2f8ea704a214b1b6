"""BERT, RoBERTa and XLM-RoBERTa, MiniLM among them: absolute positions, norm after each sub-layer."""

from torch import Tensor, nn
from transformers import PreTrainedConfig

from transferkit.backbones.family import Family, FeedForward, Stock, Surroundings, attend, plain_surroundings
from transferkit.backbones.state import take_rows


def _blocks(base: Stock) -> nn.ModuleList:
    return base.encoder.layer


def _embed(base: Stock, words: Tensor, positions: Tensor, types: Tensor) -> Tensor:
    return base.embeddings(inputs_embeds=words, position_ids=positions.unsqueeze(0), token_type_ids=types)


def _call(block: Stock, hidden: Tensor, around: Surroundings) -> Tensor:
    return block(hidden, around.mask)


def _call_rows(block: Stock, hidden: Tensor, rows: Tensor, around: Surroundings) -> Tensor:
    attention = block.attention.self
    asking = take_rows(hidden, rows)
    mixed = attend(
        attention.query(asking),
        attention.key(hidden),
        attention.value(hidden),
        n_heads=attention.num_attention_heads,
        mask=around.mask,
    )
    attended = block.attention.output(mixed, asking)
    return block.output(block.intermediate(attended), attended)


def _bert_head(model: Stock, rows: Tensor) -> Tensor:
    return model.cls.predictions.transform(rows)


def _bert_decoder(model: Stock) -> tuple[Tensor, Tensor | None]:
    return model.cls.predictions.decoder.weight, model.cls.predictions.decoder.bias


def _roberta_head(model: Stock, rows: Tensor) -> Tensor:
    head = model.lm_head
    return head.layer_norm(nn.functional.gelu(head.dense(rows)))


def _roberta_decoder(model: Stock) -> tuple[Tensor, Tensor | None]:
    return model.lm_head.decoder.weight, model.lm_head.decoder.bias


def _bert_capacity(config: PreTrainedConfig) -> int:
    return config.max_position_embeddings


def _roberta_first(config: PreTrainedConfig) -> int:
    return config.pad_token_id + 1


def _roberta_capacity(config: PreTrainedConfig) -> int:
    return config.max_position_embeddings - config.pad_token_id - 1


FEED_FORWARD = FeedForward(up="intermediate.dense", down="output.dense")

BERT = Family(
    model_types=("bert",),
    blocks=_blocks,
    embed=_embed,
    first_position=lambda _config: 0,
    capacity=_bert_capacity,
    surroundings=plain_surroundings,
    call=_call,
    call_rows=_call_rows,
    head=_bert_head,
    decoder=_bert_decoder,
    feed_forward=FEED_FORWARD,
)

ROBERTA = Family(
    model_types=("roberta", "xlm-roberta"),
    blocks=_blocks,
    embed=_embed,
    first_position=_roberta_first,
    capacity=_roberta_capacity,
    surroundings=plain_surroundings,
    call=_call,
    call_rows=_call_rows,
    head=_roberta_head,
    decoder=_roberta_decoder,
    feed_forward=FEED_FORWARD,
)
