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
from transferkit.specs import ExamplesSpec, NeuronsSpec, PromptSpec, ScoreSpec, Spec, TrainedPrompt, key
from transferkit.statistics import over_seeds, wilson
from transferkit.store import Store
from transferkit.tasks.base import Task

A = TypeVar("A", bound=Artifact)


class Question(Protocol):
    """What a study has to say here: its name and the specs that answer it."""

    @property
    def name(self) -> str:
        """Name of the report."""
        ...

    def prompts(self) -> Sequence[PromptSpec]:
        """Return the prompts to train."""
        ...

    def scores(self) -> Sequence[ScoreSpec]:
        """Return the cells to measure."""
        ...

    def neuron_sets(self) -> Sequence[NeuronsSpec]:
        """Return the neuron sets to read."""
        ...

    def examples(self) -> Sequence[ExamplesSpec]:
        """Return the splits whose gold labels are needed."""
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
        question = self.question
        return (*question.examples(), *question.prompts(), *question.scores(), *question.neuron_sets())

    @cached_property
    def backbones(self) -> tuple[str, ...]:
        """Names of the backbones, in the study's order."""
        return tuple(dict.fromkeys(spec.backbone.name for spec in (*self.prompts, *self.scores)))

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, by group, then name."""
        found = {spec.task.name: spec.task for spec in (*self.prompts, *self.scores)}
        return tuple(sorted(found.values(), key=lambda task: (task.group, task.name)))

    @cached_property
    def prompts(self) -> tuple[PromptSpec, ...]:
        """The prompts asked for."""
        return tuple(self.question.prompts())

    @cached_property
    def scores(self) -> tuple[ScoreSpec, ...]:
        """The scores asked for."""
        return tuple(self.question.scores())

    @cached_property
    def neurons(self) -> tuple[NeuronsSpec, ...]:
        """The neuron sets asked for."""
        return tuple(self.question.neuron_sets())

    @cached_property
    def _by_cell(self) -> dict[tuple[str, str], list[ScoreSpec]]:
        table: dict[tuple[str, str], list[ScoreSpec]] = defaultdict(list)
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

    def measured_on(self, backbone: str, task: str) -> list[ScoreSpec]:
        """Return every score asked for on one backbone and task."""
        return self._by_cell[backbone, task]

    def trained_on(self, backbone: str, task: str) -> list[PromptSpec]:
        """Return the prompts of one backbone and task, one per seed."""
        return [spec for spec in self.prompts if spec.backbone.name == backbone and spec.task.name == task]

    def cell(self, backbone: str, target: str, *, source: str, source_backbone: str) -> Cell:
        """Return the mean score of one task's prompts on a target; missing unless every seed is there."""
        wanted = [
            spec
            for spec in self.measured_on(backbone, target)
            if isinstance(spec.source, TrainedPrompt)
            and spec.source.task == source
            and spec.source.backbone == source_backbone
        ]
        return self.mean(wanted)

    def mean(self, specs: Sequence[ScoreSpec]) -> Cell:
        """Return the mean of some scores of one task, with a t interval over them or, for one, Wilson's."""
        if not specs:
            return Cell("not_applicable")
        found = [self.get(spec, Score) for spec in specs]
        scores = [score for score in found if score is not None]
        if len(scores) < len(specs):
            return Cell("missing")
        metric = specs[0].task.metric
        values = np.array([score.metrics[metric] for score in scores])
        n = len(scores[0].predicted)
        interval = over_seeds(values)
        if interval is None and metric == "accuracy" and n:
            interval = wilson(round(values[0] * n), n)
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

    def iter_prompts(self, backbone: str | None = None) -> Iterator[tuple[PromptSpec, Prompt]]:
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
