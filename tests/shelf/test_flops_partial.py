"""What a prompt's step costs on whole and partial backbones: Huang et al.'s numbers, and what torch counts."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import MODELS, SEQ2SEQ, TINY
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from transferkit import flops
from transferkit.flops import Convention, Cost, Kept

TEXT, PROMPT = 492, 20
STEPS = (0.2, 0.2, 0.2)  # of each stage; the whole model has the rest
METHODS = ("LD", "FR", "CR")
TASKS = {5: 2, 200: 2, 512: 1}  # how many of the five have answers of so many rows, as the paper counted them
PRINTED = Path(__file__).parents[2] / "analyses" / "reference" / "fpt2022_tables.csv"


def t5(width: int, ffn: int) -> dict[str, object]:
    sizes = {"d_model": width, "d_ff": ffn, "d_kv": 64, "num_heads": width // 64, "num_layers": 24, "vocab_size": 32128}
    return {"model_type": "t5", "is_encoder_decoder": True, "feed_forward_proj": "gated-gelu", **sizes}


MODEL = {"t5-large": t5(1024, 2816), "t5-xl": t5(2048, 5120)}


def stage_cost(name: str, answer: int, method: str = "PT", *, stage: int = 4, convention: Convention = "all") -> Cost:
    """Stage 1, 2 or 3 has so many quarters of blocks, of their width, or of both; classifiers keep their decoder."""
    full = flops.whole(MODEL[name])
    width = full.encoder[0] * (stage if method in ("FR", "CR") else 4) // 4
    part = (width,) * (6 * stage if method in ("LD", "CR") else 24)
    kept = Kept(part, full.decoder if answer <= 10 else part)
    return flops.prompt_cost(MODEL[name], TEXT, PROMPT, answer=answer, kept=kept, convention=convention)


def forward_shares(name: str, answer: int) -> list[float]:
    """The paper's column: attention and backward are not in it."""
    full = stage_cost(name, answer, convention="ptflops").forward
    stages = [(method, stage) for method in METHODS for stage in (1, 2, 3)]
    return [100 * stage_cost(name, answer, m, stage=s, convention="ptflops").forward / full for m, s in stages]


def task_means(name: str) -> list[float]:
    columns = zip(*(forward_shares(name, answer) for answer in TASKS for _ in range(TASKS[answer])), strict=True)
    return [sum(column) / 5 for column in columns]


def by_method(shares: list[float]) -> list[float]:
    return [flops.schedule_share(STEPS, shares[i : i + 3], 100) * 100 for i in (0, 3, 6)]


# --- the paper's numbers ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "answer", "maps", "attention"),
    [
        ("t5-large", 5, 185_567_412_224, 13_011_959_808),
        ("t5-large", 200, 261_912_264_704, 19_884_146_688),
        ("t5-large", 512, 384_064_028_672, 38_654_705_664),
        ("t5-xl", 5, 702_908_465_152, 26_023_919_616),
    ],
)
def test_multiply_adds_of_the_whole_model(name: str, answer: int, maps: int, attention: int) -> None:
    seen, whole = stage_cost(name, answer, convention="ptflops"), stage_cost(name, answer)
    assert (seen.forward, seen.backward) == (2 * maps, 0)
    assert whole == Cost(2 * (maps + attention), 2 * (maps + 2 * attention))
    assert whole.total == 2 * (2 * maps + 3 * attention)


@pytest.mark.parametrize(
    ("answer", "shares"),
    [
        (5, "36.21 57.47 78.74 57.04 71.36 85.68 25.47 43.15 67.99"),
        (200, "26.88 51.26 75.63 57.67 71.78 85.89 16.30 37.15 65.05"),
        (512, "28.29 52.19 76.10 58.48 72.32 86.16 17.91 38.35 65.72"),
    ],
)
def test_shares_as_the_paper_counts(answer: int, shares: str) -> None:
    assert [f"{share:.2f}" for share in forward_shares("t5-large", answer)] == shares.split()


def test_means_over_the_tasks_are_the_paper_s() -> None:
    means = task_means("t5-large")
    assert [f"{share:.1f}" for share in means] == "30.9 53.9 77.0 57.6 71.7 85.9 20.3 39.8 66.4".split()
    table = pd.read_csv(PRINTED).query("table == 1 and metric == 'flops_percent' and method != 'PT'")
    # One row, 30 for 30.9, is not rounded as the others are.
    assert list(table["value"] - [round(mean) for mean in means]) == [-1, *[0] * 8]


def test_schedules_are_the_paper_s_on_large_and_in_one_row_on_xl() -> None:
    printed = pd.read_csv(PRINTED).query("table == 2 and metric == 'flops_percent'").set_index(["backbone", "method"])
    found = {name: by_method(task_means(name)) for name in MODEL}
    assert [f"{total:.1f}" for total in found["t5-large"]] == ["72.4", "83.0", "65.3"]
    assert [f"{total:.1f}" for total in found["t5-xl"]] == ["72.2", "83.6", "65.3"]
    rows = [(name, method) for name in MODEL for method in METHODS]
    off = {row: found[row[0]][METHODS.index(row[1])] - printed.loc[row, "value"] for row in rows}
    # These two do not follow from the schedule that was released.
    assert {row for row, by in off.items() if abs(by) > 1} == {("t5-xl", "LD"), ("t5-xl", "CR")}


@pytest.mark.parametrize(
    ("name", "answer", "gflop", "shares", "totals"),
    [
        ("t5-large", 10, 829, "35.9 57.3 78.6 61.5 74.4 87.2 26.3 44.4 69.0", "74.4 84.6 67.9"),
        ("t5-large", 200, 1167, "26.7 51.1 75.6 62.0 74.7 87.3 17.2 38.5 66.1", "70.7 84.8 64.3"),
        ("t5-large", 512, 1768, "27.9 51.9 76.0 63.9 76.0 88.0 18.8 39.9 66.9", "71.1 85.6 65.1"),
        ("t5-xl", 10, 2998, "36.8 57.9 78.9 61.3 74.2 87.1 27.1 45.0 69.3", "74.7 84.5 68.3"),
        ("t5-xl", 200, 4162, "25.9 50.6 75.3 61.2 74.2 87.1 16.3 37.7 65.6", "70.4 84.5 63.9"),
        ("t5-xl", 512, 6165, "26.6 51.1 75.5 62.4 74.9 87.5 17.2 38.6 66.1", "70.7 85.0 64.4"),
    ],
)
def test_training_with_attention(name: str, answer: int, gflop: int, shares: str, totals: str) -> None:
    full = stage_cost(name, answer).total
    found = [100 * stage_cost(name, answer, m, stage=s).total / full for m in METHODS for s in (1, 2, 3)]
    assert full / 1e9 == pytest.approx(gflop, abs=0.5)
    assert found == pytest.approx([float(share) for share in shares.split()], abs=0.1)
    assert by_method(found) == pytest.approx([float(total) for total in totals.split()], abs=0.1)


def test_training_of_a_classifier_to_the_last_digit() -> None:
    assert [f"{stage_cost(name, 10).total / 1e9:.3f}" for name in MODEL] == ["828.949", "2997.827"]


def test_the_printed_tables_add_up() -> None:
    frame = pd.read_csv(PRINTED, keep_default_na=False)
    assert len(frame) == 10 * 9 - 1 + 8 * 9 - 2
    row = ["table", "backbone", "method", "encoder_blocks", "ffn"]
    metrics = frame[frame["task"] == "all"].pivot(index=row, columns="metric", values="value")
    means = frame[frame["task"] != "all"].groupby(row)["value"].mean()
    assert metrics["average"].to_numpy() == pytest.approx(means.loc[metrics.index].to_numpy(), abs=0.01)
    (whole,) = metrics.xs((1, "PT"), level=("table", "method"))["average"]
    lost = metrics["delta"].dropna()
    assert len(lost) == 9
    assert lost.to_numpy() == pytest.approx(metrics.loc[lost.index, "average"].to_numpy() - whole, abs=0.01)


# --- what torch counts -----------------------------------------------------------------------------------------------
EXAMPLES, WORDS, ROWS, ANSWER = 2, 19, 24, 7  # of the rows, all but the words are the prompt's


def counted(model: PreTrainedModel) -> Cost:
    """What torch counts of an example of a stock model: its rows need gradients, and its weights do not.

    Fused kernels of attention are unseen on a CPU, and elsewhere form the scores once more on the way back, a fifth
    product. The plain one keeps them, so that nothing needs to be taken away.
    """
    model.requires_grad_(requires_grad=False)
    width = model.get_input_embeddings().embedding_dim
    inputs = {"inputs_embeds": torch.randn(EXAMPLES, ROWS, width, requires_grad=True)}
    if model.config.is_encoder_decoder:
        inputs["decoder_inputs_embeds"] = torch.randn(EXAMPLES, ANSWER, width, requires_grad=True)
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forth:
            loss = model(**inputs).logits.sum()
        with FlopCounterMode(display=False) as back:
            loss.backward()
    return Cost(forth.get_total_flops() / EXAMPLES, back.get_total_flops() / EXAMPLES)


def formula(model: PreTrainedModel, kept: Kept | None = None) -> Cost:
    config = model.config.to_dict()
    return flops.prompt_cost(config, WORDS, ROWS - WORDS, answer=ANSWER, read=ROWS, kept=kept)


@pytest.mark.parametrize("name", TINY)
def test_stock_models_of_all_families_cost_as_much(name: str) -> None:
    model = MODELS[name]()[0]
    found, expected = counted(model), formula(model)
    if name.startswith("deberta"):  # its table of positions is projected twice in every block, once for all examples
        of, table = (
            flops.Dimensions.from_config(model.config.to_dict()),
            len(model.deberta.encoder.rel_embeddings.weight),
        )
        expected += Cost(of.n_blocks * 2 * 2 * table * of.width * of.inner / EXAMPLES, 0)
    assert found == expected


@pytest.mark.parametrize(
    ("name", "sizes", "kept"),
    [
        ("bert", {"num_hidden_layers": 2, "intermediate_size": 40}, Kept((40, 40))),
        ("distilbert", {"n_layers": 3, "hidden_dim": 24}, Kept((24, 24, 24))),
        ("gpt2", {"n_layer": 1, "n_inner": 48}, Kept((48,))),
        ("llama", {"num_hidden_layers": 2, "intermediate_size": 40}, Kept((40, 40))),
        ("t5", {"num_layers": 1, "num_decoder_layers": 2, "d_ff": 40}, Kept((40,), (40, 40))),
    ],
)
def test_smaller_stock_models_cost_what_is_kept(name: str, sizes: dict[str, int], kept: Kept) -> None:
    model = MODELS[name]()[0]
    smaller = type(model)(type(model.config)(**{**model.config.to_dict(), **sizes}))
    assert counted(smaller) == formula(model, kept)


def test_blocks_of_unlike_widths_are_told_apart() -> None:
    model, kept = MODELS["t5-v1.1"]()[0], Kept((8, 64, 24), (40, 16))
    full = model.config.to_dict()
    for stack, widths in ((model.encoder, kept.encoder), (model.decoder, kept.decoder)):
        stack.block = stack.block[: len(widths)]
        for block, width in zip(stack.block, widths, strict=True):
            dense = block.layer[-1].DenseReluDense
            dense.wi_0, dense.wi_1, dense.wo = nn.Linear(32, width), nn.Linear(32, width), nn.Linear(width, 32)
    cost = flops.prompt_cost(full, WORDS, ROWS - WORDS, answer=ANSWER, kept=kept)
    assert counted(model) == cost
    assert cost != flops.prompt_cost(full, WORDS, ROWS - WORDS, answer=ANSWER, kept=Kept((24, 64, 40), (16, 8)))


# --- properties ------------------------------------------------------------------------------------------------------
CONFIGS = {name: MODELS[name]()[0].config.to_dict() for name in ("roberta", "deberta-v3", "qwen3", "t5-v1.1")}


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, object], Kept, dict[str, int]]:
    config = CONFIGS[draw(st.sampled_from(sorted(CONFIGS)))]
    widths = st.lists(st.integers(0, 99), min_size=1, max_size=4).map(tuple)
    kept = Kept(draw(widths), draw(widths) if config["is_encoder_decoder"] else ())
    counts = st.integers(0, 20)
    sizes = {"text": draw(counts), "prompt": draw(counts), "answer": draw(counts), "read": draw(counts)}
    return config, kept, sizes | {"insert_after": draw(st.integers(0, len(kept.encoder + kept.decoder) - 1))}


@settings(deadline=None, max_examples=40)
@given(case=cases(), visits=st.floats(1, 100), data=st.data())
def test_more_costs_more_and_a_later_prompt_less(case, visits: float, data: st.DataObject) -> None:
    config, kept, sizes = case
    cost = flops.prompt_cost(config, **sizes, kept=kept, visits=visits)
    place = data.draw(st.integers(0, len(kept.encoder) - 1))
    wider = (*kept.encoder[:place], kept.encoder[place] + 1, *kept.encoder[place + 1 :])
    depth, n_encoder = sizes["insert_after"], len(kept.encoder)
    larger = [Kept(wider, kept.decoder)]
    if kept.decoder:
        larger += [
            Kept(kept.encoder, (*kept.decoder[:-1], kept.decoder[-1] + 1)),
            Kept(kept.encoder, (*kept.decoder, 1)),
        ]
    if depth < n_encoder:  # otherwise one more would move where a decoder's prompt joins
        larger.append(Kept((*kept.encoder, 1), kept.decoder))
    for other in larger:
        more = flops.prompt_cost(config, **sizes, kept=other, visits=visits)
        assert more.forward >= cost.forward
        assert more.backward >= cost.backward
    if depth + 1 not in (n_encoder, n_encoder + len(kept.decoder)):  # in the other stack it meets other rows
        later = flops.prompt_cost(config, **sizes | {"insert_after": depth + 1}, kept=kept, visits=visits)
        assert later.forward <= cost.forward + 1e-6
        assert later.backward <= cost.backward
    assert flops.prompt_cost(config, **sizes, kept=kept, visits=visits + 1).total <= cost.total
    seen = flops.prompt_cost(config, **sizes, kept=kept, visits=visits, convention="ptflops")
    assert seen.forward <= cost.forward


@settings(deadline=None, max_examples=40)
@given(case=cases())
def test_many_visits_take_away_the_blocks_below(case) -> None:
    config, kept, sizes = case
    found = flops.prompt_cost(config, **sizes, kept=kept, visits=float("inf"))
    depth, n_encoder = sizes["insert_after"], len(kept.encoder)
    below = max(0, depth - n_encoder)
    left = Kept((1,), kept.decoder[below:]) if depth >= n_encoder else Kept(kept.encoder[depth:], kept.decoder)
    bare = sizes | {"insert_after": min(1, depth // n_encoder)}
    assert found == flops.prompt_cost(config, **bare, kept=left, visits=float("inf"))


@pytest.mark.parametrize("name", CONFIGS)
def test_all_at_full_width_is_the_default(name: str) -> None:
    kept = flops.whole(CONFIGS[name])
    assert len(kept.decoder) == (3 if name in SEQ2SEQ else 0)
    assert flops.prompt_cost(CONFIGS[name], 9, 5, kept=kept) == flops.prompt_cost(CONFIGS[name], 9, 5)
    no_head = flops.prompt_cost(CONFIGS[name], 9, 5, read=0).forward
    assert (no_head < flops.prompt_cost(CONFIGS[name], 9, 5).forward) == (name not in SEQ2SEQ)


@pytest.mark.parametrize(
    ("name", "kept"), [("roberta", Kept((8,), (8,))), ("t5-v1.1", Kept((8,))), ("qwen3", Kept(()))]
)
def test_blocks_of_another_kind_of_model_are_refused(name: str, kept: Kept) -> None:
    with pytest.raises(ValueError, match="are no"):
        flops.prompt_cost(CONFIGS[name], 9, 5, kept=kept)


def test_a_prompt_behind_the_last_kept_block_is_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 … 1"):
        flops.prompt_cost(CONFIGS["qwen3"], 9, 5, kept=Kept((8, 8)), insert_after=2)


def test_a_schedule_without_stages_costs_the_whole() -> None:
    assert flops.schedule_share((), (), 7.0) == 1
    assert flops.schedule_share((0.5, 0.25), (1.0, 2.0), 4.0) == 0.5
