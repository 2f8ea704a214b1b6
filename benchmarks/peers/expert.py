"""PEFT in the hands of an expert: a plain loop, frozen weights, no dropout, length buckets, bf16 on demand."""

from typing import Literal

import torch
from torch import nn

from benchmarks.cases import Case, bucketed, examples
from benchmarks.harness import Job, Laps, Turn
from benchmarks.models import kind_of
from benchmarks.peers.peft_model import USUAL, columns, with_prompt


def training(case: Case, *, dtype: Literal["float32", "bfloat16"]) -> Job:
    """Return a job that times whole steps; its unit is an example.

    Args:
        case: what is trained on.
        dtype: "bfloat16" runs under autocast.
    """
    task_type = USUAL[kind_of(case.model)]
    model = with_prompt(case, task_type).eval()
    encoded = examples(case)
    batches = bucketed(encoded, case.batch, case.steps)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=0.005)

    def turn() -> Turn:
        laps = Laps(case.steps, case.device)
        for index in [batches[0], *batches]:  # the first is not timed
            batch = {name: t.to(case.device) for name, t in columns(encoded, index, task_type, "dynamic").items()}
            with torch.autocast(case.device, torch.bfloat16, enabled=dtype == "bfloat16"):
                loss = model(**batch)["loss"]
            loss.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            laps.lap()
        return laps.watch.turn(case.steps * case.batch)

    return turn
