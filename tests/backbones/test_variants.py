"""Configs of DeBERTa and ModernBERT beyond the tiny ones, each against its own stock model; and those refused."""

import pytest
import torch
from backbones.stock import LOOPS, every_row, make_batch, prompt_of, stock_forward, stock_logits
from tiny import SMALL, TABLE, VOCABULARY, make_tiny, toy_tokenizer
from transformers import DebertaV2Config, DebertaV2ForMaskedLM, ModernBertConfig, ModernBertForMaskedLM

from transferkit.backbones import Backbone, family_of
from transferkit.backbones.state import take_rows
from transferkit.errors import InputError
from transferkit.specs import BackboneSpec, Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
RELATIVE = {"relative_attention": True, "pos_att_type": "p2c|c2p"}
FULL, LOCAL = "full_attention", "sliding_attention"
BIASES = {name: True for name in ("attention_bias", "mlp_bias", "norm_bias", "classifier_bias")}
VARIANTS = {
    "contents ask distances": {**RELATIVE, "pos_att_type": "c2p"},
    "distances ask contents": {**RELATIVE, "pos_att_type": "p2c"},
    "distances not compared": {**RELATIVE, "pos_att_type": None},
    "no distances": {"relative_attention": False, "pos_att_type": "p2c|c2p"},
    "shared maps, no buckets": {**RELATIVE, "share_att_key": True, "max_relative_positions": 3},
    "own maps, buckets, norm": {**RELATIVE, "position_buckets": 4, "norm_rel_ebd": "layer_norm", "legacy": False},
    "biases": {**BIASES, "local_attention": 8, "decoder_bias": False},
    "global every third": {"global_attn_every_n_layers": 3, "local_attention": 5},
    "all global": {"layer_types": [FULL] * 4},
    "all local": {"layer_types": [LOCAL] * 4, "local_attention": 4},
}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Backbone:
    torch.manual_seed(0)
    options = VARIANTS[request.param]
    if "relative_attention" in options:
        model = DebertaV2ForMaskedLM(DebertaV2Config(**SMALL, **VOCABULARY, **TABLE, **options))
    else:
        ends = {f"{end}_token_id": 2 for end in ("bos", "eos", "cls", "sep")}
        model = ModernBertForMaskedLM(ModernBertConfig(**SMALL, **VOCABULARY, **ends, **options))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4) if parameter.ndim > 1 else parameter.add_(0.1 * torch.randn_like(parameter))
    tokenizer = toy_tokenizer(types=False)
    return Backbone(model, tokenizer, spec=BackboneSpec(name="variant", revision="0"), upstream="tiny/variant")


def test_logits_and_gradient_are_the_stock_models(variant: Backbone) -> None:
    batch, rows = make_batch(variant), torch.tensor([[3], [2], [0]])
    ours, stock = (prompt_of(variant).requires_grad_() for _ in range(2))
    every = variant.read(variant.enter(batch, ours, Placement()), every_row(variant, batch))
    whole = stock_logits(variant, batch, stock)
    torch.testing.assert_close(every[batch.mask], whole[batch.mask], **CLOSE)
    answers = variant.read(variant.enter(batch, ours, Placement()), rows)
    torch.testing.assert_close(answers, take_rows(whole, rows), **CLOSE)
    answers.square().sum().backward()
    take_rows(whole, rows).square().sum().backward()
    torch.testing.assert_close(ours.grad, stock.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("k", range(4))
def test_late_prompts_meet_masks_and_distances_of_the_longer_rows(variant: Backbone, k: int) -> None:
    batch, prompt = make_batch(variant), prompt_of(variant)
    state = variant.run(variant.enter(batch, prompt, Placement(entry="block", insert_after=k)), k, 4)
    hidden = variant.run(variant.embed(batch), 0, k).hidden
    mask = torch.cat([torch.ones(3, 4, dtype=torch.bool), batch.mask], dim=1)
    literal = LOOPS[variant.config.model_type](variant, torch.cat([prompt.expand(3, -1, -1), hidden], 1), mask, k)
    torch.testing.assert_close(state.hidden[mask], literal[mask], **CLOSE)


@pytest.mark.parametrize(("name", "gives_tuple"), [("deberta-v3", True), ("modernbert", False)])
def test_blocks_give_the_rows_of_every_example_whatever_the_stock_block_returns(name: str, gives_tuple: bool) -> None:
    """An old hook's `output[0]` takes the rows from a DeBERTa, but the first example from a ModernBERT."""
    backbone = make_tiny(name)
    batch = make_batch(backbone)
    seen: list[object] = []
    handle = backbone.blocks[-1].register_forward_hook(lambda _m, _inputs, out: seen.append(out))
    stock_forward(backbone, batch, backbone.base)
    handle.remove()
    assert isinstance(seen[0], tuple) == gives_tuple
    rows = seen[0][0] if gives_tuple else seen[0]
    found = backbone.run(backbone.embed(batch), 0, 4).hidden
    torch.testing.assert_close(found[batch.mask], rows[batch.mask], **CLOSE)


def test_distances_hold_any_number_of_rows() -> None:
    backbone = make_tiny("deberta-v3")
    batch, prompt = make_batch(backbone, (90,)), prompt_of(backbone, 10)
    assert backbone.capacity is None
    assert backbone.config.max_position_embeddings < 90
    found = backbone.read(backbone.embed(batch, prompt), every_row(backbone, batch))
    torch.testing.assert_close(found, stock_logits(backbone, batch, prompt), **CLOSE)


def test_one_row_alone_meets_itself(variant: Backbone) -> None:
    batch = make_batch(variant, (1, 1))
    found = variant.read(variant.embed(batch), every_row(variant, batch))
    torch.testing.assert_close(found, stock_logits(variant, batch), **CLOSE)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"conv_kernel_size": 3}, "conv_kernel_size = 3"), ({"embedding_size": 16}, "embedding_size = 16")],
)
def test_what_deberta_cannot_do_is_refused_with_field_value_and_alternative(options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        family_of(DebertaV2Config(**SMALL, **VOCABULARY, **RELATIVE, **options))
    assert "microsoft/deberta-v3" in refused.value.fix
