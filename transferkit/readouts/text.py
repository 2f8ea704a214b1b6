"""The answer is a text: every token of it is predicted from the ones before it, out of the whole vocabulary."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from transferkit.backbones import Backbone
from transferkit.batches import IGNORED, Batch
from transferkit.readouts.base import Readout


@dataclass(frozen=True)
class TextAnswers(Readout):
    """Scores of the vocabulary at every place where a token should be written, and at no other."""

    backbone: Backbone

    def rows(self, batch: Batch) -> Int[Tensor, "B R"]:
        """Return the row each token is predicted at; the first one where there is no token."""
        assert batch.target_rows is not None
        return batch.target_rows

    def scores(self, hidden: Float[Tensor, "B R d"], batch: Batch) -> Float[Tensor, "N V"]:
        """Return the logits of the whole vocabulary, example after example, one row per token to be written."""
        assert batch.targets is not None
        return self.backbone.head(hidden[batch.targets != IGNORED].unsqueeze(0)).squeeze(0)

    def gold(self, batch: Batch) -> Int[Tensor, "N"]:
        """Return the tokens that should be written."""
        assert batch.targets is not None
        return batch.targets[batch.targets != IGNORED]
