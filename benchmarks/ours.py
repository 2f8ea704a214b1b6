"""Our side of every comparison: the trainer and the scorer that users run, on synthetic examples."""

import contextlib
import dataclasses
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from benchmarks.cases import Case, examples, split, subset, typical_seed
from benchmarks.harness import Job, Laps, Stopwatch, Turn
from benchmarks.models import LABEL_WORDS, Dtype, backbone, kind_of, label_ids
from transferkit.backbones import Backbone, Savings
from transferkit.batches import Batch, Encoded
from transferkit.generators import make_weights
from transferkit.measures import score_all
from transferkit.predictions import Entrant, class_scores
from transferkit.prompts import Data, train, train_together
from transferkit.prompts import Job as TrainingJob
from transferkit.prompts.runs import batches
from transferkit.readouts import Readout, make_readout
from transferkit.shapes import IntArray
from transferkit.specs import (
    CausalReadout,
    Generator,
    MaskedReadout,
    Partial,
    Placement,
    PromptSpec,
    ReadoutSpec,
    Recipe,
    Seq2seqReadout,
)
from transferkit.states import StatesShelf
from transferkit.store import Store
from transferkit.tasks.base import Label, LocalData, Task

READOUTS: dict[str, type] = {"masked": MaskedReadout, "causal": CausalReadout, "seq2seq": Seq2seqReadout}
TASK = Task(
    name="synthetic",
    source=LocalData(train="synthetic.csv", sha256="0"),
    labels=tuple(Label(value=word, word=word, description=f"a {word} text") for word in LABEL_WORDS),
)
ALL, FRONT = Savings(), Placement()
FOREVER = 1_000_000  # steps asked for; a turn ends when enough of them were timed


class Enough(Exception):  # not an error: it ends a training run that was only to be timed
    """Enough steps were timed."""


class AsDrawn(Encoded):
    """A split whose batches are random instead of bucketed by length, to measure what bucketing saves."""

    def shuffled(self, batch_size: int, rng: np.random.Generator) -> list[IntArray]:
        """Return one epoch in random order."""
        order = rng.permutation(len(self))
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


@dataclass(frozen=True)
class FullHead(Readout):
    """The label words' scores taken from those of all words at every text row, to measure what that costs."""

    backbone: Backbone
    inner: Readout
    label_ids: Tensor

    def rows(self, batch: Batch) -> Tensor:
        """Return all text rows; of an encoder-decoder the row that answers."""
        if self.backbone.kind == "encoder-decoder":
            return self.inner.rows(batch)
        return torch.arange(batch.ids.shape[1], device=batch.ids.device).expand(batch.ids.shape)

    def scores(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the scores of the label words at the answer."""
        everything = self.backbone.head(hidden)
        at = self.inner.rows(batch).squeeze(1)
        return everything[torch.arange(len(at), device=at.device), at][:, self.label_ids]

    def gold(self, batch: Batch) -> Tensor:
        """Return the right labels."""
        return self.inner.gold(batch)


@dataclass(frozen=True)
class Setting:
    """A backbone with the readout of the synthetic task."""

    backbone: Backbone
    readout: Readout
    spec: ReadoutSpec

    @classmethod
    def of(
        cls, case: Case, *, dtype: Dtype = "float32", savings: Savings = ALL, partial: Partial | None = None
    ) -> "Setting":
        """Make it for a case, of a part of the backbone where one is named."""
        made = backbone(case.model, dtype=dtype, device=case.device)
        made.savings = savings
        made = made if partial is None else made.partial(partial)
        spec = READOUTS[kind_of(case.model)]()
        return cls(made, make_readout(spec, made, TASK), spec)


def start(case: Case, width: int, n_prompts: int = 1) -> Tensor:
    """Return random prompts [n,P,d]."""
    return 0.1 * torch.randn(n_prompts, case.prompt, width, generator=torch.Generator().manual_seed(1))


def training(  # noqa: PLR0913  (each is something else to measure)
    case: Case,
    *,
    dtype: Dtype = "float32",
    savings: Savings = ALL,
    placement: Placement = FRONT,
    order: Literal["bucketed", "random"] = "bucketed",
    full_head: bool = False,
    n_prompts: int = 1,
    generator: Generator | None = None,
    partial: Partial | None = None,
) -> Job:
    """Return a job that times whole steps of `transferkit.prompts.train`; its unit is an example.

    Args:
        case: what is trained on.
        dtype: arithmetic of the backbone.
        savings: which of the backbone's exact savings are on.
        placement: where the prompt enters.
        order: batches as the trainer draws them, or at random.
        full_head: whether the whole vocabulary is scored at every text row.
        n_prompts: prompts trained together, each with its own order of examples.
        generator: what makes each example's prompt, trained in its place and alone.
        partial: part of the backbone that is trained on; the whole by default.
    """
    setting = Setting.of(case, dtype=dtype, savings=savings, partial=partial)
    readout = setting.readout
    if full_head:
        readout = FullHead(setting.backbone, readout, torch.tensor(label_ids(), device=case.device))
    encoded = examples(case)
    if order == "random":
        encoded = AsDrawn(encoded.ids, None, encoded.answer, encoded.gold, encoded.pad_id, 0)
    spec = _asked(setting, case, FOREVER, placement, generator)
    first = typical_seed(encoded, lambda seed: timed_batches(encoded, spec, seed, case.steps))
    data = Data(encoded, subset(encoded, np.argsort(encoded.lengths)[:2]))
    initial = start(case, setting.backbone.width, n_prompts)
    if generator is not None:
        initial = make_weights(generator, case.prompt, setting.backbone.width, 0).unsqueeze(0)

    def turn() -> Turn:
        laps = Laps(case.steps, case.device)
        done = itertools.count(1)

        def after_step(_steps: int) -> None:
            if next(done) % n_prompts == 0 and laps.lap():
                raise Enough

        with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(Enough):
            jobs = [
                TrainingJob(dataclasses.replace(spec, seed=first + i), readout, data, rows, Path(scratch))
                for i, rows in enumerate(initial)
            ]
            train_together(jobs, setting.backbone, progress=after_step)
        return laps.watch.turn(n_prompts * case.steps * case.batch, parameters=initial[0].numel())

    return turn


def late_training(case: Case, *, insert_after: int, epochs: int) -> Job:
    """Return a job that times all of a training run above kept rows, computing and keeping them included.

    Its unit is an example of a step. The pool is as many batches as the case has steps.

    Args:
        case: what is trained on.
        insert_after: block in front of which the prompt enters.
        epochs: times every example comes.
    """
    setting = Setting.of(case)
    pool = split(case, case.mean, case.steps)
    n_steps = epochs * case.steps
    spec = _asked(setting, case, n_steps, Placement(insert_after=insert_after, entry="block"))
    few = subset(pool, np.argsort(pool.lengths)[:2])
    (initial,) = start(case, setting.backbone.width)

    def turn() -> Turn:
        with tempfile.TemporaryDirectory() as folder, Stopwatch(case.device) as watch:
            shelf = StatesShelf(Store(folder))
            data = Data(*(shelf.with_states(texts, setting.backbone, insert_after) for texts in (pool, few)))
            train(TrainingJob(spec, setting.readout, data, initial, Store(folder).scratch("run")), setting.backbone)
        return watch.turn(n_steps * case.batch, parameters=initial.numel())

    return turn


def _asked(
    setting: Setting, case: Case, steps: int, placement: Placement, generator: Generator | None = None
) -> PromptSpec:
    """Return a training run that is evaluated at its end."""
    recipe = Recipe(
        prompt_length=case.prompt,
        placement=placement,
        batch_size=case.batch,
        steps=steps,
        evaluate_every=steps,
        generator=generator,
    )
    return PromptSpec(backbone=setting.backbone.spec, readout=setting.spec, task=TASK, seed=0, recipe=recipe)


def timed_batches(encoded: Encoded, spec: PromptSpec, seed: int, steps: int) -> list[IntArray]:
    """Return the examples of the steps a turn times, all but the first."""
    drawn = itertools.islice(batches(encoded, dataclasses.replace(spec, seed=seed), 0), 1, steps + 1)
    return [batch.index.numpy() for batch in drawn]


def evaluation(
    case: Case,
    *,
    dtype: Dtype = "float32",
    n_prompts: int = 1,
    means: tuple[int, ...] = (),
    n_batches: int | None = None,
    legal: bool = False,
) -> Job:
    """Return a job that times `transferkit.predictions.class_scores`; its unit is an example under one prompt.

    Args:
        case: what is scored.
        dtype: arithmetic of the backbone.
        n_prompts: prompts scored in one pass over the data.
        means: mean lengths of the tasks scored one after the other; the case's by default.
        n_batches: batches per task; the case's steps by default.
        legal: whether to time `transferkit.measures.score_all` instead, as `transferkit measure` does: with metrics,
            and with a look at the whole vocabulary for how often a label word beats it.
    """
    setting = Setting.of(case, dtype=dtype)
    tasks = [split(case, mean, n_batches or case.steps) for mean in means or (case.mean,)]
    prompts = start(case, setting.backbone.width, n_prompts).to(case.device)
    entrants = [Entrant(vectors, Placement()) for vectors in prompts]

    def score(encoded: Encoded) -> None:
        if legal:
            score_all(TASK, setting.backbone, setting.readout, encoded, entrants, batch_size=case.batch)
        else:
            class_scores(setting.backbone, setting.readout, encoded, entrants, batch_size=case.batch)

    score(subset(tasks[0], np.arange(case.batch)))

    def turn() -> Turn:
        with Stopwatch(case.device) as watch:
            for encoded in tasks:
                score(encoded)
        return watch.turn(n_prompts * sum(len(encoded) for encoded in tasks))

    return turn
