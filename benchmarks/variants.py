"""The variants that many benchmarks share, under the names rows call them."""

from benchmarks import ours
from benchmarks.cases import Case
from benchmarks.harness import Measured, Series, Variant
from benchmarks.peers import expert, su2022, trainer

OURS, OURS_BF16 = "transferkit, fp32", "transferkit, bf16"
FIXED, DYNAMIC = "PEFT + Trainer, padded to 128", "PEFT + Trainer, padded by batch"
EXPERT, EXPERT_BF16 = "PEFT, expert's loop, fp32", "PEFT, expert's loop, bf16 autocast"
PUBLISHED = "published loop (Su et al. 2022)"


def our_training(case: Case) -> list[Variant]:
    """Return our trainer in both kinds of arithmetic."""
    return [
        Variant(OURS, ours.training, {"case": case}),
        Variant(OURS_BF16, ours.training, {"case": case, "dtype": "bfloat16"}, dtype="bfloat16"),
    ]


def peft_training(case: Case) -> list[Variant]:
    """Return PEFT as its documentation shows it and as an expert uses it."""
    return [
        Variant(FIXED, trainer.training, {"case": case, "padding": "fixed"}),
        Variant(DYNAMIC, trainer.training, {"case": case, "padding": "dynamic"}),
        Variant(EXPERT, expert.training, {"case": case, "dtype": "float32"}),
        Variant(EXPERT_BF16, expert.training, {"case": case, "dtype": "bfloat16"}, dtype="bfloat16"),
    ]


def published_training(case: Case) -> list[Variant]:
    """Return the loop of Su et al. 2022."""
    return [Variant(PUBLISHED, su2022.training, {"case": case})]


def best_expert(measured: Measured) -> Series:
    """Return the expert's loop in the arithmetic that is faster on this machine."""
    return measured.best(EXPERT, EXPERT_BF16)
