"""Making. Specs that are worked on together, and how much work they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transferkit.specs import Majority, PromptSpec, ScoreSpec, Spec
from transferkit.tasks.base import Task


@dataclass(frozen=True)
class Group:
    """Specs of one kind that are worked on together.

    Attributes:
        specs: they share backbone and, for scores, the target.
        backbone: the name to load it by; None where no backbone is needed.
        units: how much work it is: optimiser steps, or (prompt, example) pairs.
    """

    specs: tuple[Spec, ...]
    backbone: str | None
    units: int


def count_units(specs: Sequence[Spec], n_examples: Callable[[Task], int]) -> int:
    """Return how much work specs of one kind are: optimiser steps, or (prompt, example) pairs."""
    total = 0
    for spec in specs:
        if isinstance(spec, PromptSpec):
            total += spec.recipe.steps
        elif isinstance(spec, ScoreSpec):
            total += 0 if isinstance(spec.source, Majority) else n_examples(spec.task)
        else:
            total += 1
    return total
