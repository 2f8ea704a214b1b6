"""What a step costs beside arithmetic: a tiny model, 4 examples of 25 rows with their prompt, against PEFT (B11)."""

from dataclasses import replace

from benchmarks.cases import Case
from benchmarks.harness import Gate, Session
from benchmarks.variants import DYNAMIC, EXPERT, OURS, our_training, peft_training

CASE = Case("tiny-roberta", mean=15, prompt=10, batch=4, steps=60, pool=256, constant=True)
GATE = Gate("B11", 1.5, 1.8)


def run(session: Session) -> None:
    """Measure steps, not examples; the same size in quick mode."""
    case = replace(CASE, device=session.settings.device, steps=6 if session.settings.quick else CASE.steps)
    wanted = (OURS, DYNAMIC, EXPERT)
    variants = [variant for variant in (*our_training(case), *peft_training(case)) if variant.name in wanted]
    measured = session.measure(str(case), variants)
    per_step = 1 / case.batch
    mine = measured.rate(OURS).scaled(per_step)
    for peer, gate in ((DYNAMIC, GATE), (EXPERT, Gate())):
        theirs = measured.rate(peer).scaled(per_step)
        note = (
            f"{1e3 / mine.median:.2g} ms a step against {1e3 / theirs.median:.2g}"
            if mine.median and theirs.median
            else ""
        )
        session.compare(str(case), mine, theirs, gate=gate, unit=f"steps per {measured.per}", note=note)
