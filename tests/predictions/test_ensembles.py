"""Prompts that answer together: one pass over the texts equals a pass of each, combined by hand."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from prompts.toy_training import READOUTS, TASK, toy_examples
from tiny import make_tiny
from toy_writing import WRITING

from transferkit.backbones import Backbone
from transferkit.batches import encode
from transferkit.errors import InputError
from transferkit.predictions import Entrant, class_scores, ensemble_scores, metrics_of
from transferkit.predictions.ensembles import combined, majority
from transferkit.readouts import make_readout
from transferkit.specs import EmbeddingReadout, Placement
from transferkit.tasks.base import Label

THREE = dataclasses.replace(TASK, labels=(*TASK.labels, Label(value="o", word="nice", description="some food")))
EXAMPLES = toy_examples(("the", "very film food !"))
LATE = Placement(entry="block", insert_after=2)
KINDS = {"masked": ("bert", None), "embedding": ("roberta", EmbeddingReadout()), "causal": ("gpt2", None)}
KINDS |= {"local": ("gemma3", None), "seq2seq": ("t5-v1.1", None)}


def rows(n: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 32)).astype(np.float32))


ALIKE = [Entrant(rows(3, seed), Placement()) for seed in range(5)]
MIXED = [*ALIKE[:2], Entrant(None, Placement()), Entrant(rows(4, 8), Placement()), Entrant(rows(3, 9), LATE)]


def passes_counted(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    enter = backbone.enter
    monkeypatch.setattr(
        backbone, "enter", lambda batch, *rest: seen.append(len(batch.ids)) or enter(batch, *rest), raising=False
    )
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entrants", [ALIKE, MIXED], ids=["alike", "mixed"])
def test_one_pass_equals_a_pass_of_each(kind: str, entrants: list[Entrant], monkeypatch: pytest.MonkeyPatch) -> None:
    family, spec = KINDS[kind]
    backbone = make_tiny(family)
    spec = spec or READOUTS[backbone.kind]
    readout = make_readout(spec, backbone, THREE)
    encoded = encode(EXAMPLES, THREE, backbone, spec.kind, room=4)
    apart = np.stack(class_scores(backbone, readout, encoded, entrants, batch_size=7))
    seen, done = passes_counted(backbone, monkeypatch), []
    found = {
        how: ensemble_scores(
            THREE, backbone, readout, encoded, entrants, combine=how, batch_size=1000, progress=done.append
        )
        for how in ("vote", "mean")
    }
    assert sum(done) == 2 * len(entrants) * len(encoded) == sum(seen)
    if entrants is ALIKE:  # every example goes by once, with all five prompts
        assert not any(n % len(entrants) for n in seen)
    for ensemble in found.values():
        assert np.abs(ensemble.scores - apart).max() < 1e-5 * max(1.0, np.abs(apart).max())
        for member, own in zip(ensemble.members, apart, strict=True):
            assert member.metrics == pytest.approx(metrics_of(THREE, encoded.gold, own), abs=1e-5)
    mean = torch.from_numpy(apart).double().softmax(-1).mean(0).numpy()
    assert np.array_equal(found["mean"].combined.predicted, mean.argmax(-1))
    right = mean[np.arange(len(encoded)), encoded.gold]
    assert found["mean"].combined.metrics["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert np.array_equal(found["vote"].combined.predicted, by_counting(torch.from_numpy(apart).softmax(-1).numpy()))
    assert "loss" not in found["vote"].combined.metrics


def by_counting(chances: np.ndarray) -> np.ndarray:
    """A vote, example by example."""
    chosen = []
    for each in np.moveaxis(chances, 1, 0):
        votes = Counter(int(own.argmax()) for own in each)
        most = max(votes.values())
        leaders = [label for label, n in votes.items() if n == most]
        chosen.append(max(leaders, key=lambda label: each[:, label].sum()))
    return np.array(chosen)


@settings(max_examples=60, deadline=None)
@given(arrays(float, (4, 3, 3), elements=st.floats(1 / 64, 1.0), unique=True))
def test_a_vote_is_counted_and_ties_go_to_the_likelier_class(raw: np.ndarray) -> None:
    chances = raw / raw.sum(-1, keepdims=True)
    assert np.array_equal(majority(chances), by_counting(chances))


def test_ties_by_hand() -> None:
    chances = np.array([[[0.6, 0.3, 0.1]], [[0.1, 0.8, 0.1]]])  # a vote each: 0.7 against 1.1
    assert majority(chances).tolist() == [1]
    assert majority(np.array([[[0.4, 0.0, 0.6]], [[0.9, 0.1, 0.0]], [[0.1, 0.0, 0.9]]])).tolist() == [2]  # 1.4 : 1.5
    assert majority(np.array([[[0.49, 0.51]], [[0.49, 0.51]], [[1.0, 0.0]]])).tolist() == [1]  # two votes against more


def test_one_member_is_its_own_ensemble() -> None:
    scores = np.random.default_rng(0).normal(size=(1, 6, 2))
    gold = np.array([0, 1, 0, 1, 1, 0])
    mean = combined(TASK, gold, scores, "mean")
    assert mean.metrics == pytest.approx(metrics_of(TASK, gold, scores[0]))
    assert np.array_equal(combined(TASK, gold, scores, "vote").predicted, scores[0].argmax(-1))


def test_what_cannot_answer_together_is_refused() -> None:
    t5 = make_tiny("t5-v1.1")
    with pytest.raises(InputError, match=f"task '{WRITING.name}': its answers are texts"):
        ensemble_scores(WRITING, t5, None, None, ALIKE, batch_size=4)
    with pytest.raises(InputError, match="0 prompts"):
        ensemble_scores(TASK, t5, None, None, [], batch_size=4)
