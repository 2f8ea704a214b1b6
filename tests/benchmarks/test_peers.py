"""Peers compute what they claim to, and ours computes what the stock models compute."""

import pytest
import torch
from torch.nn import functional as F

from benchmarks import checks
from benchmarks.cases import LONGEST, Case, examples
from benchmarks.models import MASK, PAD, label_ids, stock
from benchmarks.peers import expert, su2022, trainer
from benchmarks.peers.peft_model import IGNORED, columns

pytestmark = pytest.mark.filterwarnings("ignore")
FAMILIES = ("tiny-roberta", "tiny-gpt2", "tiny-llama", "tiny-t5")


def small(model: str) -> Case:
    return Case(model, prompt=4, batch=2, steps=1, pool=32)


@pytest.mark.parametrize("model", FAMILIES)
def test_ours_is_the_stock_computation(model: str) -> None:
    assert checks.equality(small(model))().more["logits"] <= checks.LOGITS


def test_a_difference_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = checks.plain
    monkeypatch.setattr(checks, "plain", lambda *args: plain(*args) * 1.01)
    with pytest.raises(AssertionError, match="not the stock computation"):
        checks.equality(small("tiny-roberta"))()


@pytest.mark.slow
@pytest.mark.parametrize("model", FAMILIES)
def test_peers_train(model: str) -> None:
    case = small(model)
    for job in (
        trainer.training(case, padding="dynamic"),
        expert.training(case, dtype="float32"),
        expert.training(case, dtype="bfloat16"),
    ):
        turn = job()
        assert turn.units == case.batch
        assert turn.cpu_s > 0


def test_peers_predict() -> None:
    assert trainer.prediction(small("tiny-gpt2"), padding="dynamic")().units == 2
    assert su2022.evaluation(small("tiny-roberta"))().units == 8


def test_causal_columns_teach_the_label_word_alone() -> None:
    encoded = examples(small("tiny-gpt2"))
    batch = columns(encoded, encoded.lengths.argsort()[:2], "CAUSAL_LM", "fixed")
    assert batch["input_ids"].shape[1] == LONGEST
    taught = batch["labels"] != IGNORED
    assert taught.sum(1).tolist() == [1, 1]
    assert set(batch["labels"][taught].tolist()) <= set(label_ids())
    assert (batch["input_ids"][taught] == batch["labels"][taught]).all()
    assert (batch["attention_mask"].sum(1) == taught.long().argmax(1) + 1).all()


def test_the_published_loop_reads_position_0_and_computes_all_gradients() -> None:
    case = small("tiny-roberta")
    model = su2022.PublishedPrompt(case).eval()
    ids = torch.full((2, su2022.N_SPECIAL + LONGEST), 40)
    mask = torch.ones_like(ids, dtype=torch.bool)
    ids[:, 9:], mask[:, 9:] = PAD, False
    scores = model(ids, mask)
    F.cross_entropy(scores, torch.tensor([0, 1])).backward()
    assert all(parameter.grad is not None for parameter in model.model.roberta.encoder.parameters())
    assert model.prompt.grad is not None
    assert not model.prompt.grad[0].any()  # the mask stands in its place
    shown = model.model.get_input_embeddings()(torch.tensor([[MASK]]))
    seen: list[torch.Tensor] = []
    hook = model.model.roberta.encoder.layer[0].register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    model(ids, mask)
    hook.remove()
    expected = model.model.roberta.embeddings.LayerNorm(
        shown + model.model.roberta.embeddings.token_type_embeddings(torch.tensor([0]))
    )
    torch.testing.assert_close(seen[0][:1, :1], expected)


def test_pads_change_nothing_in_the_published_loop() -> None:
    case = small("tiny-roberta")
    model = su2022.PublishedPrompt(case).eval()
    ids = torch.full((1, su2022.N_SPECIAL + LONGEST), 40)
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[:, 9:] = False
    other = ids.clone()
    other[:, 9:] = 77
    torch.testing.assert_close(model(ids, mask), model(other, mask))


def test_random_models_are_the_same_every_time() -> None:
    first, second = (stock("tiny-t5").get_input_embeddings().weight for _ in range(2))
    assert torch.equal(first, second)
