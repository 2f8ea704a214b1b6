"""Where a prompt begins: the right rows, the same for the same seed, others for another."""

import dataclasses

import numpy as np
import pytest
import torch
from prompts.toy_training import TASK
from tiny import SPECIAL, WORDS

from transferkit.backbones import Backbone
from transferkit.backbones.words import frequent_words
from transferkit.errors import InputError
from transferkit.prompts import initial as module
from transferkit.prompts import make_initial
from transferkit.prompts.runs import STREAM as TRAINING_STREAM
from transferkit.specs import (
    Initial,
    LabelWordsInitial,
    NormalInitial,
    PromptInitial,
    TextInitial,
    UniformInitial,
    VocabularyInitial,
)
from transferkit.tasks.base import Label

OTHER = np.arange(4 * 32, dtype=np.float64).reshape(4, 32)
KINDS = (
    UniformInitial(),
    NormalInitial(),
    VocabularyInitial(),
    LabelWordsInitial(),
    TextInitial(text="Good food"),
    PromptInitial(key="a"),
)
RANDOM = KINDS[:5]


def make(kind: Initial, backbone: Backbone, *, length: int = 4, seed: int = 0, **given: object) -> torch.Tensor:
    given = {"task": TASK, "find_prompt": {"a": OTHER}.__getitem__} | given
    return make_initial(kind, backbone, length=length, seed=seed, **given)


def row(backbone: Backbone, word: str) -> torch.Tensor:
    with torch.no_grad():
        return backbone.words(torch.tensor([backbone.tokenizer.convert_tokens_to_ids(word)]))[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
@pytest.mark.parametrize("length", [1, 4, 40])
def test_shape_type_and_determinism(tiny: Backbone, kind: Initial, length: int) -> None:
    if kind.kind == "prompt":
        length = 4
    rows = make(kind, tiny, length=length)
    assert rows.shape == (length, tiny.width)
    assert rows.dtype == torch.float32
    assert rows.device.type == "cpu"
    assert not rows.requires_grad
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert torch.equal(make(kind, tiny, length=length), rows)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", RANDOM, ids=lambda kind: kind.kind)
def test_another_seed_gives_other_rows(tiny_bert: Backbone, kind: Initial) -> None:
    assert not torch.equal(make(kind, tiny_bert, seed=0), make(kind, tiny_bert, seed=1))


def test_initial_rows_and_training_order_have_their_own_streams() -> None:
    assert module.STREAM != TRAINING_STREAM


def test_rows_do_not_depend_on_the_task_unless_the_kind_says_so(tiny_bert: Backbone) -> None:
    other = dataclasses.replace(TASK, name="other", labels=tuple(reversed(TASK.labels)))
    for kind in KINDS:
        same = torch.equal(make(kind, tiny_bert), make(kind, tiny_bert, task=other))
        assert same == (kind.kind != "label_words")


def test_uniform_and_normal_noise_have_their_moments(tiny_bert: Backbone) -> None:
    uniform = make(UniformInitial(low=-0.25, high=0.75), tiny_bert, length=2000)
    assert uniform.min() >= -0.25
    assert uniform.max() <= 0.75
    assert uniform.mean().item() == pytest.approx(0.25, abs=0.01)
    assert uniform.std().item() == pytest.approx(1 / 12**0.5, abs=0.01)
    normal = make(NormalInitial(std=0.5), tiny_bert, length=2000)
    assert normal.mean().item() == pytest.approx(0.0, abs=0.01)
    assert normal.std().item() == pytest.approx(0.5, abs=0.01)


def test_vocabulary_rows_are_embeddings_of_words_without_replacement(tiny: Backbone) -> None:
    words = [word for word in WORDS if len(word) > 1 and word.isalpha()]
    table = torch.stack([row(tiny, word) for word in words])
    rows = make(VocabularyInitial(), tiny, length=len(words))
    at = torch.cdist(rows, table).argmin(1)
    assert torch.equal(rows, table[at])
    assert sorted(at.tolist()) == list(range(len(words)))
    few = make(VocabularyInitial(population=2), tiny, length=6)  # more rows than words: with replacement
    assert {tuple(r) for r in few.tolist()} <= {tuple(r) for r in table[:2].tolist()}


def test_label_word_rows_are_the_mean_of_their_pieces(tiny: Backbone) -> None:
    task = dataclasses.replace(
        TASK,
        labels=(
            Label(value="a", word="good", description="x"),
            Label(value="b", word="very bad film", description="x"),
        ),
    )
    rows = make(LabelWordsInitial(), tiny, length=5, task=task)
    assert torch.equal(rows[0], row(tiny, "good"))
    pieces = torch.stack([row(tiny, word) for word in ("very", "bad", "film")])
    torch.testing.assert_close(rows[1], pieces.mean(0))
    filled = make(VocabularyInitial(), tiny, length=3)
    assert torch.equal(rows[2:], filled)
    assert torch.equal(make(LabelWordsInitial(), tiny, length=1, task=task), rows[:1])


def test_a_text_gives_its_tokens_then_frequent_words(tiny: Backbone) -> None:
    rows = make(TextInitial(text="Really nice FOOD"), tiny, length=5)
    assert torch.equal(rows[:3], torch.stack([row(tiny, word) for word in ("really", "nice", "food")]))
    assert torch.equal(rows[3:], make(VocabularyInitial(), tiny, length=2))
    assert torch.equal(make(TextInitial(text="Really nice FOOD"), tiny, length=2), rows[:2])
    assert torch.equal(make(TextInitial(text=" "), tiny, length=2), make(VocabularyInitial(), tiny, length=2))


def test_another_prompt_is_copied(tiny_bert: Backbone) -> None:
    rows = make(PromptInitial(key="a"), tiny_bert)
    assert rows.tolist() == OTHER.tolist()
    rows += 1
    assert OTHER[0, 0] == 0.0


@pytest.mark.parametrize(("length", "width"), [(5, 32), (4, 31)])
def test_another_prompt_of_another_shape_is_refused(tiny_bert: Backbone, length: int, width: int) -> None:
    given = {"find_prompt": lambda _key: np.zeros((4, width))}
    with pytest.raises(InputError, match=rf"prompt a is 4 × {width}, not {length} × 32.*\n.*prompt_length = 4"):
        make(PromptInitial(key="a"), tiny_bert, length=length, **given)


def test_label_words_need_a_task(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match=r"needs a task.*\n.*vocabulary"):
        make(LabelWordsInitial(), tiny_bert, task=None)


class Vocabulary:
    """As much of a tokenizer as `frequent_words` asks."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens
        self.all_special_ids = [i for i, token in enumerate(tokens) if token.startswith("<")]

    def get_vocab(self) -> dict[str, int]:
        return {token: i for i, token in reversed(list(enumerate(self.tokens)))}


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (("[PAD]", "[unused1]", "the", "##ing", "a", "of", "3d", "film"), [2, 5, 7]),
        (("<s>", "Ġthe", "ing", "Ġ", "Ġa", "Ġof", "the", "Ġ3d"), [1, 5]),
        (("<pad>", "▁the", "▁", "s", "▁Haus", "é"), [1, 4]),
    ],
)
def test_frequent_words_are_whole_words_in_order(tokens: tuple[str, ...], expected: list[int]) -> None:
    class Holder:
        tokenizer = Vocabulary(*tokens)

    assert list(frequent_words(Holder(), 5000)) == expected
    assert list(frequent_words(Holder(), 1)) == expected[:1]


def test_special_tokens_are_never_drawn(tiny: Backbone) -> None:
    assert not set(frequent_words(tiny, 5000)) & set(tiny.tokenizer.convert_tokens_to_ids(SPECIAL))
