"""Shelf. The usual sums of stored prompts, as something to be put before the text; nothing is read or added up here."""

import math
from collections.abc import Sequence

from transferkit.errors import InputError
from transferkit.specs.source import MixedPrompt, Part, ProjectedPrompt, TrainedPrompt

Stored = TrainedPrompt | ProjectedPrompt


def mean_prompt(prompts: Sequence[Stored], *, name: str = "mean") -> MixedPrompt:
    """Return the mean of prompts.

    Raises:
        InputError: there is none.
    """
    return weighted_prompt(prompts, [1.0] * len(prompts), name=name)


def weighted_prompt(
    prompts: Sequence[Stored], similarities: Sequence[float], *, top_k: int | None = None, name: str = "weighted"
) -> MixedPrompt:
    """Return the average of prompts weighted by their similarity to a task's own (SPoT, Vu et al. 2022).

    Args:
        prompts: what is averaged.
        similarities: one number for each; they are divided by their sum.
        top_k: only so many of the most similar ones, of equal ones the first; all by default.
        name: there to be read.

    Raises:
        InputError: there is no prompt, or a number is missing, or below zero among those that are used.
    """
    if not prompts or len(prompts) != len(similarities):
        raise InputError(
            f"{len(similarities)} similarities for {len(prompts)} prompts make no average",
            fix="give one number for each prompt, and one prompt at least",
        )
    if top_k is not None and top_k < 1:
        raise InputError(f"top_k = {top_k} prompts make no average", fix="choose top_k = 1 or more")
    pairs = list(zip(similarities, prompts, strict=True))
    if not any(math.isnan(value) for value in similarities):
        pairs = sorted(pairs, key=lambda pair: -pair[0])[:top_k]
    for value, prompt in pairs:
        if not 0 <= value < math.inf:
            raise InputError(
                f"prompt {prompt.key} ({prompt.task}, seed {prompt.seed}) would be weighted by {value}",
                fix="choose a smaller top_k, or similarities that are not below zero",
            )
    total = float(sum(value for value, _ in pairs))
    if total == 0:
        raise InputError("all similarities are 0", fix="use mean_prompt")
    return MixedPrompt(parts=tuple(Part(prompt=p, weight=float(v) / total) for v, p in pairs), name=name)


def analogy(first: Stored, minus: Stored, plus: Stored, *, name: str = "analogy") -> MixedPrompt:
    """Return `first` − `minus` + `plus`, position by position."""
    weights = ((first, 1.0), (minus, -1.0), (plus, 1.0))
    return MixedPrompt(parts=tuple(Part(prompt=prompt, weight=weight) for prompt, weight in weights), name=name)
