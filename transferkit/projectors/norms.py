"""Random directions with the norms of a prompt's rows, a yardstick: whoever does not beat it has no use for directions.

Norms are carried over in units of a typical word's: rows of the target as long, among its words, as the source's rows
are among theirs.
"""

import zlib

import numpy as np
from jaxtyping import Float

STREAM = 5  # this use's stream of a seed


def random_directions(
    prompt: Float[np.ndarray, "P s"], scale: float, width: int, seed: int
) -> Float[np.ndarray, "P t"]:
    """Return rows of random directions, others for every prompt, the same for the same one.

    Args:
        prompt: rows of the source.
        scale: mean norm of the target's words over that of the source's.
        width: of the target.
        seed: of the directions.
    """
    rng = np.random.default_rng([seed, STREAM, zlib.crc32(np.ascontiguousarray(prompt, dtype=np.float32).tobytes())])
    drawn = rng.normal(size=(len(prompt), width))
    norms = scale * np.linalg.norm(prompt, axis=1, keepdims=True)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True) * norms
