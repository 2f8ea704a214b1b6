"""Shelf. The specs of a projection: what is fitted, what is projected, and what stands beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transferkit.errors import InputError
from transferkit.specs import (
    ConstantMap,
    Lesson,
    Method,
    NormsMap,
    ProjectedSpec,
    ProjectorSpec,
    PromptNet,
    PromptSource,
    PromptSpec,
    Recipe,
    ScoreSpec,
    Tuned,
    VocabularyInitial,
    key,
)
from transferkit.study.projection import Projection
from transferkit.study.sweep import chosen

if TYPE_CHECKING:
    from transferkit.sources import Model
    from transferkit.study.question import Study
    from transferkit.tasks.base import Task


@dataclass(frozen=True)
class Crossing:
    """A projection with the specs that answer it.

    Attributes:
        source, target: names of the backbones.
        tasks: names of all its tasks; `train_on` those the projectors may see.
        methods: kinds of projector.
        own: the target's own prompts, by task and seed; empty where none are asked for.
        retrained: prompts trained on the target for the same compute; likewise.
        brought: the source's prompts, by task and seed.
        projectors: what is fitted.
        projected: what the projectors make, by method, task and seed.
        scores: everything on its own task, baselines included.
    """

    source: str
    target: str
    tasks: tuple[str, ...]
    train_on: tuple[str, ...]
    methods: tuple[Method, ...]
    own: tuple[PromptSpec, ...]
    retrained: tuple[PromptSpec, ...]
    brought: tuple[PromptSpec, ...]
    projectors: tuple[ProjectorSpec, ...] = ()
    projected: tuple[ProjectedSpec, ...] = ()
    scores: tuple[ScoreSpec, ...] = ()


def crossing(study: Study, asked: Projection, target: Model) -> Crossing:
    """Return a projection with the specs that answer it.

    Raises:
        InputError: it names a backbone or a task the study has not, or prompts of two lengths.
    """
    (origin,) = chosen(
        (asked.source or study.models[0].spec.name,), [m.spec.name for m in study.models], "projections: source"
    )
    names = [task.name for task in study.resolved_tasks]
    wanted = chosen(asked.tasks, names, "projections: tasks")
    train_on = tuple(chosen(asked.train_on, wanted, "projections: train_on")) if asked.train_on else ()
    recipe = asked.recipe or study.recipe
    if target.spec.name == origin:
        raise InputError(
            f"projection: its target is {origin!r}, where the prompts come from",
            fix="name another backbone, or leave the projection out",
        )
    if recipe.prompt_length != study.recipe.prompt_length:
        raise InputError(
            f"projection to {target.spec.name!r}: prompt_length = {recipe.prompt_length}, but prompts of"
            f" {study.recipe.prompt_length} rows are brought",
            fix=f"set prompt_length = {study.recipe.prompt_length} in the projection's recipe",
        )
    if recipe.generator is not None or study.recipe.generator is not None:
        raise InputError("a projection takes plain prompts, and a recipe has a generator", fix="leave it out")
    seeds = study.seeds if asked.seeds is None else asked.seeds
    if strange := sorted(set(seeds) - set(study.seeds)):
        raise InputError(
            f"projection: seeds has {strange[0]}, which the study has not", fix=f"choose among {study.seeds}"
        )
    tasks = [task for task in study.resolved_tasks if task.name in wanted]

    def prompts(how: Recipe) -> tuple[PromptSpec, ...]:
        return tuple(study.prompt(target, task, seed, how) for task in tasks for seed in seeds)

    brought = tuple(
        spec
        for spec in study.prompts()
        if spec.backbone.name == origin and spec.task.name in wanted and spec.seed in seeds
    )
    own = prompts(recipe) if asked.own else ()
    short = _short(asked, recipe, len(tasks)) if asked.retrained else None
    retrained = prompts(short) if short is not None else ()
    names = (origin, target.spec.name, tuple(wanted), train_on)
    found = Crossing(*names, asked.methods, own, retrained, brought)
    found = dataclasses.replace(found, projectors=tuple(_projectors(study, target, found, recipe)))
    found = dataclasses.replace(found, projected=tuple(_projected(found.projectors, brought, recipe, seeds)))
    return dataclasses.replace(found, scores=tuple(_scores(study, target, found, recipe, asked)))


def _short(asked: Projection, recipe: Recipe, n_tasks: int) -> Recipe | None:
    """Return the recipe of retraining: each task's share of the steps a projector tuned on tasks takes."""
    steps = [m.steps for m in asked.methods if isinstance(m, Tuned) and m.objective == "tasks"]
    if not steps:
        return None
    each = max(1, round(max(steps) / n_tasks))
    return dataclasses.replace(
        recipe,
        steps=each,
        evaluate_every=min(recipe.evaluate_every, each),
        warmup_steps=min(recipe.warmup_steps, each // 10),
        early_step=None,
    )


def _projectors(study: Study, target: Model, found: Crossing, recipe: Recipe) -> Iterator[ProjectorSpec]:
    seeds = tuple(dict.fromkeys(spec.seed for spec in found.brought))
    tasks = {task.name: task for task in study.resolved_tasks}  # whole: the target may read what the source does not
    native = {(spec.task.name, spec.seed): key(spec) for spec in found.own}
    for method in found.methods:
        same = {"backbone": target.spec, "source_backbone": found.brought[0].backbone, "method": method}
        if not isinstance(method, (PromptNet, ConstantMap, NormsMap)):
            yield ProjectorSpec(**same)  # words are the same for every seed
            continue
        for seed in seeds:
            if isinstance(method, NormsMap) or method.objective == "none":
                yield ProjectorSpec(**same, seed=seed, recipe=_length(recipe))
                continue
            is_tuned = method.objective == "tasks"
            lessons = tuple(
                Lesson(
                    task=tasks[spec.task.name],
                    source=key(spec),
                    target=None if is_tuned else native[spec.task.name, seed],
                )
                for spec in found.brought
                if spec.seed == seed and spec.task.name in found.train_on
            )
            yield ProjectorSpec(
                **same,
                seed=seed,
                lessons=lessons,
                readout=study.readout_of(target) if is_tuned else None,
                recipe=_tuning(recipe, method) if is_tuned else _length(recipe),
            )


def _length(recipe: Recipe) -> Recipe:
    """Return a recipe that says how long prompts are, and nothing else."""
    return Recipe(prompt_length=recipe.prompt_length)


def _tuning(recipe: Recipe, method: Tuned) -> Recipe:
    """Return how a projector is tuned on tasks: as the target's prompts are, for its own steps and rate.

    A network is tuned by AdamW without decay, whatever trains prompts; a constant prompt is one of the prompts.
    """
    if isinstance(method, PromptNet):
        recipe = dataclasses.replace(recipe, optimizer="adamw", weight_decay=0.0, initial=VocabularyInitial())
    return dataclasses.replace(
        recipe,
        steps=method.steps,
        learning_rate=method.learning_rate or recipe.learning_rate,
        evaluate_every=min(method.evaluate_every, method.steps),
        warmup_steps=0,
        early_step=None,
        patience=None,
    )


def _projected(
    projectors: tuple[ProjectorSpec, ...], brought: tuple[PromptSpec, ...], recipe: Recipe, seeds: tuple[int, ...]
) -> Iterator[ProjectedSpec]:
    for projector in projectors:
        is_of_one_seed = isinstance(projector.method, (Tuned, NormsMap))
        for spec in brought:
            if spec.seed in seeds and (not is_of_one_seed or spec.seed == projector.seed):
                yield ProjectedSpec(
                    backbone=projector.backbone,
                    projector=key(projector),
                    method=projector.method.name,
                    prompt=spec.source,
                    placement=recipe.placement,
                )


def _scores(study: Study, target: Model, found: Crossing, recipe: Recipe, asked: Projection) -> Iterator[ScoreSpec]:
    scored = {task.name: task for task in study.scored_tasks}

    def score(source: PromptSource, task: Task) -> ScoreSpec:
        return ScoreSpec(source=source, backbone=target.spec, readout=study.readout_of(target), task=task)

    for name in found.tasks:
        yield from (
            score(source, scored[name])
            for source in study.baselines(recipe, scored[name], random_prompts=asked.random_prompts)
        )
        made = (*found.own, *found.retrained)
        yield from (score(spec.source, scored[name]) for spec in made if spec.task.name == name)
        yield from (score(spec.source, scored[name]) for spec in found.projected if spec.prompt.task == name)
