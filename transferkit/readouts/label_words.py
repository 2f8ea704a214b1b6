"""The answer is the likeliest label word: at the mask, at the first decoder step, or behind the text's last row."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from transferkit.backbones import Backbone
from transferkit.batches import Batch, continuations
from transferkit.errors import InputError
from transferkit.readouts.base import Readout
from transferkit.sources import ReadoutKind
from transferkit.tasks.base import Task


@dataclass(frozen=True)
class LabelWords(Readout):
    """Scores of the label words at one row per example: the head runs there, for K words."""

    backbone: Backbone
    label_ids: Int[Tensor, "K"]

    @classmethod
    def of(cls, backbone: Backbone, task: Task, kind: ReadoutKind) -> "LabelWords":
        """Make the readout of a task.

        Raises:
            InputError: a label word does not suit the backbone, or two labels share a token.
        """
        return cls(backbone, torch.tensor(label_word_ids(task, backbone.tokenizer, kind), device=backbone.device))

    def rows(self, batch: Batch) -> Int[Tensor, "B 1"]:
        """Return the row that answers."""
        return batch.answer.unsqueeze(1)

    def scores(self, hidden: Float[Tensor, "B 1 d"], batch: Batch) -> Float[Tensor, "B K"]:
        """Return the logits of the label words."""
        return self.backbone.head(hidden, self.label_ids).squeeze(1)

    def gold(self, batch: Batch) -> Int[Tensor, "B"]:
        """Return the right labels."""
        return batch.gold

    def says_label(self, hidden: Float[Tensor, "B 1 d"]) -> Bool[Tensor, "B"]:
        """Tell for each example whether no word of the whole vocabulary is likelier than the likeliest label word."""
        everything = self.backbone.head(hidden).squeeze(1)
        return torch.isin(everything.argmax(1), self.label_ids)


def label_word_ids(task: Task, tokenizer: PreTrainedTokenizerBase, kind: ReadoutKind) -> list[int]:
    """Return the token that stands for each label.

    A masked readout needs words of one token; elsewhere the first piece of a longer one will do, because the rest
    follows it.

    Raises:
        InputError: a label word is not one token where it must be, or two labels share one.
    """
    ids = [_token(label.word, task, tokenizer, kind) for label in task.labels]
    if len(set(ids)) < len(ids):
        words = ", ".join(label.word for label in task.labels)
        what = "a label word" if kind == "masked" else "the first token of their label words"
        raise InputError(f"task {task.name!r}: two labels share {what} ({words})", fix="give each its own word")
    return ids


def _token(word: str, task: Task, tokenizer: PreTrainedTokenizerBase, kind: ReadoutKind) -> int:
    for ids in _readings(word, task, tokenizer, kind):
        if (len(ids) == 1 or (ids and kind != "masked")) and ids[0] != tokenizer.unk_token_id:
            return ids[0]
    pieces = tokenizer.convert_ids_to_tokens(tokenizer(f" {word}", add_special_tokens=False)["input_ids"])
    cut = kind == "masked" and len(pieces) > 1
    what = f"{len(pieces)} tokens ({' '.join(pieces)})" if cut else "not in the vocabulary"
    raise InputError(
        f"task {task.name!r}: label word {word!r} is {what} of this backbone",
        fix="choose a word that is one token: labels = { value = { word = …, description = … } }",
    )


def _readings(word: str, task: Task, tokenizer: PreTrainedTokenizerBase, kind: ReadoutKind) -> Iterator[list[int]]:
    """Yield the tokens of a word as it stands where it is read, then as it stands elsewhere."""
    if kind == "causal":
        yield from continuations(task.shown(kind), [word], tokenizer)
    inside, first = f" {word}", word
    starts = kind != "masked" or not task.template[: task.template.index("{mask}")].endswith(" ")
    for text in (first, inside) if starts else (inside, first):
        yield list(tokenizer(text, add_special_tokens=False)["input_ids"])
