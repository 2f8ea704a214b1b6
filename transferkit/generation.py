"""Making. What a backbone writes after a text, with a prompt wherever it may enter.

Two ways lead there. Hugging Face's `generate` keeps keys and values of what is written and knows beams: it goes on from
rows behind our encoder, and from word-level rows of a causal backbone or from the keys and values we made of them.
Where a prompt enters above them, in a decoder or in front of a causal block, and where parts of a backbone write, of
which the library knows nothing, the stack is run again for every token: slower, greedy only, the same by definition.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from transferkit.backbones import Backbone
from transferkit.backbones.family import Stock
from transferkit.backbones.loading import Shape
from transferkit.backbones.state import EncoderRows, KeysValues, join, spread, take_rows
from transferkit.batches import Batch, Encoded, special_id
from transferkit.errors import InputError
from transferkit.specs import Placement
from transferkit.tasks.base import Answer

Prompts = Float[Tensor, "G P d"]
Known = EncoderRows | Sequence[KeysValues]
Next = Callable[[list[int], Sequence[list[int]]], Float[Tensor, "A V"]]


def write(
    backbone: Backbone,
    batch: Batch,
    prompt: Prompts | None,
    placement: Placement,
    answer: Answer,
    *,
    known: Known | None = None,
) -> list[str]:
    """Return what a backbone writes after each text of a batch, without special tokens and outer spaces.

    Args:
        backbone: an encoder-decoder or a causal one.
        batch: texts alone, without answers.
        prompt: rows, one set per group of examples; None for none.
        placement: where they enter.
        answer: how much may be written, and with how many beams.
        known: what a pass of the same texts behind the same prompt has left: the rows behind the encoder, or the keys
            and values of causal blocks, which may go on behind the texts.

    Raises:
        InputError: beams are asked for where they cannot be had.
    """
    found = write_tokens(backbone, batch, prompt, placement, answer, known=known)
    return [str(backbone.tokenizer.decode(said, skip_special_tokens=True)).strip() for said in found]


@torch.no_grad()
def write_tokens(
    backbone: Backbone,
    batch: Batch,
    prompt: Prompts | None,
    placement: Placement,
    answer: Answer,
    *,
    known: Known | None = None,
) -> list[list[int]]:
    """Return the tokens of it, the one that ends each text left out; arguments as of `write`."""
    if prompt is not None:
        check_beams(answer, placement, Shape.of(backbone.config), backbone.spec.name)
    if backbone.is_partial and answer.beams > 1:
        raise InputError(
            f"beams = {answer.beams} cannot be had on {backbone.spec.name!r}, a part of a backbone",
            fix="set beams = 1, or write with the whole backbone",
        )
    by_library = not backbone.is_partial and (prompt is None or continues(backbone, placement))
    if backbone.kind == "encoder-decoder":
        memory = known if isinstance(known, EncoderRows) else remembered(backbone, batch, prompt, placement)
        if by_library:
            return _generate(
                backbone,
                answer,
                encoder_outputs=BaseModelOutput(last_hidden_state=memory.hidden),  # pyright: ignore[reportArgumentType]
                attention_mask=memory.mask.long(),
                # Made by the library itself, it would have as many layers as the encoder.
                past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
            )
        return _greedily(len(batch.ids), _decoder(backbone, memory, prompt, placement), _ends(backbone), answer)
    if by_library:
        rows, mask = _left_padded(backbone, batch, prompt, placement)
        past = DynamicCache()
        if known and not isinstance(known, EncoderRows) and placement.where != "end" and mask.shape[1] > 1:
            past = _past(known, mask, rows.dtype)
            past.batch_repeat_interleave(answer.beams)
        return _generate(backbone, answer, inputs_embeds=rows, attention_mask=mask.long(), past_key_values=past)
    return _greedily(len(batch.ids), _causal(backbone, batch, prompt, placement), _ends(backbone), answer)


def remembered(backbone: Backbone, batch: Batch, prompt: Prompts | None, placement: Placement) -> EncoderRows:
    """Return the rows of an encoder-decoder's texts as the encoder leaves them, with any prompt that enters there."""
    in_encoder = placement.insert_after < backbone.stack.n_encoder
    state = backbone.enter(batch, prompt if in_encoder else None, placement)
    memory = backbone.stack.cross(backbone.run(state, state.depth, backbone.stack.n_encoder)).memory
    assert memory is not None
    return memory


def check_beams(answer: Answer, placement: Placement, shape: Shape, name: str) -> None:
    """Make sure as many beams as are asked for can be had with a prompt.

    Args:
        answer: what is asked.
        placement: where the prompt enters.
        shape: of the backbone.
        name: of the backbone, for the message.

    Raises:
        InputError: they cannot.
    """
    if answer.beams == 1 or _continues(placement, shape):
        return
    below = f"insert_after below {shape.n_encoder}, in its encoder"
    fix = below if shape.n_encoder else 'entry = "words" and visibility = "window"'
    raise InputError(
        f"beams = {answer.beams} cannot be had on {name!r} with a prompt that enters where this one does",
        fix=f"set beams = 1, or let the prompt enter with {fix}",
    )


def continues(backbone: Backbone, placement: Placement) -> bool:
    """Tell whether the library can go on from where a prompt enters, with keys and values of its own."""
    return _continues(placement, Shape.of(backbone.config))


def _continues(placement: Placement, shape: Shape) -> bool:
    if shape.stack == "encoder-decoder":
        return placement.insert_after < shape.n_encoder
    return placement.entry == "words" and (shape.window is None or placement.visibility == "window")


# --- by the library ---------------------------------------------------------------------------------------------------
def _generate(backbone: Backbone, answer: Answer, **rows: object) -> list[list[int]]:
    ends = _ends(backbone)
    config = GenerationConfig(
        max_new_tokens=answer.max_new_tokens,
        num_beams=answer.beams,
        do_sample=False,
        eos_token_id=sorted(ends) or None,
        pad_token_id=special_id(backbone.tokenizer.pad_token_id),
        bos_token_id=backbone.tokenizer.bos_token_id,
        decoder_start_token_id=getattr(backbone.config, "decoder_start_token_id", None),
    )
    model: Stock = backbone.model
    with _own_settings(model):
        found = model.generate(generation_config=config, **rows)
    n_ahead = 1 if backbone.kind == "encoder-decoder" else 0
    return [_until_end(row[n_ahead:], ends) for row in found.tolist()]


@contextmanager
def _own_settings(model: Stock) -> Iterator[None]:
    """Let no setting a model's files bring along (sampling, penalties, lengths) have a say in what is written."""
    kept = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = kept


def _left_padded(
    backbone: Backbone, batch: Batch, prompt: Prompts | None, placement: Placement
) -> tuple[Float[Tensor, "B S d"], Tensor]:
    """Return word-level rows with the prompt among them, padded on the left: what is written follows the last one."""
    rows, mask = backbone.words(batch.ids), batch.mask
    if prompt is not None:
        rows, mask, _ = join(rows, mask, prompt, placement.where)
    order = mask.to(torch.uint8).argsort(dim=1, stable=True)
    return take_rows(rows, order), mask.gather(1, order)


def _past(kept: Sequence[KeysValues], mask: Bool[Tensor, "B S"], dtype: torch.dtype) -> DynamicCache:
    """Return keys and values of all rows but the last, padded on the left as the rows are."""
    at = torch.arange(mask.shape[1] - 1, device=mask.device) - (~mask).sum(1, keepdim=True)
    index = at.clamp(min=0)[:, None, :, None]
    past = DynamicCache()
    for block, heads in enumerate(kept):
        key, value = (part.gather(2, index.expand(-1, part.shape[1], -1, part.shape[3])).to(dtype) for part in heads)
        past.update(key, value, block)
    return past


# --- token by token ---------------------------------------------------------------------------------------------------
def _greedily(n_examples: int, scores: Next, ends: set[int], answer: Answer) -> list[list[int]]:
    """Take the likeliest token of every example until it ends; `scores` is asked only for those that go on."""
    said: list[list[int]] = [[] for _ in range(n_examples)]
    alive = list(range(n_examples))
    for _ in range(answer.max_new_tokens):
        chosen = scores(alive, [said[i] for i in alive]).argmax(-1).tolist()
        for i, token in zip(alive, chosen, strict=True):
            said[i].append(token)
        alive = [i for i in alive if said[i][-1] not in ends]
        if not alive:
            break
    return [_until_end(tokens, ends) for tokens in said]


def _decoder(backbone: Backbone, memory: EncoderRows, prompt: Prompts | None, placement: Placement) -> Next:
    stack = backbone.stack
    everywhere = placement.visibility == "everywhere"
    start = backbone.config.decoder_start_token_id
    in_decoder = prompt is not None and placement.insert_after >= stack.n_encoder
    prompts = spread(prompt, len(memory.hidden)) if prompt is not None and in_decoder else None

    def scores(alive: list[int], said: Sequence[list[int]]) -> Float[Tensor, "A V"]:
        ids = torch.tensor([[start, *tokens] for tokens in said], device=backbone.device)
        seen = EncoderRows(memory.hidden[alive], memory.mask[alive], memory.is_padded)
        state = stack.begin_answer(ids, seen)
        if prompts is not None:
            state = backbone.run(state, stack.n_encoder, placement.insert_after)
            state = backbone.insert(state, prompts[alive], where=placement.where, everywhere=everywhere)
        return backbone.read(state, torch.full_like(ids[:, :1], ids.shape[1] - 1)).squeeze(1)

    return scores


def _causal(backbone: Backbone, batch: Batch, prompt: Prompts | None, placement: Placement) -> Next:
    texts = [row[:length] for row, length in zip(batch.ids.tolist(), batch.mask.sum(1).tolist(), strict=True)]
    alone = backbone.prefill(prompt, placement) if prompt is not None and len(prompt) == 1 else None
    prompts = None if prompt is None else spread(prompt, len(texts))

    def scores(alive: list[int], said: Sequence[list[int]]) -> Float[Tensor, "A V"]:
        rows = [texts[i] + tokens for i, tokens in zip(alive, said, strict=True)]
        last = np.array([len(row) - 1 for row in rows], dtype=np.int64)
        encoded = Encoded(rows, None, last, np.zeros_like(last), special_id(backbone.tokenizer.pad_token_id), 0)
        going = encoded.batch(np.arange(len(rows))).to(backbone.device)
        own = prompts[alive] if prompts is not None and alone is None else alone
        state = backbone.enter(going, own, placement)
        return backbone.read(state, going.answer.unsqueeze(1)).squeeze(1)

    return scores


def _ends(backbone: Backbone) -> set[int]:
    """Return the tokens that end a text: the tokenizer's own, and those the model's files name besides."""
    named = getattr(getattr(backbone.model, "generation_config", None), "eos_token_id", None)
    several = named if isinstance(named, list) else [named]
    return {end for end in (backbone.tokenizer.eos_token_id, *several) if isinstance(end, int)}


def _until_end(tokens: list[int], ends: set[int]) -> list[int]:
    return next((tokens[:at] for at, token in enumerate(tokens) if token in ends), tokens)
