"""Training a prompt on RoBERTa: our trainer against PEFT, the published loop and the machine's peak (B1a–e)."""

from dataclasses import replace

from benchmarks import checks, flops
from benchmarks.cases import Case, examples
from benchmarks.harness import BF16_PEAK, FP32_PEAK, Gate, Measured, Session
from benchmarks.models import dimensions
from benchmarks.peak import peaks
from benchmarks.variants import (
    DYNAMIC,
    EXPERT,
    FIXED,
    OURS,
    OURS_BF16,
    PUBLISHED,
    best_expert,
    our_training,
    peft_training,
    published_training,
)

BASE = Case("roberta-base")
PAIR = replace(BASE, mean=60)
LARGE = Case("roberta-large", steps=3)

# Peer → gate and goal, by table of the demands.
SHORT = {PUBLISHED: Gate("B1a", 4.8, 5.5), FIXED: Gate("B1b", 2.1, 2.4), DYNAMIC: Gate("B1b", 1.45, 1.65)}
SHORT_BF16 = {PUBLISHED: Gate("B1c", 9, 10.5), FIXED: Gate("B1c", 3.9, 4.5), DYNAMIC: Gate("B1c", 2.7, 3.1)}
LONG = {PUBLISHED: Gate("B1e", 3.5, 4.1), FIXED: Gate("B1e", 1.65, 1.9), DYNAMIC: Gate("B1e", 1.65, 1.9)}
NONE = {FIXED: Gate(), DYNAMIC: Gate()}
BEST = Gate("B1c", 1.15, 1.3)
SHARE, SHARE_BF16 = Gate("B1d", 0.82, 0.90), Gate("B1d", 0.72, 0.84)


def run(session: Session) -> None:
    """Measure short texts, pairs, and the large model."""
    for whole in (BASE, PAIR) if session.settings.quick else (BASE, PAIR, LARGE):
        case = whole.under(session.settings)
        for dtype in ("float32", "bfloat16"):
            session.verify(str(case), checks.equality, case=case, dtype=dtype)
        variants = [*peaks(whole), *our_training(case), *peft_training(case)]
        if whole is not LARGE:
            variants += published_training(case)
        measured = session.measure(str(case), variants, resident=whole is not LARGE)
        gates = {BASE: (SHORT, SHORT_BF16), PAIR: (LONG, dict.fromkeys(LONG, Gate()))}.get(whole, (NONE, NONE))
        add_rows(session, case, measured, *gates, best=BEST if whole == BASE else Gate())
        add_shares(session, case, measured, *((SHARE, SHARE_BF16) if whole == BASE else (Gate(), Gate())))


def add_rows(
    session: Session,
    case: Case,
    measured: Measured,
    fp32: dict[str, Gate],
    bf16: dict[str, Gate],
    *,
    best: Gate,
) -> None:
    """Add a row per peer and arithmetic; the expert's loop is that in the arithmetic which is faster here."""
    unit = f"examples per {measured.per}"
    for peer, gate in fp32.items():
        session.compare(str(case), measured.rate(OURS), measured.rate(peer), gate=gate, unit=unit)
    session.compare(str(case), measured.rate(OURS), measured.rate(EXPERT), unit=unit)
    for peer, gate in bf16.items():
        ours, theirs = measured.rate(OURS_BF16), measured.rate(peer)
        session.compare(str(case), ours, theirs, gate=gate, unit=unit, dtype="bfloat16")
    ours = measured.rate(OURS_BF16)
    session.compare(str(case), ours, best_expert(measured), gate=best, unit=unit, dtype="bfloat16")


def add_shares(session: Session, case: Case, measured: Measured, fp32: Gate, bf16: Gate) -> None:
    """Add which share of the measured matrix-product rate the arithmetic of a step reaches."""
    lengths = examples(case).lengths
    sizes = dimensions(case.model)
    work = flops.encoder(sizes, lengths, prompt=case.prompt, batch=case.batch, training=True) / 1e9
    pairs = ((OURS, FP32_PEAK, fp32, "float32"), (OURS_BF16, BF16_PEAK, bf16, "bfloat16"))
    for name, peak, gate, dtype in pairs:
        rate = measured.rate(name).scaled(work)
        unit, note = f"GFLOP per {measured.per}", f"{work:.4g} GFLOP per example"
        session.compare(str(case), rate, measured.rate(peak), gate=gate, unit=unit, dtype=dtype, note=note)
