"""A toy task whose answers are texts, for backbones that write."""

import numpy as np
import torch
from torch import Tensor

from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.examples import Examples
from transferkit.specs import CausalReadout, Placement, Seq2seqReadout
from transferkit.tasks.base import Answer, LocalData, Task

READOUTS = {"decoder": CausalReadout(), "encoder-decoder": Seq2seqReadout()}
WRITING = Task(
    name="toy_writing",
    source=LocalData(train="x", sha256="0"),
    inputs=("question", "context"),
    answer=Answer(column="answer", max_new_tokens=6),
    completion_template="{question} ? {context} it was",
    metric="f1",
    max_tokens=32,
)
TEXTS = (
    ("really", "the film was good"),
    ("food", "terrible food really bad . the sport was nice"),
    ("not", "money"),
    ("film ! a very", "it was not a great vote"),
    ("phone", "the cell phone was awful !"),
)
ANSWERS = (
    ("good", "very good"),
    ("terrible food",),
    ("money",),
    ("a great vote", "great"),
    ("the cell phone was awful",),
)


def examples() -> Examples:
    return Examples(TEXTS, np.zeros(len(TEXTS), dtype=np.int64), {}, ANSWERS)


def encoded(backbone: Backbone, task: Task = WRITING, room: int = 3) -> Encoded:
    return encode(examples(), task, backbone, READOUTS[backbone.kind].kind, room=room)


def rows(n: int, seed: int, width: int = 32) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32))


def stock_logits(
    backbone: Backbone, text: list[int], said: list[int], prompt: Tensor | None, where: str = "front"
) -> Tensor:
    """Logits of the untouched model behind one text, a word-level prompt and what has been said [R,V].

    One row for the first token to be said and one behind each that has been.
    """
    words = backbone.words(torch.tensor([text]))
    if prompt is not None:
        ahead = {"front": 0, "after_first": 1, "end": len(text)}[where]
        words = torch.cat([words[:, :ahead], prompt[None], words[:, ahead:]], dim=1)
    if backbone.kind == "encoder-decoder":
        ids = torch.tensor([[backbone.config.decoder_start_token_id, *said]])
        mask = torch.ones(words.shape[:2], dtype=torch.long)
        out = backbone.model(inputs_embeds=words, attention_mask=mask, decoder_input_ids=ids, use_cache=False)
        return out.logits[0]
    n_ahead = words.shape[1]
    words = torch.cat([words, backbone.words(torch.tensor([said], dtype=torch.long))], dim=1)
    mask = torch.ones(words.shape[:2], dtype=torch.long)
    return backbone.model(inputs_embeds=words, attention_mask=mask, use_cache=False).logits[0, n_ahead - 1 :]


PLACES = (Placement(), Placement(where="after_first"))
