"""Gemma 3, its text model: local blocks with a rotary table of their own, norms around each sub-layer and per head."""

import dataclasses
from collections.abc import Mapping

from torch import Tensor
from transformers import PreTrainedConfig

from transferkit.backbones.family import Memory, Reach, Rotary, Stock
from transferkit.backbones.llama import LLAMA, REACHES, check_rotary, normed_keys, normed_queries, typed_reach, window
from transferkit.errors import InputError

REFUSED = ("attn_logit_softcapping", "final_logit_softcapping", "use_bidirectional_attention")


def _leave(block: Stock, asking: Tensor, mixed: Tensor, _memory: Memory | None) -> Tensor:
    attended = asking + block.post_attention_layernorm(block.self_attn.o_proj(mixed))
    return attended + block.post_feedforward_layernorm(block.mlp(block.pre_feedforward_layernorm(attended)))


def _rotary(base: Stock, rows: Tensor, positions: Tensor) -> Mapping[Reach, Rotary]:
    tables = base.rotary_emb
    return {REACHES[kind]: tables(rows, positions.unsqueeze(0), kind) for kind in tables.layer_types}


def _check(config: PreTrainedConfig) -> None:
    for field in REFUSED:
        if getattr(config, field):
            raise InputError(
                f"backbone architecture {config.model_type!r} with {field} = {getattr(config, field)} is not supported",
                fix=f"use a model without {field}",
            )
    check_rotary(config)


# The embedding module scales words by √d; prompt rows join them as they are.
GEMMA3 = dataclasses.replace(
    LLAMA,
    model_types=("gemma3_text",),
    queries=normed_queries,
    keys=normed_keys,
    leave=_leave,
    rotary=_rotary,
    reach=typed_reach,
    window=window,
    check=_check,
)
