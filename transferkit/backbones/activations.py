"""Activation functions, in one pass over the rows where the stock module takes many."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers.activations import NewGELUActivation


def activated(act: nn.Module, rows: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return what an activation module makes of rows; `gelu_new` is spelled out there, in eight passes."""
    return gelu(rows, approximate="tanh") if isinstance(act, NewGELUActivation) else act(rows)
