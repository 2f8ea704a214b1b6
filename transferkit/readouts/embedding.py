"""The answer is the label description nearest to the text in the backbone's own sentence space.

The descriptions' vectors are the frozen backbone's, unprompted, so a prompt can only move the text. Prompt rows and
padding never enter the sentence vector.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from transferkit.backbones import Backbone, State
from transferkit.backbones.loading import Pooling
from transferkit.batches import Batch, Encoded, special_id
from transferkit.readouts.base import Readout
from transferkit.specs import EmbeddingReadout
from transferkit.tasks.base import Task


@dataclass(frozen=True)
class Embedding(Readout):
    """Scaled cosines of the pooled text to the label descriptions."""

    backbone: Backbone
    anchors: Float[Tensor, "K d"]
    scale: float
    pooling: Pooling

    @classmethod
    def of(cls, backbone: Backbone, task: Task, spec: EmbeddingReadout) -> "Embedding":
        """Make the readout of a task: embed its label descriptions once."""
        pooling = backbone.pooling if spec.pooling == "auto" else spec.pooling
        ids = [list(backbone.tokenizer(label.description)["input_ids"]) for label in task.labels]
        zeros = np.zeros(len(ids), dtype=np.int64)
        pad_id = special_id(backbone.tokenizer.pad_token_id)
        batch = Encoded(ids, None, zeros, zeros, pad_id, 0).batch(np.arange(len(ids)))
        batch = batch.to(backbone.device)
        with torch.no_grad():
            anchors = sentence(backbone, backbone.embed(batch), batch.mask, pooling)
        return cls(backbone, F.normalize(anchors, dim=-1), spec.scale, pooling)

    def rows(self, batch: Batch) -> Int[Tensor, "B R"]:
        """Return the rows the sentence vector is made of."""
        return _rows(batch.mask, self.pooling)

    def scores(self, hidden: Float[Tensor, "B R d"], batch: Batch) -> Float[Tensor, "B K"]:
        """Return scale × cosine to each label description."""
        vectors = _pool(hidden, batch.mask, self.pooling)
        return self.scale * F.normalize(vectors, dim=-1) @ self.anchors.T

    def gold(self, batch: Batch) -> Int[Tensor, "B"]:
        """Return the right labels."""
        return batch.gold


def sentence(
    backbone: Backbone, state: State, text_mask: Bool[Tensor, "B T"], pooling: Pooling
) -> Float[Tensor, "B d"]:
    """Run what is left and return the sentence vector, pooled over real text rows, in float32."""
    return _pool(backbone.finish(state, _rows(text_mask, pooling)), text_mask, pooling)


def _rows(text_mask: Bool[Tensor, "B T"], pooling: Pooling) -> Int[Tensor, "B R"]:
    rows = torch.arange(text_mask.shape[1], device=text_mask.device).expand(text_mask.shape)
    return rows[:, :1] if pooling == "first" else rows


def _pool(hidden: Float[Tensor, "B R d"], text_mask: Bool[Tensor, "B T"], pooling: Pooling) -> Float[Tensor, "B d"]:
    return hidden.squeeze(1).float() if pooling == "first" else pool_mean(hidden.float(), text_mask)


def pool_mean(hidden: Float[Tensor, "B T d"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B d"]:
    """Return the mean over the rows that are real."""
    weight: Float[Tensor, "B T 1"] | Int[Tensor, "B T 1"] = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1)
