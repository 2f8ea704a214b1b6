"""Projectors, and prompts, tuned on several tasks: the target is frozen, its loss goes through the prompt into them.

Su et al. 2022, section 5 (their loss B). Tasks take turns, a step each; the weights with the best mean score on the
selection splits are kept. Only the tasks a projector may see are here: held-out ones are for the report.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from transferkit.backbones import Backbone
from transferkit.errors import RunError
from transferkit.passes import Room
from transferkit.predictions import Entrant, outcomes
from transferkit.prompts import EVALUATION_BATCH, Job, Run, batches, checkpoint, make_optimizer, step

Made = Callable[[Float[Tensor, "N"], Float[Tensor, "P s"]], Float[Tensor, "P t"]]


@dataclass(frozen=True)
class Taught:
    """A task a projector is tuned on.

    Attributes:
        job: the target's readout of it, and its splits.
        prompt: the source's prompt of it [P,d_s].
    """

    job: Job
    prompt: Float[Tensor, "P s"]


def tune(
    made: Made,
    start: Float[Tensor, "N"],
    taught: Sequence[Taught],
    backbone: Backbone,
    *,
    name: str,
    scratch: Path,
    room: Room | None = None,
    progress: Callable[[int], None] = lambda _n: None,
) -> Run:
    """Return a finished run, its best weights and their history in it; killed and called again, it goes on.

    Args:
        made: weights and a prompt of the source → a prompt of the target, differentiable in the weights.
        start: the first weights, flat.
        taught: the tasks, all of one recipe.
        backbone: the target.
        name: what the state is kept under.
        scratch: folder for the state of the unfinished run.
        room: how many examples fit through the backbone at once.
        progress: called with the number of steps done.

    Raises:
        RunError: the loss is not finite, or memory is too small for one example.
    """
    tuning = _Tuning(made, taught, backbone, room or Room())
    begun, recipe, n = time.process_time(), taught[0].job.spec.recipe, len(taught)
    vectors = nn.Parameter(start.to(backbone.device, torch.float32).clone())
    run = Run(vectors, vectors.detach().clone(), make_optimizer(vectors, recipe), vectors.detach().clone())
    state = scratch / checkpoint.FILE
    devices = [backbone.device] if backbone.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.manual_seed(taught[0].job.spec.seed)
        if checkpoint.load(state, {name: run}):
            progress(run.step)
        else:
            tuning.look(run, [])
        turns = [batches(one.job.data.train, one.job.spec, _turns(run.step, i, n)) for i, one in enumerate(taught)]
        losses: list[Tensor] = []
        while run.step < recipe.steps:
            i = run.step % n
            run.through = partial(tuning.rows, i)
            losses.append(step(backbone, [(taught[i].job, run, next(turns[i]))], tuning.room)[0][0])
            run.step += 1
            progress(1)
            if not run.step % recipe.evaluate_every or run.step == recipe.steps:
                tuning.look(run, losses)
                losses = []
                run.cpu_seconds = run.cpu_seconds_before + time.process_time() - begun
                checkpoint.save(state, {name: run})
    return run


def _turns(step: int, i: int, n: int) -> int:
    """Return how many of the first steps were the i-th of n tasks' turn."""
    return step // n + (i < step % n)


@dataclass(frozen=True)
class _Tuning:
    """What does not change while a projector is tuned."""

    made: Made
    taught: Sequence[Taught]
    backbone: Backbone
    room: Room

    def rows(self, i: int, flat: Float[Tensor, "N"]) -> Float[Tensor, "P t"]:
        """Return what weights make of the i-th task's prompt."""
        return self.made(flat, self.taught[i].prompt.to(self.backbone.device))

    @torch.no_grad()
    def look(self, run: Run, losses: Sequence[Tensor]) -> None:
        """Score what is made of each prompt on its selection split; keep the weights if they are the best.

        Raises:
            RunError: a loss is not finite.
        """
        values = [loss.item() for loss in losses]
        scores, costs = {}, []
        for i, one in enumerate(self.taught):
            job = one.job
            front = Entrant(self.rows(i, run.vectors), job.spec.recipe.placement)
            outcome = self.room.fit(
                EVALUATION_BATCH,
                lambda size, job=job, front=front: outcomes(
                    job.spec.task, self.backbone, job.readout, job.data.selection, [front], batch_size=size
                )[0],
            )
            scores[job.spec.task.name] = outcome.metrics[job.spec.task.metric]
            costs.append(outcome.metrics["loss"])
        if not all(math.isfinite(value) for value in (*values, *costs)):
            raise RunError(f"the loss is not finite by step {run.step}", fix="lower learning_rate")
        rank = (float(np.mean(list(scores.values()))), -float(np.mean(costs)))
        run.history.append(
            {
                "step": run.step,
                "train_loss": float(np.mean(values)) if values else None,
                "selection_score": rank[0],
                "selection_loss": -rank[1],
                **{f"selection_score {name}": score for name, score in scores.items()},
            }
        )
        if not run.step:  # the untrained start is shown, never chosen
            return
        if rank > run.best_rank or self.taught[0].job.spec.recipe.select == "last":
            run.best_rank, run.best = rank, run.vectors.detach().clone()
