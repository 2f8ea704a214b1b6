"""The training loop of prompt tuning (Lester et al. 2021; Su et al. 2022), resumable bit for bit on the CPU.

Only the prompt learns. Nothing is computed that is not read: length-bucketed batches, class scores at the answer row,
no gradient of frozen weights, no graph below the prompt. Checkpoints are chosen on the selection split alone.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Batch
from transferkit.errors import RunError
from transferkit.passes import Room
from transferkit.predictions import Entrant, Outcome, outcomes
from transferkit.prompts import checkpoint
from transferkit.prompts.cost import Meter
from transferkit.prompts.runs import Job, Run, batches, entrant, finished
from transferkit.prompts.steps import step
from transferkit.specs import PromptSpec, key

EVALUATION_BATCH = 32

Progress = Callable[[int], None]
Trained = tuple[Prompt, dict[str, object]]


def train(
    job: Job, backbone: Backbone, *, room: Room | None = None, progress: Progress = lambda _steps: None
) -> Trained:
    """Train a prompt and return it with its health report.

    Args:
        job: what is asked, and all it takes.
        backbone: the frozen model.
        room: how many examples fit through the backbone at once; by default as many as a batch holds.
        progress: called with the number of steps done, after each.

    Raises:
        RunError: the loss is not finite, or memory is too small for one example.
    """
    (found,) = train_together([job], backbone, room=room, progress=progress)
    if isinstance(found, RunError):
        raise found
    return found


def train_together(
    jobs: Sequence[Job], backbone: Backbone, *, room: Room | None = None, progress: Progress = lambda _steps: None
) -> list[Trained | RunError]:
    """Train several prompts in shared passes through the backbone; each ends as it would alone, up to rounding.

    Args:
        jobs: of one placement, prompt length, kind of readout and setting of dropout.
        backbone: the frozen model.
        room: how many examples fit through the backbone at once; by default as many as their batches hold.
        progress: called with the number of steps done.

    Returns:
        For each job the prompt with its health report, or why there is none.

    Raises:
        RunError: memory is too small for one example.
        ValueError: one of several prompts grows with its backbone, of which each step can have but one part.
    """
    if len(jobs) > 1 and any(job.stages for job in jobs):
        raise ValueError("a prompt whose backbone grows is trained alone")
    room = room or Room()
    with torch.random.fork_rng(devices=[backbone.device] if backbone.device.type == "cuda" else []):
        torch.manual_seed(jobs[0].spec.seed)
        begun = time.process_time()
        courses = _begin(jobs, backbone, room, progress)
        while active := [course for course in courses if not course.is_over]:
            taken = [(c.now(), c.run, next(c.batches)) for c in active]
            part = active[0].job.stage(active[0].run.step)  # prompts on a growing backbone do not share passes
            model = backbone if part is None else part.backbone
            began = _clock(backbone)
            found = step(model, taken, room)
            each = (_clock(backbone) - began) / len(active)
            for course, (value, gradient) in zip(active, found, strict=True):
                course.after_step(value, gradient, each)
                if course.trouble is not None:
                    course.run = Run.begin(course.job, backbone)  # tried again, it begins anew
                progress(1)
            if any(not course.losses for course in active):  # one was evaluated
                now = time.process_time()
                for course in active:
                    course.run.cpu_seconds += (now - begun) / len(active)
                begun = now
                _save(courses)
        if len(jobs) > 1:  # each by itself as well, for whoever is killed while results are put away one by one
            for course in courses:
                _save([course])
    return [course.result() for course in courses]


def _file(jobs: Sequence[Job]) -> Path:
    """Return where the state of some jobs is kept: a name of its own for every set of them."""
    if len(jobs) == 1:
        return jobs[0].scratch / checkpoint.FILE
    return jobs[0].scratch / f"{key([job.spec for job in jobs])}-{checkpoint.FILE}"


def _save(courses: "Sequence[_Course]") -> None:
    checkpoint.save(_file([course.job for course in courses]), {key(c.job.spec): c.run for c in courses})


def _begin(jobs: Sequence[Job], backbone: Backbone, room: Room, progress: Progress) -> "list[_Course]":
    """Return the runs as they were left, or in front of their first step.

    They may have been left in other company, before a seed or a task was added: then each goes on from its own state.
    """
    runs = [Run.begin(job, backbone) for job in jobs]
    lacking = {key(job.spec): run for job, run in zip(jobs, runs, strict=True)}
    others = sorted(jobs[0].scratch.parent.glob(f"*/*{checkpoint.FILE}"))
    for path in (_file(jobs), *(_file([job]) for job in jobs), *others):
        if not lacking:
            break
        for name in checkpoint.load(path, lacking):
            del lacking[name]
    courses = [
        _Course(job, run, backbone, room, batches(job.data.train, job.spec, run.step))
        for job, run in zip(jobs, runs, strict=True)
    ]
    for course in courses:
        if course.run.history:
            progress(course.run.step)
        else:
            course.evaluate(gradient=None)
    return courses


@dataclass
class _Course:
    """A run on its way, with what has happened since its last evaluation."""

    job: Job
    run: Run
    backbone: Backbone
    room: Room
    batches: Iterator[Batch]
    losses: list[Tensor] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    trouble: RunError | None = None
    spent: float = 0.0
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter.of(self.job, self.backbone)

    @property
    def is_over(self) -> bool:
        return self.trouble is not None or self.run.is_done(self.job.spec.recipe)

    def now(self) -> Job:
        """Return the job as the next step does it; where the backbone has just grown, the optimiser may begin anew."""
        job, run = self.job, self.run
        growth, part = job.spec.recipe.growth, job.stage(run.step)
        if growth is not None and growth.optimizer == "reset" and run.step in [stage.until for stage in job.stages]:
            run.forget(job.spec.recipe)
        return job if part is None else dataclasses.replace(job, readout=part.readout)

    def after_step(self, value: Tensor, gradient: Tensor, seconds: float) -> None:
        """Count a step, and evaluate where the recipe says so."""
        run, recipe = self.run, self.job.spec.recipe
        self.losses.append(value)
        self.spent += seconds
        run.step += 1
        if run.step == recipe.early_step:
            run.early = run.learned().detach().clone()
        if run.step % recipe.evaluate_every and run.step != recipe.steps:
            return
        self.evaluate(gradient)
        run.seconds.append(time.perf_counter() - self.started)
        run.step_seconds.append(self.spent)
        self.losses, self.started, self.spent = [], time.perf_counter(), 0.0

    @torch.no_grad()
    def evaluate(self, gradient: Tensor | None) -> None:
        """Score the prompt on the selection split; keep it if it is the best so far (score, then loss, then earliest).

        Losses are looked at here and not after every step, so that a GPU need not wait for the program.
        """
        spec, run = self.job.spec, self.run
        began = _clock(self.backbone)
        values = [value.item() for value in self.losses]
        self.spent += _clock(self.backbone) - began  # a GPU is waited for here
        if (bad := next((i for i, value in enumerate(values) if not math.isfinite(value)), None)) is not None:
            at = run.step - len(values) + bad + 1
            self.trouble = _diverged(spec, f"the loss is {values[bad]} at step {at}")
            return
        vectors = run.learned().detach()
        outcome = self._outcome(entrant(self.job, self.backbone, vectors))
        if not math.isfinite(outcome.metrics["loss"]):
            self.trouble = _diverged(spec, f"the class scores are not finite at step {run.step}")
            return
        rank = (outcome.metrics[spec.task.metric], -outcome.metrics["loss"])
        run.history.append(
            {
                "step": run.step,
                "train_loss": float(np.mean(values)) if values else None,
                "selection_score": rank[0],
                "selection_loss": outcome.metrics["loss"],
                "prompt_norm": vectors.norm().item(),
                "gradient_norm": None if gradient is None else gradient.item(),
                "gflop": round(self.meter.at(run.step), 6),
            }
        )
        if run.step <= self.job.grown:  # what parts of the backbone, or nothing, made of it is shown, never chosen
            return
        is_better = rank > run.best_rank
        run.stale = 0 if is_better else run.stale + 1
        run.best_rank = max(rank, run.best_rank)
        if is_better or spec.recipe.select == "last":
            run.best = vectors.clone()
            run.best_classes = outcome.n_distinct

    def _outcome(self, front: Entrant) -> Outcome:
        selection, task = self.job.data.selection, self.job.spec.task

        def score(batch_size: int) -> Outcome:
            return outcomes(task, self.backbone, self.job.readout, selection, [front], batch_size=batch_size)[0]

        return self.room.fit(EVALUATION_BATCH, score)

    def result(self) -> Trained | RunError:
        return self.trouble or finished(self.job, self.backbone, self.run, self.room)


def _clock(backbone: Backbone) -> float:
    """Return the seconds steps are timed by: of the processor, or of the clock where something else computes."""
    return time.process_time() if backbone.device.type == "cpu" else time.perf_counter()


def _diverged(spec: PromptSpec, what: str) -> RunError:
    return RunError(
        f"{spec.task.name}, seed {spec.seed}: {what}",
        fix=f"lower learning_rate (now {spec.recipe.learning_rate}) or set clip_norm",
    )
