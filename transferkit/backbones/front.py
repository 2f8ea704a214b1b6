"""What stands in front of a block: embedded text, and a prompt where it joins."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedConfig

from transferkit.backbones.stack import BlockStack
from transferkit.backbones.state import Entrance, Prefix, State, join, spread, take_rows
from transferkit.errors import InputError
from transferkit.specs import Placement

Rows = Float[Tensor, "P d"] | Float[Tensor, "G P d"]
# Makes each example's prompt [B,P,d] of its rows below it, and of the batch they belong to.
Made = Callable[[State, Any], Float[Tensor, "B P d"]]


class TokenRows(Protocol):
    """What `embed` reads of a batch: ids [B,T], mask [B,T], token types [B,T] or None; padded on the right."""

    @property
    def ids(self) -> Int[Tensor, "B T"]:
        """Token ids."""
        ...

    @property
    def mask(self) -> Bool[Tensor, "B T"]:
        """True for real tokens."""
        ...

    @property
    def types(self) -> Int[Tensor, "B T"] | None:
        """Token types; None for families without."""
        ...

    @property
    def is_padded(self) -> bool:
        """Whether any row is padding."""
        ...

    @property
    def decoder_ids(self) -> Int[Tensor, "B D"] | None:
        """Tokens an encoder-decoder begins its answer with; None for the start token alone."""
        ...

    @property
    def stored(self) -> Float[Tensor, "B T d"] | None:
        """Rows in front of block `stored_depth`, where somebody kept them; the prompt is not among them."""
        ...

    @property
    def stored_depth(self) -> int:
        """See `stored`."""
        ...


class Front:
    """Puts text and prompts in front of the blocks of one model; `Backbone` has the same verbs, and says what they do.

    Attributes:
        stack: the blocks.
        config: of the model.
        name: what messages call it.
    """

    def __init__(self, stack: BlockStack, config: PreTrainedConfig, name: str) -> None:
        self.stack, self.config, self.name = stack, config, name
        self.base, self.family = stack.base, stack.family

    def embed(self, batch: TokenRows, prompt: Rows | None, *, where: str, everywhere: bool) -> State:
        """See `Backbone.embed`."""
        rows = None if prompt is None else _grouped(prompt)
        n_prompt = 0 if rows is None else rows.shape[1]
        self._check(batch, n_prompt)
        if rows is None:
            return self._text(batch, 0)
        if self._shares(where):
            return self._meet(self._text(batch, n_prompt), self._as_words(rows), everywhere=everywhere)
        words, mask, text_rows = join(self._words(batch.ids), batch.mask, rows, where)
        types = torch.zeros_like(batch.ids) if batch.types is None else batch.types
        types = types.new_zeros(mask.shape).scatter(1, text_rows, types)
        positions = self._positions(0, words.shape[1], words.device)
        hidden = self.family.embed(self.base, words, positions, types)
        ids = self._decoder_ids(batch)
        return State(hidden, mask, positions, 0, text_rows, batch.is_padded, everywhere, decoder_ids=ids)

    def insert(self, state: State, prompt: Rows, *, where: str, everywhere: bool) -> State:
        """See `Backbone.insert`."""
        state = self.stack.cross(state) if state.depth == self.stack.n_encoder else state
        rows = _grouped(prompt)
        text = take_rows(state.hidden, state.text_rows)
        text_mask = state.mask.gather(1, state.text_rows)
        if self._shares(where):
            at = torch.arange(text.shape[1], device=text.device)
            alone = dataclasses.replace(
                state,
                hidden=text,
                mask=text_mask,
                positions=self._positions(rows.shape[1], text.shape[1], text.device),
                text_rows=at.expand(text.shape[:2]),
            )
            return self._meet(alone, rows.to(text.dtype), everywhere=everywhere)
        joined, mask, text_rows = join(text, text_mask, rows, where)
        return dataclasses.replace(
            state,
            hidden=joined,
            mask=mask,
            positions=self._positions(0, joined.shape[1], joined.device),
            text_rows=text_rows,
            everywhere=everywhere,
        )

    def prefill(self, prompt: Rows, placement: Placement) -> Prefix | Rows:
        """See `Backbone.prefill`."""
        if self.family.stack != "decoder" or not self._shares(placement.where):
            return prompt
        self._check_depth(placement)
        rows = _grouped(prompt)
        rows = self._as_words(rows) if placement.entry == "words" else rows.to(self._dtype())
        return self._prefix(rows, placement.insert_after, everywhere=placement.visibility == "everywhere")

    def enter(self, batch: TokenRows, prompt: Prefix | Rows | Made | None, placement: Placement) -> State:
        """See `Backbone.enter`."""
        everywhere = placement.visibility == "everywhere"
        if prompt is None:
            return self.embed(batch, None, where=placement.where, everywhere=everywhere)
        if placement.entry == "words":
            if isinstance(prompt, Prefix):
                self._check(batch, len(prompt))
                return _behind(self._text(batch, len(prompt)), prompt)
            if isinstance(prompt, Tensor):
                return self.embed(batch, prompt, where=placement.where, everywhere=everywhere)
            raise ValueError("a generator has no rows to read in front of block 0")
        self._check_depth(placement)
        state = self.below(batch, placement.insert_after)
        if not isinstance(prompt, (Prefix, Tensor)):
            prompt = prompt(state, batch)
        if not isinstance(prompt, Prefix):
            return self.insert(state, prompt, where=placement.where, everywhere=everywhere)
        positions = self._positions(len(prompt), batch.ids.shape[1], batch.ids.device)
        return _behind(dataclasses.replace(state, positions=positions), prompt)

    @torch.no_grad()
    def below(self, batch: TokenRows, depth: int) -> State:
        """See `Backbone.below`."""
        if batch.stored is None or not 0 < batch.stored_depth <= depth or self.base.training:
            return self.stack.advance(self.embed(batch, None, where="front", everywhere=False), depth)
        self._check(batch, 0)
        rows = torch.arange(batch.ids.shape[1], device=batch.ids.device).expand(batch.ids.shape)
        positions = self._positions(0, batch.ids.shape[1], batch.ids.device)
        hidden, ids = batch.stored.to(self._dtype()), self._decoder_ids(batch)
        kept = State(hidden, batch.mask, positions, batch.stored_depth, rows, batch.is_padded, decoder_ids=ids)
        return self.stack.advance(kept, depth)

    def _shares(self, where: str) -> bool:
        """Tell whether prompt rows are the same for all examples: with dropout on, each example drops its own."""
        return self.stack.savings.share_prompt and where == "front" and not self.base.training

    def _meet(self, text: State, prompt: Float[Tensor, "G P d"], *, everywhere: bool) -> State:
        """Put shared prompt rows in front of text rows that have made room for them."""
        if self.family.stack == "decoder":
            return _behind(text, self._prefix(prompt, text.depth, everywhere=everywhere))
        n_prompt, n_text = prompt.shape[1], text.hidden.shape[1]
        return dataclasses.replace(
            text,
            hidden=torch.cat([spread(prompt, len(text.hidden)), text.hidden], dim=1),
            mask=torch.cat([text.mask.new_ones(len(text.mask), n_prompt), text.mask], dim=1),
            positions=self._positions(0, n_prompt + n_text, prompt.device),
            text_rows=text.text_rows + n_prompt,
            everywhere=everywhere,
            entrance=Entrance(prompt, text.hidden),
        )

    def _prefix(self, rows: Float[Tensor, "G P d"], start: int, *, everywhere: bool) -> Prefix:
        positions = self._positions(0, rows.shape[1], rows.device)
        return self.stack.prefill(rows, positions, start, everywhere=everywhere)

    def _as_words(self, rows: Float[Tensor, "G P d"]) -> Float[Tensor, "G P d"]:
        """Send prompt rows through the embedding module, at the first positions."""
        types = torch.zeros(rows.shape[:2], dtype=torch.long, device=rows.device)
        positions = self._positions(0, rows.shape[1], rows.device)
        return self.family.embed(self.base, rows.to(self._dtype()), positions, types)

    def _text(self, batch: TokenRows, n_ahead: int) -> State:
        """Return the text's own rows in front of block 0, numbered behind what stands ahead."""
        types = torch.zeros_like(batch.ids) if batch.types is None else batch.types
        positions = self._positions(n_ahead, batch.ids.shape[1], batch.ids.device)
        hidden = self.family.embed(self.base, self._words(batch.ids), positions, types)
        rows = torch.arange(batch.ids.shape[1], device=batch.ids.device).expand(batch.ids.shape)
        return State(hidden, batch.mask, positions, 0, rows, batch.is_padded, decoder_ids=self._decoder_ids(batch))

    def _words(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T d"]:
        return self.base.get_input_embeddings()(ids)

    def _dtype(self) -> torch.dtype:
        return self.base.dtype

    def _decoder_ids(self, batch: TokenRows) -> Int[Tensor, "B D"] | None:
        if self.family.stack != "encoder-decoder":
            return None
        start = batch.ids.new_full((len(batch.ids), 1), self.config.decoder_start_token_id)
        return start if batch.decoder_ids is None else batch.decoder_ids

    def _positions(self, ahead: int, n_rows: int, device: torch.device) -> Int[Tensor, "S"]:
        first = self.family.first_position(self.config) + ahead
        return torch.arange(first, first + n_rows, device=device)

    def _check(self, batch: TokenRows, n_prompt: int) -> None:
        if batch.mask.shape != batch.ids.shape:
            raise ValueError(f"mask {tuple(batch.mask.shape)} is not ids {tuple(batch.ids.shape)}")
        # A look at numbers on a GPU would make the program wait for all it has been asked to do.
        if batch.mask.device.type == "cpu" and not bool(batch.mask[:, 0].all()):
            raise ValueError("text is padded on the left; pad on the right")
        n_rows, capacity = batch.ids.shape[1] + n_prompt, self.family.capacity(self.config)
        if capacity is not None and n_rows > capacity:
            raise ValueError(f"{n_rows} rows, prompt included, but {self.name} holds {capacity}")

    def _check_depth(self, placement: Placement) -> None:
        n_blocks = len(self.stack.blocks)
        if placement.insert_after >= n_blocks:
            raise InputError(
                f"insert_after = {placement.insert_after}: {self.name} has {n_blocks} blocks, so the prompt would"
                " change nothing",
                fix=f"choose insert_after between 0 and {n_blocks - 1}",
            )


def _behind(text: State, prefix: Prefix) -> State:
    return dataclasses.replace(text, prefix=prefix, everywhere=prefix.everywhere)


def _grouped(prompt: Rows) -> Float[Tensor, "G P d"]:
    return prompt.unsqueeze(0) if prompt.ndim == 2 else prompt
