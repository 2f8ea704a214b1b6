"""What every readout offers: which rows are read, what is made of them, and the loss that trains a prompt."""

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from transferkit.backbones import Backbone, State
from transferkit.batches import Batch


class Readout(ABC):
    """How an answer is taken off a State, for one task on one backbone."""

    backbone: Backbone

    @abstractmethod
    def rows(self, batch: Batch) -> Int[Tensor, "B R"]:
        """Return the text rows that are read."""

    @abstractmethod
    def scores(self, hidden: Float[Tensor, "B R d"], batch: Batch) -> Float[Tensor, "N K"]:
        """Return one row of scores per thing to be predicted: a class for each example, or a token for each place."""

    @abstractmethod
    def gold(self, batch: Batch) -> Int[Tensor, "N"]:
        """Return what should have been predicted."""

    def logits(self, state: State, batch: Batch) -> Float[Tensor, "N K"]:
        """Run what is left of the stack and return the scores."""
        return self.scores(self.backbone.finish(state, self.rows(batch)), batch)


def losses(scores: Float[Tensor, "N K"], gold: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    """Return the cross-entropy of every prediction (Su et al. 2022: the label words alone compete)."""
    return F.cross_entropy(scores, gold, reduction="none")
