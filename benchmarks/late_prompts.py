"""Prompts that enter above the embeddings, without and with the rows below them kept (B5, B5b)."""

from benchmarks import flops, ours
from benchmarks.cases import Case, examples, split
from benchmarks.harness import Gate, Measured, Session, Variant
from benchmarks.models import dimensions
from transferkit.specs import Placement

CASE = Case("roberta-large", mean=26, prompt=20, batch=8, steps=4)
GATE = Gate("B5", 0.95, 1.0)
EPOCHS = 5
FIRST = "transferkit, prompt after 0 blocks"
# Name, share of the blocks that lie below, and what is demanded of training above kept rows, filling included.
DEPTHS = (("L/2", 1 / 2, Gate("B5b", 1.8, 2.0)), ("3L/4", 3 / 4, Gate("B5b", 3.3, 3.7)))
LAST = ("L-1", None, Gate("B5b", 12, 14.7))


def run(session: Session) -> None:
    """Measure insertion at half and at three quarters of the stack, and in front of the last block."""
    case = CASE.under(session.settings)
    n_blocks = dimensions(case.model).n_blocks
    depths = {name: n_blocks - 1 if share is None else int(n_blocks * share) for name, share, _ in (*DEPTHS, LAST)}
    variants = [Variant(FIRST, ours.training, {"case": case, "placement": Placement(entry="block")})]
    for name, depth in depths.items():
        placement = Placement(insert_after=depth, entry="block")
        kept = {"case": case, "insert_after": depth, "epochs": EPOCHS}
        variants.append(Variant(_anew(name), ours.training, {"case": case, "placement": placement}))
        variants.append(Variant(_kept(name), ours.late_training, kept))
    measured = session.measure(str(case), variants, resident=False)
    unit = f"examples per {measured.per}"
    first = measured.rate(FIRST)
    for name, _, gate in (*DEPTHS, LAST):
        saved = _saved(case, depths[name], visits=1)
        expected = first.scaled(saved, f"{first.name}, times {saved:.3g} saved in arithmetic")
        session.compare(str(case), measured.rate(_anew(name)), first, unit=unit)
        share = GATE if name != LAST[0] else Gate()
        session.compare(str(case), measured.rate(_anew(name)), expected, gate=share, unit=unit)
        note = f"{EPOCHS} epochs, filling included; arithmetic promises {_saved(case, depths[name], visits=EPOCHS):.3g}"
        session.compare(str(case), measured.rate(_kept(name)), first, gate=gate, unit=unit, note=note)
        _add_memory(session, case, measured, name)


def _add_memory(session: Session, case: Case, measured: Measured, name: str) -> None:
    mine, theirs = (measured.more(variant, "peak_mb") for variant in (_kept(name), FIRST))
    session.compare(str(case), mine, theirs, gate=Gate(at_most=True), unit="MB at the peak, weights included")


def _saved(case: Case, depth: int, *, visits: int) -> float:
    """Return how much less arithmetic an example is than with a prompt in front of block 0."""
    sizes = dimensions(case.model)

    def work(insert_after: int) -> float:
        lengths = examples(case).lengths if visits == 1 else split(case, case.mean, case.steps).lengths
        return flops.encoder(
            sizes,
            lengths,
            prompt=case.prompt,
            batch=case.batch,
            insert_after=insert_after,
            visits=visits,
            training=True,
        )

    return work(0) / work(depth)


def _anew(depth: str) -> str:
    return f"transferkit, prompt after {depth} blocks"


def _kept(depth: str) -> str:
    return f"{_anew(depth)}, rows below kept"
