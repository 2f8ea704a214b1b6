"""Every way to tune trains what it says and nothing else, and its rows say what they should."""

import pytest
import torch
from torch import nn

from benchmarks import efficiency
from benchmarks.cases import Case, examples
from benchmarks.harness import Session, Settings
from benchmarks.models import dimensions, label_ids
from benchmarks.peers.expert import loop
from benchmarks.peers.peft_model import columns
from benchmarks.peers.tuned import ADDED, FEATURES, RANK, LabelWords, Method, tuned

pytestmark = pytest.mark.filterwarnings("ignore")
CASE = Case("tiny-roberta", prompt=3, batch=2, steps=2, pool=32)
BLOCKS, WIDTH, FFN = 4, 128, 512
BIASES = BLOCKS * (4 * WIDTH + FFN + WIDTH + 2 * WIDTH) + WIDTH  # the embeddings have a norm too
TRAINED: dict[Method, int] = {
    "lora": BLOCKS * 2 * 2 * RANK * WIDTH,  # queries and values
    "prefix": BLOCKS * 2 * CASE.prompt * WIDTH,
    "ia3": BLOCKS * (3 * WIDTH + FFN),  # keys, values, and what enters the two maps back to a row
    "biases": BIASES,
}


def batch() -> dict[str, torch.Tensor]:
    encoded = examples(CASE)
    return columns(encoded, encoded.lengths.argsort()[[3, -3]], FEATURES, "dynamic")  # one of the two is padded


@pytest.mark.parametrize("method", ["all", *TRAINED])
def test_all_that_should_learn_does_and_nothing_else(method: Method) -> None:
    model = tuned(CASE, method)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    turn = loop(CASE, model, FEATURES)()
    learned = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == learned
    assert turn.more["parameters"] == TRAINED.get(method, sum(p.numel() for p in model.parameters()))
    model(**batch())["loss"].backward()
    # A bias of all keys changes no attention: its gradient is zero.
    idle = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.any()]
    assert all(p.grad is not None for name, p in model.named_parameters() if name in learned)
    assert not [name for name in idle if not name.endswith("key.bias")]


@pytest.mark.parametrize("method", ["all", *TRAINED])
def test_label_words_alone_score_as_the_whole_stock_model_does(method: Method) -> None:
    model, given = tuned(CASE, method).eval(), batch()
    logits = model(**given)["logits"]
    if method in ADDED:  # what PEFT adds starts as nothing, but for a prefix
        assert (torch.allclose(logits, stock_logits(tuned(CASE, "all").eval()), atol=1e-5)) == (method != "prefix")
    else:
        torch.testing.assert_close(logits, stock_logits(model), rtol=0, atol=1e-5)


def stock_logits(model: LabelWords) -> torch.Tensor:
    given = batch()
    everywhere = model.model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits
    return everywhere[torch.arange(2), given["answer"]][:, label_ids()]


def test_every_block_reads_keys_and_values_of_a_prefix_and_pads_change_nothing() -> None:
    model, given = tuned(CASE, "prefix").eval(), batch()
    (prefix,) = [p for p in model.parameters() if p.requires_grad]
    logits = model(**given)["logits"]
    (gradient,) = torch.autograd.grad(logits.square().sum(), prefix)
    assert (gradient.view(CASE.prompt, BLOCKS * 2, WIDTH).abs().sum(-1) > 0).all()
    longer = {**given, "input_ids": nn.functional.pad(given["input_ids"], (0, 4), value=77)}
    longer["attention_mask"] = nn.functional.pad(given["attention_mask"], (0, 4))
    torch.testing.assert_close(model(**longer)["logits"], logits)


class Idle(nn.Module):
    """Loses the same whatever it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, **_: object) -> dict[str, torch.Tensor]:
        return {"loss": (0 * self.weight).sum()}


def test_a_loop_that_learns_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is learned"):
        loop(CASE, Idle(), FEATURES)()


def test_a_generator_has_the_papers_size_and_is_what_learns() -> None:
    width = dimensions(efficiency.CASE.model).width
    assert efficiency.GENERATOR.n_parameters(efficiency.CASE.prompt, width) == 791_680
    job = next(v for v in efficiency.our_training(CASE) if v.name == efficiency.MADE)
    turn = job.make(**job.options)()
    assert turn.more["parameters"] == efficiency.GENERATOR.n_parameters(CASE.prompt, WIDTH)


def test_one_row_per_method_and_quantity(here: list[str]) -> None:
    session = Session("efficiency", Settings(quick=True, rounds=1))
    efficiency.run(session)
    assert session.finish()
    assert len(here) == 9
    assert {row["peer_name"] for row in session.rows} == {efficiency.FULL}
    by_unit = {unit: [row for row in session.rows if row["unit"] == unit] for unit in (r["unit"] for r in session.rows)}
    assert [len(rows) for rows in by_unit.values()] == [8, 8, 8, 4]
    assert all(row["ours"] > 0 for row in session.rows)
    assert {row["ours_name"]: row["ratio"] for row in by_unit["GFLOP per example, by formula"]}[efficiency.KEPT] < 0.5
