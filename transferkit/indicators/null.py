"""Explaining. The floor of an indicator: what it says of prompts that share nothing but their norms."""

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import unit


def norm_matched(prompt: Prompt, generator: np.random.Generator) -> Prompt:
    """Return a prompt whose rows have the same norms and random directions; nothing is known of its training."""
    norms = np.linalg.norm(prompt.vectors.astype(np.float64), axis=1, keepdims=True)
    directions = unit(generator.standard_normal(prompt.vectors.shape))
    return Prompt((norms * directions).astype(np.float32), initial=None, live=prompt.live)
