"""Library optimisers for one prompt, and the learning rate as a function of the step."""

import math

import torch
from torch import nn
from transformers.optimization import Adafactor

from transferkit.specs import Recipe


def make_optimizer(vectors: nn.Parameter, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over the flattened prompt.

    Adafactor on a matrix factors its second moment into rows and columns; Lester et al. 2021 declare prompts
    unfactored, and a flat parameter is the faithful form. Parameter scaling and the relative step are off, as theirs.
    """
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW([vectors], lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return Adafactor(
        [vectors],
        lr=recipe.learning_rate,
        scale_parameter=False,
        relative_step=False,
        warmup_init=False,
        weight_decay=recipe.weight_decay,
        decay_rate=-0.8,
    )


def rate_factor(step: int, recipe: Recipe) -> float:
    """Return the factor on the learning rate at a step (counted from 0): warm-up, then the schedule."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    if recipe.schedule == "linear":
        return 1.0 - done
    if recipe.schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0
