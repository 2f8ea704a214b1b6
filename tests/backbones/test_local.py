"""Local attention: who sees the prompt, row by row, as the stock model has it and as a placement may ask."""

import pytest
import torch
from backbones.stock import every_row, make_batch, modernbert_masks, modernbert_rows, prompt_of
from tiny import make_tiny
from torch import Tensor

from transferkit.backbones import Backbone, State
from transferkit.backbones.attention import visibility
from transferkit.specs import Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
WINDOW = 3


@pytest.fixture(scope="module")
def modernbert() -> Backbone:
    return make_tiny("modernbert")


def joined(backbone: Backbone, k: int, prompt: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in front of block k, the prompt before the text, and which of them are real."""
    batch = make_batch(backbone)
    hidden = backbone.run(backbone.embed(batch), 0, k).hidden
    mask = torch.cat([torch.ones(len(hidden), len(prompt), dtype=torch.bool), batch.mask], dim=1)
    return torch.cat([prompt.expand(len(hidden), -1, -1), hidden], dim=1), mask


@pytest.mark.parametrize("k", range(4))
@pytest.mark.parametrize(("seen", "n_seen_by_all"), [("window", 0), ("everywhere", 4)])
def test_visibility_is_a_mask_of_the_stock_model(modernbert: Backbone, k: int, seen: str, n_seen_by_all: int) -> None:
    batch, prompt = make_batch(modernbert), prompt_of(modernbert)
    placement = Placement(entry="block", insert_after=k, visibility=seen)
    found = modernbert.finish(modernbert.enter(batch, prompt, placement), every_row(modernbert, batch))
    hidden, mask = joined(modernbert, k, prompt)
    masks = modernbert_masks(modernbert, hidden, mask, n_seen_by_all)
    stock = modernbert.base.final_norm(modernbert_rows(modernbert, hidden, masks, k))[:, 4:]
    torch.testing.assert_close(found[batch.mask], stock[batch.mask], **CLOSE)


@pytest.mark.parametrize(("seen", "n_seen_by_all"), [("window", 0), ("everywhere", 4)])
def test_the_whole_stock_model_takes_such_masks(modernbert: Backbone, seen: str, n_seen_by_all: int) -> None:
    batch, prompt = make_batch(modernbert), prompt_of(modernbert)
    found = modernbert.read(modernbert.enter(batch, prompt, Placement(visibility=seen)), every_row(modernbert, batch))
    rows = torch.cat([prompt.expand(3, -1, -1), modernbert.words(batch.ids)], dim=1)
    mask = torch.cat([torch.ones(3, 4, dtype=torch.bool), batch.mask], dim=1)
    masks = modernbert_masks(modernbert, rows, mask, n_seen_by_all)
    stock = modernbert.model(inputs_embeds=rows, attention_mask=masks).logits[:, 4:]
    torch.testing.assert_close(found[batch.mask], stock[batch.mask], **CLOSE)


def test_everywhere_is_another_computation(modernbert: Backbone) -> None:
    batch, prompt = make_batch(modernbert), prompt_of(modernbert)
    rows = [
        modernbert.finish(modernbert.enter(batch, prompt, Placement(visibility=seen)), every_row(modernbert, batch))
        for seen in ("window", "everywhere")
    ]
    assert not torch.allclose(*rows, atol=1e-3)


def test_who_sees_whom_token_by_token(modernbert: Backbone) -> None:
    hidden, mask = joined(modernbert, 0, prompt_of(modernbert))
    at = torch.arange(4, hidden.shape[1]).expand(len(hidden), -1)
    for n_seen_by_all in (0, 4):
        stock = modernbert_masks(modernbert, hidden, mask, n_seen_by_all)
        state = State(hidden, mask, at[0], 0, at, is_padded=True, everywhere=bool(n_seen_by_all))
        for reach, kind in (("full", "full_attention"), ("local", "sliding_attention")):
            allowed = visibility(state, reach, causal=False, window=modernbert.stack.window)
            assert allowed is not None
            assert torch.equal(allowed.expand_as(stock[kind]), stock[kind]), (reach, n_seen_by_all)
    local = visibility(state, "local", causal=False, window=WINDOW)[0, 0]
    assert [local[11, key].item() for key in range(13)] == [True] * 4 + [False] * 4 + [True] * 5


# --- the prompt's reach -----------------------------------------------------------------------------------------------
def moved(backbone: Backbone, placement: Placement) -> Tensor:
    """Which text rows a change of the last prompt row reaches through one block [B,T]."""
    batch, prompt = make_batch(backbone, (9, 9)), prompt_of(backbone)
    other = prompt.clone()
    other[-1] = -other[-1]
    ends = []
    for rows in (prompt, other):
        state = backbone.enter(batch, rows, placement)
        state = backbone.run(state, state.depth, state.depth + 1)
        ends.append(state.hidden.gather(1, state.text_rows.unsqueeze(-1).expand(-1, -1, backbone.width)))
    return (ends[0] != ends[1]).any(-1)


@pytest.mark.parametrize("seen", ["window", "everywhere"])
@pytest.mark.parametrize("k", range(4))
@pytest.mark.parametrize("name", ["modernbert", "bert", "gemma3", "mistral"])
def test_sees_prompt_says_what_a_change_of_its_last_row_reaches(name: str, k: int, seen: str) -> None:
    backbone = make_tiny(name, spread=2.0)  # attention so even that no weight vanishes in rounding
    placement = Placement(entry="block", insert_after=k, visibility=seen)
    said = [backbone.sees_prompt(distance, placement)[0] for distance in range(1, 10)]
    assert moved(backbone, placement).tolist() == [said] * 2
    assert len(backbone.sees_prompt(1, placement)) == 4 - k


def test_far_rows_are_out_of_reach_in_local_blocks_alone(modernbert: Backbone) -> None:
    assert modernbert.sees_prompt(WINDOW, Placement()) == [True] * 4
    assert modernbert.sees_prompt(WINDOW + 1, Placement()) == [True, False, True, False]
    assert modernbert.sees_prompt(WINDOW + 1, Placement(entry="block", insert_after=1)) == [False, True, False]
    assert modernbert.sees_prompt(WINDOW + 1, Placement(visibility="everywhere")) == [True] * 4


@pytest.mark.parametrize("where", ["front", "after_first", "end"])
def test_a_prompt_seen_everywhere_serves_groups_like_single_prompts(modernbert: Backbone, where: str) -> None:
    batch, prompts = make_batch(modernbert), torch.stack([prompt_of(modernbert, seed=s) for s in range(2)])
    placement = Placement(where=where, entry="block", insert_after=1, visibility="everywhere")
    together = modernbert.finish(
        modernbert.enter(batch.tile(2), prompts, placement), every_row(modernbert, batch.tile(2))
    )
    for rows, prompt in zip(together.chunk(2), prompts, strict=True):
        alone = modernbert.finish(modernbert.enter(batch, prompt, placement), every_row(modernbert, batch))
        torch.testing.assert_close(rows[batch.mask], alone[batch.mask], **CLOSE)
