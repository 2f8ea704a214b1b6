"""What each single saving is worth: our trainer with it and without it."""

from benchmarks import ours
from benchmarks.cases import Case
from benchmarks.harness import Session, Variant
from transferkit.backbones import Savings

ALL = "all savings"
WITHOUT: dict[str, dict[str, object]] = {
    "without length buckets": {"order": "random"},
    "head of the whole vocabulary at every text row": {"full_head": True},
    "last block at every row": {"savings": Savings(answer_rows=False)},
    "keys and values formed": {"savings": Savings(absorb=False)},
    "prompt in every row": {"savings": Savings(share_prompt=False)},
}
CASES = (Case("roberta-base", steps=4), Case("gpt2", steps=4), Case("t5-base", steps=4))


def run(session: Session) -> None:
    """Measure encoder, causal model and encoder-decoder with one saving less each."""
    for whole in CASES:
        case = whole.under(session.settings)
        variants = [Variant(ALL, ours.training, {"case": case})]
        variants += [Variant(name, ours.training, {"case": case, **options}) for name, options in WITHOUT.items()]
        measured = session.measure(str(case), variants)
        for name in WITHOUT:
            unit = f"examples per {measured.per}"
            session.compare(str(case), measured.rate(ALL), measured.rate(name), unit=unit)
