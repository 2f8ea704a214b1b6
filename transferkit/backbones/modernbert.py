"""ModernBERT: rotary positions, norm in front of each sub-layer, gated feed-forward, two of three blocks local."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import linear
from transformers import PreTrainedConfig

from transferkit.backbones.attention import rotate, split_heads
from transferkit.backbones.family import Family, FeedForward, LinearMap, Memory, Reach, Rotary, Stock
from transferkit.backbones.llama import REACHES


def _embed(base: Stock, words: Tensor, _positions: Tensor, _types: Tensor) -> Tensor:
    return base.embeddings(inputs_embeds=words)


def _heads(block: Stock, rows: Tensor, part: int) -> Tensor:
    """Return queries (0), keys (1) or values (2): a third each of one linear map."""
    attention = block.attn
    width = attention.Wo.in_features
    third = slice(part * width, (part + 1) * width)
    bias = attention.Wqkv.bias
    mapped = linear(rows, attention.Wqkv.weight[third], None if bias is None else bias[third])
    return split_heads(mapped, width // attention.head_dim)


def _turned(heads: Tensor, rotary: Rotary | None) -> Tensor:
    # In float32 whatever the rows are, as the stock model does.
    return heads if rotary is None else rotate(heads.float(), rotary).to(heads.dtype)


def _queries(block: Stock, rows: Tensor, rotary: Rotary | None) -> Tensor:
    return _turned(_heads(block, rows, 0), rotary)


def _keys(block: Stock, rows: Tensor, rotary: Rotary | None) -> tuple[Tensor, Tensor]:
    return _turned(_heads(block, rows, 1), rotary), _heads(block, rows, 2)


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attended = asking + block.attn.out_drop(block.attn.Wo(mixed))
    return attended + block.mlp(block.mlp_norm(attended))


def _rotary(base: Stock, rows: Tensor, positions: Tensor) -> Mapping[Reach, Rotary]:
    tables = base.rotary_emb
    return {REACHES[kind]: tables(rows, positions.unsqueeze(0), kind) for kind in tables.layer_types}


def _window(config: PreTrainedConfig) -> int | None:
    return config.sliding_window if "sliding_attention" in config.layer_types else None


MODERNBERT = Family(
    model_types=("modernbert",),
    blocks=lambda base: base.layers,
    embed=_embed,
    enter=lambda block, rows: block.attn_norm(rows),
    queries=_queries,
    keys=_keys,
    leave=_leave,
    final=lambda base, rows, _encoder: base.final_norm(rows),
    head=lambda model, rows: model.head(rows),
    decoder=lambda model: LinearMap(model.decoder.weight, model.decoder.bias),
    feed_forward=lambda _block: FeedForward(up="mlp.Wi", down="mlp.Wo", gate_first=True),
    attention_dropout=lambda block: block.attn.attention_dropout,
    rotary=_rotary,
    reach=lambda block: REACHES[block.attention_type],
    window=_window,
)
