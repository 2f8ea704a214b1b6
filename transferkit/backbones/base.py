"""A frozen language model as a stack of blocks that can be entered, left and read anywhere.

Three verbs touch a model: `embed`, `run` and `read` (with `finish`, its half without the head). Masks, biases and
rotary tables are built anew from the State at every entry, so a longer sequence after an insertion never meets an old
one.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from transferkit import sources
from transferkit.artifacts import Activity
from transferkit.backbones.families import family_of
from transferkit.backbones.family import Stack, Stock
from transferkit.backbones.front import Front, Made, Rows, TokenRows
from transferkit.backbones.loading import Device, Pooling, load_files, pooling_of
from transferkit.backbones.partial import RankedBlocks, kept_blocks
from transferkit.backbones.stack import BlockStack, Savings
from transferkit.backbones.state import Prefix, State, take_rows
from transferkit.errors import InputError
from transferkit.specs import BackboneSpec, Partial, Placement


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
        numbers: numbers of its blocks; of a part, those they have in the whole.
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
        self.numbers: tuple[int, ...] = tuple(range(len(self.blocks)))
        self._front = Front(self.stack, self.config, spec.name)
        self._ranked: RankedBlocks | None = None
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

    # --- parts -------------------------------------------------------------------------------------------------------
    @property
    def is_partial(self) -> bool:
        """Whether it is a part of another."""
        return self.spec.partial is not None

    def partial(self, partial: Partial, activity: Activity | None = None) -> "Backbone":
        """Return a part of it, a view with all verbs: blocks are shared, and neurons are views of one sorted copy.

        Feed-forward weights are copied when neurons are first ranked so; other widths of the same rank copy nothing.

        Args:
            partial: what is kept.
            activity: what blocks or neurons are ranked by, where they are.

        Raises:
            InputError: it is a part itself, or takes an activity that is not given.
        """
        if self.is_partial:
            raise InputError(f"{self.spec.name!r} is a part of a backbone", fix="take another part of the whole")
        if partial.is_ranked and activity is None:
            raise InputError(
                f"{partial.name!r} takes the activity it is ranked by",
                fix='give one of transferkit.measures.measure_activity, or choose blocks = "even", neurons = "first"',
            )
        numbers = kept_blocks(partial, self.stack.n_encoder, self.n_blocks, activity)
        ranked = self._ranks(partial, activity) if partial.width < 1 else None
        n_cut = self.n_blocks if partial.decoder else self.stack.n_encoder or self.n_blocks

        def kept(number: int) -> nn.Module:
            is_narrow = partial.above <= number < n_cut
            return self.blocks[number] if ranked is None or not is_narrow else ranked.narrow(number, partial.width)

        made = copy.copy(self)
        made.spec, made.numbers, made._ranked = self.spec.cut(partial), numbers, None
        n_encoder = sum(number < self.stack.n_encoder for number in numbers)
        made.stack = self.stack.keeping([kept(number) for number in numbers], n_encoder)
        made.blocks = made.stack.blocks
        made._front = Front(made.stack, self.config, made.spec.name)
        return made

    def _ranks(self, partial: Partial, activity: Activity | None) -> RankedBlocks:
        """Return the blocks with their neurons in order of rank: the last ones made, if they will do."""
        if self._ranked is None or not self._ranked.serves(partial, activity):
            self._ranked = None  # let the weights of another rank go first
            self._ranked = RankedBlocks.of(self.blocks, self.family, partial, activity)
        return self._ranked

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
        return self._front.embed(batch, prompt, where=where, everywhere=everywhere)

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
        return self._front.insert(state, prompt, where=where, everywhere=everywhere)

    def prefill(self, prompt: Rows, placement: Placement) -> Prefix | Rows:
        """Return what can be computed of a prompt before any text is seen, to be given to `enter` again and again.

        For a causal backbone that is all of it, for others nothing: they get the rows back as they are.
        """
        return self._front.prefill(prompt, placement)

    def enter(self, batch: TokenRows, prompt: Prefix | Rows | Made | None, placement: Placement) -> State:
        """Embed a batch and let a prompt enter where its spec says; blocks below it run without a graph.

        A prompt may be a function that makes each example's own of its rows below it (see `generators.py`).
        """
        return self._front.enter(batch, prompt, placement)

    def below(self, batch: TokenRows, depth: int) -> State:
        """Return a batch's text in front of the block at a depth, no prompt among it, without a graph.

        It begins from rows that were kept, where the batch brings some along and nothing is dropped out.
        """
        return self._front.below(batch, depth)

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
