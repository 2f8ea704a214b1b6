"""Making. How an answer is read off a backbone, one file per kind."""

from transferkit.backbones import Backbone
from transferkit.readouts.base import Readout, loss
from transferkit.readouts.embedding import Embedding
from transferkit.readouts.masked import Masked
from transferkit.specs import EmbeddingReadout, MaskedReadout
from transferkit.tasks.base import Task

__all__ = ["Embedding", "Masked", "Readout", "loss", "make_readout"]


def make_readout(spec: MaskedReadout | EmbeddingReadout, backbone: Backbone, task: Task) -> Readout:
    """Return the readout of a task on a backbone.

    Raises:
        InputError: the task's label words do not suit the backbone.
    """
    if isinstance(spec, MaskedReadout):
        return Masked.of(backbone, task)
    return Embedding.of(backbone, task, spec)
