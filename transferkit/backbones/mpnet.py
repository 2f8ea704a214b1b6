"""MPNet: absolute positions at the embeddings and a relative-position bias shared by all blocks."""

import torch
from torch import Tensor, nn

from transferkit.backbones.family import Family, FeedForward, Stock, Surroundings, attend, pick_bias
from transferkit.backbones.state import take_rows


def _embed(base: Stock, words: Tensor, positions: Tensor, _types: Tensor) -> Tensor:
    return base.embeddings(inputs_embeds=words, position_ids=positions.unsqueeze(0))


def _surroundings(base: Stock, hidden: Tensor, mask: Tensor | None) -> Surroundings:
    # One example is enough: the bias depends on row distances alone.
    return Surroundings(mask, base.encoder.compute_position_bias(hidden[:1]))


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """Return 0 where attention is allowed and the most negative number elsewhere; MPNet adds its mask."""
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(~mask, torch.finfo(like.dtype).min)


def _call(block: Stock, hidden: Tensor, around: Surroundings) -> Tensor:
    mask = None if around.mask is None else _additive(around.mask, hidden)
    return block(hidden, mask, around.bias)[0]


def _call_rows(block: Stock, hidden: Tensor, rows: Tensor, around: Surroundings) -> Tensor:
    attention = block.attention.attn
    asking = take_rows(hidden, rows)
    assert around.bias is not None
    bias = pick_bias(around.bias, rows)
    mixed = attend(
        attention.q(asking),
        attention.k(hidden),
        attention.v(hidden),
        n_heads=attention.num_attention_heads,
        mask=bias if around.mask is None else bias + _additive(around.mask, hidden),
    )
    attended = block.attention.LayerNorm(attention.o(mixed) + asking)
    return block.output(block.intermediate(attended), attended)


def _head(model: Stock, rows: Tensor) -> Tensor:
    head = model.lm_head
    return head.layer_norm(nn.functional.gelu(head.dense(rows)))


MPNET = Family(
    model_types=("mpnet",),
    blocks=lambda base: base.encoder.layer,
    embed=_embed,
    first_position=lambda _config: 2,  # the padding index, 1, is written into the stock class
    capacity=lambda config: config.max_position_embeddings - 2,
    surroundings=_surroundings,
    call=_call,
    call_rows=_call_rows,
    head=_head,
    decoder=lambda model: (model.lm_head.decoder.weight, model.lm_head.decoder.bias),
    feed_forward=FeedForward(up="intermediate.dense", down="output.dense"),
)
