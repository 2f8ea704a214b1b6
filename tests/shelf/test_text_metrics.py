"""How written answers are counted: hand-made cases, the official rules of SQuAD, and laws that must hold."""

import collections
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transferkit.tasks.base import Answer, Label, LocalData, Task
from transferkit.text_metrics import is_legal, normalised, rouge, score_texts, squad

SPAN, FREE = Answer(kind="extractive"), Answer(kind="free")


def task_of(metric: str = "f1", answer: Answer = SPAN) -> Task:
    return Task(name="asks", source=LocalData(train="a.jsonl", sha256="0"), answer=answer, metric=metric)


# --- the rules of SQuAD ----------------------------------------------------------------------------------------------
# What the official scripts of SQuAD 1.1 and 2.0 do, step by step, to be compared with ours.
def official_normal(text):
    def remove_articles(text):
        return re.sub(r"\b(a|an|the)\b", " ", text)

    def white_space_fix(text):
        return " ".join(text.split())

    def remove_punctuation(text):
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punctuation(text.lower())))


def official_f1(prediction, truth):
    predicted, right = official_normal(prediction).split(), official_normal(truth).split()
    common = collections.Counter(predicted) & collections.Counter(right)
    same = sum(common.values())
    if len(predicted) == 0 or len(right) == 0:
        return int(predicted == right)
    if same == 0:
        return 0
    precision, recall = 1.0 * same / len(predicted), 1.0 * same / len(right)
    return (2 * precision * recall) / (precision + recall)


WORDS = st.sampled_from("the The a an Ann cat cats Cat's dog, dog. U.S. $5 5 well-known – é É ‘a’ _ THE, and".split())
TEXT = st.one_of(st.lists(WORDS, max_size=7).map(" ".join), st.text(max_size=12))
REFERENCES = st.lists(TEXT, min_size=1, max_size=3)


@given(TEXT, REFERENCES)
def test_squad_is_counted_as_the_official_script_does(said, right):
    found = squad(said, right)
    assert normalised(said) == official_normal(said)
    assert found["exact_match"] == max(float(official_normal(said) == official_normal(one)) for one in right)
    assert found["f1"] == pytest.approx(max(official_f1(said, one) for one in right), abs=1e-12)


@pytest.mark.parametrize(
    ("said", "right", "exact", "f1"),
    [
        ("The Cat!", ["a cat"], 1, 1),
        ("the black cat", ["the cat"], 0, 2 / 3),  # articles go: 1 of 2 words right, 1 of 1 found
        ("cat cat", ["cat"], 0, 2 / 3),
        ("cat", ["cat cat cat"], 0, 1 / 2),
        ("black cat", ["white dog", "a black dog"], 0, 1 / 2),  # the nearest reference counts
        ("dog", ["cat"], 0, 0),
        ("", ["cat"], 0, 0),
        ("cat", ["the"], 0, 0),
        ("", ["the"], 1, 1),  # nothing is left of either
        ("U.S.", ["us"], 1, 1),
        ("another", ["other"], 0, 0),  # an article is a word of its own
        ("  two\n words ", ["two words"], 1, 1),
    ],
)
def test_squad_by_hand(said, right, exact, f1):
    assert squad(said, right) == {"exact_match": exact, "f1": pytest.approx(f1)}


# --- rouge -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "right", "expected"),
    [
        ("the cat sat", ["the cat sat on the mat"], (2 / 3, 4 / 7, 2 / 3)),  # 3 of 3 and of 6; 2 of 2 and of 5
        ("sat cat the", ["the cat sat"], (1, 0, 1 / 3)),
        ("Cats running", ["cat runs"], (1, 1, 1)),  # stemmed
        ("is are", ["be"], (0, 0, 0)),
        ("a b c d", ["a x c y", "a b x y"], (1 / 2, 1 / 3, 1 / 2)),  # the best of two, metric by metric
        ("", ["cat"], (0, 0, 0)),
        ("кот", ["кот"], (0, 0, 0)),  # it knows a to z and digits
    ],
)
def test_rouge_by_hand(said, right, expected):
    assert tuple(rouge(said, right).values()) == pytest.approx(expected)


LETTERS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=8).map(" ".join)


@given(LETTERS, st.lists(LETTERS, min_size=1, max_size=3))
def test_laws_of_both(said, right):
    for score in (squad, rouge):
        found = score(said, right)
        assert all(0 <= value <= 1 for value in found.values())
        assert score(said, [*right, said])[next(iter(found))] == 1
        more = score(said, [*right, "a b c"])
        assert all(more[name] >= value for name, value in found.items())
        assert score(said, right[::-1]) == found
    found = squad(said, right)
    assert found["exact_match"] <= found["f1"]
    assert rouge(said, right)["rougeL"] <= rouge(said, right)["rouge1"] + 1e-12
    (first, second) = squad(said, right[:1]), squad(right[0], [said])
    assert first == {name: pytest.approx(value) for name, value in second.items()}


# --- possible answers ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "said", "is_possible"),
    [
        (SPAN, "the CAT", True),
        (SPAN, "cat sat", True),  # what stands between is an article
        (SPAN, "dog", False),
        (SPAN, "", False),
        (SPAN, "the", False),
        (SPAN, "?!", False),
        (FREE, "dog", True),
        (FREE, "the", True),
        (FREE, " \n", False),
    ],
)
def test_legal_answers(answer, said, is_possible):
    assert is_legal(answer, said, "Where?\nThere a cat, the sat; well") is is_possible


@given(st.lists(WORDS, min_size=1, max_size=9), st.data())
def test_a_span_of_the_text_is_legal_if_anything_is_left_of_it(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    span = " ".join(words[start : data.draw(st.integers(start + 1, len(words)))])
    assert is_legal(SPAN, span, " ".join(words)) == bool(normalised(span))


# --- a whole split ---------------------------------------------------------------------------------------------------
def test_every_example_has_its_numbers():
    found = score_texts(task_of(), ["the cat", "dog"], [("cat", "a mat"), ("dog house",)], ["a cat sat", "a cat sat"])
    assert {name: values.tolist() for name, values in found.items()} == {
        "exact_match": [1.0, 0.0],
        "f1": [1.0, pytest.approx(2 / 3)],
        "legal": [1.0, 0.0],
    }
    assert {values.dtype for values in found.values()} == {np.dtype(np.float64)}
    found = score_texts(task_of("rougeL", FREE), ["the cat", ""], [("cat",), ("dog",)], ["", ""])
    assert list(found) == ["rouge1", "rouge2", "rougeL", "legal"]
    assert found["rouge1"].tolist() == [pytest.approx(2 / 3), 0]
    assert found["legal"].tolist() == [1, 0]


@pytest.mark.parametrize("metric", ["exact_match", "f1", "rouge1", "rouge2", "rougeL"])
def test_the_tasks_metric_is_among_them(metric):
    assert metric in score_texts(task_of(metric), ["a"], [("a",)], ["a"])
    assert all(len(values) == 0 for values in score_texts(task_of(metric), [], [], []).values())


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        score_texts(task_of(), ["a", "b"], [("a",)], ["a", "b"])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        score_texts(task_of(), ["a", "b"], [("a",), ("b",)], ["a"])
    labels = tuple(Label(value=v, word=v, description=v) for v in "xy")
    with pytest.raises(ValueError, match="has classes"):
        score_texts(Task(name="t", source=LocalData(train="", sha256="0"), labels=labels), ["a"], [("a",)], ["a"])
