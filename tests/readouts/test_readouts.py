"""Each readout equals a plain loop over single examples through the untouched stock model."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import torch
from executors.saved import make_tiny

from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.readouts import Embedding, Masked, loss, make_readout
from transferkit.readouts.embedding import pool_mean
from transferkit.readouts.masked import label_word_id
from transferkit.specs import EmbeddingReadout, MaskedReadout, Placement
from transferkit.tasks.base import Label, LocalData, Task

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
TASK = Task(
    name="toy",
    source=LocalData(train="x", sha256="0"),
    labels=(
        Label(value="n", word="bad", description="a very bad film"),
        Label(value="p", word="good", description="a good film"),
        Label(value="o", word="neutral", description="the food"),
    ),
    max_tokens=32,
)
TEXTS = ("good film", "a very bad film ! . the", "it was really not awful", "money", "sport")


def encoded(backbone: Backbone, readout: str, room: int = 3) -> Encoded:
    return encode(Examples([(text,) for text in TEXTS], np.arange(5) % 3, {}), TASK, backbone, readout, room=room)


def stock(backbone: Backbone, ids: list[int], prompt: torch.Tensor | None, *, head: bool) -> torch.Tensor:
    """One example through the stock model: the logits of every row, or its last rows."""
    rows = backbone.words(torch.tensor([ids]))
    if prompt is not None:
        rows = torch.cat([prompt[None], rows], dim=1)
    inputs = {"inputs_embeds": rows, "attention_mask": torch.ones(rows.shape[:2], dtype=torch.long)}
    return backbone.model(**inputs).logits[0] if head else backbone.base(**inputs).last_hidden_state[0]


def prompt_of(backbone: Backbone, n: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(n, backbone.width)).astype(np.float32))


@pytest.mark.parametrize("length", [0, 3])
def test_masked_equals_a_plain_loop_with_the_whole_vocabulary(tiny: Backbone, length: int) -> None:
    found = encoded(tiny, "masked")
    readout = make_readout(MaskedReadout(), tiny, TASK)
    prompt = prompt_of(tiny) if length else None
    batch = found.batch(np.arange(5))
    ours = readout.logits(tiny.enter(batch, prompt, Placement()), batch)
    names = [tiny.tokenizer.convert_tokens_to_ids(label.word) for label in TASK.labels]
    for i, ids in enumerate(found.ids):
        mask = ids.index(tiny.tokenizer.mask_token_id)
        theirs = stock(tiny, list(ids), prompt, head=True)[length + mask, names]
        torch.testing.assert_close(ours[i], theirs, **CLOSE)


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("length", [0, 3])
def test_embedding_equals_a_plain_loop(tiny: Backbone, length: int, pooling: str) -> None:
    found = encoded(tiny, "embedding")
    readout = make_readout(EmbeddingReadout(scale=7.0, pooling=pooling), tiny, TASK)
    prompt = prompt_of(tiny) if length else None
    batch = found.batch(np.arange(5))
    ours = readout.logits(tiny.enter(batch, prompt, Placement()), batch)

    def sentence(ids: list[int], rows: torch.Tensor | None) -> torch.Tensor:
        text = stock(tiny, ids, rows, head=False)[0 if rows is None else len(rows) :]
        vector = text.mean(0) if pooling == "mean" else text[0]
        return vector / vector.norm()

    anchors = [sentence(tiny.tokenizer(label.description)["input_ids"], None) for label in TASK.labels]
    for i, ids in enumerate(found.ids):
        vector = sentence(list(ids), prompt)
        theirs = torch.stack([7.0 * (vector @ anchor) for anchor in anchors])
        torch.testing.assert_close(ours[i], theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [MaskedReadout(), EmbeddingReadout()])
def test_padding_and_batch_mates_change_nothing(tiny: Backbone, kind: MaskedReadout | EmbeddingReadout) -> None:
    found = encoded(tiny, kind.kind)
    readout = make_readout(kind, tiny, TASK)
    prompt = prompt_of(tiny)
    batch = found.batch(np.arange(5))
    together = readout.logits(tiny.enter(batch, prompt, Placement()), batch)
    for i in range(5):
        alone = found.batch(np.array([i]))
        ours = readout.logits(tiny.enter(alone, prompt, Placement()), alone)
        torch.testing.assert_close(together[i : i + 1], ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("where", ["front", "after_first", "end"])
def test_pooling_reads_text_rows_wherever_the_prompt_stands(tiny_bert: Backbone, where: str) -> None:
    found = encoded(tiny_bert, "embedding")
    batch = found.batch(np.arange(5))
    readout = make_readout(EmbeddingReadout(), tiny_bert, TASK)
    placement = Placement(where=where, entry="block", insert_after=3)
    state = tiny_bert.enter(batch, prompt_of(tiny_bert), placement)
    ours = readout.logits(state, batch)
    hidden = tiny_bert.run(state, 3, 4).hidden
    for i in range(5):
        rows = hidden[i, state.text_rows[i][batch.mask[i]]]
        vector = rows.mean(0) / rows.mean(0).norm()
        torch.testing.assert_close(ours[i], 20.0 * readout.anchors @ vector, rtol=1e-4, atol=1e-4)


def test_mean_pooling_by_hand() -> None:
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]], [[5.0, 6.0], [100.0, 100.0], [100.0, 100.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert pool_mean(hidden, mask).tolist() == [[2.0, 3.0], [5.0, 6.0]]


def test_auto_pooling_follows_the_backbone() -> None:
    backbone = make_tiny("bert")
    assert make_readout(EmbeddingReadout(), backbone, TASK).pooling == "mean"
    backbone.pooling = "first"
    assert make_readout(EmbeddingReadout(), backbone, TASK).pooling == "first"
    assert make_readout(EmbeddingReadout(pooling="mean"), backbone, TASK).pooling == "mean"


def test_anchors_are_unit_vectors_without_gradient(tiny: Backbone) -> None:
    readout = make_readout(EmbeddingReadout(), tiny, TASK)
    assert isinstance(readout, Embedding)
    assert not readout.anchors.requires_grad
    torch.testing.assert_close(readout.anchors.norm(dim=1), torch.ones(3))


def test_loss_is_cross_entropy_over_the_classes() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    expected = (np.log(3) + np.log(np.exp(2) + 2)) / 2
    assert loss(logits, torch.tensor([2, 1])).item() == pytest.approx(expected, rel=1e-6)


# --- label words -----------------------------------------------------------------------------------------------------
def worded(*words: str) -> Task:
    labels = tuple(Label(value=str(i), word=word, description=word) for i, word in enumerate(words))
    return dataclasses.replace(TASK, labels=labels)


def test_a_label_word_of_several_tokens_is_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(
        InputError, match=r"label word 'good film' is 2 tokens .good film. of this backbone\n.*one token"
    ):
        Masked.of(tiny_bert, worded("good film", "bad"))


def test_an_unknown_label_word_is_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match="'zebra'"):
        Masked.of(tiny_bert, worded("zebra", "bad"))


def test_two_labels_of_one_word_are_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match=r"share a label word \(good, Good\).*\n.*its own word"):
        Masked.of(tiny_bert, worded("good", "Good"))


class Pieces:
    """A tokenizer that tells a word at the beginning from one inside a sentence, as byte-level ones do."""

    unk_token_id = 0
    vocabulary: ClassVar[dict[str, list[int]]] = {
        " good": [7],
        "good": [8],
        " rare": [9, 10],
        "rare": [11],
        " odd": [1, 2],
        "odd": [3, 4],
    }

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": self.vocabulary[text]}

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [f"<{i}>" for i in ids]


def test_a_label_word_is_taken_as_it_stands_in_the_template() -> None:
    inside, begins = worded("a", "b"), dataclasses.replace(TASK, template="{mask} is {text}")
    assert label_word_id("good", inside, Pieces()) == 7
    assert label_word_id("good", begins, Pieces()) == 8
    assert label_word_id("rare", inside, Pieces()) == 11
    with pytest.raises(InputError, match=r"2 tokens \(<1> <2>\)"):
        label_word_id("odd", inside, Pieces())
