"""One prompt while it is trained: what changes, the batches it sees, and what is kept in the end."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from transferkit.artifacts import Cell, Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Batch, Encoded
from transferkit.generators import Generated, decays, split_weights
from transferkit.passes import Room
from transferkit.predictions import Entrant
from transferkit.prompts.alarms import Sight, find_alarms
from transferkit.prompts.optimizers import make_optimizer
from transferkit.prompts.peft import peft_facts
from transferkit.readouts import Readout
from transferkit.shapes import FloatArray
from transferkit.specs import PromptSpec, Recipe

PROBED = 32  # examples at once
STREAM = 2  # this use's stream of a seed; initial rows have their own


@dataclass(frozen=True)
class Data:
    """The two splits training may see."""

    train: Encoded
    selection: Encoded


@dataclass(frozen=True)
class Stage:
    """A part of the backbone that a prompt is trained on for a while.

    Attributes:
        until: step behind which the backbone grows.
        backbone: the part.
        readout: how its answers are read.
    """

    until: int
    backbone: Backbone
    readout: Readout


@dataclass(frozen=True)
class Job:
    """A prompt to train.

    Attributes:
        spec: what is asked.
        readout: how the backbone's answers are read for the spec's task.
        data: training and selection split, encoded.
        initial: what to begin from, float32: rows [P,d], or a generator's weights [N].
        scratch: folder for the state of the unfinished run; a state found there is resumed.
        stages: parts of the backbone the first steps are taken on, in their order; none without a growth schedule.
    """

    spec: PromptSpec
    readout: Readout
    data: Data
    initial: Float[Tensor, "P d"] | Float[Tensor, "N"]
    scratch: Path
    stages: tuple[Stage, ...] = ()

    def stage(self, step: int) -> Stage | None:
        """Return the part that the step behind so many is taken on; None for the whole backbone."""
        return next((stage for stage in self.stages if step < stage.until), None)

    @property
    def grown(self) -> int:
        """Steps behind which the backbone is whole; checkpoints are chosen among later ones."""
        return self.stages[-1].until if self.stages else 0


@dataclass
class Run:
    """All that changes while a prompt is trained, and so all that a resumed run needs.

    What learns is one flat vector: the rows of a prompt, or the weights of a generator. `decays` says which of its
    numbers weight decay shrinks, where the optimiser does not see to it. `through` makes rows of what learns, where it
    is neither rows nor a generator's weights (a projector's are). `seconds` are those of the clock between
    evaluations, `step_seconds` those that steps alone took there: of the processor, or on a GPU of the clock.
    `cpu_seconds` is its share of the processes' time, of which `cpu_seconds_before` was spent by processes that were
    killed, up to their last evaluation and without what they loaded.
    """

    vectors: nn.Parameter
    initial: Float[Tensor, "P d"] | Float[Tensor, "N"]
    optimizer: torch.optim.Optimizer
    best: Float[Tensor, "P d"] | Float[Tensor, "N"]
    best_rank: tuple[float, float] = (-math.inf, -math.inf)
    best_classes: int = 0
    early: Float[Tensor, "P d"] | Float[Tensor, "N"] | None = None
    step: int = 0
    stale: int = 0
    history: list[dict[str, Cell]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    step_seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    cpu_seconds_before: float = 0.0
    decays: Float[Tensor, "N"] | None = None
    through: Callable[[Float[Tensor, "N"]], Float[Tensor, "P d"]] | None = None

    @classmethod
    def begin(cls, job: Job, backbone: Backbone) -> "Run":
        """Return a run in front of its first step."""
        recipe = job.spec.recipe
        start = job.initial.to(backbone.device, torch.float32)
        vectors = nn.Parameter(start.flatten().clone())
        shrinks = None
        if recipe.generator is not None and recipe.weight_decay:
            shrinks = decays(recipe.generator, recipe.prompt_length, backbone.width).to(backbone.device)
        return cls(vectors, start, _optimizer(vectors, recipe), start.clone(), decays=shrinks)

    def forget(self, recipe: Recipe) -> None:
        """Let the optimiser begin anew."""
        self.optimizer = _optimizer(self.vectors, recipe)

    def learned(self) -> Float[Tensor, "P d"] | Float[Tensor, "N"]:
        """Return the flat parameter as rows, or as it is."""
        return self.vectors.view_as(self.best)

    def rows(self) -> Float[Tensor, "P d"]:
        """Return the rows a plain prompt has now."""
        return self.learned() if self.through is None else self.through(self.vectors)

    def is_done(self, recipe: Recipe) -> bool:
        """Tell whether its steps, or its patience, are used up."""
        return self.step >= recipe.steps or (recipe.patience is not None and self.stale >= recipe.patience)


def _optimizer(vectors: nn.Parameter, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser; where a generator's biases are spared from decay, `decays` sees to that."""
    if recipe.generator is None:
        return make_optimizer(vectors, recipe)
    return make_optimizer(vectors, dataclasses.replace(recipe, weight_decay=0.0))


def batches(train: Encoded, spec: PromptSpec, step: int) -> Iterator[Batch]:
    """Yield the batches from a step on; a function of the step alone, so a resumed run sees the same ones."""
    size = spec.recipe.batch_size
    epoch, done = divmod(step, math.ceil(len(train) / size))
    while True:
        for index in train.shuffled(size, np.random.default_rng([spec.seed, STREAM, epoch]))[done:]:
            yield train.batch(index)
        epoch, done = epoch + 1, 0


def entrant(job: Job, backbone: Backbone, learned: Tensor) -> Entrant:
    """Return what a prompt, or a generator, puts before the text."""
    recipe = job.spec.recipe
    if recipe.generator is None:
        return Entrant(learned, recipe.placement)
    generated = Generated.of(recipe.generator, backbone, recipe.prompt_length, learned)
    return Entrant(None, recipe.placement, generator=generated)


def finished(job: Job, backbone: Backbone, run: Run, room: Room) -> tuple[Prompt, dict[str, object]]:
    """Return the prompt that is kept, and the report on its health."""
    rows = partial(_rows, job, backbone, room)
    recipe = job.spec.recipe
    placement, generator = recipe.placement, recipe.generator
    sight = Sight.of(backbone, job.readout, job.data.train.without_rows, placement)
    n_classes = job.spec.task.n_classes
    weights = None
    if generator is not None:
        parts = split_weights(generator, recipe.prompt_length, backbone.width, run.best)
        weights = {name: part.cpu().numpy() for name, part in parts.items()}
    prompt = Prompt(
        vectors=rows(run.best),
        initial=rows(run.initial),
        live=np.ones(recipe.prompt_length, dtype=bool),
        history=run.history,
        peft=peft_facts(backbone, placement),
        early=None if run.early is None else rows(run.early),
        generator=weights,
    )
    health: dict[str, object] = {
        "alarms": find_alarms(run.history, n_classes=n_classes, predicted_classes=run.best_classes, sight=sight),
        "seconds": [round(s, 3) for s in run.seconds],
        "step_seconds": [round(s, 4) for s in run.step_seconds],
        "cpu_seconds": round(run.cpu_seconds, 3),
        "cpu_seconds_before": round(run.cpu_seconds_before, 3),
        "steps": run.step,
    }
    if sight.window is not None:
        health["in_sight"] = [round(share, 4) for share in sight.shares]
    if generator is not None:
        health["parameters"] = generator.n_parameters(recipe.prompt_length, backbone.width)
    return prompt, health


@torch.no_grad()
def _rows(job: Job, backbone: Backbone, room: Room, learned: Tensor) -> FloatArray:
    """Return learned rows; of a generator the mean of what it makes for the selection split."""
    generated = entrant(job, backbone, learned).generator
    if generated is None:
        return learned.cpu().numpy()
    depth = job.spec.recipe.placement.insert_after

    def made(size: int) -> Float[Tensor, "P d"]:
        batches = (batch.to(backbone.device) for batch in job.data.selection.in_order(size))
        return sum(
            (generated(backbone.below(batch, depth), batch).sum(0) for batch in batches),
            start=torch.zeros(generated.length, generated.width, device=backbone.device),
        )

    return (room.fit(PROBED, made) / len(job.data.selection)).cpu().numpy()
