"""Answers as token ids: what is learnt, where it is read, and that it fits behind prompt and text."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import closing_tokenizer, make_tiny, plain_tokenizer, toy_tokenizer
from toy_writing import ANSWERS, TEXTS, WRITING, encoded
from transformers import PreTrainedTokenizerFast

from transferkit.backbones import Backbone
from transferkit.batches import IGNORED, Encoded, continuations, empty_row, encode, text_limit
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.tasks.base import Answer, Task

GPT2, T5 = make_tiny("gpt2"), make_tiny("t5")
END = 3


def said(backbone: Backbone, ids: list[int]) -> str:
    return " ".join(backbone.tokenizer.convert_ids_to_tokens(ids))


def changed(**fields: object) -> Task:
    return dataclasses.replace(WRITING, **fields)


def with_tokenizer(backbone: Backbone, tokenizer: PreTrainedTokenizerFast) -> Backbone:
    return Backbone(backbone.model, tokenizer, spec=backbone.spec, upstream="x")


# --- what is shown, what is learnt -----------------------------------------------------------------------------------
def test_a_causal_text_goes_on_with_its_answer() -> None:
    found = encoded(GPT2)
    assert said(GPT2, found.ids[0]) == "really ? the film was good it was"
    assert said(GPT2, found.written.tokens[0]) == "good [SEP]"
    assert found.written.references == ANSWERS
    assert found.written.shown[0] == "really\nthe film was good"
    batch = found.batch(np.array([0, 4]))
    assert said(GPT2, batch.ids[1].tolist()) == "phone ? the cell phone was awful ! it was the cell phone was awful"
    assert batch.answer.tolist() == [7, 9]
    assert batch.target_rows.tolist() == [[7, 8, 0, 0, 0, 0], [9, 10, 11, 12, 13, 14]]
    assert [said(GPT2, row[row != IGNORED].tolist()) for row in batch.targets] == [
        "good [SEP]",
        "the cell phone was awful [SEP]",
    ]
    assert batch.decoder_ids is None
    assert batch.mask.sum(1).tolist() == [9, 15] == found.lengths[[0, 4]].tolist()


def test_a_decoder_is_shown_the_tokens_in_front_of_each_target() -> None:
    found = encoded(T5)
    assert said(T5, found.ids[0]) == "really ? the film was good it was [SEP]"
    batch = found.batch(np.array([0, 4]))
    assert said(T5, batch.ids[0][batch.mask[0]].tolist()) == said(T5, found.ids[0])
    assert batch.decoder_ids[0, :2].tolist() == [0, found.written.tokens[0][0]]
    assert said(T5, batch.decoder_ids[1].tolist()) == "[PAD] the cell phone was awful"
    assert batch.targets[0].tolist() == [*found.written.tokens[0], *[IGNORED] * 4]
    assert batch.target_rows.tolist() == [[0, 1, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]]


def test_every_target_follows_the_tokens_in_front_of_its_row() -> None:
    for backbone in (GPT2, T5):
        found = encoded(backbone)
        for batch in found.in_order(2):
            shown = batch.ids if batch.decoder_ids is None else batch.decoder_ids
            for example, targets in enumerate(batch.targets):
                real = targets != IGNORED
                rows = batch.target_rows[example][real]
                assert torch.equal(shown[example][rows[1:]], targets[real][:-1])


def test_without_answers_the_text_alone_is_batched() -> None:
    for backbone in (GPT2, T5):
        batch = encoded(backbone).unanswered.batch(np.arange(5))
        assert batch.targets is batch.target_rows is batch.decoder_ids is None
        assert [row[keep].tolist() for row, keep in zip(batch.ids, batch.mask, strict=True)] == [
            list(ids) for ids in encoded(backbone).ids
        ]


def test_targets_are_tiled_and_moved_with_the_rest() -> None:
    batch = encoded(T5).batch(np.arange(5)).tile(2).to(torch.device("cpu"))
    for tensor in (batch.targets, batch.target_rows, batch.decoder_ids):
        assert torch.equal(tensor[:5], tensor[5:])


def test_long_answers_are_cut_and_lose_their_end() -> None:
    for backbone in (GPT2, T5):
        found = encoded(backbone, changed(answer=Answer(max_new_tokens=3)))
        assert said(backbone, found.written.tokens[3]) == "a great vote"
        assert said(backbone, found.written.tokens[0]) == "good [SEP]"
        assert found.written.references == ANSWERS


def test_special_tokens_in_an_answer_are_words() -> None:
    examples = Examples([("a", "b")], np.array([0]), {}, [("good [SEP] bad",)])
    for backbone in (GPT2, T5):
        found = encode(examples, WRITING, backbone, "causal" if backbone is GPT2 else "seq2seq", room=0)
        assert found.written.tokens[0].count(END) == 1
        assert found.written.tokens[0][-1] == END


def test_examples_without_answers_are_refused() -> None:
    with pytest.raises(InputError, match="have no answers"):
        encode(Examples(TEXTS, np.zeros(5, dtype=np.int64), {}), WRITING, GPT2, "causal", room=0)


# --- room ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", [0, 10])
def test_prompt_text_and_answer_fit_a_causal_backbone(length: int) -> None:
    long = changed(max_tokens=512, answer=Answer(max_new_tokens=20))
    examples = Examples([("really", "good film " * 60)], np.array([0]), {}, [("nice food " * 20,)])
    found = encode(examples, long, GPT2, "causal", room=length)
    assert len(found.ids[0]) == GPT2.capacity - length - 20 == text_limit(long, GPT2, "causal", length)
    assert said(GPT2, found.ids[0][-2:]) == "it was"
    batch = found.batch(np.array([0]))
    GPT2.embed(batch, torch.zeros(length, 32) if length else None)
    assert batch.ids.shape[1] + length <= GPT2.capacity
    assert len(found.written.shown[0]) < len(examples.texts[0][1])


def test_an_encoder_needs_no_room_for_the_answer() -> None:
    assert text_limit(changed(max_tokens=512), T5, "seq2seq", 20) == 512
    bert = make_tiny("bert")
    assert text_limit(changed(max_tokens=512), bert, "masked", 20) == bert.capacity - 20


def test_no_room_is_said_so() -> None:
    with pytest.raises(
        InputError, match=r"prompt_length = 20 and max_new_tokens = 50 together do not fit tiny-gpt2.*66"
    ):
        encoded(GPT2, changed(answer=Answer(max_new_tokens=50)), room=20)


# --- causal tokenizers -----------------------------------------------------------------------------------------------
def test_a_tokenizer_that_closes_its_texts_does_not_close_a_causal_one() -> None:
    open_ended, closed = encoded(GPT2), encoded(with_tokenizer(GPT2, closing_tokenizer()))
    assert closed.ids == open_ended.ids
    assert closed.written.tokens == open_ended.written.tokens
    assert closed.answer.tolist() == open_ended.answer.tolist()
    cut = encoded(with_tokenizer(GPT2, closing_tokenizer()), changed(max_tokens=10))
    assert [len(row) for row in cut.ids] == [min(len(row), 10) for row in open_ended.ids]


def test_an_empty_text_has_one_row() -> None:
    begins, ends = plain_tokenizer(), closing_tokenizer()
    assert empty_row(begins, "causal") == [begins.bos_token_id]
    assert empty_row(ends, "causal") == [ends.eos_token_id]
    assert empty_row(ends, "seq2seq") == [ends.eos_token_id]
    begins.bos_token = None
    assert empty_row(begins, "causal") == [END]
    begins.eos_token = None
    with pytest.raises(InputError, match=r"no token at all.*\n.*bos_token or eos_token"):
        empty_row(begins, "causal")
    assert [len(empty_row(toy_tokenizer(), kind)) for kind in ("masked", "embedding")] == [3, 2]
    bare = changed(completion_template="{question}{context}")
    found = encode(Examples([("", "")], np.array([0]), {}, [("good",)]), bare, GPT2, "causal", room=0)
    assert found.ids == [[2]]


class Bytes(SimpleNamespace):
    """A tokenizer of single characters, in which two line ends at the end of a text are one token."""

    def __call__(self, texts: list[str], *, add_special_tokens: bool) -> dict[str, list[list[int]]]:
        assert not add_special_tokens
        return {
            "input_ids": [
                [ord(c) for c in text[:-2]] + ([0] if text[-2:] == "\n\n" else [ord(c) for c in text[-2:]])
                for text in texts
            ]
        }


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{text} It was", " good"),
        ("{text} It was ", " good"),
        ("Q: {text}", " good"),
        ("{text}\nAnswer:\n", "good"),
        ("{text}\n", "good"),
        ("{text}\t ", "good"),
        ("{text}\n\n", "good"),  # the words in front are cut otherwise when something follows
    ],
)
def test_an_answer_begins_with_a_space_or_on_its_own_line(template: str, expected: str) -> None:
    (found,) = continuations(template, ["good"], Bytes())
    assert "".join(map(chr, found)) == expected


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{question} {context}\nanswer:\n", "a b \nanswer:\n"),
        ("{question} {context} ", "a b"),
        ("{context}\n{question}", "b \na"),
    ],
)
def test_a_line_end_is_shown_and_a_space_is_not(template: str, shown: str) -> None:
    seen = []

    class Listening:
        """A tokenizer that remembers what it was shown."""

        all_special_tokens: tuple[str, ...] = ()
        mask_token = bos_token_id = pad_token_id = eos_token_id = None

        def __call__(self, texts: list[str], *_: object, **options: object) -> dict[str, list[list[int]]]:
            if "truncation" in options:
                seen.extend(texts)
            return {"input_ids": [[1]] * len(texts)}

    examples = Examples([("a", "b ")], np.array([0]), {}, [("c",)])
    encode(examples, changed(completion_template=template), with_tokenizer(GPT2, Listening()), "causal", room=0)
    assert seen == [shown]


def test_lengths_count_what_is_batched() -> None:
    found = Encoded([[5, 6]], None, np.array([1]), np.array([0]), 0, 0)
    assert found.lengths.tolist() == [2]
