"""Nearest words: each row becomes the embedding of the shared word it is nearest to, and nothing else is kept."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from transferkit.projectors.vocabulary import SharedWords


@dataclass(frozen=True)
class Nearest:
    """Rows ↦ the target's embeddings of the nearest shared words, by cosine.

    Attributes:
        shared: the words that are looked among.
    """

    shared: SharedWords

    def __call__(self, rows: Float[np.ndarray, "P s"]) -> Float[np.ndarray, "P t"]:
        """Return rows of the target."""
        return self.shared.target[self.places(rows)]

    def places(self, rows: Float[np.ndarray, "P s"]) -> Int[np.ndarray, "P"]:
        """Return which shared word each row is nearest to."""
        return (_unit(rows) @ _unit(self.shared.source).T).argmax(axis=1)


def _unit(rows: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N d"]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
