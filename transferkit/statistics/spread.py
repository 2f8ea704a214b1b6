"""Explaining. Do prompts of different tasks differ at all? Where they do not, what made them has collapsed."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from transferkit.shapes import FloatArray

COLLAPSED = 0.01  # outputs that differ by less, relative to their size, are one prompt
NEARLY = 0.05  # and these have little left of what there was to begin with


def spread(prompts: Mapping[int, Sequence[FloatArray]]) -> tuple[float, float, int] | None:
    """Return mean cosine, mean relative difference and number of pairs of prompts of one seed; None without a pair.

    Prompts of zeros have no cosine, and two of them no difference.
    """
    cosines, differences = [], []
    for of_seed in prompts.values():
        flat = [np.asarray(rows, dtype=np.float64).ravel() for rows in of_seed]
        for first, second in combinations(flat, 2):
            norms = float(np.linalg.norm(first)), float(np.linalg.norm(second))
            cosines.append(first @ second / (norms[0] * norms[1]) if all(norms) else np.nan)
            differences.append(2 * np.linalg.norm(first - second) / sum(norms) if any(norms) else 0.0)
    known = [cosine for cosine in cosines if not np.isnan(cosine)]
    cosine = float(np.mean(known)) if known else float("nan")
    return (cosine, float(np.mean(differences)), len(differences)) if differences else None


def kept(difference: float, of: float) -> float:
    """Return which part of one relative difference another one is; NaN where there is nothing to keep."""
    return difference / of if of > 0 else float("nan")


def collapse(difference: float, *parts: float) -> str:
    """Return whether prompts have collapsed to one: "yes" by what they differ by, "nearly" by any part kept, or "no".

    Args:
        difference: mean relative difference of what was made.
        parts: which part it is of what was given, and of what an untrained network makes of that; NaN if not known.
    """
    if difference < COLLAPSED:
        return "yes"
    return "nearly" if any(part < NEARLY for part in parts) else "no"
