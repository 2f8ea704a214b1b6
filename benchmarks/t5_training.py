"""Training a prompt on T5-base: cross-attention without forming keys and values, against PEFT (B3)."""

from benchmarks import checks, ours
from benchmarks.cases import Case
from benchmarks.harness import Gate, Session, Variant
from benchmarks.peak import peaks
from benchmarks.variants import DYNAMIC, EXPERT, FIXED, OURS, OURS_BF16, best_expert, our_training, peft_training
from transferkit.backbones import Savings

FORMED = "transferkit, fp32, keys and values formed"
CASE = Case("t5-base")
GATES = {
    FIXED: Gate("B3", 2.4, 2.8),
    DYNAMIC: Gate("B3", 1.5, 1.75),
    FORMED: Gate("B3", 1.10, 1.15),
    EXPERT: Gate(),
}


def run(session: Session) -> None:
    """Measure one shape; only fp32 has gates."""
    case = CASE.under(session.settings)
    session.verify(str(case), checks.equality, case=case)
    formed = Variant(FORMED, ours.training, {"case": case, "savings": Savings(absorb=False)})
    measured = session.measure(str(case), [*peaks(CASE), *our_training(case), formed, *peft_training(case)])
    unit = f"examples per {measured.per}"
    for peer, gate in GATES.items():
        session.compare(str(case), measured.rate(OURS), measured.rate(peer), gate=gate, unit=unit)
    for theirs in (measured.rate(FIXED), measured.rate(DYNAMIC), best_expert(measured)):
        session.compare(str(case), measured.rate(OURS_BF16), theirs, unit=unit, dtype="bfloat16")
