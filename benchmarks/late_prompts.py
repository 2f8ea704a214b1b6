"""Prompts that enter above the embeddings: what is saved in time, as a share of what is saved in arithmetic (B5)."""

from benchmarks import flops, ours
from benchmarks.cases import Case, examples
from benchmarks.harness import Gate, Session, Variant
from benchmarks.models import Dimensions
from transferkit.specs import Placement

CASE = Case("roberta-large", mean=26, prompt=20, batch=8, steps=4)
GATE = Gate("B5", 0.95, 1.0)


def run(session: Session) -> None:
    """Measure insertion at half and at three quarters of the stack; blocks below run without a graph, uncached."""
    case = CASE.under(session.settings)
    sizes = Dimensions.of(case.model)
    depths = {name: int(sizes.n_blocks * share) for name, share in (("0", 0), ("L/2", 1 / 2), ("3L/4", 3 / 4))}
    variants = [
        Variant(_name(name), ours.training, {"case": case, "placement": Placement(insert_after=k, entry="block")})
        for name, k in depths.items()
    ]
    measured = session.measure(str(case), variants)
    lengths = examples(case).lengths
    work = {
        name: flops.encoder(sizes, lengths, prompt=case.prompt, batch=case.batch, insert_after=k, training=True)
        for name, k in depths.items()
    }
    first = measured.rate(_name("0"))
    for name in ("L/2", "3L/4"):
        late, saved = measured.rate(_name(name)), work["0"] / work[name]
        unit = f"examples per {measured.per}"
        session.compare(str(case), late, first, unit=unit)
        expected = first.scaled(saved, f"{first.name}, times {saved:.3g}")
        session.compare(str(case), late, expected, gate=GATE, unit=unit)


def _name(depth: str) -> str:
    return f"transferkit, prompt after {depth} blocks"
