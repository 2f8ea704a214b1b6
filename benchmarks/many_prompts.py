"""Eight prompts trained together in shared passes, against one after the other (B10)."""

from dataclasses import dataclass, replace

from benchmarks import ours
from benchmarks.cases import Case
from benchmarks.harness import Gate, Session, Variant

K = 8
ALONE, TOGETHER = "one after the other", f"{K} together"


@dataclass(frozen=True)
class Shape:
    """A case and what is demanded of it."""

    case: Case
    gate: Gate


TINY = Case("tiny-roberta", prompt=20, batch=1, steps=24, constant=True)
BASE = Case("roberta-base", prompt=20, batch=1, steps=8, constant=True)
SHAPES = (
    Shape(TINY, Gate("B10", 1.5, 1.7)),
    Shape(BASE, Gate("B10", 1.25, 1.4)),
    Shape(replace(BASE, batch=4, steps=3), Gate("B10", 0.95, 1.0)),
    Shape(replace(BASE, batch=4, steps=3, constant=False), Gate()),
    Shape(Case("roberta-base", batch=4, steps=2, constant=True), Gate("B10", 0.95, 1.0)),
)


def run(session: Session) -> None:
    """Measure small steps, where sharing pays on a CPU, and larger ones, where it must not cost."""
    seen = set()
    for shape in SHAPES:
        case = shape.case.under(session.settings)
        if case in seen:  # sizes that differ only in full mode
            continue
        seen.add(case)
        lengths = "all of one length" if case.constant else "of many lengths"
        name = f"{case}, texts {lengths}"
        variants = [
            Variant(ALONE, ours.training, {"case": replace(case, steps=case.steps * 2)}),
            Variant(TOGETHER, ours.training, {"case": case, "n_prompts": K}),
        ]
        measured = session.measure(name, variants)
        unit = f"examples per {measured.per}"
        session.compare(name, measured.rate(TOGETHER), measured.rate(ALONE), gate=shape.gate, unit=unit)
