"""DistilBERT: BERT without token types."""

from torch import Tensor

from transferkit.backbones.family import Family, FeedForward, Stock, Surroundings, attend, plain_surroundings
from transferkit.backbones.state import take_rows


def _embed(base: Stock, words: Tensor, positions: Tensor, _types: Tensor) -> Tensor:
    return base.embeddings(None, inputs_embeds=words, position_ids=positions.unsqueeze(0))


def _call(block: Stock, hidden: Tensor, around: Surroundings) -> Tensor:
    return block(hidden, around.mask)


def _call_rows(block: Stock, hidden: Tensor, rows: Tensor, around: Surroundings) -> Tensor:
    attention = block.attention
    asking = take_rows(hidden, rows)
    mixed = attend(
        attention.q_lin(asking),
        attention.k_lin(hidden),
        attention.v_lin(hidden),
        n_heads=attention.n_heads,
        mask=around.mask,
    )
    attended = block.sa_layer_norm(attention.out_lin(mixed) + asking)
    return block.output_layer_norm(block.ffn(attended) + attended)


def _head(model: Stock, rows: Tensor) -> Tensor:
    return model.vocab_layer_norm(model.activation(model.vocab_transform(rows)))


DISTILBERT = Family(
    model_types=("distilbert",),
    blocks=lambda base: base.transformer.layer,
    embed=_embed,
    first_position=lambda _config: 0,
    capacity=lambda config: config.max_position_embeddings,
    surroundings=plain_surroundings,
    call=_call,
    call_rows=_call_rows,
    head=_head,
    decoder=lambda model: (model.vocab_projector.weight, model.vocab_projector.bias),
    feed_forward=FeedForward(up="ffn.lin1", down="ffn.lin2"),
)
