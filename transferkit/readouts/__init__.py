"""Making. How an answer is read off a backbone, one file per kind."""

from transferkit.backbones import Backbone
from transferkit.readouts.base import Readout, losses
from transferkit.readouts.embedding import Embedding
from transferkit.readouts.label_words import LabelWords, label_word_ids
from transferkit.readouts.text import TextAnswers
from transferkit.specs import EmbeddingReadout, ReadoutSpec
from transferkit.tasks.base import Task

__all__ = ["Embedding", "LabelWords", "Readout", "TextAnswers", "label_word_ids", "losses", "make_readout"]


def make_readout(spec: ReadoutSpec, backbone: Backbone, task: Task) -> Readout:
    """Return the readout of a task on a backbone.

    Raises:
        InputError: the task cannot be shown to such a readout, or its label words do not suit the backbone.
    """
    task.shown(spec.kind)
    if task.answer is not None:
        return TextAnswers(backbone)
    if isinstance(spec, EmbeddingReadout):
        return Embedding.of(backbone, task, spec)
    return LabelWords.of(backbone, task, spec.kind)
