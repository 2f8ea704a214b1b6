"""One prompt while it is trained: what changes, the batches it sees, and what is kept in the end."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from transferkit.artifacts import Cell, Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Batch, Encoded
from transferkit.prompts.alarms import Sight, find_alarms
from transferkit.prompts.optimizers import make_optimizer
from transferkit.prompts.peft import peft_facts
from transferkit.readouts import Readout
from transferkit.specs import PromptSpec, Recipe

STREAM = 2  # this use's stream of a seed; initial rows have their own


@dataclass(frozen=True)
class Data:
    """The two splits training may see."""

    train: Encoded
    selection: Encoded


@dataclass(frozen=True)
class Job:
    """A prompt to train.

    Attributes:
        spec: what is asked.
        readout: how the backbone's answers are read for the spec's task.
        data: training and selection split, encoded.
        initial: rows to begin from, float32 [P,d].
        scratch: folder for the state of the unfinished run; a state found there is resumed.
    """

    spec: PromptSpec
    readout: Readout
    data: Data
    initial: Float[Tensor, "P d"]
    scratch: Path


@dataclass
class Run:
    """All that changes while a prompt is trained, and so all that a resumed run needs."""

    vectors: nn.Parameter
    initial: Float[Tensor, "P d"]
    optimizer: torch.optim.Optimizer
    best: Float[Tensor, "P d"]
    best_rank: tuple[float, float] = (-math.inf, -math.inf)
    best_classes: int = 0
    early: Float[Tensor, "P d"] | None = None
    step: int = 0
    stale: int = 0
    history: list[dict[str, Cell]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def begin(cls, job: Job, backbone: Backbone) -> "Run":
        """Return a run in front of its first step."""
        start = job.initial.to(backbone.device, torch.float32)
        vectors = nn.Parameter(start.flatten().clone())
        return cls(vectors, start, make_optimizer(vectors, job.spec.recipe), start.clone())

    def prompt(self) -> Float[Tensor, "P d"]:
        """Return the flat parameter as rows."""
        return self.vectors.view_as(self.best)

    def is_done(self, recipe: Recipe) -> bool:
        """Tell whether its steps, or its patience, are used up."""
        return self.step >= recipe.steps or (recipe.patience is not None and self.stale >= recipe.patience)


def batches(train: Encoded, spec: PromptSpec, step: int) -> Iterator[Batch]:
    """Yield the batches from a step on; a function of the step alone, so a resumed run sees the same ones."""
    size = spec.recipe.batch_size
    epoch, done = divmod(step, math.ceil(len(train) / size))
    while True:
        for index in train.shuffled(size, np.random.default_rng([spec.seed, STREAM, epoch]))[done:]:
            yield train.batch(index)
        epoch, done = epoch + 1, 0


def finished(job: Job, backbone: Backbone, run: Run) -> tuple[Prompt, dict[str, object]]:
    """Return the prompt that is kept, and the report on its health."""
    placement = job.spec.recipe.placement
    sight = Sight.of(backbone, job.readout, job.data.train, placement)
    n_classes = job.spec.task.n_classes
    prompt = Prompt(
        vectors=run.best.cpu().numpy(),
        initial=run.initial.cpu().numpy(),
        live=np.ones(len(run.best), dtype=bool),
        history=run.history,
        peft=peft_facts(backbone, placement),
        early=None if run.early is None else run.early.cpu().numpy(),
    )
    health: dict[str, object] = {
        "alarms": find_alarms(run.history, n_classes=n_classes, predicted_classes=run.best_classes, sight=sight),
        "seconds": [round(s, 3) for s in run.seconds],
        "steps": run.step,
    }
    if sight.window is not None:
        health["in_sight"] = [round(share, 4) for share in sight.shares]
    return prompt, health
