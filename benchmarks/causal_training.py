"""Training a prompt on GPT-2 small and SmolLM-135M: the prompt run once per step, against PEFT and every row (B2)."""

from benchmarks import checks, flops, ours
from benchmarks.cases import Case, examples
from benchmarks.harness import BF16_PEAK, FP32_PEAK, Gate, Session, Variant
from benchmarks.models import dimensions
from benchmarks.peak import peaks
from benchmarks.variants import (
    DYNAMIC,
    EXPERT,
    FIXED,
    OURS,
    OURS_BF16,
    best_expert,
    our_training,
    peft_training,
)
from transferkit.backbones import Savings

EVERY_ROW = "transferkit, fp32, prompt in every row"
GPT2, SMOLLM = Case("gpt2"), Case("smollm-135m")
GATES = {FIXED: Gate("B2", 11, 13), DYNAMIC: Gate("B2", 6.5, 8), EVERY_ROW: Gate("B2", 2.6, 3)}


def run(session: Session) -> None:
    """Measure both models; gates are for GPT-2."""
    for whole in (GPT2, SMOLLM):
        case = whole.under(session.settings)
        shape = str(case)
        for dtype in ("float32", "bfloat16"):
            session.verify(shape, checks.equality, case=case, dtype=dtype)
        alone = Variant(EVERY_ROW, ours.training, {"case": case, "savings": Savings(share_prompt=False)})
        measured = session.measure(shape, [*peaks(whole), *our_training(case), alone, *peft_training(case)])
        unit = f"examples per {measured.per}"
        gates = GATES if whole is GPT2 else dict.fromkeys(GATES, Gate())
        for peer, gate in {**gates, EXPERT: Gate()}.items():
            session.compare(shape, measured.rate(OURS), measured.rate(peer), gate=gate, unit=unit)
        for theirs in (measured.rate(FIXED), measured.rate(DYNAMIC), best_expert(measured)):
            session.compare(shape, measured.rate(OURS_BF16), theirs, unit=unit, dtype="bfloat16")
        sizes, lengths = dimensions(case.model), examples(case).lengths
        work = flops.causal(sizes, lengths, prompt=case.prompt, batch=case.batch, training=True) / 1e9
        for name, peak in ((OURS, FP32_PEAK), (OURS_BF16, BF16_PEAK)):
            rate, note = measured.rate(name).scaled(work), f"{work:.4g} GFLOP per example"
            session.compare(shape, rate, measured.rate(peak), unit=f"GFLOP per {measured.per}", note=note)
