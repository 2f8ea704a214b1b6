"""Causal families: shared prompts, positions, windows, and the stock models' traps."""

import json
from pathlib import Path

import pytest
import torch
from backbones.stock import every_row, kinds_of_attention, make_batch, prompt_of, rotary_rows, stock_logits, stock_masks
from tiny import CAUSAL, ENDS, GROUPED, SMALL, VOCABULARY, WINDOW, make_tiny, plain_tokenizer
from torch import Tensor, nn
from transformers import (
    DeepseekV3Config,
    Gemma2Config,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GptOssConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    SmolLM3Config,
    SmolLM3ForCausalLM,
)

from transferkit.backbones import Backbone, Savings, State, family_of
from transferkit.backbones.attention import visibility
from transferkit.backbones.loading import load_files
from transferkit.backbones.state import take_rows
from transferkit.batches import Batch
from transferkit.errors import InputError
from transferkit.specs import BackboneSpec, Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
LOCAL = ("mistral", "qwen2", "smollm3", "gemma3")
PLACEMENTS = [
    Placement(entry=entry, insert_after=k, visibility=seen)
    for entry, k in (("words", 0), ("block", 0), ("block", 1), ("block", 2), ("block", 3))
    for seen in ("window", "everywhere")
]
ANSWERS = torch.tensor([[8], [1], [3]])  # the first too far for a local block to see any prompt row


@pytest.fixture(scope="module", params=CAUSAL)
def causal(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


@pytest.fixture(scope="module", params=LOCAL)
def local(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


def ours(backbone: Backbone, batch: Batch, prompt: Tensor, placement: Placement) -> Tensor:
    return backbone.finish(backbone.enter(batch, prompt, placement), every_row(backbone, batch))


def joined(backbone: Backbone, batch: Batch, prompt: Tensor, k: int = 0) -> tuple[Tensor, Tensor]:
    """Rows in front of block k, the prompt before the text, and which of them are real."""
    text = backbone.run(backbone.embed(batch), 0, k).hidden if k else backbone.words(batch.ids)
    mask = torch.cat([torch.ones(len(text), len(prompt), dtype=torch.bool), batch.mask], dim=1)
    return torch.cat([prompt.expand(len(text), -1, -1), text], dim=1), mask


# --- a prompt computed once -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_shared_prompt_is_a_prompt_in_every_row(causal: Backbone, placement: Placement, n_groups: int) -> None:
    batch = make_batch(causal).tile(n_groups)
    prompts = torch.stack([prompt_of(causal, seed=seed) for seed in range(n_groups)]).requires_grad_()
    found = []
    try:
        for share in (True, False):
            causal.savings = Savings(share_prompt=share)
            state = causal.enter(batch, prompts, placement)
            assert (state.prefix is not None) == share
            rows = causal.finish(state, ANSWERS.repeat(n_groups, 1))
            found.append((rows, *torch.autograd.grad(rows.square().sum(), prompts)))
    finally:
        causal.savings = Savings()
    torch.testing.assert_close(found[0][0], found[1][0], **CLOSE)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-4)
    assert found[0][1].abs().amax(dim=(1, 2)).min() > 0


def test_a_prompt_of_words_is_those_words(causal: Backbone) -> None:
    """So prompt rows enter as the embedding module gives words: with Gemma's factor, where its weights lack it."""
    batch, first = make_batch(causal), torch.tensor([[7, 12, 9]])
    found = ours(causal, batch, causal.words(first)[0], Placement())
    ids = torch.cat([first.expand(3, -1), batch.ids], dim=1)
    mask = torch.cat([torch.ones(3, 3, dtype=torch.long), batch.mask.long()], dim=1)
    stock = causal.base(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state[:, 3:]
    torch.testing.assert_close(found[batch.mask], stock[batch.mask], **CLOSE)


def test_gemma_scales_words_inside_its_embedding_module_and_prompts_not_at_all() -> None:
    gemma, ids = make_tiny("gemma3"), torch.tensor([[7, 12, 9]])
    torch.testing.assert_close(gemma.words(ids), gemma.word_embeddings.weight[ids] * 32**0.5)
    assert not torch.allclose(gemma.words(ids), gemma.word_embeddings.weight[ids])
    batch, prompt = make_batch(gemma), prompt_of(gemma)
    gemma.savings = Savings(share_prompt=False)
    torch.testing.assert_close(gemma.embed(batch, prompt).hidden[0, :4], prompt)


# --- whom local blocks see --------------------------------------------------------------------------------------------
def literal_masks(backbone: Backbone, n_rows: int, n_prompt: int, everywhere: bool) -> dict[str, Tensor]:
    """Who sees whom, spelled out; right padding is behind every real row, so it needs no mask of its own."""
    full, near = (torch.zeros(1, 1, n_rows, n_rows, dtype=torch.bool) for _ in range(2))
    for query in range(n_rows):
        for key in range(query + 1):
            full[..., query, key] = True
            near[..., query, key] = query - key < backbone.config.sliding_window or (everywhere and key < n_prompt)
    return {"full_attention": full, "sliding_attention": near}


@pytest.mark.parametrize("k", range(4))
@pytest.mark.parametrize("seen", ["window", "everywhere"])
def test_visibility_is_a_mask_of_the_stock_blocks(local: Backbone, k: int, seen: str) -> None:
    batch, prompt = make_batch(local), prompt_of(local)
    found = ours(local, batch, prompt, Placement(entry="block", insert_after=k, visibility=seen))
    hidden, _ = joined(local, batch, prompt, k)
    masks = literal_masks(local, hidden.shape[1], 4, seen == "everywhere")
    stock = local.base.norm(rotary_rows(local, hidden, masks, k))[:, 4:]
    torch.testing.assert_close(found[batch.mask], stock[batch.mask], **CLOSE)


@pytest.mark.parametrize("seen", ["window", "everywhere"])
def test_the_whole_stock_model_takes_such_masks(local: Backbone, seen: str) -> None:
    batch, prompt = make_batch(local), prompt_of(local)
    found = local.read(local.enter(batch, prompt, Placement(visibility=seen)), every_row(local, batch))
    rows, _ = joined(local, batch, prompt)
    masks = literal_masks(local, rows.shape[1], 4, seen == "everywhere")
    given = masks if getattr(local.config, "layer_types", None) else masks["sliding_attention"]
    stock = local.model(inputs_embeds=rows, attention_mask=given, use_cache=False).logits[:, 4:]
    torch.testing.assert_close(found[batch.mask], stock[batch.mask], **CLOSE)


def test_everywhere_is_another_computation(local: Backbone) -> None:
    batch, prompt = make_batch(local), prompt_of(local)
    rows = [ours(local, batch, prompt, Placement(visibility=seen))[batch.mask] for seen in ("window", "everywhere")]
    assert not torch.allclose(*rows, atol=1e-3)


def test_who_sees_whom_token_by_token(local: Backbone) -> None:
    batch = make_batch(local)
    hidden, mask = joined(local, batch, prompt_of(local))
    stock = stock_masks(local, hidden, mask)
    at = torch.arange(4, hidden.shape[1])
    whole = State(hidden, mask, at, 0, at.expand(3, -1), is_padded=True)
    ready = local.prefill(prompt_of(local), Placement())
    behind = State(hidden[:, 4:], batch.mask, at, 0, (at - 4).expand(3, -1), is_padded=True, prefix=ready)
    for reach, kind in (("full", "full_attention"), ("local", "sliding_attention")):
        for state, rows in ((whole, slice(0, None)), (behind, slice(4, None))):
            allowed = visibility(state, reach, causal=True, window=local.stack.window)
            assert allowed is not None
            # Rows of padding may differ: nobody reads them.
            real = mask[:, None, rows].expand(-1, 1, -1)
            assert torch.equal(allowed.expand(3, -1, -1, -1)[real], stock[kind][:, :, rows][real]), reach
    assert stock["sliding_attention"][0, 0, 9].tolist() == [False] * 5 + [True] * 5 + [False] * 3


def test_blocks_are_local_where_the_stock_model_says_so(causal: Backbone) -> None:
    kinds = {"full": "full_attention", "local": "sliding_attention"}
    assert [kinds[causal.family.reach(block)] for block in causal.blocks] == kinds_of_attention(causal)


# --- positions and norms ----------------------------------------------------------------------------------------------
def test_gpt2_prompts_among_words_have_positions_and_rows_in_front_of_a_block_have_none() -> None:
    gpt2 = make_tiny("gpt2")
    batch, prompt = make_batch(gpt2), prompt_of(gpt2)
    rows, mask = joined(gpt2, batch, prompt)
    table = gpt2.base.wpe.weight
    numbers = {"words": torch.arange(13), "block": torch.tensor([0, 0, 0, 0, *range(9)])}
    for entry, positions in numbers.items():
        given = rows.clone()
        if entry == "block":
            given[:, :4] -= table[0]  # the stock model will add it
        stock = gpt2.base(
            inputs_embeds=given, attention_mask=mask.long(), position_ids=positions[None], use_cache=False
        ).last_hidden_state[:, 4:]
        found = ours(gpt2, batch, prompt, Placement(entry=entry))
        torch.testing.assert_close(found[batch.mask], stock[batch.mask], **CLOSE)


def test_the_final_norm_belongs_to_finish_and_not_to_the_rows(causal: Backbone) -> None:
    batch = make_batch(causal, (8, 8))
    raw: list[Tensor] = []
    handle = causal.blocks[-1].register_forward_hook(lambda _m, _inputs, out: raw.append(out))
    stock = causal.base(input_ids=batch.ids, use_cache=False, output_hidden_states=True)
    handle.remove()
    state = causal.run(causal.embed(batch), 0, causal.n_blocks)
    torch.testing.assert_close(state.hidden, raw[0], **CLOSE)
    for depth in (0, 2, causal.n_blocks):
        state = causal.run(causal.embed(batch), 0, depth)
        torch.testing.assert_close(causal.finish(state, every_row(causal, batch)), stock.hidden_states[-1], **CLOSE)
    assert not torch.allclose(raw[0], stock.hidden_states[-1], atol=1e-2)


# --- traps of the stock models ----------------------------------------------------------------------------------------
def test_a_mask_that_lacks_the_prompt_is_taken_by_the_stock_model_and_refused_here(causal: Backbone) -> None:
    batch, prompt = make_batch(causal, (8, 8)), prompt_of(causal)
    rows, mask = joined(causal, batch, prompt)
    right, short = (
        causal.base(inputs_embeds=rows, attention_mask=given.long()).last_hidden_state for given in (mask, batch.mask)
    )
    assert right.shape == short.shape
    assert not torch.allclose(right[:, -1], short[:, -1], atol=1e-3)
    with pytest.raises(ValueError, match="mask"):
        causal.embed(Batch(batch.ids, batch.mask[:, 1:], None, *[torch.zeros(2)] * 3, is_padded=False), prompt)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_restarted_positions_hide_the_prompt_in_the_stock_model_and_not_here(name: str) -> None:
    backbone = make_tiny(name)
    batch, prompt = make_batch(backbone, (8, 8)), prompt_of(backbone)
    rows, mask = joined(backbone, batch, prompt)
    restarted = {"position_ids": torch.tensor([[*range(4), *range(8)]]), "use_cache": False}
    alone = backbone.base(inputs_embeds=rows[:, 4:], use_cache=False).last_hidden_state
    hidden = backbone.base(inputs_embeds=rows, **restarted).last_hidden_state[:, 4:]
    torch.testing.assert_close(hidden, alone, **CLOSE)
    seen = backbone.base(inputs_embeds=rows, attention_mask=mask.long(), **restarted).last_hidden_state[:, 4:]
    assert not torch.allclose(seen, alone, atol=1e-3)
    if name == "gpt2":  # the same rows as a prompt in front of block 0, where text keeps its positions
        in_front = prompt + backbone.base.wpe.weight[:4]
        torch.testing.assert_close(ours(backbone, batch, in_front, Placement(entry="block")), seen, **CLOSE)


def test_padding_on_the_left_moves_gpt2_in_the_stock_model_and_is_refused_here() -> None:
    backbone, ids = make_tiny("gpt2"), torch.tensor([[7, 12, 9, 15]])
    padded, mask = nn.functional.pad(ids, (2, 0)), torch.tensor([[False] * 2 + [True] * 4])
    alone = backbone.base(input_ids=ids, use_cache=False).last_hidden_state[:, -1]
    moved = backbone.base(input_ids=padded, attention_mask=mask.long(), use_cache=False).last_hidden_state[:, -1]
    assert not torch.allclose(alone, moved, atol=1e-3)
    with pytest.raises(ValueError, match="left"):
        backbone.embed(Batch(padded, mask, None, *[torch.zeros(1)] * 3, is_padded=True))


# --- other configs ----------------------------------------------------------------------------------------------------
PARTS = {
    LlamaConfig: LlamaForCausalLM,
    MistralConfig: MistralForCausalLM,
    Qwen2Config: Qwen2ForCausalLM,
    Qwen3Config: Qwen3ForCausalLM,
    SmolLM3Config: SmolLM3ForCausalLM,
    Gemma3TextConfig: Gemma3ForCausalLM,
    GPT2Config: GPT2LMHeadModel,
}
KNOWN = {**SMALL, **VOCABULARY, **ENDS}
THETA = {"rope_theta": 10000.0}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
GPT2 = {**VOCABULARY, **ENDS, "n_positions": 66, "n_embd": 32, "n_layer": 4, "n_head": 4, "n_inner": 64}
FULL, SLIDING = ["full_attention"] * 4, ["sliding_attention"] * 4
VARIANTS: dict[str, PreTrainedConfig] = {
    "llama, ungrouped": LlamaConfig(**KNOWN),
    "llama, one head of keys": LlamaConfig(**KNOWN, num_key_value_heads=1, head_dim=12),
    "llama, biases": LlamaConfig(**KNOWN, **GROUPED, attention_bias=True, mlp_bias=True),
    "llama, turned as llama 3": LlamaConfig(**KNOWN, rope_parameters={"rope_type": "llama3", **THETA, **LLAMA3}),
    "llama, turned slowly": LlamaConfig(**KNOWN, rope_parameters={"rope_type": "linear", "factor": 4.0, **THETA}),
    "llama, yarn": LlamaConfig(**KNOWN, rope_parameters={"rope_type": "yarn", "factor": 4.0, **THETA}),
    "mistral, no window": MistralConfig(**KNOWN, **GROUPED, sliding_window=None),
    "mistral, a window of one row": MistralConfig(**KNOWN, **GROUPED, sliding_window=1),
    "qwen2, no window": Qwen2Config(**KNOWN, **GROUPED, **WINDOW),
    "qwen3, window and biases": Qwen3Config(
        **KNOWN, **GROUPED, **WINDOW, head_dim=8, use_sliding_window=True, max_window_layers=1, attention_bias=True
    ),
    "smollm3, no window": SmolLM3Config(**KNOWN, **GROUPED, **WINDOW),
    "gemma3, all local": Gemma3TextConfig(**KNOWN, **GROUPED, **WINDOW, head_dim=8, layer_types=SLIDING),
    "gemma3, all global": Gemma3TextConfig(**KNOWN, **GROUPED, **WINDOW, head_dim=8, layer_types=FULL),
    "gpt2, scaled by depth": GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True),
    "gpt2, unscaled": GPT2Config(**GPT2, scale_attn_weights=False),
    "gpt2, relu": GPT2Config(**GPT2, activation_function="relu"),
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Backbone:
    config = VARIANTS[request.param]
    torch.manual_seed(0)
    model = PARTS[type(config)](config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4) if parameter.ndim > 1 else parameter.add_(0.1 * torch.randn_like(parameter))
    spec = BackboneSpec(name="variant", revision="0")
    return Backbone(model, plain_tokenizer(), spec=spec, upstream="tiny/variant")


def test_variants_give_the_stock_logits_and_gradient(variant: Backbone) -> None:
    batch = make_batch(variant)
    mine, stock = (prompt_of(variant).requires_grad_() for _ in range(2))
    every = variant.read(variant.enter(batch, mine, Placement()), every_row(variant, batch))
    whole = stock_logits(variant, batch, stock)
    torch.testing.assert_close(every[batch.mask], whole[batch.mask], **CLOSE)
    answers = variant.read(variant.enter(batch, mine, Placement()), ANSWERS)
    answers.square().sum().backward()
    take_rows(whole, ANSWERS).square().sum().backward()
    torch.testing.assert_close(mine.grad, stock.grad, rtol=1e-4, atol=1e-4)


# --- refusals ---------------------------------------------------------------------------------------------------------
EXPERTS = [MixtralConfig, Qwen3MoeConfig, GptOssConfig, DeepseekV3Config]


@pytest.mark.parametrize("config", EXPERTS)
def test_experts_are_refused_before_any_weight_is_read(config: type[PreTrainedConfig], tmp_path: Path) -> None:
    config().save_pretrained(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]  # no weights to read
    with pytest.raises(InputError, match="mixture of experts") as refused:
        load_files(tmp_path, name="moe", readout="causal", dtype="float32", device="cpu")
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] in str(refused.value)
    assert "dense" in refused.value.fix


@pytest.mark.parametrize(
    ("field", "value"),
    [("final_logit_softcapping", 30.0), ("attn_logit_softcapping", 50.0), ("use_bidirectional_attention", True)],
)
def test_what_gemma_cannot_do_here_is_refused(field: str, value: float | bool, tmp_path: Path) -> None:
    Gemma3TextConfig(**{field: value}).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=field) as refused:
        load_files(tmp_path, name="capped", readout="causal", dtype="float32", device="cpu")
    assert field in refused.value.fix


def test_gemma_2_is_another_architecture() -> None:
    with pytest.raises(InputError, match="gemma2") as refused:
        family_of(Gemma2Config())
    assert "gemma3_text" in refused.value.fix


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_angles_that_depend_on_the_length_are_refused(kind: str) -> None:
    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "original_max_position_embeddings": 8}
    table = {"rope_type": kind, "factor": 2.0, **THETA, **(factors if kind == "longrope" else {})}
    per_kind = {"full_attention": table, "sliding_attention": {"rope_type": "default", **THETA}}
    for config in (LlamaConfig(**KNOWN, rope_parameters=table), Gemma3TextConfig(**KNOWN, rope_parameters=per_kind)):
        with pytest.raises(InputError, match=kind):
            family_of(config)
