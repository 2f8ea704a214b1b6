"""The answer is the label word most likely at the mask token."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from transferkit.backbones import Backbone, State
from transferkit.batches import Batch
from transferkit.errors import InputError
from transferkit.tasks.base import Task


@dataclass(frozen=True)
class Masked:
    """Label-word logits at the mask: the head runs at one row, for K words."""

    backbone: Backbone
    label_ids: Int[Tensor, "K"]

    @classmethod
    def of(cls, backbone: Backbone, task: Task) -> "Masked":
        """Make the readout of a task.

        Raises:
            InputError: a label word is not one token of the backbone, or two labels share one.
        """
        ids = [label_word_id(label.word, task, backbone.tokenizer) for label in task.labels]
        if len(set(ids)) < len(ids):
            words = ", ".join(label.word for label in task.labels)
            raise InputError(
                f"task {task.name!r}: two labels share a label word ({words})", fix="give each its own word"
            )
        return cls(backbone, torch.tensor(ids, device=backbone.device))

    def logits(self, state: State, batch: Batch) -> Float[Tensor, "B K"]:
        """Return the logits of the label words at the mask."""
        return self.backbone.read(state, batch.answer.unsqueeze(1), self.label_ids).squeeze(1)


def label_word_id(word: str, task: Task, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the token of a label word as it stands inside a sentence.

    Raises:
        InputError: it is not one token.
    """
    before = task.template[: task.template.index("{mask}")]
    for text in (f" {word}", word) if before.endswith(" ") else (word, f" {word}"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
            return ids[0]
    pieces = tokenizer.convert_ids_to_tokens(tokenizer(f" {word}", add_special_tokens=False)["input_ids"])
    what = f"{len(pieces)} tokens ({' '.join(pieces)})" if len(pieces) > 1 else "not in the vocabulary"
    raise InputError(
        f"task {task.name!r}: label word {word!r} is {what} of this backbone",
        fix="choose a word that is one token: labels = { value = { word = …, description = … } }",
    )
