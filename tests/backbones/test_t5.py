"""T5 beyond what every family is tested for: both stacks block by block, decoder prompts, unformed keys, tied heads."""

import copy
import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from backbones.stock import LENGTHS, every_row, make_batch, prompt_of, stock_inputs, stock_logits
from safetensors.torch import load_file, save_file
from tiny import SEQ2SEQ, make_tiny
from torch import Tensor, nn
from transformers import T5EncoderModel
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutput

from transferkit.backbones import Backbone, Savings, family_of
from transferkit.backbones.state import take_rows
from transferkit.batches import Batch
from transferkit.errors import InputError
from transferkit.specs import Placement

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(params=SEQ2SEQ)
def t5(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


def memory_of(backbone: Backbone, batch: Batch) -> Tensor:
    return backbone.base.encoder(**stock_inputs(backbone, batch, None, ids=True)).last_hidden_state


def causal(backbone: Backbone, rows: Tensor) -> tuple[Tensor | None, Tensor]:
    """Mask and position bias of the stock decoder for this many rows."""
    decoder = backbone.base.decoder
    known = {"inputs_embeds": rows, "attention_mask": None, "past_key_values": None}
    mask = create_causal_mask(config=decoder.config, **known)
    return mask, decoder.block[0].layer[0].SelfAttention.compute_bias(rows.shape[1], rows.shape[1])


@pytest.mark.parametrize("lengths", [LENGTHS, (8, 8)])
def test_both_stacks_equal_the_stock_ones_block_by_block(t5: Backbone, lengths: tuple[int, ...]) -> None:
    batch = make_batch(t5, lengths)
    inputs = stock_inputs(t5, batch, None, ids=True)
    stock = copy.deepcopy(t5.model)(**inputs, decoder_input_ids=batch.decoder_ids, output_hidden_states=True)
    n_encoder = t5.stack.n_encoder
    for k in range(n_encoder):
        found = t5.run(t5.embed(batch), 0, k).hidden
        torch.testing.assert_close(found[batch.mask], stock.encoder_hidden_states[k][batch.mask], **CLOSE)
    for k in range(n_encoder + 1, t5.n_blocks):
        found = t5.run(t5.embed(batch), 0, k).hidden
        torch.testing.assert_close(found, stock.decoder_hidden_states[k - n_encoder], **CLOSE)


def test_a_prompt_in_front_of_the_decoder_is_what_the_stock_decoder_reads(t5: Backbone) -> None:
    batch, prompt = make_batch(t5), prompt_of(t5)
    state = t5.enter(batch, prompt, Placement(entry="block", insert_after=t5.stack.n_encoder))
    rows = torch.cat([prompt.expand(len(batch.ids), -1, -1), t5.words(batch.decoder_ids)], dim=1)
    stock = t5.model(
        encoder_outputs=BaseModelOutput(last_hidden_state=memory_of(t5, batch)),
        attention_mask=batch.mask.long(),
        decoder_inputs_embeds=rows,
        use_cache=False,
    )
    torch.testing.assert_close(t5.read(state, every_row(t5, batch)), stock.logits[:, 4:], **CLOSE)


@pytest.mark.parametrize("lengths", [LENGTHS, (8, 8)])
def test_a_prompt_after_any_decoder_block_equals_a_literal_loop(t5: Backbone, lengths: tuple[int, ...]) -> None:
    """The bias of blocks behind the prompt is that of the longer sequence; none of them owns a table."""
    batch, prompt = make_batch(t5, lengths), prompt_of(t5)
    decoder, n_encoder = t5.base.decoder, t5.stack.n_encoder
    seen = torch.zeros(batch.mask.shape).masked_fill(~batch.mask, torch.finfo(torch.float32).min)[:, None, None]
    given = {"encoder_hidden_states": memory_of(t5, batch), "encoder_attention_mask": seen}
    for k in range(t5.n_blocks - n_encoder):
        state = t5.enter(batch, prompt, Placement(entry="block", insert_after=n_encoder + k))
        found = t5.run(state, n_encoder + k, t5.n_blocks)

        rows = t5.words(batch.decoder_ids)
        for block in decoder.block[:k]:
            rows = block(rows, *causal(t5, rows), **given)[0]
        rows = torch.cat([prompt.expand(len(rows), -1, -1), rows], dim=1)
        for block in decoder.block[k:]:
            rows = block(rows, *causal(t5, rows), **given)[0]
        torch.testing.assert_close(found.hidden, rows, **CLOSE)


def test_bias_tables_of_both_stacks_matter(t5: Backbone) -> None:
    batch = make_batch(t5)
    before = t5.read(t5.embed(batch), every_row(t5, batch))
    for stack in (t5.base.encoder, t5.base.decoder):
        table = stack.block[0].layer[0].SelfAttention.relative_attention_bias
        kept = table.weight.clone()
        table.weight.zero_()
        assert (t5.read(t5.embed(batch), every_row(t5, batch)) - before).abs().max() > 1e-2
        table.weight.copy_(kept)


@pytest.mark.parametrize("lengths", [LENGTHS, (9, 9, 9)])
@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("insert_after", [0, -1])
def test_unformed_keys_change_nothing_but_the_work(
    t5: Backbone, lengths: tuple[int, ...], n_rows: int, insert_after: int
) -> None:
    batch, prompt = make_batch(t5, lengths), prompt_of(t5).requires_grad_()
    batch = dataclasses.replace(batch, decoder_ids=batch.decoder_ids[:, :n_rows])
    placement = Placement(entry="block", insert_after=insert_after % t5.n_blocks)
    formed: list[int] = []
    for block in t5.base.decoder.block:
        block.layer[1].EncDecAttention.k.register_forward_hook(lambda *_: formed.append(1))
    found, gradients, calls = [], [], []
    for absorb in (True, False):
        t5.savings = Savings(absorb=absorb)
        formed.clear()
        found.append(t5.read(t5.enter(batch, prompt, placement), every_row(t5, batch)))
        gradients.append(torch.autograd.grad(found[-1].square().sum(), prompt)[0])
        calls.append(len(formed))
    assert calls == [0, len(t5.base.decoder.block)]
    torch.testing.assert_close(*found, **CLOSE)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_an_answer_starts_alone_unless_tokens_are_given(t5: Backbone) -> None:
    batch, zero = make_batch(t5), torch.zeros(3, 1, dtype=torch.long)
    alone = dataclasses.replace(batch, decoder_ids=None)
    first = stock_logits(t5, batch)[:, :1]
    torch.testing.assert_close(t5.read(t5.embed(alone), zero), first, **CLOSE)


def test_dropout_modules_are_called_as_often_as_in_the_stock_model(t5: Backbone) -> None:
    """The stock model drops behind both embeddings and both final norms, too."""
    batch = make_batch(t5)
    called: Counter[str] = Counter()
    for name, module in t5.model.named_modules():
        if isinstance(module, nn.Dropout):
            where = name.replace("encoder", "").replace("decoder", "")  # of one probability
            module.register_forward_hook(lambda *_, where=where: called.update([where]))
    with t5.dropout(on=True):
        stock_logits(t5, batch)
        expected = called.copy()
        called.clear()
        t5.read(t5.embed(batch), every_row(t5, batch))
    assert called == expected


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_a_head_survives_being_saved_and_loaded(name: str, tmp_path: Path) -> None:
    """Version 1.1 and mT5 have heads of their own, though loaded configs say that all are tied."""
    t5 = make_tiny(name)
    for round_trip in ("once", "twice"):
        t5.model.save_pretrained(tmp_path / round_trip)
        t5.tokenizer.save_pretrained(tmp_path / round_trip)
        loaded = Backbone.load(str(tmp_path / round_trip), device="cpu")
        assert (loaded.kind, loaded.n_blocks) == ("encoder-decoder", t5.n_blocks)
        tied = loaded.model.lm_head.weight is loaded.model.shared.weight
        assert tied == (name == "t5")
        batch = make_batch(t5)
        torch.testing.assert_close(
            loaded.read(loaded.embed(batch), every_row(t5, batch)), stock_logits(t5, batch), **CLOSE
        )
        torch.testing.assert_close(stock_logits(loaded, batch), stock_logits(t5, batch), **CLOSE)
        t5 = loaded


def test_the_head_is_scaled_only_where_the_config_says(tmp_path: Path) -> None:
    for name, factor in (("t5", 32**-0.5), ("t5-v1.1", 1.0), ("mt5", 1.0)):
        t5 = make_tiny(name)
        rows = torch.randn(1, 2, 32)
        torch.testing.assert_close(t5.head(rows), factor * rows @ t5.model.lm_head.weight.T, **CLOSE)


@pytest.mark.parametrize("lost", ["lm_head.weight", "shared.weight"])
def test_half_of_an_untied_pair_of_tables_is_refused(lost: str, tmp_path: Path) -> None:
    """The library ties such a model without a word, and its answers are empty."""
    t5 = make_tiny("t5-v1.1")
    t5.model.save_pretrained(tmp_path)
    t5.tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    assert Backbone.load(str(tmp_path), device="cpu").config.scale_decoder_outputs is False
    weights = load_file(tmp_path / "model.safetensors")
    save_file({k: w for k, w in weights.items() if k != lost}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="one table"):
        Backbone.load(str(tmp_path), device="cpu")


def test_what_cannot_answer_is_refused(tmp_path: Path) -> None:
    t5 = make_tiny("t5")
    t5.model.save_pretrained(tmp_path)
    t5.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="encoder-decoder"):
        Backbone.load(str(tmp_path), readout="embedding", device="cpu")
    alone = T5EncoderModel(copy.deepcopy(t5.config))
    with pytest.raises(InputError, match="encoder alone"):
        Backbone(alone, t5.tokenizer, spec=t5.spec, upstream="x")
    startless = copy.deepcopy(t5.config)
    startless.decoder_start_token_id = None
    with pytest.raises(InputError, match="decoder_start_token_id"):
        family_of(startless)


def test_late_decoder_rows_are_found_behind_the_prompt(t5: Backbone) -> None:
    batch, prompt = make_batch(t5), prompt_of(t5)
    state = t5.enter(batch, prompt, Placement(entry="block", insert_after=t5.n_blocks - 1))
    last = t5.run(state, t5.n_blocks - 1, t5.n_blocks)
    rows = torch.tensor([[3], [0], [1]])
    whole = t5.family.final(t5.base, take_rows(last.hidden, rows + len(prompt)), False)
    torch.testing.assert_close(t5.finish(state, rows), whole, **CLOSE)
