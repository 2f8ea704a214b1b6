"""Rows of token ids: the template is never cut, the prompt always has room, every example comes exactly once."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import WORDS, make_tiny

from transferkit.backbones import Backbone
from transferkit.batches import POOL, Encoded, encode
from transferkit.errors import InputError
from transferkit.examples import Examples
from transferkit.tasks.base import Label, LocalData, Task

QUICK = settings(max_examples=40, deadline=None)
TASK = Task(
    name="toy",
    source=LocalData(train="x", sha256="0"),
    labels=(
        Label(value="n", word="bad", description="a bad film"),
        Label(value="p", word="good", description="a good film"),
    ),
    max_tokens=32,
)
PAIR = dataclasses.replace(TASK, inputs=("a", "b"), template="{a} {mask} {sep} {b}")
# A tokenizer alone is needed; one backbone serves property tests, which cannot take function fixtures.
BERT = make_tiny("bert")
TOKENIZER = BERT.tokenizer
MASK, CLS, SEP = TOKENIZER.mask_token_id, TOKENIZER.cls_token_id, TOKENIZER.sep_token_id
TEXT = st.lists(st.sampled_from(WORDS), max_size=50).map(" ".join)


def examples(*texts: str | tuple[str, ...]) -> Examples:
    rows = [text if isinstance(text, tuple) else (text,) for text in texts]
    return Examples(rows, np.arange(len(rows)) % 2, {})


def encoded(
    task: Task, *texts: str | tuple[str, ...], room: int = 0, readout: str = "masked", by: Backbone = BERT
) -> Encoded:
    return encode(examples(*texts), task, by, readout, room=room)


def words(ids: list[int]) -> str:
    return " ".join(TOKENIZER.convert_ids_to_tokens(ids))


# --- templates -------------------------------------------------------------------------------------------------------
def test_a_template_stands_around_the_text() -> None:
    found = encoded(TASK, "good film", "a bad film !")
    assert [words(row) for row in found.ids] == [
        "[CLS] good film it was [MASK] . [SEP]",
        "[CLS] a bad film ! it was [MASK] . [SEP]",
    ]
    assert found.answer.tolist() == [5, 7]
    assert found.types is None
    assert found.gold.tolist() == [0, 1]
    assert found.n_truncated == 0


def test_the_embedding_readout_shows_the_text_alone() -> None:
    found = encoded(TASK, "good film", readout="embedding")
    assert words(found.ids[0]) == "[CLS] good film [SEP]"
    assert found.answer.tolist() == [0]
    said = dataclasses.replace(TASK, embedding_template="the {text}")
    assert words(encoded(said, "good film", readout="embedding").ids[0]) == "[CLS] the good film [SEP]"


def test_a_pair_has_two_segments_and_token_types() -> None:
    found = encoded(PAIR, ("good film", "nice"), ("bad", "awful food !"))
    assert words(found.ids[1]) == "[CLS] bad [MASK] [SEP] awful food ! [SEP]"
    assert found.types == [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]]
    batch = found.batch(np.arange(2))
    assert batch.types.tolist() == [[0, 0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1, 1, 1]]
    shown = encoded(PAIR, ("good film", "nice"), readout="embedding")
    assert words(shown.ids[0]) == "[CLS] good film [SEP] nice [SEP]"
    assert shown.types == [[0, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize("text", ["[MASK]", "good [MASK] bad", "[MASK][MASK]", "[[MASK]MASK]", "[SEP] [CLS] [PAD]"])
def test_special_tokens_in_a_users_text_are_words(text: str) -> None:
    (row,) = encoded(TASK, text).ids
    assert row.count(MASK) == 1
    assert (row.count(CLS), row.count(SEP), row.count(TOKENIZER.pad_token_id)) == (1, 1, 0)
    assert words(row).endswith("it was [MASK] . [SEP]")


@pytest.mark.parametrize("text", ["{mask}", "{sep}", "{text}", "{0} {} %s \\1"])
def test_placeholders_in_a_users_text_are_words(text: str) -> None:
    (row,) = encoded(TASK, text).ids
    assert row.count(MASK) == 1
    assert row.count(SEP) == 1


def test_a_column_named_in_another_columns_text_is_words() -> None:
    (row,) = encoded(PAIR, ("good {b} film", "nice")).ids
    assert words(row).count("nice") == 1


# --- truncation ------------------------------------------------------------------------------------------------------
@QUICK
@given(TEXT, st.integers(8, 40), st.integers(0, 40))
def test_cutting_keeps_template_mask_and_room(text: str, max_tokens: int, room: int) -> None:
    task = dataclasses.replace(TASK, max_tokens=max_tokens)
    found = encoded(task, text, room=room)
    whole = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    limit = min(max_tokens, BERT.capacity - room)
    tail = TOKENIZER("It was [MASK].", add_special_tokens=False)["input_ids"]
    n_kept = min(len(whole), limit - len(tail) - 2)
    assert list(found.ids[0]) == [CLS, *whole[:n_kept], *tail, SEP]
    assert found.n_truncated == (len(whole) + len(tail) + 2 > limit)
    assert found.ids[0][found.answer[0]] == MASK
    assert len(found.ids[0]) + room <= BERT.capacity


@QUICK
@given(TEXT, TEXT, st.integers(8, 40))
def test_cutting_a_pair_cuts_the_longer_text(first: str, second: str, max_tokens: int) -> None:
    found = encoded(dataclasses.replace(PAIR, max_tokens=max_tokens), (first, second))
    one, two = (TOKENIZER(text, add_special_tokens=False)["input_ids"] for text in (first, second))
    room = max_tokens - 4
    if len(one) + len(two) > room:
        assert found.n_truncated == 1
        assert len(found.ids[0]) == max_tokens
    row = list(found.ids[0])
    at = row.index(MASK)
    kept_one, kept_two = row[1:at], row[at + 2 : -1]
    assert row == [CLS, *one[: len(kept_one)], MASK, SEP, *two[: len(kept_two)], SEP]
    assert [len(row)] == [len(types) for types in found.types]
    assert found.types[0] == [0] * (at + 2) + [1] * (len(kept_two) + 1)
    if len(kept_one) < len(one):
        assert len(kept_two) == len(two) or len(one) >= len(two) or not kept_two


READOUTS = {"encoder": "masked", "decoder": "causal", "encoder-decoder": "seq2seq"}


def test_a_prompt_always_fits_the_backbone(tiny: Backbone) -> None:
    room = 20
    long = dataclasses.replace(TASK, max_tokens=100)
    found = encoded(long, "good film " * 60, by=tiny, room=room, readout=READOUTS[tiny.kind])
    limit = 100 if tiny.capacity is None else tiny.capacity - room
    assert len(found.ids[0]) == limit
    batch = found.batch(np.array([0]))
    state = tiny.embed(batch, torch.zeros(room, tiny.width))
    assert state.hidden.shape[1] + state.n_prefix == limit + room


def test_a_template_that_does_not_fit_is_refused() -> None:
    task = dataclasses.replace(TASK, template="{text} " + "very " * 30 + "{mask}")
    with pytest.raises(InputError, match=r"alone is longer than 32 tokens.*\n.*shorten the template"):
        encoded(task, "good")
    with pytest.raises(InputError, match="alone is longer"):
        encoded(TASK, "good", room=64)
    with pytest.raises(InputError, match="alone is longer"):
        encoded(dataclasses.replace(PAIR, template="{a} {mask} {sep} {b}" + " very" * 40), ("good", "bad film"))


def test_a_backbone_without_a_mask_is_refused() -> None:
    bare = make_tiny("bert")
    bare.tokenizer.mask_token = None
    with pytest.raises(InputError, match=r"no mask token.*\n.*embedding"):
        encoded(TASK, "good", by=bare)
    assert encoded(TASK, "good", by=bare, readout="embedding").answer.tolist() == [0]


# --- batches ---------------------------------------------------------------------------------------------------------
def of_lengths(lengths: list[int]) -> Encoded:
    ids = [[5 + i % 20] * n for i, n in enumerate(lengths)]
    n = len(lengths)
    return Encoded(ids, None, np.zeros(n, dtype=np.int64), np.arange(n) % 2, 0, 0)


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=200)


@QUICK
@given(LENGTHS, st.integers(1, 9), st.integers(0, 5))
def test_every_example_comes_exactly_once_per_epoch(lengths: list[int], size: int, seed: int) -> None:
    found = of_lengths(lengths)
    epoch = found.shuffled(size, np.random.default_rng(seed))
    assert sorted(i for index in epoch for i in index) == list(range(len(lengths)))
    assert len(epoch) == -(-len(lengths) // size)
    again = found.shuffled(size, np.random.default_rng(seed))
    assert [index.tolist() for index in epoch] == [index.tolist() for index in again]


@QUICK
@given(LENGTHS, st.integers(1, 9))
def test_scoring_takes_the_shortest_first_and_finds_back(lengths: list[int], size: int) -> None:
    found = of_lengths(lengths)
    batches = list(found.in_order(size))
    order = np.concatenate([batch.index.numpy() for batch in batches])
    assert [lengths[i] for i in order] == sorted(lengths)
    assert sorted(order) == list(range(len(lengths)))
    assert all(len(batch.index) <= size for batch in batches)
    for batch in batches:
        assert batch.mask.sum(1).tolist() == [lengths[i] for i in batch.index]
        assert batch.is_padded == (not batch.mask.all())
        assert batch.gold.tolist() == [i % 2 for i in batch.index]
        assert torch.equal(batch.ids == 0, ~batch.mask)


def test_buckets_hold_examples_of_like_length() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, 4 * POOL * 8)
    found = of_lengths(lengths.tolist())
    bucketed = found.shuffled(8, np.random.default_rng(1))
    spread = np.mean([np.ptp(lengths[index]) for index in bucketed])
    assert spread < 0.1 * np.mean([np.ptp(part) for part in lengths.reshape(-1, 8)])
    firsts = [lengths[index].mean() for index in bucketed]
    assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.3  # in random order, not shortest first


def test_epochs_differ() -> None:
    found = of_lengths([4] * 64)
    one, two = (found.shuffled(8, np.random.default_rng([0, 2, epoch])) for epoch in range(2))
    assert [index.tolist() for index in one] != [index.tolist() for index in two]


def test_tiling_repeats_whole_copies() -> None:
    batch = encoded(PAIR, ("good film", "nice"), ("bad", "awful food !")).batch(np.arange(2))
    tiled = batch.tile(3)
    for field in dataclasses.fields(batch):
        one, three = getattr(batch, field.name), getattr(tiled, field.name)
        assert torch.equal(three, torch.cat([one] * 3)) if isinstance(one, torch.Tensor) else three == one
    assert batch.to(torch.device("cpu")).types is not None
    assert encoded(TASK, "good").batch(np.array([0])).tile(2).types is None
