"""Each readout equals a plain loop over single examples through the untouched stock model."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import torch
from tiny import make_tiny
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.readouts import Embedding, LabelWords, label_word_ids, losses, make_readout
from transferkit.readouts.embedding import pool_mean
from transferkit.specs import CausalReadout, EmbeddingReadout, MaskedReadout, Placement, Seq2seqReadout
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


READOUTS = {"encoder": MaskedReadout(), "decoder": CausalReadout(), "encoder-decoder": Seq2seqReadout()}


def encoded(backbone: Backbone, readout: str, room: int = 3) -> Encoded:
    return encode(Examples([(text,) for text in TEXTS], np.arange(5) % 3, {}), TASK, backbone, readout, room=room)


def stock(backbone: Backbone, ids: list[int], prompt: torch.Tensor | None, *, head: bool) -> torch.Tensor:
    """One example through the stock model: the logits of every row, or its last rows; of a decoder's start, if any."""
    rows = backbone.words(torch.tensor([ids]))
    if prompt is not None:
        rows = torch.cat([prompt[None], rows], dim=1)
    inputs = {"inputs_embeds": rows, "attention_mask": torch.ones(rows.shape[:2], dtype=torch.long)}
    if backbone.kind == "encoder-decoder":
        inputs["decoder_input_ids"] = torch.tensor([[backbone.config.decoder_start_token_id]])
    if backbone.kind != "encoder":
        inputs["use_cache"] = False
    return backbone.model(**inputs).logits[0] if head else backbone.base(**inputs).last_hidden_state[0]


def prompt_of(backbone: Backbone, n: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(n, backbone.width)).astype(np.float32))


@pytest.mark.parametrize("length", [0, 3])
def test_label_words_equal_a_plain_loop_with_the_whole_vocabulary(tiny: Backbone, length: int) -> None:
    kind = READOUTS[tiny.kind]
    found = encoded(tiny, kind.kind)
    readout = make_readout(kind, tiny, TASK)
    prompt = prompt_of(tiny) if length else None
    batch = found.batch(np.arange(5))
    state = tiny.enter(batch, prompt, Placement())
    hidden = tiny.finish(state, readout.rows(batch))
    ours, legal = readout.scores(hidden, batch), readout.says_label(hidden)
    torch.testing.assert_close(readout.logits(state, batch), ours, **CLOSE)
    names = [tiny.tokenizer.convert_tokens_to_ids(label.word) for label in TASK.labels]
    for i, ids in enumerate(found.ids):
        rows = stock(tiny, list(ids), prompt, head=True)
        if tiny.kind == "encoder":
            theirs = rows[length + ids.index(tiny.tokenizer.mask_token_id)]
        else:
            theirs = rows[-1]  # of the text, or of the decoder, which has but its start
        torch.testing.assert_close(ours[i], theirs[names], **CLOSE)
        assert legal[i] == (theirs.argmax().item() in names)


def test_what_a_causal_backbone_reads_ends_where_the_label_word_begins() -> None:
    gpt2, t5 = make_tiny("gpt2"), make_tiny("t5")
    assert gpt2.tokenizer.decode(encoded(gpt2, "causal").ids[0]) == "good film it was"
    assert t5.tokenizer.decode(encoded(t5, "seq2seq").ids[0]) == "good film it was [SEP]"


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("length", [0, 3])
def test_embedding_equals_a_plain_loop(tiny_masked: Backbone, length: int, pooling: str) -> None:
    found = encoded(tiny_masked, "embedding")
    readout = make_readout(EmbeddingReadout(scale=7.0, pooling=pooling), tiny_masked, TASK)
    prompt = prompt_of(tiny_masked) if length else None
    batch = found.batch(np.arange(5))
    ours = readout.logits(tiny_masked.enter(batch, prompt, Placement()), batch)

    def sentence(ids: list[int], rows: torch.Tensor | None) -> torch.Tensor:
        text = stock(tiny_masked, ids, rows, head=False)[0 if rows is None else len(rows) :]
        vector = text.mean(0) if pooling == "mean" else text[0]
        return vector / vector.norm()

    anchors = [sentence(tiny_masked.tokenizer(label.description)["input_ids"], None) for label in TASK.labels]
    for i, ids in enumerate(found.ids):
        vector = sentence(list(ids), prompt)
        theirs = torch.stack([7.0 * (vector @ anchor) for anchor in anchors])
        torch.testing.assert_close(ours[i], theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pooled", [False, True])
def test_padding_and_batch_mates_change_nothing(tiny: Backbone, pooled: bool) -> None:
    if pooled and tiny.kind != "encoder":
        pytest.skip("sentence vectors are those of encoders")
    kind = EmbeddingReadout() if pooled else READOUTS[tiny.kind]
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


def test_anchors_are_unit_vectors_without_gradient(tiny_masked: Backbone) -> None:
    readout = make_readout(EmbeddingReadout(), tiny_masked, TASK)
    assert isinstance(readout, Embedding)
    assert not readout.anchors.requires_grad
    torch.testing.assert_close(readout.anchors.norm(dim=1), torch.ones(3))


def test_loss_is_cross_entropy_over_the_classes() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    expected = [np.log(3), np.log(np.exp(2) + 2)]
    assert losses(logits, torch.tensor([2, 1])).tolist() == pytest.approx(expected, rel=1e-6)


# --- label words -----------------------------------------------------------------------------------------------------
def worded(*words: str) -> Task:
    labels = tuple(Label(value=str(i), word=word, description=word) for i, word in enumerate(words))
    return dataclasses.replace(TASK, labels=labels)


def test_a_label_word_of_several_tokens_is_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(
        InputError, match=r"label word 'good film' is 2 tokens .good film. of this backbone\n.*one token"
    ):
        LabelWords.of(tiny_bert, worded("good film", "bad"), "masked")


def test_an_unknown_label_word_is_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match="'zebra'"):
        LabelWords.of(tiny_bert, worded("zebra", "bad"), "masked")


def test_two_labels_of_one_word_are_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match=r"share a label word \(good, Good\).*\n.*its own word"):
        LabelWords.of(tiny_bert, worded("good", "Good"), "masked")


@pytest.mark.parametrize(("name", "kind"), [("gpt2", "causal"), ("t5", "seq2seq")])
def test_elsewhere_the_first_of_several_tokens_stands_for_a_word(name: str, kind: str) -> None:
    backbone = make_tiny(name)
    tokens = backbone.tokenizer.convert_tokens_to_ids(["good", "bad"])
    assert LabelWords.of(backbone, worded("good film", "bad"), kind).label_ids.tolist() == tokens
    with pytest.raises(
        InputError, match=r"share the first token of their label words \(good film, good\).*\n.*its own"
    ):
        LabelWords.of(backbone, worded("good film", "good"), kind)
    with pytest.raises(InputError, match=r"label word 'zebra' is not in the vocabulary"):
        LabelWords.of(backbone, worded("zebra", "bad"), kind)


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
    template = dataclasses.replace(worded("good", "rare"), template="{mask} is {text}")
    assert label_word_ids(worded("good", "rare"), Pieces(), "masked") == [7, 11]
    assert label_word_ids(template, Pieces(), "masked") == [8, 11]
    with pytest.raises(InputError, match=r"2 tokens \(<1> <2>\)"):
        label_word_ids(worded("good", "odd"), Pieces(), "masked")
    assert label_word_ids(worded("good", "odd"), Pieces(), "seq2seq") == [8, 3]


def spaced() -> PreTrainedTokenizerFast:
    """A tokenizer as Llama's first was: the beginning of every text is a space, and a space is a token."""
    words = ["▁", "▁good", "▁bad", "good", "bad", "a", "▁a", "▁It", "▁was", "\n"]
    vocabulary = {token: i for i, token in enumerate(["<unk>", "</s>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    marked = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(marked)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("\n|▁?[^▁\n]+|▁"), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")


def test_a_causal_label_word_is_cut_off_from_the_words_in_front_of_it() -> None:
    tokenizer = spaced()
    assert tokenizer.tokenize(" good") == ["▁", "▁good"]
    inside = worded("good", "bad")
    own_line = dataclasses.replace(inside, completion_template="{text} It was\n")
    assert tokenizer.convert_ids_to_tokens(label_word_ids(inside, tokenizer, "causal")) == ["▁good", "▁bad"]
    assert tokenizer.convert_ids_to_tokens(label_word_ids(own_line, tokenizer, "causal")) == ["good", "bad"]
