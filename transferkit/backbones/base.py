"""A frozen language model as a stack of blocks that can be entered, left and read anywhere.

Three verbs touch a model: `embed`, `run` and `read` (with `finish`, its half without the head). Masks, biases and
rotary tables are built anew from the State at every entry, so a longer sequence after an insertion never meets an old
one.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from transferkit import sources
from transferkit.backbones.families import family_of
from transferkit.backbones.family import Stack, Stock
from transferkit.backbones.loading import Device, Pooling, load_files, pooling_of
from transferkit.backbones.stack import BlockStack, Savings
from transferkit.backbones.state import Entrance, Prefix, State, join, spread, take_rows
from transferkit.errors import InputError
from transferkit.specs import BackboneSpec, Placement

Rows = Float[Tensor, "P d"] | Float[Tensor, "G P d"]


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


class Backbone:
    """A frozen language model. Make one with `Backbone.load`, or directly from a model at hand.

    A prompt is `[P,d]`, the same for all examples, or `[G,P,d]`, one per group: group g serves examples g·B/G … of a
    batch, so `[B,P,d]` gives each example its own.

    Attributes:
        spec: identity that enters keys.
        upstream: hub id that PEFT folders name.
        tokenizer: its tokenizer.
        n_blocks, width: L and d. An encoder-decoder counts the encoder's blocks first.
        pooling: rows its files say a sentence vector is made of, "mean" or "first".
        stack: its blocks, and which savings they make.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        spec: BackboneSpec,
        upstream: str,
        pooling: Pooling = "mean",
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.spec = spec
        self.upstream = upstream
        self.pooling: Pooling = pooling
        self.config = model.config
        self.family = family_of(self.config)
        self.base: Stock = model.base_model
        self.stack = BlockStack(self.base, self.family, self.config)
        self.blocks = self.stack.blocks
        self.device = next(model.parameters()).device

    def __repr__(self) -> str:
        return f"Backbone({self.spec.name!r}, L={self.n_blocks}, d={self.width}, {self.spec.dtype}, {self.device})"

    @classmethod
    def load(
        cls,
        name: str,
        *,
        readout: Literal["auto"] | sources.ReadoutKind = "auto",
        dtype: sources.Dtype = "float32",
        device: Device = "auto",
        cache: Path | None = None,
    ) -> "Backbone":
        """Load a backbone by catalogue name, local folder or hub id (`id@revision`).

        Args:
            name: see above.
            readout: all but the embedding readout need the vocabulary head, which that one leaves on disk.
            dtype: arithmetic of the frozen weights; attention scores on a CPU and prompts are float32 whatever it is.
            device: "auto" takes a GPU when there is one.
            cache: folder of the catalogue; the user's cache by default.

        Raises:
            InputError: unknown name, unsupported architecture, files not here, or no head for the readout.
        """
        known = sources.describe(name, dtype)
        folder = sources.folder(name, known.spec, cache)
        kind = known.readout if readout == "auto" else readout
        model, tokenizer = load_files(folder, name=name, readout=kind, dtype=dtype, device=device)
        return cls(model, tokenizer, spec=known.spec, upstream=known.upstream, pooling=pooling_of(folder))

    @property
    def kind(self) -> Stack:
        """Whether it is an encoder, a decoder, or one behind the other."""
        return self.family.stack

    @property
    def n_blocks(self) -> int:
        """Number of blocks, L."""
        return len(self.blocks)

    @property
    def width(self) -> int:
        """Width of a row, d."""
        return self.config.hidden_size

    @property
    def capacity(self) -> int | None:
        """Rows that fit at the embeddings, prompt included; None where there is no limit."""
        return self.family.capacity(self.config)

    @property
    def savings(self) -> Savings:
        """Which exact savings are on; all, unless somebody measures them."""
        return self.stack.savings

    @savings.setter
    def savings(self, savings: Savings) -> None:
        """Switch savings on and off, to measure them."""
        self.stack.savings = savings

    @property
    def word_embeddings(self) -> nn.Module:
        """The embedding module; called, never indexed, because some families scale inside it."""
        return self.base.get_input_embeddings()

    def words(self, ids: Int[Tensor, "..."]) -> Float[Tensor, "... d"]:
        """Return the word-level rows of token ids."""
        return self.word_embeddings(ids.to(self.device))

    def sees_prompt(self, distance: int, placement: Placement) -> list[bool]:
        """Tell, block by block from where the prompt joins, whether a row that far behind it sees its last row.

        Blocks with local attention do not, beyond their window, unless the placement says "everywhere".
        """
        window = self.stack.window
        blocks = self.blocks[placement.insert_after :]
        near = window is None or distance <= window or placement.visibility == "everywhere"
        return [near or self.family.reach(block) == "full" for block in blocks]

    # --- the three verbs ---------------------------------------------------------------------------------------------
    def embed(
        self, batch: TokenRows, prompt: Rows | None = None, *, where: str = "front", everywhere: bool = False
    ) -> State:
        """Return the rows in front of block 0; a prompt given here joins at the word level, like tokens (as in PEFT).

        Args:
            batch: token rows.
            prompt: rows that join them.
            where: "front", "after_first" or "end".
            everywhere: whether local blocks see the prompt at any distance.

        Raises:
            ValueError: mask and ids differ in shape, the text is padded on the left, or the rows do not fit.
        """
        prompt = _grouped(prompt)
        n_prompt = 0 if prompt is None else prompt.shape[1]
        self._check(batch, n_prompt)
        if prompt is None:
            return self._text(batch, 0)
        if self._shares(where):
            words = prompt.to(self.words(batch.ids[:1, :1]).dtype)
            types = torch.zeros(words.shape[:2], dtype=torch.long, device=self.device)
            rows = self.family.embed(self.base, words, self._positions(0, n_prompt), types)
            return self._meet(self._text(batch, n_prompt), rows, everywhere)
        words, mask, text_rows = join(self.words(batch.ids), batch.mask, prompt, where)
        types = torch.zeros_like(batch.ids) if batch.types is None else batch.types
        types = types.new_zeros(mask.shape).scatter(1, text_rows, types)
        positions = self._positions(0, words.shape[1])
        hidden = self.family.embed(self.base, words, positions, types)
        ids = self._decoder_ids(batch)
        return State(hidden, mask, positions, 0, text_rows, batch.is_padded, everywhere, decoder_ids=ids)

    def run(self, state: State, start: int, stop: int) -> State:
        """Run blocks start … stop-1. An encoder-decoder crosses over when its first decoder block runs.

        Raises:
            ValueError: `start` is not where the State stands, or `stop` lies outside the stack.
        """
        if start != state.depth or not start <= stop <= self.n_blocks:
            raise ValueError(f"blocks {start}…{stop} asked of a State at depth {state.depth} of {self.n_blocks}")
        return self.stack.advance(state, stop)

    def finish(self, state: State, rows: Int[Tensor, "B R"]) -> Float[Tensor, "B R d"]:
        """Run what is left, then the final norm, and return these text rows; the last block computes nothing but them.

        Args:
            state: rows anywhere in the stack.
            rows: text rows wanted, numbered without the prompt; of an encoder-decoder rows of the decoder.
        """
        last = self.n_blocks - 1
        if state.depth > last or not self.savings.answer_rows:
            state = self.run(state, state.depth, self.n_blocks)
            found = take_rows(state.hidden, state.text_rows.gather(1, rows))
        else:
            state = self.stack.cross(self.run(state, state.depth, last))
            found = self.stack.last_rows(state, state.text_rows.gather(1, rows))
        return self.family.final(self.base, found, False)

    def head(self, hidden: Float[Tensor, "B R d"], label_ids: Int[Tensor, "K"] | None = None) -> Float[Tensor, "B R K"]:
        """Return the vocabulary scores of finished rows in float32, for some words or for all."""
        decoder = self.family.decoder(self.model)
        weight, bias = decoder.weight, decoder.bias
        if label_ids is not None:
            weight, bias = weight[label_ids], None if bias is None else bias[label_ids]
        return nn.functional.linear(self.family.head(self.model, hidden), weight, bias).float()

    def read(
        self, state: State, rows: Int[Tensor, "B R"], label_ids: Int[Tensor, "K"] | None = None
    ) -> Float[Tensor, "B R K"]:
        """Run what is left, then the vocabulary head at these text rows, for these words only.

        Args:
            state: rows anywhere in the stack.
            rows: text rows to read, numbered without the prompt.
            label_ids: words to score; None scores the whole vocabulary.
        """
        return self.head(self.finish(state, rows), label_ids)

    # --- prompts -----------------------------------------------------------------------------------------------------
    def insert(self, state: State, prompt: Rows, *, where: str, everywhere: bool = False) -> State:
        """Join prompt rows where the State stands; mask, positions and text rows follow."""
        state = self.stack.cross(state) if state.depth == self.stack.n_encoder else state
        rows = _grouped(prompt)
        assert rows is not None
        text = take_rows(state.hidden, state.text_rows)
        text_mask = state.mask.gather(1, state.text_rows)
        if self._shares(where):
            positions = self._positions(rows.shape[1], text.shape[1])
            at = torch.arange(text.shape[1], device=self.device).expand(text.shape[:2])
            alone = dataclasses.replace(state, hidden=text, mask=text_mask, positions=positions, text_rows=at)
            return self._meet(alone, rows.to(text.dtype), everywhere)
        joined, mask, text_rows = join(text, text_mask, rows, where)
        positions = self._positions(0, joined.shape[1])
        return dataclasses.replace(
            state, hidden=joined, mask=mask, positions=positions, text_rows=text_rows, everywhere=everywhere
        )

    def prefill(self, prompt: Rows, placement: Placement) -> Prefix | Rows:
        """Return what can be computed of a prompt before any text is seen, to be given to `enter` again and again.

        For a causal backbone that is all of it, for others nothing: they get the rows back as they are.
        """
        if self.kind != "decoder" or not self._shares(placement.where):
            return prompt
        self._check_depth(placement)
        rows = _grouped(prompt)
        assert rows is not None
        rows = rows.to(next(self.model.parameters()).dtype)
        positions = self._positions(0, rows.shape[1])
        if placement.entry == "words":
            types = torch.zeros(rows.shape[:2], dtype=torch.long, device=self.device)
            rows = self.family.embed(self.base, rows, positions, types)
        return self.stack.prefill(
            rows, positions, placement.insert_after, everywhere=placement.visibility == "everywhere"
        )

    def enter(self, batch: TokenRows, prompt: Prefix | Rows | None, placement: Placement) -> State:
        """Embed a batch and let a prompt enter where its spec says; blocks below it run without a graph."""
        if prompt is None:
            return self.embed(batch)
        everywhere = placement.visibility == "everywhere"
        if isinstance(prompt, Prefix):
            if placement.entry == "words":
                self._check(batch, len(prompt))
                return self._behind(self._text(batch, len(prompt)), prompt)
            with torch.no_grad():
                state = self.run(self.embed(batch), 0, prompt.start)
            positions = self._positions(len(prompt), batch.ids.shape[1])
            return self._behind(dataclasses.replace(state, positions=positions), prompt)
        if placement.entry == "words":
            return self.embed(batch, prompt, where=placement.where, everywhere=everywhere)
        self._check_depth(placement)
        with torch.no_grad():
            state = self.run(self.embed(batch), 0, placement.insert_after)
        return self.insert(state, prompt, where=placement.where, everywhere=everywhere)

    @contextmanager
    def dropout(self, on: bool) -> Iterator[None]:
        """Let the frozen backbone drop out inside the `with` block, or not; it never does outside."""
        if not on:  # it is off outside, and the way through all modules costs more than a small block
            yield
            return
        self.model.train()
        try:
            yield
        finally:
            self.model.eval()

    # --- details -----------------------------------------------------------------------------------------------------
    def _shares(self, where: str) -> bool:
        """Tell whether prompt rows are the same for all examples: with dropout on, each example drops its own."""
        return self.savings.share_prompt and where == "front" and not self.model.training

    def _meet(self, text: State, prompt: Float[Tensor, "G P d"], everywhere: bool) -> State:
        """Put shared prompt rows in front of text rows that have made room for them."""
        n_prompt, n_text = prompt.shape[1], text.hidden.shape[1]
        if self.kind == "decoder":
            positions = self._positions(0, n_prompt)
            return self._behind(text, self.stack.prefill(prompt, positions, text.depth, everywhere=everywhere))
        hidden = torch.cat([spread(prompt, len(text.hidden)), text.hidden], dim=1)
        mask = torch.cat([text.mask.new_ones(len(text.mask), n_prompt), text.mask], dim=1)
        return dataclasses.replace(
            text,
            hidden=hidden,
            mask=mask,
            positions=self._positions(0, n_prompt + n_text),
            text_rows=text.text_rows + n_prompt,
            everywhere=everywhere,
            entrance=Entrance(prompt, text.hidden),
        )

    def _behind(self, text: State, prefix: Prefix) -> State:
        return dataclasses.replace(text, prefix=prefix, everywhere=prefix.everywhere)

    def _text(self, batch: TokenRows, n_ahead: int) -> State:
        """Return the text's own rows in front of block 0, numbered behind what stands ahead."""
        types = torch.zeros_like(batch.ids) if batch.types is None else batch.types
        positions = self._positions(n_ahead, batch.ids.shape[1])
        hidden = self.family.embed(self.base, self.words(batch.ids), positions, types)
        rows = torch.arange(batch.ids.shape[1], device=self.device).expand(batch.ids.shape)
        return State(hidden, batch.mask, positions, 0, rows, batch.is_padded, decoder_ids=self._decoder_ids(batch))

    def _decoder_ids(self, batch: TokenRows) -> Int[Tensor, "B D"] | None:
        if self.kind != "encoder-decoder":
            return None
        start = batch.ids.new_full((len(batch.ids), 1), self.config.decoder_start_token_id)
        return start if batch.decoder_ids is None else batch.decoder_ids

    def _positions(self, ahead: int, n_rows: int) -> Int[Tensor, "S"]:
        first = self.family.first_position(self.config) + ahead
        return torch.arange(first, first + n_rows, device=self.device)

    def _check(self, batch: TokenRows, n_prompt: int) -> None:
        if batch.mask.shape != batch.ids.shape:
            raise ValueError(f"mask {tuple(batch.mask.shape)} is not ids {tuple(batch.ids.shape)}")
        if not bool(batch.mask[:, 0].all()):
            raise ValueError("text is padded on the left; pad on the right")
        n_rows = batch.ids.shape[1] + n_prompt
        if self.capacity is not None and n_rows > self.capacity:
            raise ValueError(f"{n_rows} rows, prompt included, but {self.spec.name} holds {self.capacity}")

    def _check_depth(self, placement: Placement) -> None:
        if placement.insert_after >= self.n_blocks:
            raise InputError(
                f"insert_after = {placement.insert_after}: {self.spec.name} has {self.n_blocks} blocks, so the prompt"
                " would change nothing",
                fix=f"choose insert_after between 0 and {self.n_blocks - 1}",
            )


def _grouped(prompt: Rows | None) -> Float[Tensor, "G P d"] | None:
    return prompt.unsqueeze(0) if prompt is not None and prompt.ndim == 2 else prompt
