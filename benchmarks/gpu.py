"""RoBERTa-large in bf16 on a GPU: many prompts together, against PEFT, the chip's peak, and a whole matrix (B12)."""

import torch

from benchmarks import flops, ours
from benchmarks.cases import Case, examples
from benchmarks.harness import Gate, Series, Session, Variant
from benchmarks.models import dimensions
from benchmarks.peers import trainer
from benchmarks.variants import FIXED

DEVICE = "cuda"  # whatever the command line says
CASE = Case("roberta-large", steps=12)
N_PROMPTS = 8  # times 16 examples: 128 rows of prompt and text a pass
DATASHEET = 990e12  # bf16 operations per second of an H100 or H200, dense
N_TASKS, N_EXAMPLES = 13, 256
TOGETHER, ALONE, PEFT = f"transferkit, {N_PROMPTS} prompts together", "transferkit, one prompt", f"{FIXED}, bf16"
MATRIX = "transferkit, matrix"
SHARE, AGAINST = Gate("B12", 0.30, 0.40, absolute=True), Gate("B12", 2, 2.5)
SECONDS = Gate("B12", 30, 12, at_most=True, absolute=True)


def run(session: Session) -> None:
    """Measure; without a GPU, say so."""
    case = CASE.under(session.settings)
    if not torch.cuda.is_available():
        for name, gate in ((TOGETHER, SHARE), (TOGETHER, AGAINST), (MATRIX, SECONDS)):
            missing = Series(name, (), "not run: no CUDA device")
            session.compare(str(case), missing, None, gate=gate, unit="", dtype="bfloat16")
        return
    half = {"case": case, "dtype": "bfloat16"}
    n_batches = max(1, N_EXAMPLES // case.batch)
    variants = [
        Variant(TOGETHER, ours.training, {**half, "n_prompts": N_PROMPTS}),
        Variant(ALONE, ours.training, half),
        Variant(PEFT, trainer.training, {"case": case, "padding": "fixed", "bf16": True}),
        Variant(
            MATRIX, ours.evaluation, {**half, "n_prompts": N_TASKS, "n_batches": n_batches, "means": (30,) * N_TASKS}
        ),
    ]
    measured = session.measure(str(case), variants, resident=False)
    unit, lengths = f"examples per {measured.per}", examples(case).lengths
    sizes = dimensions(case.model)
    work = flops.encoder(sizes, lengths, prompt=case.prompt, batch=case.batch, training=True)
    for peer, gate in ((PEFT, AGAINST), (ALONE, Gate())):
        rates = measured.rate(TOGETHER), measured.rate(peer)
        session.compare(str(case), *rates, gate=gate, unit=unit, dtype="bfloat16")
    share = measured.rate(TOGETHER).scaled(work / DATASHEET)
    note = "share of 990 TFLOP/s"
    session.compare(str(case), share, None, gate=SHARE, unit="of the datasheet's peak", dtype="bfloat16", note=note)
    seconds = measured.rate(MATRIX).inverse().scaled(N_TASKS**2 * n_batches * case.batch)
    note = f"{N_TASKS} × {N_TASKS} × {n_batches * case.batch} examples, all measured"
    session.compare(str(case), seconds, None, gate=SECONDS, unit="seconds", dtype="bfloat16", note=note)
