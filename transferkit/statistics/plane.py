"""Explaining. Many numbers per prompt, two per point: the plane along which prompts differ most."""

from dataclasses import dataclass

import numpy as np

from transferkit.errors import InputError
from transferkit.shapes import FloatArray


@dataclass(frozen=True)
class Projection:
    """Prompts in a plane: `points` one row per vector [n,2], `explained` the share of variance per axis [2]."""

    points: FloatArray
    explained: FloatArray


def principal_plane(vectors: FloatArray) -> Projection:
    """Return the first two principal components of flattened prompts [n,P·d].

    Raises:
        InputError: fewer than three prompts.
    """
    from sklearn.decomposition import PCA

    if len(vectors) < 3:
        raise InputError(f"{len(vectors)} prompts make no map", fix="train at least three prompts on the backbone")
    found = PCA(n_components=2, svd_solver="full").fit(vectors)
    components = np.asarray(found.components_)
    turn = np.sign(components[np.arange(2), np.abs(components).argmax(axis=1)])  # the sign of a component is arbitrary
    points = found.transform(vectors) * np.where(turn == 0, 1.0, turn)
    return Projection(points, np.asarray(found.explained_variance_ratio_))
