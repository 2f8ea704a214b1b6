"""Explaining. Taking a study's artifacts off the shelf: which there are, which are missing, and each read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from transferkit.artifacts import Artifact, Examples, Neurons, Prompt, Score
from transferkit.errors import InputError, nearest
from transferkit.matrices import CellState
from transferkit.shapes import FloatArray
from transferkit.specs import (
    AnyPromptSpec,
    AnyScoreSpec,
    ExamplesSpec,
    ImportedSource,
    InfluenceSpec,
    NeuronsSpec,
    PromptSource,
    Spec,
    TrainedPrompt,
    UnseenPrompt,
    WordsSpec,
    key,
)
from transferkit.statistics import over_examples, over_seeds, wilson
from transferkit.store import Store
from transferkit.study import Crossing, GrowthSpecs, Start

A = TypeVar("A", bound=Artifact)
RIGHT_OR_WRONG = ("accuracy", "exact_match")


class TaskFacts(Protocol):
    """What is known of every task, one's own or imported."""

    @property
    def name(self) -> str:
        """Name in tables and paths."""
        ...

    @property
    def group(self) -> str:
        """Block of tasks expected to transfer to each other."""
        ...

    @property
    def metric(self) -> str:
        """Name of the score."""
        ...

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None where there are none, or it is not known."""
        ...

    @property
    def chance(self) -> float:
        """Expected score of guessing every class equally often."""
        ...


class Question(Protocol):
    """What a study or a collection has to say here: its name and the specs that answer it."""

    @property
    def name(self) -> str:
        """Name of the report."""
        ...

    def prompts(self) -> Sequence[AnyPromptSpec]:
        """Return the prompts."""
        ...

    def scores(self) -> Sequence[AnyScoreSpec]:
        """Return the cells."""
        ...

    def neuron_sets(self) -> Sequence[NeuronsSpec]:
        """Return the neuron sets to read."""
        ...

    def words(self) -> Sequence[WordsSpec]:
        """Return the vocabulary look-ups."""
        ...

    def examples(self) -> Sequence[ExamplesSpec]:
        """Return the splits whose gold labels are needed."""
        ...

    def specs(self) -> Iterator[Spec]:
        """Yield all of these, and what belongs to the sweep, once."""
        ...

    def swept_prompts(self) -> Sequence[AnyPromptSpec]:
        """Return the prompts at several depths."""
        ...

    def swept_scores(self) -> Sequence[AnyScoreSpec]:
        """Return their scores on their own tasks, in the same order."""
        ...

    def influences(self) -> Sequence[InfluenceSpec]:
        """Return what they do to rows and answers, and what no prompt leaves there."""
        ...

    @property
    def crossings(self) -> Sequence[Crossing]:
        """Every projection to another backbone, with its specs."""
        ...

    def starts(self) -> Sequence[Start]:
        """Return the prompts trained from other prompts, each beside its plain twin."""
        ...

    def started_scores(self) -> Sequence[AnyScoreSpec]:
        """Return their scores on their own tasks, in the same order."""
        ...

    @property
    def growing(self) -> GrowthSpecs | None:
        """What is asked of growing backbones; None where nothing is."""
        ...


@dataclass(frozen=True)
class Cell:
    """One cell of a transfer matrix: a mean over seeds with what it rests on."""

    state: CellState
    value: float = float("nan")
    n: int = 0
    low: float = float("nan")
    high: float = float("nan")
    keys: tuple[str, ...] = ()


class Reading:
    """A store seen through a study. Nothing is read before it is asked for, and nothing twice."""

    def __init__(self, question: Question, store: Store) -> None:
        self.question = question
        self.store = store
        self._read: dict[str, Artifact | None] = {}

    # --- what the study is about -------------------------------------------------------------------------------------
    @cached_property
    def specs(self) -> tuple[Spec, ...]:
        """Every spec of the study."""
        return tuple(self.question.specs())

    @cached_property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones, in the study's order."""
        return tuple(dict.fromkeys(spec.backbone.name for spec in (*self.prompts, *self.scores)))

    @cached_property
    def tasks(self) -> tuple[TaskFacts, ...]:
        """The tasks, by group, then name."""
        return _ordered(*self.prompts, *self.scores)

    def tasks_on(self, backbone: str) -> tuple[TaskFacts, ...]:
        """Return the tasks a backbone is used on, by group, then name; those of a study are the same for all."""
        return _ordered(*(spec for spec in self.scores if spec.backbone.name == backbone)) or _ordered(
            *(spec for spec in self.prompts if spec.backbone.name == backbone)
        )

    @cached_property
    def prompts(self) -> tuple[AnyPromptSpec, ...]:
        """The prompts asked for."""
        return tuple(self.question.prompts())

    @cached_property
    def scores(self) -> tuple[AnyScoreSpec, ...]:
        """The scores asked for."""
        return tuple(self.question.scores())

    @cached_property
    def neurons(self) -> tuple[NeuronsSpec, ...]:
        """The neuron sets asked for."""
        return tuple(self.question.neuron_sets())

    @cached_property
    def words(self) -> tuple[WordsSpec, ...]:
        """The vocabulary look-ups asked for."""
        return tuple(self.question.words())

    @cached_property
    def _by_cell(self) -> dict[tuple[str, str], list[AnyScoreSpec]]:
        table: dict[tuple[str, str], list[AnyScoreSpec]] = defaultdict(list)
        for spec in self.scores:
            table[spec.backbone.name, spec.task.name].append(spec)
        return table

    def check_backbone(self, name: str) -> str:
        """Return the name of a backbone of the study.

        Raises:
            InputError: the study has none of this name.
        """
        if name not in self.backbones:
            raise InputError(f"the study has no backbone {name!r}", fix=nearest(name, list(self.backbones)))
        return name

    def measured_on(self, backbone: str, task: str) -> list[AnyScoreSpec]:
        """Return every score asked for on one backbone and task."""
        return self._by_cell[backbone, task]

    def trained_on(self, backbone: str, task: str) -> list[AnyPromptSpec]:
        """Return the prompts of one backbone and task, one per seed."""
        return [spec for spec in self.prompts if spec.backbone.name == backbone and spec.task.name == task]

    def prompts_on(self, backbone: str, target: str, *, source: str, source_backbone: str) -> list[AnyScoreSpec]:
        """Return the scores of one task's prompts on a target, one per seed."""
        wanted = (source, source_backbone)
        return [spec for spec in self.measured_on(backbone, target) if made_for(spec.source) == wanted]

    def cell(self, backbone: str, target: str, *, source: str, source_backbone: str) -> Cell:
        """Return the mean score of one task's prompts on a target; missing unless every seed is there."""
        return self.mean(self.prompts_on(backbone, target, source=source, source_backbone=source_backbone))

    def mean(self, specs: Sequence[AnyScoreSpec]) -> Cell:
        """Return the mean of some scores of one task, with a t interval over them.

        A single score has Wilson's interval where each answer is right or wrong, and else, where every example has a
        number of its own, a t interval over them.
        """
        if not specs:
            return Cell("not_applicable")
        found = [self.get(spec, Score) for spec in specs]
        scores = [score for score in found if score is not None]
        if len(scores) < len(specs):
            return Cell("missing")
        metric = specs[0].task.metric
        values = np.array([score.metrics[metric] for score in scores])
        n = scores[0].n
        interval = over_seeds(values)
        if interval is None and metric in RIGHT_OR_WRONG and n:
            interval = wilson(round(values[0] * n), n)
        elif interval is None and (each := answers_of(scores[0], metric)) is not None:
            interval = over_examples(each)
        low, high = (interval.low, interval.high) if interval else (float("nan"), float("nan"))
        low, high = np.clip([low, high], 0.0, 1.0).tolist()  # a t interval knows nothing of the ends of a score
        return Cell("measured", float(values.mean()), n, low, high, tuple(key(spec) for spec in specs))

    # --- the store ---------------------------------------------------------------------------------------------------
    def get(self, spec: Spec, kind: type[A]) -> A | None:
        """Return an artifact, or None where the store does not have it."""
        name = key(spec)
        if name not in self._read:
            self._read[name] = self.store.get(spec) if self.store.has(spec) else None
        found = self._read[name]
        assert found is None or isinstance(found, kind)  # the store refuses anything else
        return found

    def missing(self) -> list[Spec]:
        """Return the specs the store has no artifact of."""
        return [spec for spec in self.specs if not self.store.has(spec)]

    def gold(self, task: str) -> Examples | None:
        """Return a task's reported examples, or None where they are missing."""
        found = [spec for spec in self.question.examples() if spec.task.name == task and spec.split == "report"]
        return self.get(found[0], Examples) if found else None

    def iter_prompts(self, backbone: str | None = None) -> Iterator[tuple[AnyPromptSpec, Prompt]]:
        """Yield the prompts that are there, by task and seed."""
        place = {task.name: i for i, task in enumerate(self.tasks)}
        for spec in sorted(self.prompts, key=lambda s: (s.backbone.name, place[s.task.name], s.seed)):
            if backbone in (None, spec.backbone.name) and (prompt := self.get(spec, Prompt)) is not None:
                yield spec, prompt

    def iter_neurons(self, backbone: str) -> Iterator[tuple[NeuronsSpec, Neurons]]:
        """Yield the neuron sets of a backbone that are there."""
        for spec in self.neurons:
            if spec.backbone.name == backbone and (neurons := self.get(spec, Neurons)) is not None:
                yield spec, neurons


def answers_of(score: Score, metric: str) -> FloatArray | None:
    """Return what each example of a text task scores [n]; None for a task with classes, or where nobody kept it."""
    return None if score.values is None else score.values.get(metric)


def made_for(source: PromptSource | ImportedSource) -> tuple[str, str] | None:
    """Return task and backbone a source was trained for; None for a baseline or a projected prompt."""
    if isinstance(source, TrainedPrompt) or (isinstance(source, UnseenPrompt) and not source.projected):
        return source.task, source.backbone
    return None


def _ordered(*specs: AnyPromptSpec | AnyScoreSpec) -> tuple[TaskFacts, ...]:
    found: dict[str, TaskFacts] = {spec.task.name: spec.task for spec in specs}
    return tuple(sorted(found.values(), key=lambda task: (task.group, task.name)))
