"""Two-layer networks between prompt spaces (Su et al. 2022, section 5; v2v-nn of Lester et al. 2022).

Theirs maps a whole prompt at once: flatten, linear, LeakyReLU, linear, layer norm over each row. The form by rows is
the same for each row alone, P² times smaller in its large maps. The network between words is by rows, with a ReLU and
without a norm.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from transferkit import weights
from transferkit.shapes import FloatArray
from transferkit.specs import PromptNet, WordsNet

STREAM = 4  # this use's stream of a seed
WIDTHS = {"flat": 768, "rows": 384}  # hidden layer of a network between prompts
TIMES_WIDER = 4  # hidden layer of the network between words, in widths of the target
NORM = ("norm.weight", "norm.bias")


def shapes(method: PromptNet | WordsNet, length: int, source: int, target: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight, for prompts of P rows of d_s and d_t numbers."""
    n = length if isinstance(method, PromptNet) and method.form == "flat" else 1
    width = method.width or _width(method, target)
    maps = {
        "down.weight": (width, n * source),
        "down.bias": (width,),
        "up.weight": (n * target, width),
        "up.bias": (n * target,),
    }
    return maps if isinstance(method, WordsNet) else {**maps, **dict.fromkeys(NORM, (target,))}


def _width(method: PromptNet | WordsNet, target: int) -> int:
    """Return how wide a hidden layer is where nothing is said of it."""
    return TIMES_WIDER * target if isinstance(method, WordsNet) else WIDTHS[method.form]


def first_weights(
    method: PromptNet | WordsNet, length: int, source: int, words: Float[np.ndarray, "V t"], seed: int
) -> dict[str, FloatArray]:
    """Return what training begins from: maps as `nn.Linear` has them, the norm at mean and spread of the words.

    Args:
        method: the network.
        length: rows of a prompt.
        source: width of the source.
        words: word embeddings of the target, whose mean and spread per number the outputs begin with.
        seed: same seed, same weights.
    """
    wanted = shapes(method, length, source, words.shape[1])
    maps = {name: shape for name, shape in wanted.items() if name not in NORM}
    drawn = weights.draw(maps, np.random.default_rng([seed, STREAM]))
    if isinstance(method, WordsNet):
        return drawn
    return {**drawn, "norm.weight": words.std(axis=0), "norm.bias": words.mean(axis=0)}


def project(
    method: PromptNet | WordsNet,
    parts: Mapping[str, Tensor],
    prompts: Float[Tensor, "n P s"],
    *,
    linear: Callable[[Tensor, Tensor, Tensor], Tensor] = F.linear,
) -> Float[Tensor, "n P t"]:
    """Return prompts of the target.

    Args:
        method: the network.
        parts: its weights by name.
        prompts: prompts of the source.
        linear: how a linear layer is computed; gradients may be taken in another way.
    """
    if isinstance(method, WordsNet):
        inner = F.relu(linear(prompts, parts["down.weight"], parts["down.bias"]))
        return linear(inner, parts["up.weight"], parts["up.bias"])
    rows = prompts.flatten(1) if method.form == "flat" else prompts
    inner = F.leaky_relu(linear(rows, parts["down.weight"], parts["down.bias"]))
    gain = parts["norm.weight"]
    made = linear(inner, parts["up.weight"], parts["up.bias"]).view(*prompts.shape[:2], len(gain))
    return F.layer_norm(made, gain.shape, gain, parts["norm.bias"])
