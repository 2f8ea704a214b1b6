"""Explaining. Do prompts of different tasks differ at all? Where they do not, what made them has collapsed."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from transferkit.shapes import FloatArray


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
