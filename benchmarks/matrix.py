"""A transfer matrix on RoBERTa-base: cells per second against the published loop and `Trainer.predict` (B4, B4b)."""

from benchmarks import ours
from benchmarks.cases import Case
from benchmarks.cells import added_cells, loading
from benchmarks.harness import Gate, Measured, Series, Session, Variant
from benchmarks.peak import peaks
from benchmarks.peers import su2022, trainer
from benchmarks.variants import DYNAMIC, FIXED, OURS, OURS_BF16, PUBLISHED

CASE = Case("roberta-base", steps=4)
MEANS = (30, 60)  # half the tasks are single sentences, half are pairs
GATES = {PUBLISHED: Gate("B4", 2.5, 3), FIXED: Gate("B4", 1.4, 1.7), DYNAMIC: Gate("B4", 1.15, 1.35)}
BF16 = Gate("B4", 1.75, 1.9)
CELL = Gate("B4b", 50, 10, at_most=True, absolute=True)
LOADING, CELLS = "loading a model in a process of its own", "an added cell of two examples, store included"
N_TASKS, N_EXAMPLES = 13, 256


def run(session: Session) -> None:
    """Measure the scoring of examples, the fixed cost of a cell, and what both make of a matrix."""
    case = CASE.under(session.settings)
    shape = f"{case}; half of 60 tokens"
    both = {"case": case, "means": MEANS}
    variants = [
        *peaks(CASE),
        Variant(OURS, ours.evaluation, {**both, "legal": True}),
        Variant(OURS_BF16, ours.evaluation, {**both, "legal": True, "dtype": "bfloat16"}, dtype="bfloat16"),
        Variant(FIXED, trainer.prediction, {**both, "padding": "fixed"}),
        Variant(DYNAMIC, trainer.prediction, {**both, "padding": "dynamic"}),
        Variant(PUBLISHED, su2022.evaluation, both),
        Variant(LOADING, loading, {"case": case}),
        Variant(CELLS, added_cells, {}),
    ]
    measured = session.measure(shape, variants)
    unit = f"examples per {measured.per}"
    for peer, gate in GATES.items():
        session.compare(shape, measured.rate(OURS), measured.rate(peer), gate=gate, unit=unit)
    faster, plain = measured.rate(OURS_BF16), measured.rate(OURS)
    session.compare(shape, faster, plain, gate=BF16, unit=unit, dtype="bfloat16")
    cell = measured.rate(CELLS).inverse().scaled(1e3)
    note = "through plan, workshop and store; a tiny model"
    session.compare(shape, cell, None, gate=CELL, unit="ms", note=note)
    add_matrix(session, shape, measured)


def add_matrix(session: Session, shape: str, measured: Measured) -> None:
    """Add hours of a whole matrix, extrapolated from measured rates and fixed costs."""
    n_cells = N_TASKS**2
    fixed = {OURS: CELLS, OURS_BF16: CELLS, PUBLISHED: LOADING}  # the Trainer is driven in one process as well

    def hours(name: str) -> Series:
        rates, costs = measured.rate(name), measured.rate(fixed[name]) if name in fixed else None
        each = 1 / costs.median if costs and costs.median else 0.0
        missing = rates.missing or (costs.missing if costs else "")
        values = () if missing else rates.values
        return Series(name, tuple(n_cells * (N_EXAMPLES / rate + each) / 3600 for rate in values), missing)

    unit = "CPU-hours" if measured.per == "CPU-second" else "hours"
    note = (
        f"extrapolated to {N_TASKS} × {N_TASKS} × {N_EXAMPLES} examples from measured rates and fixed costs of a cell"
    )
    for name in (PUBLISHED, FIXED, DYNAMIC):
        session.compare(shape, hours(OURS), hours(name), gate=Gate(at_most=True), unit=unit, note=note)
    session.compare(
        shape, hours(OURS_BF16), hours(OURS), gate=Gate(at_most=True), unit=unit, dtype="bfloat16", note=note
    )
