"""Small matrices whose answers can be worked out."""

import numpy as np

from transferkit.matrices import Matrix


def matrix(values, name="score", groups=None):
    labels = tuple(f"t{i}" for i in range(len(values)))
    groups = tuple(groups or "x" * len(labels))
    return Matrix(
        values=np.array(values, dtype=float),
        sources=labels,
        targets=labels,
        source_groups=groups,
        target_groups=groups,
        name=name,
    )


def pair(n=6, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.random((n, n))
    return matrix(x), matrix(x + draw.random((n, n)), "guess")


def with_holes(made, cells):
    values = made.values.copy()
    values[cells] = np.nan
    return matrix(values, made.name, made.source_groups)
