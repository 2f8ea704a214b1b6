"""The untouched Hugging Face models, driven as their documentation says: what every family must equal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers.masking_utils import (
    create_bidirectional_mask,
    create_bidirectional_sliding_window_mask,
    create_causal_mask,
    create_sliding_window_causal_mask,
)

from transferkit.backbones import Backbone
from transferkit.batches import Batch

LENGTHS = (9, 5, 7)


def make_batch(backbone: Backbone, lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> Batch:
    """Random tokens of these lengths, padded on the right; an encoder-decoder also gets decoder tokens of four rows."""
    torch.manual_seed(seed)
    ids = torch.full((len(lengths), max(lengths)), backbone.tokenizer.pad_token_id)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(5, len(backbone.tokenizer), (length,))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    zeros = torch.zeros(len(lengths), dtype=torch.long)
    decoder = None
    if backbone.kind == "encoder-decoder":
        decoder = torch.randint(5, len(backbone.tokenizer), (len(lengths), 4))
        decoder[:, 0] = backbone.config.decoder_start_token_id
    numbers = torch.arange(len(lengths))
    return Batch(ids, mask, None, zeros, zeros, numbers, is_padded=not bool(mask.all()), decoder_ids=decoder)


def prompt_of(backbone: Backbone, length: int = 4, seed: int = 1) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(length, backbone.width)


def answer_mask(backbone: Backbone, batch: Batch) -> Tensor:
    """Which of the rows a readout can ask for are real: the text's, or the decoder's."""
    return batch.mask if batch.decoder_ids is None else torch.ones_like(batch.decoder_ids, dtype=torch.bool)


def every_row(backbone: Backbone, batch: Batch) -> Tensor:
    """The numbers of all rows a readout can ask for [B,R]."""
    mask = answer_mask(backbone, batch)
    return torch.arange(mask.shape[1]).expand(mask.shape)


def stock_rows(backbone: Backbone, batch: Batch, prompt: Tensor | None = None, *, ids: bool = False) -> Tensor:
    """Last rows of the stock model [B,R,d], of the text or the decoder, with a word-level prompt in front of the text.

    With `ids` the model embeds the tokens itself.
    """
    if backbone.kind != "encoder-decoder":
        out = stock_forward(backbone, batch, backbone.base, prompt, ids=ids)
        return out.last_hidden_state[:, _n_ahead(backbone, prompt) :]
    inputs = stock_inputs(backbone, batch, prompt, ids=ids)
    memory = backbone.base.encoder(**inputs).last_hidden_state
    given = {"encoder_hidden_states": memory, "encoder_attention_mask": inputs["attention_mask"]}
    return backbone.base.decoder(input_ids=batch.decoder_ids, **given, use_cache=False).last_hidden_state


def stock_logits(backbone: Backbone, batch: Batch, prompt: Tensor | None = None) -> Tensor:
    """Logits of the stock model over the whole vocabulary [B,R,V], at the rows of `stock_rows`."""
    return stock_forward(backbone, batch, backbone.model, prompt).logits[:, _n_ahead(backbone, prompt) :]


def _n_ahead(backbone: Backbone, prompt: Tensor | None) -> int:
    return 0 if prompt is None or backbone.kind == "encoder-decoder" else prompt.shape[-2]


def stock_forward(
    backbone: Backbone, batch: Batch, model: nn.Module, prompt: Tensor | None = None, *, ids: bool = False
) -> object:
    more = {} if batch.decoder_ids is None else {"decoder_input_ids": batch.decoder_ids}
    if backbone.kind != "encoder":
        more["use_cache"] = False
    return model(**stock_inputs(backbone, batch, prompt, ids=ids), **more)


def stock_inputs(backbone: Backbone, batch: Batch, prompt: Tensor | None, *, ids: bool) -> dict[str, Tensor]:
    rows, mask = backbone.words(batch.ids), batch.mask.long()
    if prompt is not None:
        rows = torch.cat([prompt.expand(len(rows), -1, -1).to(rows.dtype), rows], dim=1)
        mask = torch.cat([mask.new_ones(len(mask), prompt.shape[-2]), mask], dim=1)
    return {"attention_mask": mask, **({"input_ids": batch.ids} if ids else {"inputs_embeds": rows})}


# --- neurons ----------------------------------------------------------------------------------------------------------
# Activation and linear branch of gated families, as siblings of the linear map whose output is the pre-activation.
ACTIVATIONS = {"bert": "intermediate_act_fn", "roberta": "intermediate_act_fn", "mpnet": "intermediate_act_fn"}
ACTIVATIONS |= {"distilbert": "activation", "gpt2": "act", "llama": "act_fn", "mistral": "act_fn", "qwen2": "act_fn"}
ACTIVATIONS |= {"deberta-v2": "intermediate_act_fn", "modernbert": "act"}
ACTIVATIONS |= {"qwen3": "act_fn", "smollm3": "act_fn", "gemma3_text": "act_fn", "t5": "act", "mt5": "act"}
LINEAR = ("up_proj", "wi_1", "Wi")  # the last gives it beside the pre-activation, in its second half


def activations(backbone: Backbone) -> list[nn.Module]:
    """The activation module of every block."""
    return [parent.get_submodule(ACTIVATIONS[backbone.config.model_type]) for parent in _feed_forwards(backbone)]


@contextmanager
def linear_branches(backbone: Backbone) -> Iterator[list[Tensor]]:
    """What multiplies the activation of every block that runs inside; stays empty where nothing does."""
    seen: list[Tensor] = []
    branches = [part for parent in _feed_forwards(backbone) for name, part in parent.named_children() if name in LINEAR]
    beside = backbone.family.feed_forward(backbone.blocks[0]).gate_first

    def after(_module: nn.Module, _inputs: object, out: Tensor) -> None:
        seen.append(out.chunk(2, dim=-1)[1] if beside else out)

    handles = [branch.register_forward_hook(after) for branch in branches]
    yield seen
    for handle in handles:
        handle.remove()


def _feed_forwards(backbone: Backbone) -> list[nn.Module]:
    paths = [backbone.family.feed_forward(block).up.rpartition(".")[0] for block in backbone.blocks]
    return [block.get_submodule(path) for block, path in zip(backbone.blocks, paths, strict=True)]


# --- blocks one by one, as the stock model's own loop calls them ------------------------------------------------------
# (backbone, rows [B,S,d], mask of real rows [B,S], first block) → rows behind the last block. Encoder-decoders: the
# encoder's blocks only.
StockLoop = Callable[[Backbone, Tensor, Tensor, int], Tensor]


def _with_mask(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    allowed = create_bidirectional_mask(config=backbone.config, inputs_embeds=hidden, attention_mask=mask.long())
    for block in backbone.blocks[start:]:
        hidden = block(hidden, allowed)
    return hidden


def _mpnet(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    allowed = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)[:, None, None]
    for block in backbone.blocks[start:]:
        hidden = block(hidden, allowed, backbone.base.encoder.compute_position_bias(hidden))[0]
    return hidden


def stock_masks(backbone: Backbone, hidden: Tensor, mask: Tensor) -> dict[str, Tensor | None]:
    """The masks the stock model makes of right-padded rows, by its own names for kinds of attention."""
    known = {"config": backbone.config, "inputs_embeds": hidden, "attention_mask": mask.long(), "past_key_values": None}
    masks = {"full_attention": create_causal_mask(**known)}
    if getattr(backbone.config, "sliding_window", None) is not None:
        masks["sliding_attention"] = create_sliding_window_causal_mask(**known)
    return masks


def kinds_of_attention(backbone: Backbone) -> list[str]:
    """Which of these masks each block reads; a Mistral's config does not list them."""
    is_local = getattr(backbone.config, "sliding_window", None) is not None
    plain = ["sliding_attention" if is_local else "full_attention"] * backbone.n_blocks
    return getattr(backbone.config, "layer_types", None) or plain


def _gpt2(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    masks = stock_masks(backbone, hidden, mask)
    for block in backbone.blocks[start:]:
        hidden = block(hidden, None, masks["full_attention"])
    return hidden


def _rotary(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    return rotary_rows(backbone, hidden, stock_masks(backbone, hidden, mask), start)


def rotary_rows(backbone: Backbone, hidden: Tensor, masks: dict[str, Tensor | None], start: int) -> Tensor:
    """Rows behind the last block of a causal model with rotary positions, under masks of one's own."""
    positions = torch.arange(hidden.shape[1])[None]
    for block, kind in list(zip(backbone.blocks, kinds_of_attention(backbone), strict=True))[start:]:
        own_table = (kind,) if backbone.config.model_type == "gemma3_text" else ()
        table = backbone.base.rotary_emb(hidden, positions, *own_table)
        hidden = block(hidden, attention_mask=masks[kind], position_embeddings=table)
    return hidden


def _deberta(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    encoder = backbone.base.encoder
    allowed, distances = encoder.get_attention_mask(mask.long()), encoder.get_rel_pos(hidden)
    for block in backbone.blocks[start:]:
        hidden = block(hidden, allowed, relative_pos=distances, rel_embeddings=encoder.get_rel_embedding())[0]
    return hidden


def _modernbert(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    return modernbert_rows(backbone, hidden, modernbert_masks(backbone, hidden, mask), start)


def modernbert_masks(
    backbone: Backbone, hidden: Tensor, mask: Tensor, seen_by_all: int = 0
) -> dict[str, Tensor | None]:
    """The masks ModernBERT makes, by its own names; the first few rows may be made visible at any distance."""
    known = {"config": backbone.config, "inputs_embeds": hidden, "attention_mask": mask.long()}
    also = {"or_mask_function": lambda _batch, _head, _query, key: key < seen_by_all} if seen_by_all else {}
    return {
        "full_attention": create_bidirectional_mask(**known),
        "sliding_attention": create_bidirectional_sliding_window_mask(**known, **also),
    }


def modernbert_rows(backbone: Backbone, hidden: Tensor, masks: dict[str, Tensor | None], start: int) -> Tensor:
    """Rows behind ModernBERT's blocks from `start` on."""
    positions = torch.arange(hidden.shape[1])[None]
    for block in backbone.blocks[start:]:
        table = backbone.base.rotary_emb(hidden, positions, block.attention_type)
        hidden = block(hidden, attention_mask=masks[block.attention_type], position_embeddings=table)
    return hidden


def _t5(backbone: Backbone, hidden: Tensor, mask: Tensor, start: int) -> Tensor:
    encoder = backbone.base.encoder
    allowed = create_bidirectional_mask(config=encoder.config, inputs_embeds=hidden, attention_mask=mask.long())
    bias = encoder.block[0].layer[0].SelfAttention.compute_bias(hidden.shape[1], hidden.shape[1])
    for block in encoder.block[start:]:
        hidden = block(hidden, allowed, bias)[0]
    return hidden


LOOPS: dict[str, StockLoop] = {"bert": _with_mask, "roberta": _with_mask, "distilbert": _with_mask, "mpnet": _mpnet}
LOOPS |= {"deberta-v2": _deberta, "modernbert": _modernbert}
LOOPS |= {"gpt2": _gpt2, "llama": _rotary, "mistral": _rotary, "qwen2": _rotary, "qwen3": _rotary}
LOOPS |= {"smollm3": _rotary, "gemma3_text": _rotary}
LOOPS |= {"t5": _t5, "mt5": _t5}
