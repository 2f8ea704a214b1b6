"""PEFT in the hands of an expert: a plain loop, frozen weights, no dropout, length buckets, bf16 on demand."""

import torch
from torch import nn

from benchmarks.cases import Case, bucketed, examples
from benchmarks.harness import Job, Laps, Turn
from benchmarks.models import Dtype, kind_of
from benchmarks.peers.peft_model import USUAL, TaskType, columns, with_prompt

RATE = 1e-4  # small, for whole models learn in this loop too; speed does not depend on it


def training(case: Case, *, dtype: Dtype) -> Job:
    """Return a job that trains a prompt, "bfloat16" under autocast."""
    task_type = USUAL[kind_of(case.model)]
    return loop(case, with_prompt(case, task_type), task_type, dtype=dtype)


def loop(case: Case, model: nn.Module, task_type: TaskType, *, dtype: Dtype = "float32") -> Job:
    """Return a job that times whole steps of all that wants a gradient; its unit is an example.

    Args:
        case: what is trained on.
        model: returns a loss.
        task_type: which columns it takes.
        dtype: "bfloat16" runs under autocast.
    """
    model.eval()
    encoded = examples(case)
    batches = bucketed(encoded, case.batch, case.steps)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, fused=True)

    def turn() -> Turn:
        laps = Laps(case.steps, case.device)
        norm = torch.zeros(())
        for index in [batches[0], *batches]:  # the first is not timed
            batch = {name: t.to(case.device) for name, t in columns(encoded, index, task_type, "dynamic").items()}
            with torch.autocast(case.device, torch.bfloat16, enabled=dtype == "bfloat16"):
                loss = model(**batch)["loss"]
            loss.backward()
            norm = nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            laps.lap()
        if not 0 < norm.item() < float("inf"):
            raise ValueError(f"nothing is learned: the gradient's norm is {norm.item()}")
        return laps.watch.turn(case.steps * case.batch, parameters=sum(p.numel() for p in learned))

    return turn
