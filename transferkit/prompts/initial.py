"""Where a prompt begins: uniform or normal noise, frequent words, label words, a text, another prompt.

The strategies of Lester et al. 2021, section 3.2. Each kind that may come short of rows fills up from the frequent
vocabulary, as theirs does.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.backbones import Backbone
from transferkit.backbones.words import frequent_words, word_rows
from transferkit.errors import InputError
from transferkit.specs import (
    Initial,
    LabelWordsInitial,
    NormalInitial,
    ProjectedInitial,
    PromptInitial,
    TextInitial,
    UniformInitial,
    VocabularyInitial,
)
from transferkit.tasks.base import Task

STREAM = 1  # this use's stream of a seed; training order has its own

FindPrompt = Callable[[str], Float[np.ndarray, "P d"]]


def make_initial(
    initial: Initial, backbone: Backbone, *, length: int, seed: int, task: Task | None, find_prompt: FindPrompt
) -> Float[Tensor, "P d"]:
    """Return the rows training begins from, float32 on the CPU.

    Rows do not depend on the task unless the kind says so: prompts of one seed share their start, as in Su et al. 2022.

    Args:
        initial: the kind and its parameters.
        backbone: whose word embeddings are used.
        length: prompt positions, P.
        seed: same seed, same rows.
        task: needed for label words.
        find_prompt: key → vectors of a stored prompt.

    Raises:
        InputError: another prompt's shape does not fit, or label words are asked for without a task.
    """
    rng = np.random.default_rng([seed, STREAM])
    shape = (length, backbone.width)
    if isinstance(initial, UniformInitial):
        return torch.from_numpy(rng.uniform(initial.low, initial.high, shape).astype(np.float32))
    if isinstance(initial, NormalInitial):
        return torch.from_numpy(rng.normal(0.0, initial.std, shape).astype(np.float32))
    if isinstance(initial, VocabularyInitial):
        return sampled_words(backbone, length, initial.population, rng)
    if isinstance(initial, (PromptInitial, ProjectedInitial)):
        return _other_prompt(find_prompt(initial.key), shape, initial.key)
    if isinstance(initial, TextInitial):
        rows = word_rows(backbone, backbone.tokenizer(initial.text, add_special_tokens=False)["input_ids"])
    else:
        rows = _label_rows(backbone, task)
    return _filled(rows, backbone, length, initial, rng)


def sampled_words(backbone: Backbone, length: int, population: int, rng: np.random.Generator) -> Float[Tensor, "P d"]:
    """Return embeddings of frequent words, without replacement unless the prompt is longer than the population."""
    known = list(frequent_words(backbone, population)) or list(range(len(backbone.tokenizer)))
    return word_rows(backbone, rng.choice(known, size=length, replace=length > len(known)).tolist())


def _label_rows(backbone: Backbone, task: Task | None) -> Float[Tensor, "K d"]:
    if task is None:
        raise InputError("a label-word initial prompt needs a task", fix='use initial = { kind = "vocabulary" }')
    pieces = [backbone.tokenizer(f" {label.word}", add_special_tokens=False)["input_ids"] for label in task.labels]
    return torch.stack([word_rows(backbone, ids).mean(0) for ids in pieces])


def _filled(
    rows: Float[Tensor, "N d"],
    backbone: Backbone,
    length: int,
    initial: TextInitial | LabelWordsInitial,
    rng: np.random.Generator,
) -> Float[Tensor, "P d"]:
    lacking = length - len(rows)
    if lacking <= 0:
        return rows[:length]
    return torch.cat([rows, sampled_words(backbone, lacking, initial.population, rng)])


def _other_prompt(vectors: Float[np.ndarray, "P d"], shape: tuple[int, int], key: str) -> Float[Tensor, "P d"]:
    if vectors.shape != shape:
        raise InputError(
            f"initial prompt {key} is {vectors.shape[0]} × {vectors.shape[1]}, not {shape[0]} × {shape[1]}",
            fix=f"use prompt_length = {vectors.shape[0]} and a prompt of a backbone of width {shape[1]}",
        )
    return torch.from_numpy(np.array(vectors, dtype=np.float32))
