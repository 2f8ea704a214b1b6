"""DeBERTa-v2 and v3: BERT's blocks, whose scores also compare contents with distances (He et al. 2021, section 3.1)."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from transferkit.backbones.attention import score_dtype, split_heads
from transferkit.backbones.bert import BERT
from transferkit.backbones.family import LinearMap, Rotary, Stock
from transferkit.errors import InputError


def _queries(block: Stock, rows: Tensor, _rotary: Rotary | None) -> Tensor:
    attention = block.attention.self
    return split_heads(attention.query_proj(rows), attention.num_attention_heads)


def _keys(block: Stock, rows: Tensor, _rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    attention = block.attention.self
    n_heads = attention.num_attention_heads
    return split_heads(attention.key_proj(rows), n_heads), split_heads(attention.value_proj(rows), n_heads)


def _scale(block: Stock) -> float:
    attention = block.attention.self
    n_terms = 1 + sum(term in attention.pos_att_type for term in ("c2p", "p2c"))
    return (attention.attention_head_size * n_terms) ** -0.5


# --- contents against distances ---------------------------------------------------------------------------------------
# Row i meets row j at distance i − j. One product per row and distance is formed, where 2S − 1 distances occur among S
# rows, and each is then brought to its place: entry S − 1 − i + j of row i to column j. The table holds one entry more,
# which nobody reads.


def _content_bias(base: Stock, block: Stock, queries: Tensor, keys: Tensor, at: Tensor | None) -> Tensor:
    attention, n_rows = block.attention.self, keys.shape[2]
    wanted = score_dtype(queries)
    bias = torch.zeros(1, 1, 1, 1, dtype=wanted, device=keys.device)
    if not attention.relative_attention:
        return bias
    falling = n_rows - 1 - torch.arange(2 * n_rows)
    rows = torch.arange(n_rows, device=keys.device).unsqueeze(0)
    if "c2p" in attention.pos_att_type:
        projection = attention.key_proj if attention.share_att_key else attention.pos_key_proj
        products = _products(queries.to(wanted), _of_distances(base, block, projection, falling))
        bias = bias + (_aligned(products) if at is None else _aligned_at(products, at, rows))
    if "p2c" in attention.pos_att_type:
        projection = attention.query_proj if attention.share_att_key else attention.pos_query_proj
        products = _products(keys.to(wanted), _of_distances(base, block, projection, -falling))
        bias = bias + (_aligned(products) if at is None else _aligned_at(products, rows, at)).transpose(2, 3)
    return bias


def _of_distances(base: Stock, block: Stock, projection: Stock, distances: Int[Tensor, "D"]) -> Float[Tensor, "h D dh"]:
    """Return the embeddings of distances, projected and scaled; those that occur are projected, each once."""
    encoder, attention = base.encoder, block.attention.self
    if encoder.position_buckets > 0:
        distances = make_log_bucket_position(distances, encoder.position_buckets, encoder.max_relative_positions)
    span = attention.pos_ebd_size
    entries = (distances.long() + span).clamp(0, 2 * span - 1)
    first, last = int(entries.min()), int(entries.max())
    embeddings = attention.pos_dropout(encoder.get_rel_embedding()[first : last + 1])
    heads = split_heads(projection(embeddings).unsqueeze(0), attention.num_attention_heads)[0]
    scaled = heads.to(score_dtype(heads)) * _scale(block)
    return scaled[:, (entries - first).to(scaled.device)]


def _products(heads: Float[Tensor, "B h R dh"], table: Float[Tensor, "h D dh"]) -> Float[Tensor, "B h R D"]:
    return torch.einsum("bhrd,hcd->bhrc", heads, table)


def _aligned(products: Float[Tensor, "B h S D"]) -> Float[Tensor, "B h S S"]:
    """Bring all products to their places: read with rows one entry shorter, each row begins one entry earlier."""
    n_rows = products.shape[2]
    shorter = 2 * n_rows - 1
    flat = products.flatten(2)[..., n_rows - 1 : n_rows - 1 + n_rows * shorter]
    return flat.unflatten(2, (n_rows, shorter))[..., :n_rows]


def _aligned_at(
    products: Float[Tensor, "B h R D"], own: Int[Tensor, "_ R"], others: Int[Tensor, "_ K"]
) -> Float[Tensor, "B h R K"]:
    """Return the products of some rows with some others."""
    n_rows = products.shape[3] // 2
    entries = n_rows - 1 - own.unsqueeze(2) + others.unsqueeze(1)
    return products.gather(3, entries.unsqueeze(1).expand(-1, products.shape[1], -1, -1))


# --- head -------------------------------------------------------------------------------------------------------------
def _head(model: Stock, rows: Tensor) -> Tensor:
    if model.legacy:
        return model.cls.predictions.transform(rows)
    head = model.lm_predictions.lm_head
    return head.LayerNorm(head.transform_act_fn(head.dense(rows)))


def _decoder(model: Stock) -> LinearMap:
    if model.legacy:
        return LinearMap(model.cls.predictions.decoder.weight, model.cls.predictions.decoder.bias)
    return LinearMap(model.get_input_embeddings().weight, model.lm_predictions.lm_head.bias)


def _check(config: PreTrainedConfig) -> None:
    kernel, width = getattr(config, "conv_kernel_size", 0), getattr(config, "embedding_size", config.hidden_size)
    if kernel > 0:
        raise InputError(
            f"conv_kernel_size = {kernel} in the config: this DeBERTa-v2 (xlarge or xxlarge) mixes neighbouring rows"
            " behind its first block by a convolution, which is not supported",
            fix="use a model without it: microsoft/deberta-v3-small, -base or -large",
        )
    if width != config.hidden_size:
        raise InputError(
            f"embedding_size = {width} in the config, but hidden_size = {config.hidden_size}: word vectors of another"
            " width than the blocks are not supported in DeBERTa-v2",
            fix="use a model where they are equal: microsoft/deberta-v3-small, -base or -large",
        )


DEBERTA = dataclasses.replace(
    BERT,
    model_types=("deberta-v2",),
    queries=_queries,
    keys=_keys,
    head=_head,
    decoder=_decoder,
    capacity=lambda config: config.max_position_embeddings if config.position_biased_input else None,
    scale=_scale,
    content_bias=_content_bias,
    maps=None,
    check=_check,
)
