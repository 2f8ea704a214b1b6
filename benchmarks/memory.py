"""Peak memory of a process that trains a prompt on RoBERTa-base: ours against the published loop and PEFT (B1f)."""

from benchmarks import ours
from benchmarks.cases import Case
from benchmarks.harness import Gate, Session, Variant
from benchmarks.peers import su2022, trainer
from benchmarks.variants import DYNAMIC, FIXED, OURS, OURS_BF16, PUBLISHED

FEATURES = "PEFT on the language model + Trainer, padded to 128"
CASE = Case("roberta-base", steps=1)
GATE = Gate("B1f", 0.45, 0.35, at_most=True)
LOWER = Gate(at_most=True)


def run(session: Session) -> None:
    """Measure each in a process that imports only what it needs."""
    case = CASE.under(session.settings)
    fixed = {"case": case, "padding": "fixed"}
    variants = [
        Variant(OURS, ours.training, {"case": case}),
        Variant(OURS_BF16, ours.training, {"case": case, "dtype": "bfloat16"}),
        Variant(PUBLISHED, su2022.training, {"case": case}),
        Variant(FEATURES, trainer.training, {**fixed, "task_type": "FEATURE_EXTRACTION"}),
        Variant(FIXED, trainer.training, fixed),
        Variant(DYNAMIC, trainer.training, {**fixed, "padding": "dynamic"}),
    ]
    measured = session.measure(str(case), variants, method="spawn")
    gates = {PUBLISHED: GATE, FEATURES: GATE, FIXED: LOWER, DYNAMIC: LOWER}
    for name, dtype in ((OURS, "float32"), (OURS_BF16, "bfloat16")):
        for peer, gate in gates.items():
            mine, theirs = measured.more(name, "peak_mb"), measured.more(peer, "peak_mb")
            used = gate if name == OURS else LOWER
            session.compare(str(case), mine, theirs, gate=used, unit="MB at the peak", dtype=dtype)
