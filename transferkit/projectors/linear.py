"""Linear maps between prompt spaces, in closed form: least squares with or without ridge, and rotations.

The two linear recyclers of Lester et al. 2022 (a map of words to words, and combinations of words) are one:
P_t = P_s · pinv(E_s) · E_t, so there is one here.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from transferkit.errors import InputError


@dataclass(frozen=True)
class Linear:
    """rows ↦ (rows − from_mean) · weight + to_mean.

    Attributes:
        weight: [d_s,d_t].
        from_mean: subtracted before [d_s].
        to_mean: added behind [d_t].
    """

    weight: Float[np.ndarray, "s t"]
    from_mean: Float[np.ndarray, "s"]
    to_mean: Float[np.ndarray, "t"]

    def __call__(self, rows: Float[np.ndarray, "P s"]) -> Float[np.ndarray, "P t"]:
        """Return rows of the target."""
        return (rows - self.from_mean) @ self.weight + self.to_mean


def fit_linear(source: Float[np.ndarray, "N s"], target: Float[np.ndarray, "N t"], *, ridge: float = 0.0) -> Linear:
    """Return W = argmin ‖source · W − target‖² + ridge · ‖W‖², of minimum norm where it is not unique.

    Args:
        source: rows of the source, words or prompt rows [N,d_s].
        target: the same of the target [N,d_t].
        ridge: in units of the mean squared singular value of `source`, so that it means the same for every backbone.

    Raises:
        InputError: the two are not of the same words.
    """
    first, second = _paired(source, target)
    nothing = np.zeros(first.shape[1]), np.zeros(second.shape[1])
    if not ridge:
        return Linear(np.linalg.lstsq(first, second, rcond=None)[0], *nothing)
    left, values, right = np.linalg.svd(first, full_matrices=False)
    shrunk = values / (values**2 + ridge * np.mean(values**2))
    return Linear(right.T @ (shrunk[:, None] * (left.T @ second)), *nothing)


def fit_procrustes(
    source: Float[np.ndarray, "N s"], target: Float[np.ndarray, "N t"], *, centre: bool = True, scale: bool = True
) -> Linear:
    """Return the rotation of rows [N,d_s] that lies nearest to rows [N,d_t], with a shift and a scale if asked.

    Where widths differ the map has orthonormal rows (d_s < d_t) or columns (d_s > d_t) and the largest trace of
    targetᵀ · source · W; for d_s ≤ d_t that is least squares, otherwise it is not, and has no closed form.

    Raises:
        InputError: the two are not of the same words.
    """
    first, second = _paired(source, target)
    means = [rows.mean(axis=0) if centre else np.zeros(rows.shape[1]) for rows in (first, second)]
    first, second = first - means[0], second - means[1]
    left, values, right = np.linalg.svd(first.T @ second, full_matrices=False)
    turn = left @ right
    size = values.sum() / np.square(first @ turn).sum() if scale else 1.0
    return Linear(size * turn, *means)


def _paired(
    source: Float[np.ndarray, "N s"], target: Float[np.ndarray, "N t"]
) -> tuple[Float[np.ndarray, "N s"], Float[np.ndarray, "N t"]]:
    if len(source) != len(target) or not len(source):
        raise InputError(
            f"{len(source)} rows of the source and {len(target)} of the target cannot be paired",
            fix="give one row of each per word, or per row of a prompt",
        )
    return source.astype(np.float64), target.astype(np.float64)
