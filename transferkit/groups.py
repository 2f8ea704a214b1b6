"""Making. Specs that are worked on together, and how much work they are."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transferkit.specs import (
    ActivitySpec,
    InfluenceSpec,
    Majority,
    MixtureSpec,
    ProjectorSpec,
    PromptInitial,
    PromptSpec,
    Recipe,
    ScoreSpec,
    Spec,
    Tuned,
    canonical,
    key,
)
from transferkit.tasks.base import Task


@dataclass(frozen=True)
class Group:
    """Specs of one kind that are worked on together.

    Attributes:
        specs: they share backbone and, for scores, the target.
        backbone: the name to load it by; None where no backbone is needed.
        units: how much work it is: optimiser steps, or (prompt, example) pairs.
        source: of projectors, the name to load the source backbone by.
    """

    specs: tuple[Spec, ...]
    backbone: str | None
    units: int
    source: str | None = None


def count_units(specs: Sequence[Spec], n_examples: Callable[[Task], int]) -> int:
    """Return how much work specs of one kind are: optimiser steps, or (prompt, example) pairs."""
    total = 0
    for spec in specs:
        if isinstance(spec, (PromptSpec, MixtureSpec)):
            total += spec.recipe.steps
        elif isinstance(spec, ProjectorSpec):
            total += spec.method.steps if isinstance(spec.method, Tuned) and spec.readout is not None else 1
        elif isinstance(spec, ScoreSpec):
            total += 0 if isinstance(spec.source, Majority) else n_examples(spec.task)
        elif isinstance(spec, InfluenceSpec):
            total += n_examples(spec.task)
        elif isinstance(spec, ActivitySpec):
            total += min(spec.n_examples, spec.task.sizes.train or spec.n_examples)
        else:
            total += 1
    return total


# Rows one training step should have, prompt rows included. Above it the rows set the time, not the weights they pass,
# and texts of several prompts, whose lengths differ, are padded to the longest (benchmarks, many_prompts).
ROWS_AT_ONCE = {"cpu": 200, "cuda": 16384}


def training_groups(specs: Sequence[PromptSpec], device: str) -> list[list[PromptSpec]]:
    """Return which prompts are trained in shared passes: as many as fill a step, of one backbone and one recipe.

    Prompts are alone where dropout is on, whose random numbers would depend on the company, and so are generators, and
    prompts whose backbone grows, of which each task has its own parts.
    """
    found: list[list[PromptSpec]] = []
    open_groups: dict[str, list[PromptSpec]] = {}
    asked = {key(spec) for spec in specs}  # prompts that begin from one of these wait for it
    for spec in specs:
        recipe = spec.recipe
        most = ROWS_AT_ONCE[device] // (recipe.batch_size * (recipe.prompt_length + spec.task.max_tokens // 2))
        shared, begins_here = recipe, False
        if isinstance(recipe.initial, PromptInitial):  # it need not be the same prompt, but all of them must be there
            shared = dataclasses.replace(recipe, initial=PromptInitial(key=""))
            begins_here = recipe.initial.key in asked
        kind = [spec.backbone, spec.readout, shared, spec.task.answer is None, begins_here]
        alike = json.dumps(canonical(kind), sort_keys=True)
        if most > 1 and _may_share(recipe) and len(open_groups.get(alike, ())) not in (0, most):
            open_groups[alike].append(spec)
        else:
            open_groups[alike] = [spec]
            found.append(open_groups[alike])
    return found


def _may_share(recipe: Recipe) -> bool:
    return not recipe.backbone_dropout and recipe.generator is None and recipe.growth is None
