"""Tokens of right answers are scored against the whole vocabulary where they stand, as the stock model scores them."""

import numpy as np
import pytest
import torch
from tiny import CAUSAL, SEQ2SEQ, make_tiny
from toy_writing import ANSWERS, READOUTS, WRITING, encoded, rows, stock_logits

from transferkit.backbones import Backbone
from transferkit.errors import InputError
from transferkit.readouts import TextAnswers, losses, make_readout
from transferkit.specs import EmbeddingReadout, MaskedReadout, Placement


@pytest.fixture(scope="module", params=[*CAUSAL, *SEQ2SEQ])
def writer(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


@pytest.mark.parametrize("length", [0, 3])
def test_token_scores_equal_a_plain_loop(writer: Backbone, length: int) -> None:
    found = encoded(writer)
    readout = make_readout(READOUTS[writer.kind], writer, WRITING)
    assert isinstance(readout, TextAnswers)
    prompt = rows(3, 0) if length else None
    batch = found.batch(np.arange(5))
    scores = readout.logits(writer.enter(batch, prompt, Placement()), batch)
    n_tokens = [len(tokens) for tokens in found.written.tokens]
    assert scores.shape == (sum(n_tokens), writer.config.vocab_size)
    for i, part in enumerate(scores.split(n_tokens)):
        tokens = found.written.tokens[i]
        theirs = stock_logits(writer, list(found.ids[i]), list(tokens[:-1]), prompt)
        torch.testing.assert_close(part, theirs, rtol=1e-4, atol=1e-4)
        assert readout.gold(batch).split(n_tokens)[i].tolist() == tokens
    assert losses(scores, readout.gold(batch)).shape == (sum(n_tokens),)


def test_the_vocabulary_is_asked_for_real_places_alone(writer: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    found = encoded(writer)
    readout = make_readout(READOUTS[writer.kind], writer, WRITING)
    batch = found.batch(np.arange(5))
    asked = []
    kept = Backbone.head
    monkeypatch.setattr(Backbone, "head", lambda self, hidden: asked.append(hidden.shape) or kept(self, hidden))
    readout.logits(writer.enter(batch, None, Placement()), batch)
    assert asked == [(1, sum(len(tokens) for tokens in found.written.tokens), 32)]
    assert batch.targets.numel() > asked[0][1]


def test_the_gradient_of_the_loss_reaches_the_prompt(writer: Backbone) -> None:
    batch = encoded(writer).batch(np.arange(5))
    readout = make_readout(READOUTS[writer.kind], writer, WRITING)
    prompt = rows(3, 0).requires_grad_()
    losses(readout.logits(writer.enter(batch, prompt, Placement()), batch), readout.gold(batch)).mean().backward()
    assert prompt.grad.abs().min() > 0


@pytest.mark.parametrize("kind", [MaskedReadout(), EmbeddingReadout()])
def test_encoders_cannot_write(tiny_bert: Backbone, kind: MaskedReadout | EmbeddingReadout) -> None:
    with pytest.raises(
        InputError, match=rf"answers are texts, which the {kind.kind} readout cannot write.*\n.*causal one"
    ):
        make_readout(kind, tiny_bert, WRITING)


def test_the_first_right_answer_is_learnt() -> None:
    for name in ("gpt2", "t5"):
        backbone = make_tiny(name)
        written = encoded(backbone).written
        for tokens, right in zip(written.tokens, ANSWERS, strict=True):
            assert backbone.tokenizer.decode(tokens) == f"{right[0]} [SEP]"
