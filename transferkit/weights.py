"""Making. Weights of small networks as one flat vector, of which each layer's are views.

To an optimiser, a checkpoint and the alarms of training such a network is a parameter like a plain prompt.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.shapes import FloatArray

Shapes = Mapping[str, tuple[int, ...]]


def split(weights: Float[Tensor, "N"], shapes: Shapes) -> dict[str, Tensor]:
    """Return the weights by name, as views."""
    pieces = weights.split([math.prod(shape) for shape in shapes.values()])
    return {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


def join(parts: Mapping[str, FloatArray], shapes: Shapes) -> Float[Tensor, "N"]:
    """Return weights by name as the flat vector they are views of."""
    named = [np.asarray(parts[name], dtype=np.float32).reshape(-1) for name in shapes]
    return torch.from_numpy(np.concatenate(named))


def draw(shapes: Shapes, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Return weights and biases as `nn.Linear` has them at first, U[−1/√n, 1/√n] for n inputs.

    Names are "LAYER.weight" and "LAYER.bias", in the order in which they are drawn.
    """
    parts = {}
    for name, shape in shapes.items():
        bound = 1 / math.sqrt(shapes[f"{name.split('.')[0]}.weight"][1])
        parts[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return parts
