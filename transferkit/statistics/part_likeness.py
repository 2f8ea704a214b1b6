"""Explaining. Are prompts of one task, trained on different parts of a backbone, more alike than those of two tasks?

Huang et al. 2022 say so, without a test. Parts are held fixed: within each part, labels of tasks are exchanged.
"""

from dataclasses import dataclass

import numpy as np

from transferkit.errors import InputError
from transferkit.shapes import FloatArray

N_PERMUTATIONS = 2000
ROUNDING = 1e-12  # sums of the same numbers in another order


@dataclass(frozen=True)
class PartLikeness:
    """A mean over pairs of different parts, same task minus other task, and how often chance does as well."""

    difference: float
    p: float


def part_likeness(
    similarity: FloatArray, *, generator: np.random.Generator, n_permutations: int = N_PERMUTATIONS
) -> PartLikeness | None:
    """Return by how much prompts of one task on two parts are more alike than prompts of two tasks on two parts.

    Args:
        similarity: between prompts [part,task,part,task], higher is more alike.
        generator: where chance comes from.
        n_permutations: exchanges of labels, drawn anew for each part.

    Returns:
        The difference with its one-sided p; None with fewer than two parts or two tasks.

    Raises:
        InputError: the array is not square in both.
    """
    n_parts, n_tasks = (*similarity.shape, 0, 0)[:2]
    if similarity.shape != (n_parts, n_tasks, n_parts, n_tasks):
        raise InputError(f"similarity has shape {similarity.shape}", fix="give one between all parts and tasks")
    if n_parts < 2 or n_tasks < 2:
        return None
    apart = ~np.eye(n_parts, dtype=bool)
    blocks = similarity.transpose(0, 2, 1, 3)[apart]  # [pair of parts,task,task]
    first, second = np.nonzero(apart)
    everything = blocks.sum(axis=(1, 2)).mean()

    def difference(order: np.ndarray) -> float:
        """Return it with the labels of each part in some order [part,task]."""
        same = blocks[np.arange(len(blocks))[:, None], order[first], order[second]].sum(axis=1).mean()
        return float(same / n_tasks - (everything - same) / (n_tasks * (n_tasks - 1)))

    here = difference(np.tile(np.arange(n_tasks), (n_parts, 1)))
    drawn = [
        difference(generator.permuted(np.tile(np.arange(n_tasks), (n_parts, 1)), axis=1)) for _ in range(n_permutations)
    ]
    n_as_large = np.count_nonzero(np.array(drawn) >= here - ROUNDING)
    return PartLikeness(here, (1 + n_as_large) / (1 + n_permutations))
