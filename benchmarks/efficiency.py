"""Late prompts beside other ways to tune: speed, memory, parameters and arithmetic, all against full fine-tuning."""

from benchmarks import ours
from benchmarks.cases import Case
from benchmarks.harness import Gate, Series, Session, Variant
from benchmarks.models import dimensions
from benchmarks.peers import tuned
from transferkit import flops
from transferkit.specs import Generator, Placement

# Texts are all of one length, so that no variant has shorter ones. Prompt and generator are as large as in the paper.
CASE = Case("roberta-large", mean=26, prompt=5, batch=8, steps=3, constant=True)
GENERATOR = Generator(kind="bottleneck", width=128)
EPOCHS = 5
FULL = "full fine-tuning, plain loop"
INPUT = "transferkit, prompt at the input"
LATE = "transferkit, prompt after L/2 blocks"
MADE = f"{LATE}, of a bottleneck generator"
KEPT = f"{LATE}, rows below kept"
PEERS: dict[str, tuned.Method] = {
    FULL: "all",
    f"PEFT, LoRA of rank {tuned.RANK}": "lora",
    "PEFT, prefix tuning": "prefix",
    "PEFT, IA3": "ia3",
    "biases alone (BitFit), plain loop": "biases",
}
SMALL = Gate(at_most=True)


def run(session: Session) -> None:
    """Measure them all on the same examples, and add one row per method and quantity."""
    case = CASE.under(session.settings)
    variants = [
        *our_training(case),
        *(Variant(n, tuned.training, {"case": case, "method": m}) for n, m in PEERS.items()),
    ]
    measured = session.measure(str(case), variants, resident=session.settings.quick)
    names = [variant.name for variant in variants if variant.name != FULL]
    for name in names:
        note = f"{EPOCHS} epochs, filling included" if name == KEPT else ""
        rates = measured.rate(name), measured.rate(FULL)
        session.compare(str(case), *rates, unit=f"examples per {measured.per}", note=note)
    for what, unit in (("peak_mb", "MB at the peak, weights included"), ("parameters", "tunable parameters")):
        for name in names:
            mine, theirs = measured.more(name, what), measured.more(FULL, what)
            session.compare(str(case), mine, theirs, gate=SMALL, unit=unit)
    work = arithmetic(case)
    for name in (INPUT, LATE, MADE, KEPT):
        note = "without the generator's own" if name == MADE else ""
        session.compare(str(case), work[name], work[FULL], gate=SMALL, unit="GFLOP per example, by formula", note=note)


def our_training(case: Case) -> list[Variant]:
    """Return the ways in which we train prompts."""
    half = dimensions(case.model).n_blocks // 2
    first, late = (Placement(insert_after=depth, entry="block") for depth in (0, half))
    return [
        Variant(INPUT, ours.training, {"case": case, "placement": first}),
        Variant(LATE, ours.training, {"case": case, "placement": late}),
        Variant(MADE, ours.training, {"case": case, "placement": late, "generator": GENERATOR}),
        Variant(KEPT, ours.late_training, {"case": case, "insert_after": half, "epochs": EPOCHS}),
    ]


def arithmetic(case: Case) -> dict[str, Series]:
    """Return 10⁹ operations per example where there is a formula."""
    of, text, prompt = dimensions(case.model), case.mean, case.prompt
    half = of.n_blocks // 2
    late = flops.prompt_tuning(of, text, prompt, insert_after=half)
    found = {
        FULL: flops.fine_tuning(of, text),
        INPUT: flops.prompt_tuning(of, text, prompt),
        LATE: late,
        MADE: late,
        KEPT: flops.prompt_tuning(of, text, prompt, insert_after=half, visits=EPOCHS),
    }
    return {name: Series(name, (value / 1e9,)) for name, value in found.items()}
