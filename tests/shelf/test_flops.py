"""Formulas give the reference numbers of Liu et al. 2022, and what torch counts when nothing is saved."""

import numpy as np
import pytest
import torch
from tiny import make_tiny
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from transferkit import flops
from transferkit.backbones import Backbone, Savings
from transferkit.batches import Batch, Encoded
from transferkit.specs import Placement

LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 50265,
}
ROBERTA = flops.Dimensions.from_config(LARGE)
TEXT, PROMPT = 128, 5
# Blocks below the prompt; GFLOP and speedups over fine-tuning, over a prompt of 20 and over one of 5 at the input; the
# same with ten visits of kept rows, and their speedup over not keeping them, with 10 and with 250 visits.
TABLE = """
0  166.1 1.43 1.12 1.00 166.1  1.43  1.12  1.00 1.00  1.00
4  151.6 1.56 1.22 1.10 139.8  1.70  1.33  1.19 1.08  1.09
8  137.1 1.73 1.35 1.21 113.4  2.09  1.63  1.46 1.21  1.24
10 129.9 1.83 1.43 1.28 100.3  2.36  1.85  1.66 1.30  1.34
12 122.6 1.93 1.51 1.35  87.1  2.72  2.13  1.91 1.41  1.47
14 115.4 2.06 1.61 1.44  73.9  3.21  2.51  2.25 1.56  1.66
16 108.1 2.19 1.72 1.54  60.8  3.90  3.05  2.73 1.78  1.94
18 100.9 2.35 1.84 1.65  47.6  4.98  3.90  3.49 2.12  2.41
20  93.6 2.53 1.98 1.77  34.4  6.89  5.39  4.82 2.72  3.33
22  86.4 2.74 2.15 1.92  21.3 11.15  8.72  7.81 4.06  6.03
23  82.8 2.86 2.24 2.01  14.7 16.14 12.63 11.31 5.64 11.15
"""
LINES = [line.split() for line in TABLE.split("\n") if line]


def late(insert_after: int, visits: int) -> float:
    return flops.prompt_tuning(ROBERTA, TEXT, PROMPT, insert_after=insert_after, visits=visits)


def test_golden_values() -> None:
    found = (late(0, 1), late(12, 1), late(12, 10), flops.fine_tuning(ROBERTA, TEXT))
    assert [f"{value / 1e9:.3f}" for value in found] == ["166.085", "122.608", "87.094", "237.075"]
    longer = [flops.prompt_tuning(ROBERTA, TEXT, prompt) / 1e9 for prompt in (20, 256)]
    assert [f"{value:.1f}" for value in longer] == ["185.4", "507.6"]
    assert ROBERTA.parameters == 12_596_224


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_the_whole_table_to_its_printed_digits(line: list[str]) -> None:
    anew, kept, often = (late(int(line[0]), visits) for visits in (1, 10, 250))
    peers = (flops.fine_tuning(ROBERTA, TEXT), flops.prompt_tuning(ROBERTA, TEXT, 20), late(0, 1))
    speedups = [[peer / own for peer in peers] for own in (anew, kept)]
    expected = [f"{anew / 1e9:.1f}", *(f"{ratio:.2f}" for ratio in speedups[0])]
    expected += [f"{kept / 1e9:.1f}", *(f"{ratio:.2f}" for ratio in (*speedups[1], anew / kept, anew / often))]
    assert line[1:] == expected


def test_a_prompt_behind_the_last_block_is_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 … 23"):
        late(24, 1)


def test_what_a_config_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="intermediate_size, d_ff"):
        flops.Dimensions.from_config({**LARGE, "intermediate_size": None})


# --- what torch counts -----------------------------------------------------------------------------------------------
def make_batch(n_rows: int) -> Batch:
    zeros = np.zeros(2, dtype=np.int64)
    ids = [list(range(5, 5 + n_rows)), list(range(7, 7 + n_rows))]
    return Encoded(ids, None, zeros, zeros, 0, 0).batch(np.arange(2))


def saving_nothing(name: str) -> Backbone:
    backbone = make_tiny(name)
    backbone.savings = Savings(answer_rows=False, absorb=False, share_prompt=False)
    return backbone


@pytest.mark.parametrize("insert_after", [0, 2, 3])
@pytest.mark.parametrize("training", [False, True])
def test_torch_counts_as_much(insert_after: int, training: bool) -> None:
    backbone, batch = saving_nothing("roberta"), make_batch(9)
    of = flops.Dimensions.from_config(backbone.config.to_dict())
    prompt = torch.randn(PROMPT, backbone.width, requires_grad=training)
    placement = Placement(insert_after=insert_after, entry="block")
    # The fused kernels of a CPU are not counted; the plain one is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        scores = backbone.read(backbone.enter(batch, prompt, placement), torch.zeros(2, 1, dtype=torch.long))
        if training:
            scores.sum().backward()
    formula = flops.prompt_tuning if training else flops.scoring
    assert counter.get_total_flops() / 2 == formula(of, 9, PROMPT, insert_after=insert_after)


@pytest.mark.parametrize(("name", "depths"), [("bert", 4), ("gpt2", 4), ("llama", 4), ("t5-v1.1", 7), ("mt5", 5)])
def test_a_late_prompt_on_a_whole_model_costs_what_torch_counts(name: str, depths: int) -> None:
    backbone, batch, zero = saving_nothing(name), make_batch(9), torch.zeros(2, 1, dtype=torch.long)
    config = backbone.config.to_dict()
    kept = flops.whole(config)
    assert depths == len(kept.encoder + kept.decoder)
    of, prompt = flops.Dimensions.from_config(config), torch.randn(PROMPT, backbone.width, requires_grad=True)
    for depth in range(depths):
        with sdpa_kernel(SDPBackend.MATH):
            with FlopCounterMode(display=False) as forth:
                state = backbone.enter(batch, prompt, Placement(insert_after=depth, entry="block"))
                scores = backbone.read(state, zero)
            with FlopCounterMode(display=False) as back:
                scores.sum().backward()
        cost = flops.prompt_cost(config, 9, PROMPT, insert_after=depth)
        assert forth.get_total_flops() / 2 == cost.forward
        # The answer's one word meets no prompt before it asks for the encoder's rows, if the prompt is among these:
        # nothing is passed back through its own attention and its queries. The formula knows no such saving.
        has_idle_word = kept.decoder and depth < len(kept.encoder)
        idle = 2 * of.inner * (5 * of.width + 4 + 9 + PROMPT) if has_idle_word else 0
        assert back.get_total_flops() / 2 == cost.backward - idle


@pytest.mark.parametrize(
    "name", ["bert", "distilbert", "mpnet", "modernbert", "gpt2", "llama", "qwen3", "gemma3", "t5", "t5-v1.1"]
)
def test_configs_of_all_kinds_are_understood(name: str) -> None:
    backbone = saving_nothing(name)
    of = flops.Dimensions.from_config(backbone.config.to_dict())
    state = backbone.embed(make_batch(9))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        backbone.run(state, 0, of.n_blocks)
    assert counter.get_total_flops() / 2 == of.n_blocks * flops.forward(of, 9)
