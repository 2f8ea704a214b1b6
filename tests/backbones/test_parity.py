"""Every family equals the stock Hugging Face forward, to 1e-5 in fp32, wherever it is entered, left or read."""

import copy
import dataclasses

import pytest
import torch
from backbones.stock import (
    LENGTHS,
    LOOPS,
    activations,
    answer_mask,
    every_row,
    linear_branches,
    make_batch,
    prompt_of,
    stock_logits,
    stock_rows,
)
from peft import PeftModel, PromptTuningConfig, get_peft_model
from tiny import MODELS

from transferkit.backbones import FAMILIES, Backbone, Savings
from transferkit.backbones.capture import observe
from transferkit.backbones.state import join, take_rows
from transferkit.batches import Batch
from transferkit.specs import Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
PLACEMENTS = (
    Placement(),
    Placement(where="after_first"),
    Placement(where="end"),
    Placement(entry="block"),
    Placement(entry="block", where="end"),
    Placement(entry="block", insert_after=2),
    Placement(entry="block", insert_after=3, where="after_first"),
)
PEFT_TYPES = {"encoder": "FEATURE_EXTRACTION", "decoder": "CAUSAL_LM", "encoder-decoder": "SEQ_2_SEQ_LM"}


def real(rows: torch.Tensor, backbone: Backbone, batch: Batch) -> torch.Tensor:
    return rows[answer_mask(backbone, batch)]


def ours(
    backbone: Backbone, batch: Batch, prompt: torch.Tensor | None = None, placement: Placement | None = None
) -> torch.Tensor:
    return backbone.finish(backbone.enter(batch, prompt, placement or Placement()), every_row(backbone, batch))


def without(backbone: Backbone, **off: bool):
    """The same backbone with some savings off."""
    plain = Backbone(backbone.model, backbone.tokenizer, spec=backbone.spec, upstream="x")
    plain.savings = Savings(**off)
    return plain


def test_every_family_is_tested() -> None:
    assert {MODELS[name]()[0].config.model_type for name in MODELS} >= set(FAMILIES) - {"xlm-roberta"}


@pytest.mark.parametrize("lengths", [LENGTHS, (8, 8)])
def test_split_at_k_is_the_stock_forward(tiny: Backbone, lengths: tuple[int, ...]) -> None:
    batch = make_batch(tiny, lengths)
    stock = real(stock_rows(tiny, batch, ids=True), tiny, batch)
    for k in range(tiny.n_blocks + 1):
        found = tiny.finish(tiny.run(tiny.embed(batch), 0, k), every_row(tiny, batch))
        torch.testing.assert_close(real(found, tiny, batch), stock, **CLOSE, msg=lambda said, k=k: f"k = {k}: {said}")


def test_embeddings_equal_ids(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    given, own = stock_rows(tiny, batch), stock_rows(tiny, batch, ids=True)
    torch.testing.assert_close(real(given, tiny, batch), real(own, tiny, batch), **CLOSE)


def test_token_types_reach_the_model(tiny_bert: Backbone) -> None:
    batch = make_batch(tiny_bert, (8, 8))
    types = torch.zeros_like(batch.ids)
    types[:, 4:] = 1
    typed = dataclasses.replace(batch, types=types)
    found = tiny_bert.run(tiny_bert.embed(typed), 0, 4).hidden
    stock = tiny_bert.base(input_ids=batch.ids, token_type_ids=types, attention_mask=batch.mask.long())
    torch.testing.assert_close(found, stock.last_hidden_state, **CLOSE)
    prompted = tiny_bert.embed(typed, prompt_of(tiny_bert))
    torch.testing.assert_close(
        prompted.hidden[:, 4:],
        tiny_bert.base.embeddings(
            inputs_embeds=tiny_bert.words(batch.ids), token_type_ids=types, position_ids=torch.arange(4, 12)[None]
        ),
    )


def test_own_prefix_equals_peft(tiny: Backbone) -> None:
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    config = PromptTuningConfig(
        task_type=PEFT_TYPES[tiny.kind],
        num_virtual_tokens=4,
        token_dim=32,
        num_layers=4,
        num_attention_heads=4,
        num_transformer_submodules=1,
    )
    model = get_peft_model(copy.deepcopy(tiny.model), config).eval()
    assert isinstance(model, PeftModel)
    more = {} if batch.decoder_ids is None else {"decoder_input_ids": batch.decoder_ids}
    with torch.no_grad():
        (weight,) = (p for p in model.parameters() if p.requires_grad)
        weight.copy_(prompt)
        theirs = model(input_ids=batch.ids, attention_mask=batch.mask.long(), **more).logits
        found = tiny.read(tiny.embed(batch, prompt), every_row(tiny, batch))
    theirs = theirs[:, theirs.shape[1] - found.shape[1] :]
    torch.testing.assert_close(real(found, tiny, batch), real(theirs, tiny, batch), **CLOSE)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_many_prompts_in_a_batch_equal_one_by_one(tiny: Backbone, placement: Placement) -> None:
    batch = make_batch(tiny)
    prompts = torch.stack([prompt_of(tiny, seed=s) for s in range(3)])
    each = ours(tiny, batch.tile(3), prompts.repeat_interleave(3, dim=0), placement)
    groups = ours(tiny, batch.tile(3), prompts, placement)
    for number, prompt in enumerate(prompts):
        alone = real(ours(tiny, batch, prompt, placement), tiny, batch)
        for together in (each, groups):
            torch.testing.assert_close(real(together[3 * number : 3 * number + 3], tiny, batch), alone, **CLOSE)


def test_late_prompt_equals_a_literal_loop(tiny: Backbone) -> None:
    """Liu et al. 2022: run k stock blocks, put the rows in front, rebuild the mask, run the rest.

    Of an encoder-decoder this is the encoder; its decoder prompts are in `test_t5.py`.
    """
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    stop = tiny.stack.n_encoder or tiny.n_blocks
    for k in range(stop):
        state = tiny.enter(batch, prompt, Placement(entry="block", insert_after=k))
        found = take_rows((state := tiny.run(state, k, stop)).hidden, state.text_rows)

        hidden = tiny.run(tiny.embed(batch), 0, k).hidden
        hidden = torch.cat([prompt.expand(3, -1, -1), hidden], dim=1)
        mask = torch.cat([torch.ones(3, 4, dtype=torch.bool), batch.mask], dim=1)
        literal = LOOPS[tiny.config.model_type](tiny, hidden, mask, k)[:, 4:]
        at_k = {**CLOSE, "msg": lambda said, k=k: f"k = {k}: {said}"}
        torch.testing.assert_close(found[batch.mask], literal[batch.mask], **at_k)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_saving_changes_nothing_but_the_work(tiny: Backbone, placement: Placement) -> None:
    """Answer rows, unformed keys and shared prompts against whole blocks over all rows, with the prompt's gradient."""
    batch, prompt = make_batch(tiny), prompt_of(tiny).requires_grad_()
    rows = torch.tensor([[3], [2], [0]])
    plain = without(tiny, answer_rows=False, absorb=False, share_prompt=False)
    full = plain.finish(plain.enter(batch, prompt, placement), rows)
    (theirs,) = torch.autograd.grad(full.square().sum(), prompt)
    for off in ({}, {"answer_rows": False}, {"absorb": False}, {"share_prompt": False}):
        saving = without(tiny, **off)
        some = saving.finish(saving.enter(batch, prompt, placement), rows)
        torch.testing.assert_close(some, full, **CLOSE)
        (gradient,) = torch.autograd.grad(some.square().sum(), prompt)
        torch.testing.assert_close(gradient, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_is_computed_ahead_of_the_text_serves_every_batch(tiny: Backbone, placement: Placement) -> None:
    prompt = prompt_of(tiny)
    ready = tiny.prefill(prompt, placement)
    for seed in range(2):
        batch = make_batch(tiny, seed=seed)
        found, alone = ours(tiny, batch, ready, placement), ours(tiny, batch, prompt, placement)
        torch.testing.assert_close(real(found, tiny, batch), real(alone, tiny, batch), **CLOSE)


def test_label_word_logits_equal_the_stock_head(tiny: Backbone) -> None:
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    rows, words = torch.tensor([[2], [3], [1]]), torch.tensor([7, 11])
    for rows_in_front in (None, prompt):
        logits = take_rows(stock_logits(tiny, batch, rows_in_front), rows)
        torch.testing.assert_close(tiny.read(tiny.embed(batch, rows_in_front), rows), logits, **CLOSE)
        some = tiny.read(tiny.embed(batch, rows_in_front), rows, words)
        torch.testing.assert_close(some, logits[..., words], **CLOSE)


def test_hooks_see_what_the_block_computes_and_are_gone_afterwards(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    with observe(tiny, "pre") as pre, observe(tiny, "post") as post, linear_branches(tiny) as linear:
        tiny.run(tiny.embed(batch), 0, tiny.n_blocks)
    assert len(pre) == len(post) == tiny.n_blocks
    factors = linear or [torch.ones(())] * tiny.n_blocks
    for act, before, factor, after in zip(activations(tiny), pre, factors, post, strict=True):
        torch.testing.assert_close(act(before) * factor, after)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.model.modules())


def test_hooks_are_gone_after_a_failure(tiny: Backbone) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), observe(tiny, "post"):
        raise RuntimeError("on purpose")
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.model.modules())


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_padding_and_batch_mates_change_nothing(tiny: Backbone, placement: Placement) -> None:
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    together = ours(tiny, batch, prompt, placement)
    for row, length in enumerate(LENGTHS):
        one = torch.tensor([row])
        decoder = None if batch.decoder_ids is None else batch.decoder_ids[one]
        alone = Batch(
            batch.ids[one, :length],
            batch.mask[one, :length],
            None,
            one * 0,
            one * 0,
            one * 0,
            is_padded=False,
            decoder_ids=decoder,
        )
        own = ours(tiny, alone, prompt, placement)
        torch.testing.assert_close(together[row, : own.shape[1]], own[0], **CLOSE)


def test_left_padding_short_masks_and_long_rows_are_refused(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    flipped = dataclasses.replace(batch, ids=batch.ids.flip(1), mask=batch.mask.flip(1))
    with pytest.raises(ValueError, match="left"):
        tiny.embed(flipped)
    with pytest.raises(ValueError, match="mask"):
        tiny.embed(dataclasses.replace(batch, mask=batch.mask[:, 1:]))
    if tiny.capacity is not None:
        with pytest.raises(ValueError, match="holds"):
            tiny.embed(batch, prompt_of(tiny, length=60))
    with pytest.raises(ValueError, match="depth"):
        tiny.run(tiny.embed(batch), 1, 2)


def test_capacity_is_what_the_stock_model_holds(tiny: Backbone) -> None:
    if tiny.capacity is None:
        pytest.skip("no table of positions")
    assert torch.isfinite(stock_rows(tiny, make_batch(tiny, (tiny.capacity,)))).all()
    with pytest.raises((IndexError, RuntimeError)):
        stock_rows(tiny, make_batch(tiny, (tiny.capacity + 1,)))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("front", [[9, 9, 1, 2, 3], [9, 9, 4, 5, 0]]),
        ("after_first", [[1, 9, 9, 2, 3], [4, 9, 9, 5, 0]]),
        ("end", [[1, 2, 3, 9, 9], [4, 5, 9, 9, 0]]),
    ],
)
def test_join_places_the_prompt_and_finds_the_text(where: str, expected: list[list[int]]) -> None:
    text = torch.tensor([[1.0, 2, 3], [4, 5, 0]]).unsqueeze(-1)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    rows, joined, text_rows = join(text, mask, torch.full((1, 2, 1), 9.0), where)
    assert rows.squeeze(-1).tolist() == expected
    assert joined.tolist() == [[True] * 5, [True] * 4 + [False]]
    assert take_rows(rows, text_rows)[mask].tolist() == text[mask].tolist()


def test_bf16_stays_close_to_fp32(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    half = Backbone(copy.deepcopy(tiny.model).bfloat16(), tiny.tokenizer, spec=tiny.spec, upstream="x")
    prompt = prompt_of(tiny).requires_grad_()
    gradients = []
    for backbone in (tiny, half):
        out = ours(backbone, batch, prompt).float()
        gradients.append(torch.autograd.grad(real(out, tiny, batch)[:, 0].sum(), prompt)[0].flatten())
    assert gradients[1].dtype == torch.float32
    assert torch.cosine_similarity(*gradients, dim=0) > 0.97


def test_gradients_reach_the_prompt_and_nothing_else(tiny: Backbone) -> None:
    before = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    prompt = prompt_of(tiny).requires_grad_()
    ours(tiny, make_batch(tiny), prompt).sum().backward()
    assert prompt.grad is not None
    assert not any(p.requires_grad or p.grad is not None for p in tiny.model.parameters())
    for name, value in tiny.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_dropout_drops_only_where_asked(tiny: Backbone) -> None:
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    still = ours(tiny, batch, prompt)
    with tiny.dropout(on=True):
        first, second = ours(tiny, batch, prompt), ours(tiny, batch, prompt)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(ours(tiny, batch, prompt), still, rtol=0, atol=0)
