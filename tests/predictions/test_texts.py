"""Scores of written texts: what is written, how likely the right answer is, and that sharing work changes neither."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny import CAUSAL, SEQ2SEQ, make_tiny
from toy_writing import READOUTS, WRITING, encoded, rows, stock_logits

from transferkit.backbones import Backbone
from transferkit.generation import write
from transferkit.measures import score_all
from transferkit.predictions import Entrant, Outcome, Prefills, entrants, outcomes, texts
from transferkit.predictions.entrants import WHOLE_BATCH
from transferkit.readouts import make_readout
from transferkit.specs import Placement
from transferkit.tasks.base import Answer, Task
from transferkit.text_metrics import score_texts

PROMPTS = [
    Entrant(None, Placement()),
    Entrant(rows(3, 0), Placement()),
    Entrant(rows(3, 1), Placement(where="after_first")),
    Entrant(rows(3, 2), Placement()),
    Entrant(rows(3, 3), Placement(entry="block", insert_after=1)),
]


@pytest.fixture(scope="module", params=[*CAUSAL, *SEQ2SEQ])
def writer(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


def measured(backbone: Backbone, asked: list[Entrant], task: Task = WRITING, batch_size: int = 2) -> list[Outcome]:
    readout = make_readout(READOUTS[backbone.kind], backbone, task)
    return outcomes(task, backbone, readout, encoded(backbone, task), asked, batch_size=batch_size)


def one_by_one(backbone: Backbone, entrant: Entrant, task: Task = WRITING) -> list[str]:
    """What is written after each text alone, nothing known of it before."""
    found = encoded(backbone, task).unanswered
    prompt = None if entrant.vectors is None else entrant.vectors[None]
    batches = [found.batch(np.array([i])) for i in range(len(found))]
    return [write(backbone, batch, prompt, entrant.placement, task.answer)[0] for batch in batches]


def test_what_the_loss_has_read_is_not_read_again_for_the_writing(
    writer: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_that_nothing_is_read_twice(writer, 1, monkeypatch)


@pytest.mark.parametrize("family", ["gpt2", "llama", "t5-v1.1"])
def test_nor_is_it_for_several_beams(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_that_nothing_is_read_twice(make_tiny(family), 3, monkeypatch)


def check_that_nothing_is_read_twice(writer: Backbone, beams: int, monkeypatch: pytest.MonkeyPatch) -> None:
    task = dataclasses.replace(WRITING, answer=Answer(max_new_tokens=4, beams=beams))
    asked = PROMPTS if beams == 1 else PROMPTS[:3]
    said, known = [], []
    monkeypatch.setattr(
        texts,
        "write",
        lambda *args, **more: said.append(write(*args, **more)) or known.append(more["known"]) or said[-1],
    )
    found = encoded(writer, task)
    order = [i for batch in found.in_order(2) for i in batch.index.tolist()]
    scores = measured(writer, asked, task)
    assert all(known[:-3] if beams == 1 and writer.kind == "decoder" else known)
    for at, entrant in enumerate(asked):
        own = [text for part in said[3 * at : 3 * at + 3] for text in part]
        in_order = [own[order.index(i)] for i in range(5)]
        assert in_order == one_by_one(writer, entrant, task)
        expected = score_texts(task, in_order, found.written.references, found.written.shown)
        assert {name: values.tolist() for name, values in scores[at].values.items()} == {
            name: values.tolist() for name, values in expected.items()
        }
        assert scores[at].metrics == {
            "loss": scores[at].metrics["loss"],
            **{name: values.mean() for name, values in expected.items()},
        }
        assert scores[at].predicted is None
        assert scores[at].n_distinct == len(set(in_order))


@pytest.mark.parametrize("tokens", [2, 1024])
def test_loss_is_the_mean_over_the_tokens_of_the_first_right_answers(
    writer: Backbone, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "TOKENS", tokens)
    found = encoded(writer)
    for entrant, outcome in zip(PROMPTS[:3], measured(writer, PROMPTS[:3]), strict=True):
        each = []
        for text, answer in zip(found.ids, found.written.tokens, strict=True):
            logits = stock_logits(writer, list(text), answer[:-1], entrant.vectors, entrant.placement.where)
            each += torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="none").tolist()
        assert outcome.metrics["loss"] == pytest.approx(np.mean(each), rel=1e-4)


def test_prompts_tiled_along_the_batch_write_the_same(writer: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = measured(writer, PROMPTS, batch_size=WHOLE_BATCH)
    kept, seen = entrants.groups, []

    class Elsewhere:
        device = torch.device("cuda")

    def groups(asked: list[Entrant], _backbone: Backbone, size: int) -> list[list[int]]:
        seen.append(kept(asked, Elsewhere, size))
        return seen[-1]

    monkeypatch.setattr(entrants, "groups", groups)
    for one, other in zip(plain, measured(writer, PROMPTS, batch_size=WHOLE_BATCH), strict=True):
        assert other.metrics == pytest.approx(one.metrics, rel=1e-4)
    assert seen == [[[0], [1, 3], [2], [4]]]


@pytest.mark.parametrize("name", ["gpt2", "t5-v1.1"])
def test_batch_size_and_kept_prompts_change_nothing(name: str) -> None:
    backbone, kept = make_tiny(name), Prefills()
    plain = measured(backbone, PROMPTS)
    named = [dataclasses.replace(entrant, name=str(i), kept=kept) for i, entrant in enumerate(PROMPTS)]
    for size in (1, 2, 100):
        for one, other in zip(plain, measured(backbone, named, batch_size=size), strict=True):
            assert other.metrics == pytest.approx(one.metrics, rel=1e-4)


def test_texts_of_one_row_are_continued_too() -> None:
    gpt2 = make_tiny("gpt2")
    bare = dataclasses.replace(WRITING, inputs=("question",), completion_template="{question}", max_tokens=8)
    for beams in (1, 2):
        task = dataclasses.replace(bare, answer=Answer(max_new_tokens=3, beams=beams))
        found = dataclasses.replace(encoded(gpt2), ids=[[5 + i] for i in range(5)], answer=np.zeros(5, dtype=np.int64))
        readout = make_readout(READOUTS[gpt2.kind], gpt2, task)
        (outcome,) = outcomes(task, gpt2, readout, found, PROMPTS[:1], batch_size=5)
        assert len(outcome.values["f1"]) == 5


def test_a_score_holds_the_values_of_every_example() -> None:
    t5 = make_tiny("t5-v1.1")
    readout, found = make_readout(READOUTS[t5.kind], t5, WRITING), encoded(t5)
    done = []
    scores = score_all(WRITING, t5, readout, found, PROMPTS[:2], batch_size=2, progress=done.append)
    assert sum(done) == 10
    for score in scores:
        assert score.n == 5
        assert set(score.values) == {"exact_match", "f1", "legal"}
        assert set(score.metrics) == {"exact_match", "f1", "legal", "loss"}
