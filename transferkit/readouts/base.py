"""What every readout offers: class scores of a State, and the loss that trains a prompt through them."""

from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from transferkit.backbones import State
from transferkit.batches import Batch


class Readout(Protocol):
    """How an answer is taken off a State, for one task on one backbone."""

    def logits(self, state: State, batch: Batch) -> Float[Tensor, "B K"]:
        """Run what is left of the stack and return one score per class."""
        ...


def loss(logits: Float[Tensor, "B K"], gold: Int[Tensor, "B"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the classes of the task (Su et al. 2022: label words alone compete)."""
    return F.cross_entropy(logits, gold)
