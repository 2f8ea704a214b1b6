"""Shelf. What a growth schedule comes to for one prompt: the parts of its backbone, and what they are ranked by."""

import dataclasses

from transferkit.specs.asked import ActivitySpec, PromptSpec
from transferkit.specs.backbone import BackboneSpec, ReadoutSpec
from transferkit.specs.keys import key
from transferkit.specs.partial import N_MEASURED, Growth, Partial
from transferkit.specs.recipe import Recipe
from transferkit.specs.source import RandomPrompt
from transferkit.tasks.base import Task

RANDOM_SEED = 1000  # of the first random prompt: none shares a stream with a trained one's initial rows


def measured(backbone: BackboneSpec, readout: ReadoutSpec, task: Task, recipe: Recipe, n_examples: int) -> ActivitySpec:
    """Return what parts of a backbone are ranked by for a task: one measurement for all seeds and schedules.

    The prompt in front of the texts is one of frequent words, whatever trained ones begin from.
    """
    source = RandomPrompt(
        seed=RANDOM_SEED,
        length=recipe.prompt_length,
        placement=recipe.placement,
        generator=recipe.generator,
    )
    return ActivitySpec(source=source, backbone=backbone, readout=readout, task=task, n_examples=n_examples)


def activity_of(spec: PromptSpec) -> ActivitySpec | None:
    """Return what the part a prompt is trained on, or those of its growth schedule, are ranked by; None where none is.

    None as well where a part was ranked by a measurement that is not the default one.
    """
    part, growth = spec.backbone.partial, spec.recipe.growth
    if part is not None and part.is_ranked:
        found = measured(spec.backbone.whole, spec.readout, spec.task, spec.recipe, N_MEASURED)
        return found if key(found) == part.activity else None
    if growth is None or not any(part.is_ranked for part in growth.partials()):
        return None
    return measured(spec.backbone, spec.readout, spec.task, spec.recipe, growth.n_examples)


def on_part(spec: PromptSpec, part: Partial) -> PromptSpec:
    """Return a prompt as it would be trained on a part of its backbone alone, blocks below it left whole."""
    part = dataclasses.replace(part, above=spec.recipe.placement.insert_after)
    if part.is_ranked and part.activity is None:
        measurement = measured(spec.backbone, spec.readout, spec.task, spec.recipe, N_MEASURED)
        part = dataclasses.replace(part, activity=key(measurement))
    return dataclasses.replace(spec, backbone=spec.backbone.cut(part))


def stages_of(spec: PromptSpec) -> tuple[tuple[int, Partial], ...]:
    """Return of each stage on a partial backbone the step behind which it ends, and the part; none without growth."""
    growth = spec.recipe.growth
    if growth is None:
        return ()
    parts = ranked(growth, spec.recipe, activity_of(spec))
    return tuple(zip(growth.ends(spec.recipe.steps), parts, strict=True))


def ranked(growth: Growth, recipe: Recipe, activity: ActivitySpec | None) -> tuple[Partial, ...]:
    """Return the parts of a schedule, those that need it with the key of what they are ranked by."""
    return tuple(
        dataclasses.replace(part, activity=key(activity)) if part.is_ranked and activity is not None else part
        for part in growth.partials(recipe.placement.insert_after)
    )
