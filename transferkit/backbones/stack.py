"""How rows go through blocks: one engine for whole blocks, answer rows, shared prompts and both halves of a T5."""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedConfig

from transferkit.backbones.attention import (
    Mask,
    absorbed,
    absorbing_pays,
    additive,
    attend,
    pick_mask,
    pick_rotary,
    score_dtype,
    visibility,
)
from transferkit.backbones.family import Family, Memory, Reach, Rotary, Stock
from transferkit.backbones.state import EncoderRows, Prefix, State, spread, take_rows


@dataclass(frozen=True)
class Savings:
    """Exact savings, to be switched off one by one where their worth or their exactness is measured.

    Attributes:
        answer_rows: the last block computes the rows that are read, and no others.
        absorb: keys and values are left unformed where few rows ask.
        share_prompt: a causal prompt is computed once for all examples; in other stacks its queries, keys and values
            are, in the block where it joins the text.
    """

    answer_rows: bool = True
    absorb: bool = True
    share_prompt: bool = True


@dataclass(frozen=True)
class Surroundings:
    """What blocks need besides their rows, built from the State at every entry."""

    masks: Mapping[Reach, Mask | None]
    rotary: Mapping[Reach, Rotary]
    memory: Memory | None

    def at(self, rows: Int[Tensor, "B R"]) -> "Surroundings":
        """Return the part that belongs to some rows as they ask."""
        masks: dict[Reach, Mask | None] = {reach: pick_mask(mask, rows) for reach, mask in self.masks.items()}
        return Surroundings(masks, pick_rotary(self.rotary, rows), self.memory)


class BlockStack:
    """The blocks of a model, and how rows pass them.

    Attributes:
        base: the stock model without its head.
        family: what is known of its architecture.
        blocks: all blocks, numbered through.
        n_encoder: blocks of the encoder; 0 for a decoder-only model.
        savings: which savings are on.
        watch: shown queries, keys, mask and scale wherever whole blocks attend to their own rows; None for nobody.
    """

    def __init__(self, base: Stock, family: Family, config: PreTrainedConfig) -> None:
        self.base = base
        self.family = family
        self.blocks: Sequence[nn.Module] = list(family.blocks(base))
        self.n_encoder = {
            "encoder": len(self.blocks),
            "decoder": 0,
            "encoder-decoder": len(self.blocks) - getattr(config, "num_decoder_layers", 0),
        }[family.stack]
        self.window = family.window(config)
        self.savings = Savings()
        self.watch: Callable[[Tensor, Tensor, Mask | None, float | None], None] | None = None

    def keeping(self, blocks: Sequence[nn.Module], n_encoder: int) -> "BlockStack":
        """Return the stack with these blocks alone, so many of them the encoder's."""
        made = copy.copy(self)
        made.blocks, made.n_encoder = blocks, n_encoder
        return made

    def is_causal(self, depth: int) -> bool:
        """Tell whether the block at a depth sees backwards only."""
        return depth >= self.n_encoder

    # --- a prompt's keys and values ----------------------------------------------------------------------------------
    def prefill(
        self, rows: Float[Tensor, "G P d"], positions: Int[Tensor, "P"], start: int, *, everywhere: bool
    ) -> Prefix:
        """Run a causal prompt alone through the blocks from `start` on, and keep its keys and values."""
        nobody = torch.zeros(len(rows), 0, dtype=torch.long, device=rows.device)
        real = torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device)
        state = State(rows, real, positions, start, nobody, is_padded=False, everywhere=everywhere)
        around = self._surroundings(state)
        keys, values, hidden = [], [], rows
        for block in self.blocks[start:]:
            entered = self.family.enter(block, hidden)
            reach = self.family.reach(block)
            key, value = self.family.keys(block, entered, around.rotary.get(reach))
            keys.append(key)
            values.append(value)
            if len(keys) < len(self.blocks) - start:  # nobody reads the rows behind the last block
                query = self.family.queries(block, entered, around.rotary.get(reach))
                mixed = self._attend(block, query, key, value, around.masks[reach], at=None)
                hidden = self.family.leave(block, hidden, mixed, None)
        return Prefix(tuple(keys), tuple(values), start, everywhere)

    # --- rows --------------------------------------------------------------------------------------------------------
    def advance(self, state: State, stop: int) -> State:
        """Run blocks up to `stop`, crossing from encoder to decoder on the way."""
        if state.depth < self.n_encoder < len(self.blocks) and stop > self.n_encoder:
            state = self.advance(state, self.n_encoder)
        if state.depth == self.n_encoder < stop:
            state = self.cross(state)
        if state.depth == stop:
            return state
        around = self._surroundings(state)
        while state.depth < stop:
            hidden = self._block(state, around)
            state = dataclasses.replace(state, hidden=hidden, depth=state.depth + 1, entrance=None)
        return state

    def last_rows(self, state: State, at: Int[Tensor, "B R"]) -> Float[Tensor, "B R d"]:
        """Run the last block for some rows alone."""
        return self._block(state, self._surroundings(state), at)

    def cross(self, state: State) -> State:
        """Finish the encoder, once: norm its rows and put the first decoder rows in their place."""
        if self.family.stack != "encoder-decoder" or state.memory is not None:
            return state
        ids = state.decoder_ids
        assert ids is not None
        memory = EncoderRows(self.family.final(self.base, state.hidden, True), state.mask, state.is_padded)
        return self.begin_answer(ids, memory)

    def begin_answer(self, ids: Int[Tensor, "B D"], memory: EncoderRows) -> State:
        """Return the tokens an answer begins with as rows in front of the decoder's first block."""
        rows = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.family.embed(self.base, self.base.get_input_embeddings()(ids), rows, torch.zeros_like(ids))
        real = torch.ones_like(ids, dtype=torch.bool)
        return State(
            hidden, real, rows, self.n_encoder, rows.expand(ids.shape), False, decoder_ids=ids, memory=memory
        )  # padding of decoder rows stands on the right, where no real row sees it

    def _block(
        self, state: State, around: Surroundings, at: Int[Tensor, "B R"] | None = None
    ) -> Float[Tensor, "B R d"]:
        block, family = self.blocks[state.depth], self.family
        reach = family.reach(block)
        asking = around if at is None else around.at(at)
        hidden = state.hidden if at is None else take_rows(state.hidden, at)
        if at is not None and self._may_absorb(block, at.shape[1], state):
            entered = family.enter(block, state.hidden)
            query = family.queries(block, take_rows(entered, at), asking.rotary.get(reach))
            assert family.maps is not None
            mixed = absorbed(query, entered, family.maps(block), mask=asking.masks[reach], scale=family.scale(block))
        else:
            query, key, value = self._project(block, state, around, asking, at)
            mixed = self._attend(block, query, key, value, asking.masks[reach], at=at)
        return family.leave(block, hidden, mixed, around.memory)

    def _may_absorb(self, block: Stock, n_asking: int, state: State) -> bool:
        family = self.family
        if not self.savings.absorb or family.maps is None or state.prefix is not None or self.base.training:
            return False
        if state.kept is not None:
            return False
        inner = family.maps(block)[0].weight.shape[0]
        n_heads = self.base.config.num_attention_heads
        return absorbing_pays(n_asking, state.hidden, n_heads, inner)

    def _project(
        self,
        block: Stock,
        state: State,
        around: Surroundings,
        asking: Surroundings,
        at: Int[Tensor, "B R"] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values; those of a prompt that joins here are computed once per group."""
        family = self.family
        reach = family.reach(block)
        rotary = around.rotary.get(reach)
        if state.entrance is not None and at is None:
            query, key, value = self._project_apart(block, state, rotary)
        else:
            entered = family.enter(block, state.hidden)
            asked = entered if at is None else take_rows(entered, at)
            query = family.queries(block, asked, asking.rotary.get(reach))
            key, value = family.keys(block, entered, rotary)
        if state.prefix is not None:
            n, wanted = state.depth - state.prefix.start, score_dtype(key)
            # Into the scores' arithmetic first, then to every example: gradients of examples are summed in it, too.
            ahead = (spread(part[n].to(wanted), len(key)) for part in (state.prefix.keys, state.prefix.values))
            key, value = (
                torch.cat([prompt, text.to(wanted)], dim=2) for prompt, text in zip(ahead, (key, value), strict=True)
            )
        if state.kept is not None:
            state.kept.append((key, value))
        return query, key, value

    def _project_apart(self, block: Stock, state: State, rotary: Rotary | None) -> tuple[Tensor, Tensor, Tensor]:
        assert state.entrance is not None
        n_prompt, n_examples = state.entrance.prompt.shape[1], len(state.hidden)
        slices = (slice(None, n_prompt), slice(n_prompt, None))
        parts = []
        for rows, where in zip((state.entrance.prompt, state.entrance.text), slices, strict=True):
            entered = self.family.enter(block, rows)
            turned = None if rotary is None else (rotary[0][:, where], rotary[1][:, where])
            found = (self.family.queries(block, entered, turned), *self.family.keys(block, entered, turned))
            parts.append([spread(heads, n_examples) for heads in found])
        query, key, value = (torch.cat(both, dim=2) for both in zip(*parts, strict=True))
        return query, key, value

    def _attend(
        self, block: Stock, query: Tensor, key: Tensor, value: Tensor, mask: Mask | None, *, at: Tensor | None
    ) -> Tensor:
        if self.family.content_bias is not None:
            bias = self.family.content_bias(self.base, block, query, key, at)
            mask = bias if mask is None else bias + mask
        if self.watch is not None:
            self.watch(query, key, mask, self.family.scale(block))
        dropout = self.family.attention_dropout(block) if self.base.training else 0.0
        return attend(query, key, value, mask=mask, scale=self.family.scale(block), dropout=dropout)

    def _surroundings(self, state: State) -> Surroundings:
        dtype = score_dtype(state.hidden)
        causal = self.is_causal(state.depth)
        reaches: tuple[Reach, ...] = ("full",) if self.window is None else ("full", "local")
        masks: dict[Reach, Mask | None] = {}
        for reach in reaches:
            allowed = visibility(state, reach, causal=causal, window=self.window)
            masks[reach] = None if allowed is None else additive(allowed, dtype)
        if self.family.bias is not None:
            bias = self.family.bias(self.base, state.hidden, causal).to(dtype)
            masks = {reach: bias if mask is None else bias + mask for reach, mask in masks.items()}
        rotary = {} if self.family.rotary is None else self.family.rotary(self.base, state.hidden, state.positions)
        return Surroundings(masks, rotary, self._memory(state, dtype))

    def _memory(self, state: State, dtype: torch.dtype) -> Memory | None:
        if state.memory is None:
            return None
        real = state.memory.mask[:, None, None, :]
        mask = additive(real, dtype) if state.memory.is_padded else None
        return Memory(state.memory.hidden, mask, self.savings.absorb and not self.base.training)
