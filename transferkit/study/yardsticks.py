"""Shelf. What needs no training and stands beside every trained prompt: nothing, the majority, random prompts."""

from transferkit.specs import (
    Initial,
    Majority,
    NoPrompt,
    NormalInitial,
    PromptSource,
    RandomPrompt,
    Recipe,
    UniformInitial,
    VocabularyInitial,
)
from transferkit.specs.growing import RANDOM_SEED
from transferkit.tasks.base import Task


def yardsticks(recipe: Recipe, task: Task | None, n_random: int) -> list[PromptSource]:
    """Return no prompt, the majority, and random prompts, drawn as the trained ones' initial rows were.

    A task whose answers are texts has no majority.
    """
    randoms = [
        RandomPrompt(
            seed=RANDOM_SEED + i,
            length=recipe.prompt_length,
            initial=_drawn(recipe),
            placement=recipe.placement,
            generator=recipe.generator,
        )
        for i in range(n_random)
    ]
    majority = [Majority()] if task is None or task.answer is None else []
    return [NoPrompt(), *majority, *randoms]


def _drawn(recipe: Recipe) -> Initial:
    """Return how trained prompts' rows are drawn; those that say something (a text, label words, a prompt) are not."""
    is_drawn = isinstance(recipe.initial, (UniformInitial, NormalInitial, VocabularyInitial))
    return recipe.initial if is_drawn else VocabularyInitial()
