"""Scoring a prompt on GPT-2 small and SmolLM-135M: keys and values computed once, against `Trainer.predict` (B2b)."""

from benchmarks import checks, ours
from benchmarks.cases import Case
from benchmarks.harness import Gate, Session, Variant
from benchmarks.peak import peaks
from benchmarks.peers import trainer
from benchmarks.variants import DYNAMIC, FIXED, OURS, OURS_BF16

COUNTED = "transferkit, fp32, legal answers counted"
GPT2, SMOLLM = Case("gpt2", steps=8), Case("smollm-135m", steps=8)
GATES = {FIXED: Gate("B2b", 11, 12.5), DYNAMIC: Gate("B2b", 7.5, 9)}


def run(session: Session) -> None:
    """Measure both models; gates are for GPT-2."""
    for whole in (GPT2, SMOLLM):
        case = whole.under(session.settings)
        session.verify(str(case), checks.equality, case=case)
        variants = [
            *peaks(whole),
            Variant(OURS, ours.evaluation, {"case": case}),
            Variant(OURS_BF16, ours.evaluation, {"case": case, "dtype": "bfloat16"}, dtype="bfloat16"),
            Variant(COUNTED, ours.evaluation, {"case": case, "legal": True}),
            Variant(FIXED, trainer.prediction, {"case": case, "padding": "fixed"}),
            Variant(DYNAMIC, trainer.prediction, {"case": case, "padding": "dynamic"}),
        ]
        measured = session.measure(str(case), variants)
        for name, dtype in ((OURS, "float32"), (OURS_BF16, "bfloat16"), (COUNTED, "float32")):
            for peer, gate in GATES.items():
                used = gate if whole is GPT2 and name == OURS else Gate()
                mine, theirs, unit = measured.rate(name), measured.rate(peer), f"examples per {measured.per}"
                session.compare(str(case), mine, theirs, gate=used, unit=unit, dtype=dtype)
