"""Every family equals the stock Hugging Face forward, to 1e-5 in fp32, wherever it is entered, left or read."""

import copy

import pytest
import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model

from transferkit.backbones import Backbone
from transferkit.backbones.capture import observe
from transferkit.backbones.state import join, take_rows
from transferkit.batches import Batch
from transferkit.specs import Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
LENGTHS = (9, 5, 7)


def make_batch(backbone: Backbone, lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> Batch:
    torch.manual_seed(seed)
    ids = torch.full((len(lengths), max(lengths)), backbone.tokenizer.pad_token_id)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(5, len(backbone.tokenizer), (length,))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    zeros = torch.zeros(len(lengths), dtype=torch.long)
    return Batch(ids, mask, None, zeros, zeros, torch.arange(len(lengths)), is_padded=not bool(mask.all()))


def stock(backbone: Backbone, batch: Batch, **inputs: torch.Tensor) -> torch.Tensor:
    """The untouched model's last hidden rows."""
    inputs = inputs or {"input_ids": batch.ids}
    mask = inputs.pop("attention_mask", batch.mask).long()
    return backbone.base(**inputs, attention_mask=mask).last_hidden_state


def real(rows: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return rows[mask]


def prompt_of(backbone: Backbone, length: int = 4, seed: int = 1) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.randn(length, backbone.width)


@pytest.mark.parametrize("lengths", [LENGTHS, (8, 8)])
@pytest.mark.parametrize("k", range(5))
def test_split_at_k_is_the_stock_forward(tiny: Backbone, k: int, lengths: tuple[int, ...]) -> None:
    batch = make_batch(tiny, lengths)
    state = tiny.run(tiny.embed(batch), 0, k)
    state = tiny.run(state, k, tiny.n_blocks)
    torch.testing.assert_close(real(state.hidden, batch.mask), real(stock(tiny, batch), batch.mask), **CLOSE)


def test_embeddings_equal_ids(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    words = tiny.words(batch.ids)
    ours = stock(tiny, batch, inputs_embeds=words)
    torch.testing.assert_close(real(ours, batch.mask), real(stock(tiny, batch), batch.mask), **CLOSE)


def test_token_types_reach_the_model(tiny_bert: Backbone) -> None:
    batch = make_batch(tiny_bert, (8, 8))
    types = torch.zeros_like(batch.ids)
    types[:, 4:] = 1
    typed = Batch(batch.ids, batch.mask, types, batch.answer, batch.gold, batch.index, is_padded=False)
    ours = tiny_bert.run(tiny_bert.embed(typed), 0, 4).hidden
    torch.testing.assert_close(ours, stock(tiny_bert, batch, input_ids=batch.ids, token_type_ids=types), **CLOSE)
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
        task_type="FEATURE_EXTRACTION", num_virtual_tokens=4, token_dim=32, num_layers=4, num_attention_heads=4
    )
    model = get_peft_model(copy.deepcopy(tiny.base), config).eval()
    with torch.no_grad():
        model.prompt_encoder["default"].embedding.weight.copy_(prompt)
        theirs = model(input_ids=batch.ids, attention_mask=batch.mask.long()).last_hidden_state
        state = tiny.embed(batch, prompt)
        ours = tiny.run(state, 0, tiny.n_blocks)
    assert isinstance(model, PeftModel)
    torch.testing.assert_close(real(ours.hidden, state.mask), real(theirs, state.mask), **CLOSE)


@pytest.mark.parametrize("placement", [Placement(), Placement(entry="block"), Placement(entry="block", insert_after=2)])
def test_many_prompts_in_a_batch_equal_one_by_one(tiny: Backbone, placement: Placement) -> None:
    batch = make_batch(tiny)
    prompts = torch.stack([prompt_of(tiny, seed=s) for s in range(3)])
    rows = torch.arange(9).expand(9, -1)
    together = tiny.finish(tiny.enter(batch.tile(3), prompts.repeat_interleave(3, dim=0), placement), rows)
    for number, prompt in enumerate(prompts):
        alone = tiny.finish(tiny.enter(batch, prompt, placement), rows[:3])
        torch.testing.assert_close(
            real(together[3 * number : 3 * number + 3], batch.mask), real(alone, batch.mask), **CLOSE
        )


@pytest.mark.parametrize("k", range(4))
def test_late_prompt_equals_a_literal_loop(tiny: Backbone, k: int) -> None:
    """Liu et al. 2022: run k stock blocks, put the rows in front, rebuild the mask, run the rest."""
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    state = tiny.enter(batch, prompt, Placement(entry="block", insert_after=k))
    ours = tiny.run(state, k, tiny.n_blocks).hidden

    hidden = tiny.run(tiny.embed(batch), 0, k).hidden
    hidden = torch.cat([prompt.expand(3, -1, -1), hidden], dim=1)
    mask = torch.cat([torch.ones(3, 4, dtype=torch.bool), batch.mask], dim=1)
    allowed = torch.zeros(3, 1, 1, 13).masked_fill(~mask[:, None, None], torch.finfo(torch.float32).min)
    for block in tiny.blocks[k:]:
        if tiny.config.model_type == "mpnet":
            hidden = block(hidden, allowed, tiny.base.encoder.compute_position_bias(hidden))[0]
        else:
            hidden = block(hidden, allowed)
    torch.testing.assert_close(real(ours, mask), real(hidden, mask), **CLOSE)


@pytest.mark.parametrize("where", ["front", "after_first", "end"])
@pytest.mark.parametrize("entry", ["words", "block"])
def test_answer_rows_equal_the_whole_block(tiny: Backbone, where: str, entry: str) -> None:
    batch, prompt = make_batch(tiny), prompt_of(tiny).requires_grad_()
    rows = torch.tensor([[3], [4], [0]])
    placement = Placement(where=where, entry=entry)
    some = tiny.finish(tiny.enter(batch, prompt, placement), rows)
    whole = tiny.run(tiny.enter(batch, prompt, placement), 0, tiny.n_blocks)
    full = take_rows(whole.hidden, whole.text_rows.gather(1, rows))
    torch.testing.assert_close(some, full, **CLOSE)
    (ours,) = torch.autograd.grad(some.square().sum(), prompt)
    (theirs,) = torch.autograd.grad(full.square().sum(), prompt)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_label_word_logits_equal_the_stock_head(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    rows, words = torch.tensor([[2], [3], [1]]), torch.tensor([7, 11])
    logits = tiny.model(input_ids=batch.ids, attention_mask=batch.mask.long()).logits
    ours = tiny.read(tiny.embed(batch), rows, words)
    torch.testing.assert_close(ours[:, 0], logits[torch.arange(3), rows[:, 0]][:, words], **CLOSE)
    everything = tiny.read(tiny.embed(batch), rows)
    torch.testing.assert_close(everything[:, 0], logits[torch.arange(3), rows[:, 0]], **CLOSE)


def test_hooks_see_what_the_block_computes_and_are_gone_afterwards(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    with observe(tiny, "pre") as pre, observe(tiny, "post") as post:
        tiny.run(tiny.embed(batch), 0, tiny.n_blocks)
    assert len(pre) == len(post) == tiny.n_blocks
    for before, after in zip(pre, post, strict=True):
        torch.testing.assert_close(torch.nn.functional.gelu(before), after)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.model.modules())


def test_hooks_are_gone_after_a_failure(tiny: Backbone) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), observe(tiny, "post"):
        raise RuntimeError("on purpose")
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.model.modules())


def test_padding_and_batch_mates_change_nothing(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    rows = torch.arange(9).expand(3, -1)
    together = tiny.finish(tiny.embed(batch, prompt_of(tiny)), rows)
    for row, length in enumerate(LENGTHS):
        one = torch.tensor([row])
        alone = Batch(
            batch.ids[one, :length], batch.mask[one, :length], None, one * 0, one * 0, one * 0, is_padded=False
        )
        own = tiny.finish(tiny.embed(alone, prompt_of(tiny)), torch.arange(length)[None])
        torch.testing.assert_close(together[row, :length], own[0], **CLOSE)


def test_left_padding_short_masks_and_long_rows_are_refused(tiny: Backbone) -> None:
    batch = make_batch(tiny)
    flipped = Batch(batch.ids.flip(1), batch.mask.flip(1), None, batch.answer, batch.gold, batch.index, is_padded=True)
    with pytest.raises(ValueError, match="left"):
        tiny.embed(flipped)
    short = Batch(batch.ids, batch.mask[:, 1:], None, batch.answer, batch.gold, batch.index, is_padded=True)
    with pytest.raises(ValueError, match="mask"):
        tiny.embed(short)
    with pytest.raises(ValueError, match="holds"):
        tiny.embed(batch, prompt_of(tiny, length=60))
    with pytest.raises(ValueError, match="depth"):
        tiny.run(tiny.embed(batch), 1, 2)


def test_capacity_is_what_the_stock_model_holds(tiny: Backbone) -> None:
    assert tiny.capacity is not None
    full = make_batch(tiny, (tiny.capacity,))
    assert torch.isfinite(stock(tiny, full, inputs_embeds=tiny.words(full.ids))).all()
    over = make_batch(tiny, (tiny.capacity + 1,))
    with pytest.raises((IndexError, RuntimeError)):
        stock(tiny, over, inputs_embeds=tiny.words(over.ids))


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
    rows, joined, text_rows = join(text, mask, torch.full((2, 1), 9.0), where)
    assert rows.squeeze(-1).tolist() == expected
    assert joined.tolist() == [[True] * 5, [True] * 4 + [False]]
    assert take_rows(rows, text_rows)[mask].tolist() == text[mask].tolist()


def test_bf16_stays_close_to_fp32(tiny: Backbone) -> None:
    import copy

    batch = make_batch(tiny)
    half = Backbone(copy.deepcopy(tiny.model).bfloat16(), tiny.tokenizer, spec=tiny.spec, upstream="x")
    prompt = prompt_of(tiny).requires_grad_()
    rows = torch.arange(9).expand(3, -1)
    gradients = []
    for backbone in (tiny, half):
        out = backbone.finish(backbone.embed(batch, prompt), rows).float()[batch.mask]
        gradients.append(torch.autograd.grad(out[:, 0].sum(), prompt)[0].flatten())
    assert gradients[1].dtype == torch.float32
    assert torch.cosine_similarity(*gradients, dim=0) > 0.97
