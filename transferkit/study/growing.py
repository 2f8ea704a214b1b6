"""Shelf. What FPT compares: prompts trained while their backbone grows, on parts of it alone, and plainly.

Huang et al. 2022. Each grown prompt stands beside its plain twin: the same recipe and seed on the whole backbone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass as plain
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError
from transferkit.specs import (
    ActivitySpec,
    BackboneSpec,
    Growth,
    NoPrompt,
    PromptSpec,
    ScoreSpec,
    activity_of,
    key,
    stages_of,
)
from transferkit.specs.partial import QUARTERS
from transferkit.study.sweep import ANY_SEQUENCE, STRICT, chosen
from transferkit.tasks.base import Task

if TYPE_CHECKING:
    from transferkit.study.question import Study

PAPERS = (Growth(depth=QUARTERS), Growth(width=QUARTERS), Growth(depth=QUARTERS, width=QUARTERS))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Growing:
    """Prompts trained while their backbone grows.

    Attributes:
        schedules: how it grows; by default the paper's three: in depth, in width, in both.
        shorter: shares of the steps; plain prompts trained for so many are what the arithmetic of a grown one is
            compared with.
        parts: whether to train prompts on every part of the schedules alone as well, from nothing; each is scored on
            every part of its schedule and on the whole backbone.
        backbones: the study's backbones it is about; all by default.
        tasks: the study's tasks it is about; all by default.
    """

    schedules: Annotated[tuple[Growth, ...], ANY_SEQUENCE, Field(min_length=1)] = PAPERS
    shorter: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], ANY_SEQUENCE] = ()
    parts: bool = True
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    tasks: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()

    def __post_init__(self) -> None:
        """Refuse a schedule that stands twice, and parts that could not be told apart."""
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"schedule {', '.join(twice)} stands twice: name each once")
        ranked = {one.n_examples for one in self.schedules if any(part.is_ranked for part in one.partials())}
        if len(ranked) > 1:
            raise ValueError(f"schedules measure activity on {sorted(ranked)} examples: choose one n_examples for all")

    @property
    def names(self) -> tuple[str, ...]:
        """What the schedules are called: with sizes and shares where what they cut does not tell them apart."""
        short = [schedule.name for schedule in self.schedules]
        return tuple(
            name if short.count(name) == 1 else f"{name}-{schedule.details}"
            for name, schedule in zip(short, self.schedules, strict=True)
        )


@plain(frozen=True)
class Grown:
    """A prompt whose backbone grew by a schedule, and its plain twin."""

    prompt: PromptSpec
    plain: PromptSpec
    schedule: str


@plain(frozen=True)
class OnPart:
    """A prompt trained on one part of a backbone alone, and its twin on the whole."""

    prompt: PromptSpec
    plain: PromptSpec
    schedule: str


@plain(frozen=True)
class GrowthSpecs:
    """All that answers a `Growing`.

    Attributes:
        plain: prompts trained on the whole backbone.
        grown: beside each, those whose backbone grew.
        shorter: plain prompts trained for fewer steps.
        on_parts: prompts trained on parts alone.
        tasks: the tasks as they are scored, by name.
    """

    plain: tuple[PromptSpec, ...]
    grown: tuple[Grown, ...]
    shorter: tuple[PromptSpec, ...]
    on_parts: tuple[OnPart, ...]
    tasks: dict[str, Task]

    @property
    def prompts(self) -> list[PromptSpec]:
        """Every prompt to train besides the plain ones, which are the study's own."""
        return [*(one.prompt for one in self.grown), *self.shorter, *(one.prompt for one in self.on_parts)]

    @cached_property
    def scores(self) -> list[ScoreSpec]:
        """Scores on the whole backbone; on the parts of a schedule also of prompts of parts, plain ones and none."""
        found = [self.score(spec) for spec in [*(one.prompt for one in self.grown), *self.shorter]]
        places: dict[tuple[str, str], list[BackboneSpec]] = {}  # the parts of a schedule, by prompt of the whole
        for one in self.on_parts:
            places.setdefault((one.schedule, key(one.plain)), []).append(one.prompt.backbone)
        for one in self.on_parts:
            found += [self.score(one.prompt, on=part) for part in places[one.schedule, key(one.plain)]]
            found += [self.score(one.prompt, on=one.plain.backbone), self.score(one.plain, on=one.prompt.backbone)]
            found += [self.bare(one.prompt)]
        return list({key(spec): spec for spec in found}.values())

    def score(self, prompt: PromptSpec, *, on: BackboneSpec | None = None) -> ScoreSpec:
        """Return the score of a prompt on its own task, on its own backbone or another."""
        task = self.tasks[prompt.task.name]
        return ScoreSpec(source=prompt.source, backbone=on or prompt.backbone, readout=prompt.readout, task=task)

    def bare(self, prompt: PromptSpec) -> ScoreSpec:
        """Return the score of no prompt on the task and the backbone of one."""
        return dataclasses.replace(self.score(prompt), source=NoPrompt())


def growth_specs(study: Study, asked: Growing) -> GrowthSpecs:
    """Return what answers a `Growing`.

    Raises:
        InputError: it names a backbone or a task the study has not, the study's own prompts grow already, or its steps
            do not divide among stages or shorter runs.
    """
    if study.recipe.growth is not None:
        raise InputError(
            "growth: the study's recipe grows itself, so there is no plain prompt to compare with",
            fix="leave growth out of the recipe, and name its schedule in [growth]",
        )
    backbones = chosen(asked.backbones, [model.spec.name for model in study.models], "growth: backbones")
    tasks = chosen(asked.tasks, [task.name for task in study.resolved_tasks], "growth: tasks")
    plain = tuple(s for s in study.prompts() if s.backbone.name in backbones and s.task.name in tasks)
    grown = tuple(
        Grown(_growing(spec, schedule), spec, name)
        for spec, (name, schedule) in itertools.product(plain, zip(asked.names, asked.schedules, strict=True))
    )
    steps = list(dict.fromkeys(max(1, round(share * study.recipe.steps)) for share in asked.shorter))
    if study.recipe.steps in steps:
        raise InputError(
            f"growth: shorter = {list(asked.shorter)} has a share that is all {study.recipe.steps} steps",
            fix="choose smaller shares, or more steps",
        )
    return GrowthSpecs(
        plain,
        grown,
        tuple(_shortened(spec, n) for spec, n in itertools.product(plain, steps)),
        tuple(found for one in grown for found in _on_parts(one)) if asked.parts else (),
        {task.name: task for task in study.scored_tasks},
    )


def activities(prompts: Iterable[PromptSpec]) -> list[ActivitySpec]:
    """Return the measurements that parts of backbones are ranked by, each once."""
    found = (activity_of(spec) for spec in prompts)
    return list({key(spec): spec for spec in found if spec is not None}.values())


def _growing(spec: PromptSpec, schedule: Growth) -> PromptSpec:
    steps = spec.recipe.steps
    if schedule.has_idle_stage(steps):
        raise InputError(
            f"growth: of steps = {steps} a stage of shares = {list(schedule.shares)} gets none",
            fix="raise steps in the recipe, or the share of that stage",
        )
    return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, growth=schedule))


def _shortened(spec: PromptSpec, steps: int) -> PromptSpec:
    early = spec.recipe.early_step
    kept = early if early is None or early <= steps else None  # a run that ends before it keeps no early rows
    return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, steps=steps, early_step=kept))


def _on_parts(one: Grown) -> Iterable[OnPart]:
    for _, part in stages_of(one.prompt):
        yield OnPart(dataclasses.replace(one.plain, backbone=one.plain.backbone.cut(part)), one.plain, one.schedule)
