"""Explaining. Many numbers per prompt, two per point: along which prompts differ most, or which are neighbours."""

from dataclasses import dataclass

import numpy as np

from transferkit.errors import InputError
from transferkit.shapes import FloatArray


@dataclass(frozen=True)
class Projection:
    """Prompts in a plane: `points` one row per vector [n,2], `explained` the share of variance per axis [2].

    A map of neighbours explains no variance; its shares are NaN.
    """

    points: FloatArray
    explained: FloatArray


def principal_plane(vectors: FloatArray) -> Projection:
    """Return the first two principal components of flattened prompts [n,P·d].

    Raises:
        InputError: fewer than three prompts.
    """
    from sklearn.decomposition import PCA

    _check(vectors)
    found = PCA(n_components=2, svd_solver="full").fit(vectors)
    components = np.asarray(found.components_)
    turn = np.sign(components[np.arange(2), np.abs(components).argmax(axis=1)])  # the sign of a component is arbitrary
    points = found.transform(vectors) * np.where(turn == 0, 1.0, turn)
    return Projection(points, np.asarray(found.explained_variance_ratio_))


def neighbour_map(vectors: FloatArray, *, seed: int = 0) -> Projection:
    """Return a t-SNE map of flattened prompts [n,P·d]: who is near whom; distances between clusters mean nothing.

    Raises:
        InputError: fewer than three prompts.
    """
    from sklearn.manifold import TSNE

    _check(vectors)
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    found = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed)
    return Projection(np.asarray(found.fit_transform(vectors), dtype=np.float64), np.full(2, np.nan))


def _check(vectors: FloatArray) -> None:
    if len(vectors) < 3:
        raise InputError(f"{len(vectors)} prompts make no map", fix="train at least three prompts on the backbone")
    if np.ptp(vectors, axis=0).max() == 0:
        raise InputError(
            "prompts that are all equal make no map", fix="look where they come from: one file, many names?"
        )
