"""A frozen language model as a stack of blocks that can be entered, left and read anywhere.

Three verbs touch a model: `embed`, `run` and `read` (with `finish`, its half without the head). Masks and biases are
built anew from the State at every entry, so a longer sequence after an insertion never meets an old one.
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
from transferkit.backbones.family import Stock, Surroundings
from transferkit.backbones.loading import Device, Pooling, load_files, pooling_of
from transferkit.backbones.state import State, join, take_rows
from transferkit.errors import InputError
from transferkit.specs import BackboneSpec, Placement


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


class Backbone:
    """A frozen language model. Make one with `Backbone.load`, or directly from a model at hand.

    Attributes:
        spec: identity that enters keys.
        upstream: hub id that PEFT folders name.
        tokenizer: its tokenizer.
        n_blocks, width, n_neurons: L, d and F.
        pooling: rows its files say a sentence vector is made of, "mean" or "first".
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
        self.family = family_of(self.config.model_type)
        self.base: Stock = model.base_model
        self.blocks = self.family.blocks(self.base)
        self.device = next(model.parameters()).device

    def __repr__(self) -> str:
        return f"Backbone({self.spec.name!r}, L={self.n_blocks}, d={self.width}, {self.spec.dtype}, {self.device})"

    @classmethod
    def load(
        cls,
        name: str,
        *,
        readout: Literal["auto", "masked", "embedding"] = "auto",
        dtype: sources.Dtype = "float32",
        device: Device = "auto",
        cache: Path | None = None,
    ) -> "Backbone":
        """Load a backbone by catalogue name, local folder or hub id (`id@revision`).

        Args:
            name: see above.
            readout: the masked readout needs the vocabulary head, the embedding readout leaves it on disk.
            dtype: arithmetic of the frozen weights.
            device: "auto" takes a GPU when there is one.
            cache: folder of the catalogue; the user's cache by default.

        Raises:
            InputError: unknown name, unsupported architecture, files not here, or no head for the masked readout.
        """
        known = sources.describe(name, dtype)
        folder = sources.folder(name, known.spec, cache)
        kind = known.readout if readout == "auto" else readout
        model, tokenizer = load_files(folder, name=name, readout=kind, dtype=dtype, device=device)
        return cls(model, tokenizer, spec=known.spec, upstream=known.upstream, pooling=pooling_of(folder))

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
    def word_embeddings(self) -> nn.Module:
        """The embedding module; called, never indexed, because some families scale inside it."""
        return self.base.get_input_embeddings()

    def words(self, ids: Int[Tensor, "..."]) -> Float[Tensor, "... d"]:
        """Return the word-level rows of token ids."""
        return self.word_embeddings(ids.to(self.device))

    # --- the three verbs ---------------------------------------------------------------------------------------------
    def embed(
        self,
        batch: TokenRows,
        prompt: Float[Tensor, "P d"] | Float[Tensor, "B P d"] | None = None,
        *,
        where: str = "front",
    ) -> State:
        """Return the rows in front of block 0; a prompt given here joins at the word level, like tokens (as in PEFT).

        Raises:
            ValueError: mask and ids differ in shape, the text is padded on the left, or the rows do not fit.
        """
        if batch.mask.shape != batch.ids.shape:
            raise ValueError(f"mask {tuple(batch.mask.shape)} is not ids {tuple(batch.ids.shape)}")
        if not bool(batch.mask[:, 0].all()):
            raise ValueError("text is padded on the left; pad on the right")
        words = self.words(batch.ids)
        types = torch.zeros_like(batch.ids) if batch.types is None else batch.types
        mask = batch.mask
        text_rows = torch.arange(batch.ids.shape[1], device=self.device).expand(batch.ids.shape)
        if prompt is not None:
            words, mask, text_rows = join(words, mask, prompt, where)
            types = types.new_zeros(mask.shape).scatter(1, text_rows, types)
        n_rows = words.shape[1]
        if self.capacity is not None and n_rows > self.capacity:
            raise ValueError(f"{n_rows} rows, prompt included, but {self.spec.name} holds {self.capacity}")
        positions = torch.arange(n_rows, device=self.device) + self.family.first_position(self.config)
        hidden = self.family.embed(self.base, words, positions, types)
        return State(hidden, mask, positions, 0, text_rows, batch.is_padded)

    def run(self, state: State, start: int, stop: int) -> State:
        """Run blocks start … stop-1.

        Raises:
            ValueError: `start` is not where the State stands, or `stop` lies outside the stack.
        """
        if start != state.depth or not start <= stop <= self.n_blocks:
            raise ValueError(f"blocks {start}…{stop} asked of a State at depth {state.depth} of {self.n_blocks}")
        hidden = state.hidden
        if start < stop:
            around = self._surroundings(state)
            for block in self.blocks[start:stop]:
                hidden = self.family.call(block, hidden, around)
        return dataclasses.replace(state, hidden=hidden, depth=stop)

    def finish(self, state: State, rows: Int[Tensor, "B R"]) -> Float[Tensor, "B R d"]:
        """Run what is left and return these text rows; the last block computes nothing but them.

        Args:
            state: rows anywhere in the stack.
            rows: text rows wanted, numbered without the prompt.
        """
        at = state.text_rows.gather(1, rows)
        last = self.n_blocks - 1
        # Attention dropout lives inside the stock block, so with dropout on the block is run whole.
        if state.depth > last or self.family.call_rows is None or self.model.training:
            return take_rows(self.run(state, state.depth, self.n_blocks).hidden, at)
        state = self.run(state, state.depth, last)
        return self.family.call_rows(self.blocks[last], state.hidden, at, self._surroundings(state))

    def read(
        self, state: State, rows: Int[Tensor, "B R"], label_ids: Int[Tensor, "K"] | None = None
    ) -> Float[Tensor, "B R K"]:
        """Run what is left, then the vocabulary head at these text rows, for these words only.

        Args:
            state: rows anywhere in the stack.
            rows: text rows to read, numbered without the prompt.
            label_ids: words to score; None scores the whole vocabulary.
        """
        hidden = self.family.head(self.model, self.finish(state, rows))
        weight, bias = self.family.decoder(self.model)
        if label_ids is not None:
            weight, bias = weight[label_ids], None if bias is None else bias[label_ids]
        return nn.functional.linear(hidden, weight, bias).float()

    def insert(self, state: State, prompt: Float[Tensor, "P d"] | Float[Tensor, "B P d"], *, where: str) -> State:
        """Join prompt rows where the State stands; mask, positions and text rows follow."""
        hidden = state.hidden
        text_mask = state.mask.gather(1, state.text_rows)
        joined, mask, text_rows = join(take_rows(hidden, state.text_rows), text_mask, prompt, where)
        positions = torch.arange(joined.shape[1], device=self.device) + self.family.first_position(self.config)
        return State(joined, mask, positions, state.depth, text_rows, state.is_padded)

    def enter(
        self,
        batch: TokenRows,
        prompt: Float[Tensor, "P d"] | Float[Tensor, "B P d"] | None,
        placement: Placement,
    ) -> State:
        """Embed a batch and let a prompt enter where its spec says; blocks below it run without a graph."""
        if prompt is None:
            return self.embed(batch)
        if placement.entry == "words":
            return self.embed(batch, prompt, where=placement.where)
        if placement.insert_after >= self.n_blocks:
            raise InputError(
                f"insert_after = {placement.insert_after}: {self.spec.name} has {self.n_blocks} blocks, so the prompt"
                " would change nothing",
                fix=f"choose insert_after between 0 and {self.n_blocks - 1}",
            )
        with torch.no_grad():
            state = self.run(self.embed(batch), 0, placement.insert_after)
        return self.insert(state, prompt, where=placement.where)

    @contextmanager
    def dropout(self, on: bool) -> Iterator[None]:
        """Let the frozen backbone drop out inside the `with` block, or not; it never does outside."""
        self.model.train(on)
        try:
            yield
        finally:
            self.model.eval()

    def _surroundings(self, state: State) -> Surroundings:
        mask = state.mask[:, None, None, :] if state.is_padded else None
        return self.family.surroundings(self.base, state.hidden, mask)
