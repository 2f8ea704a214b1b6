"""Shelf. A prompt trained on several tasks at once: what is fitted, and what it is as a source.

It is the constant prompt of `ConstantMap`, from a backbone to itself: tuned on all its tasks in turn, at the price of
one task's prompt: for as many steps, and looked at less often the more tasks there are to look at.
"""

import dataclasses
from collections.abc import Sequence

from transferkit.specs import ConstantMap, Lesson, ProjectedSpec, ProjectorSpec, PromptSpec, key


def mixture(prompts: Sequence[PromptSpec]) -> tuple[ProjectorSpec, ProjectedSpec]:
    """Return the specs of one prompt trained on the tasks of several.

    Args:
        prompts: of one backbone, recipe and seed, each of its own task; their order does not matter.
    """
    first, *_ = ordered = sorted(prompts, key=lambda spec: spec.task.name)
    every = min(first.recipe.steps, first.recipe.evaluate_every * len(ordered))
    recipe = dataclasses.replace(first.recipe, evaluate_every=every, early_step=None, patience=None)
    made = ProjectorSpec(
        backbone=first.backbone,
        source_backbone=first.backbone,
        method=ConstantMap(objective="tasks", steps=recipe.steps, evaluate_every=every),
        lessons=tuple(Lesson(task=spec.task, source=key(spec)) for spec in ordered),
        readout=first.readout,
        recipe=recipe,
        seed=first.seed,
    )
    prompt = ProjectedSpec(
        backbone=first.backbone,
        projector=key(made),
        method=made.method.name,
        prompt=first.source,
        placement=recipe.placement,
    )
    return made, prompt
