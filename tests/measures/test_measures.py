"""Scores equal a loop over single examples, in one pass or many; neurons equal hand-made hooks on the stock model."""

import dataclasses

import numpy as np
import pytest
import torch
from executors.saved import make_tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from prompts.toy_training import TASK, toy_examples

from transferkit import predictions
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.errors import InputError
from transferkit.measures import activated, majority_score, nearest_words, score_all
from transferkit.predictions import Entrant, class_scores, count_right, metrics_of
from transferkit.readouts import make_readout
from transferkit.specs import EmbeddingReadout, MaskedReadout, NeuronSite, Placement
from transferkit.tasks.base import Label

EXAMPLES = toy_examples(("the", "very film food !"))
LATE = Placement(entry="block", insert_after=2)
END = Placement(where="end")
KINDS = pytest.mark.parametrize("kind", [MaskedReadout(), EmbeddingReadout()], ids=lambda kind: kind.kind)


def rows(n: int, seed: int, width: int = 32) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32))


ENTRANTS = [
    Entrant(None, Placement()),
    Entrant(rows(3, 0), Placement()),
    Entrant(rows(3, 1), Placement()),
    Entrant(rows(5, 2), Placement()),
    Entrant(rows(3, 3), LATE),
    Entrant(rows(3, 4), END),
    Entrant(rows(3, 5), Placement()),
]


def encoded(backbone: Backbone, kind: MaskedReadout | EmbeddingReadout) -> Encoded:
    return encode(EXAMPLES, TASK, backbone, kind.kind, room=5)


# --- scores ----------------------------------------------------------------------------------------------------------
@KINDS
def test_scores_equal_a_loop_over_examples(tiny: Backbone, kind: MaskedReadout | EmbeddingReadout) -> None:
    found = encoded(tiny, kind)
    readout = make_readout(kind, tiny, TASK)
    done = []
    scores = score_all(TASK, tiny, readout, found, ENTRANTS, batch_size=7, progress=done.append)
    assert sum(done) == len(ENTRANTS) * len(found)
    for entrant, score in zip(ENTRANTS, scores, strict=True):
        assert len(score.predicted) == len(found)
        logits = []
        with torch.no_grad():
            for i in range(len(found)):
                batch = found.batch(np.array([i]))
                logits.append(readout.logits(tiny.enter(batch, entrant.vectors, entrant.placement), batch)[0].numpy())
        logits = np.stack(logits)
        sure = np.abs(logits[:, 0] - logits[:, 1]) > 1e-3
        assert np.array_equal(score.predicted[sure], logits.argmax(1)[sure])
        assert score.metrics["accuracy"] == np.mean(score.predicted == found.gold)
        shifted = logits - logits.max(1, keepdims=True)
        chances = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        assert score.metrics["loss"] == pytest.approx(
            -np.log(chances[np.arange(len(found)), found.gold]).mean(), rel=1e-4
        )


@KINDS
def test_many_prompts_in_one_pass_equal_one_by_one_to_the_bit(
    tiny: Backbone, kind: MaskedReadout | EmbeddingReadout
) -> None:
    """On a CPU a score may not depend on which others were missing when it was measured."""
    found, readout = encoded(tiny, kind), make_readout(kind, tiny, TASK)
    together = class_scores(tiny, readout, found, ENTRANTS, batch_size=8)
    for entrant, scores in zip(ENTRANTS, together, strict=True):
        (alone,) = class_scores(tiny, readout, found, [entrant], batch_size=8)
        assert alone.tobytes() == scores.tobytes()


@KINDS
@pytest.mark.parametrize("cuda_rows", [1, 8, 1024])
def test_tiling_prompts_along_the_batch_changes_nothing(
    tiny: Backbone, kind: MaskedReadout | EmbeddingReadout, cuda_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, readout = encoded(tiny, kind), make_readout(kind, tiny, TASK)
    plain = class_scores(tiny, readout, found, ENTRANTS, batch_size=8)

    class Elsewhere:
        """The backbone, but not "cpu" to whoever groups prompts."""

        device = torch.device("cuda")

    kept = predictions._groups
    seen = []

    def groups(entrants: list[Entrant], _backbone: Backbone, n_examples: int) -> list[list[int]]:
        seen.extend(kept(entrants, Elsewhere, n_examples))
        return kept(entrants, Elsewhere, n_examples)

    monkeypatch.setattr(predictions, "CUDA_ROWS", cuda_rows)
    monkeypatch.setattr(predictions, "_groups", groups)
    tiled = class_scores(tiny, readout, found, ENTRANTS, batch_size=8)
    for one, other in zip(plain, tiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert max(map(len, seen)) == {1: 1, 8: 2, 1024: 3}[cuda_rows]


def test_groups_hold_prompts_of_one_shape_and_place() -> None:
    class Elsewhere:
        device = torch.device("cuda")

    assert predictions._groups(ENTRANTS, Elsewhere, 8) == [[0], [1, 2, 6], [3], [4], [5]]
    assert predictions._groups(ENTRANTS, make_tiny("bert"), 8) == [[i] for i in range(7)]


def test_nothing_before_the_text_may_be_tiled_too(tiny_bert: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    found, readout = encoded(tiny_bert, MaskedReadout()), make_readout(MaskedReadout(), tiny_bert, TASK)
    none = [Entrant(None, Placement())] * 2
    plain = class_scores(tiny_bert, readout, found, none, batch_size=8)
    monkeypatch.setattr(predictions, "_groups", lambda *_args: [[0, 1]])
    for one, other in zip(plain, class_scores(tiny_bert, readout, found, none, batch_size=8), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_batch_size_changes_no_prediction(tiny_bert: Backbone) -> None:
    found, readout = encoded(tiny_bert, MaskedReadout()), make_readout(MaskedReadout(), tiny_bert, TASK)
    (one,) = class_scores(tiny_bert, readout, found, ENTRANTS[1:2], batch_size=1)
    (all_at_once,) = class_scores(tiny_bert, readout, found, ENTRANTS[1:2], batch_size=1000)
    np.testing.assert_allclose(one, all_at_once, rtol=1e-4, atol=1e-4)


def test_majority_is_the_training_splits() -> None:
    score = majority_score(TASK, np.array([1, 1, 0]), np.array([0, 0, 0, 1]))
    assert score.predicted.tolist() == [1] * 4
    assert score.metrics["accuracy"] == 0.25
    assert score.metrics["macro_f1"] == pytest.approx((0.0 + 0.4) / 2)
    assert "loss" not in score.metrics
    assert majority_score(TASK, np.array([1, 0]), np.array([0, 1])).predicted.tolist() == [0, 0]


GOLD = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(GOLD)
def test_accuracy_and_macro_f1_by_hand(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    found = count_right(gold, predicted, np.arange(3))
    assert found["accuracy"] == pytest.approx(sum(g == p for g, p in pairs) / len(pairs))
    f1 = []
    for c in range(3):
        hit, said, there = (sum(x) for x in zip(*[(g == p == c, p == c, g == c) for g, p in pairs], strict=True))
        f1.append(2 * hit / (said + there) if said + there else 0.0)
    assert found["macro_f1"] == pytest.approx(sum(f1) / 3)


def test_loss_is_mean_cross_entropy() -> None:
    task = dataclasses.replace(TASK, labels=(*TASK.labels, Label(value="x", word="nice", description="x")))
    logits = np.array([[1.0, 2.0, 3.0], [0.5, -0.5, 0.0], [300.0, 0.0, 0.0]], dtype=np.float32)
    gold = np.array([2, 1, 0])
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(gold)).item()
    found = metrics_of(task, gold, logits)
    assert found["loss"] == pytest.approx(expected, rel=1e-6)
    assert found["accuracy"] == pytest.approx(2 / 3)


def test_loss_of_a_confident_mistake_is_large_and_finite() -> None:
    found = metrics_of(TASK, np.array([0, 1]), np.array([[0.0, 1e4], [0.0, 1e4]], dtype=np.float32))
    assert 10 < found["loss"] < 1e4
    assert found["accuracy"] == 0.5


# --- neurons ---------------------------------------------------------------------------------------------------------
PATHS = {
    "distilbert": ("ffn.lin1", "ffn.lin2"),
    "bert": ("intermediate.dense", "output.dense"),
    "roberta": ("intermediate.dense", "output.dense"),
    "mpnet": ("intermediate.dense", "output.dense"),
}


def hand_made(backbone: Backbone, ids: list[int], prompt: torch.Tensor | None, row: int, tensor: str) -> np.ndarray:
    """Run the stock model on one row of ids behind a prompt and read its feed-forward layers with own hooks."""
    seen = []
    up, down = PATHS[backbone.config.model_type]
    handles = []
    for block in backbone.blocks:
        if tensor == "pre":
            hook = block.get_submodule(up).register_forward_hook(lambda _m, _i, out: seen.append(out[0]))
        else:
            hook = block.get_submodule(down).register_forward_pre_hook(lambda _m, into: seen.append(into[0][0]))
        handles.append(hook)
    shown = backbone.words(torch.tensor([ids]))
    n_prompt = 0 if prompt is None else len(prompt)
    if prompt is not None:
        shown = torch.cat([prompt[None], shown], dim=1)
    with torch.no_grad():
        backbone.base(inputs_embeds=shown, attention_mask=torch.ones(shown.shape[:2], dtype=torch.long))
    for handle in handles:
        handle.remove()
    return torch.stack([activity[n_prompt + row] for activity in seen]).numpy()


@pytest.mark.parametrize("tensor", ["pre", "post"])
@pytest.mark.parametrize("has_mask", [True, False])
def test_neurons_equal_hand_made_hooks(tiny: Backbone, tensor: str, has_mask: bool) -> None:
    tokenizer = tiny.tokenizer
    middle = [tokenizer.mask_token_id] if has_mask else []
    ids = [tokenizer.cls_token_id, *middle, tokenizer.sep_token_id]
    at = {"answer": 1 if has_mask else 0, "first": 0, "last": len(ids) - 1}
    for position, row in at.items():
        site = NeuronSite(tensor=tensor, position=position, threshold=0.05)
        found = activated(tiny, ENTRANTS[:4], site, has_mask=has_mask)
        for entrant, neurons in zip(ENTRANTS[:4], found, strict=True):
            activity = hand_made(tiny, ids, entrant.vectors, row, tensor)
            assert neurons.active.shape == (4, 64)
            sure = np.abs(activity - 0.05) > 1e-4
            assert np.array_equal(neurons.active[sure], (activity > 0.05)[sure])
            assert 0 < neurons.active.sum() < neurons.active.size
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.model.modules())


def test_prompts_activate_different_neurons(tiny_bert: Backbone) -> None:
    found = activated(tiny_bert, ENTRANTS[:3], NeuronSite(), has_mask=True)
    assert len({neurons.active.tobytes() for neurons in found}) == 3


def test_prompts_above_block_0_are_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match=r"above block 0.*\n.*leave out neurons"):
        activated(tiny_bert, [Entrant(rows(3, 0), LATE)], NeuronSite(), has_mask=True)


# --- words -----------------------------------------------------------------------------------------------------------
def test_nearest_words_equal_a_loop_over_the_vocabulary(tiny: Backbone) -> None:
    table = tiny.words(torch.arange(len(tiny.tokenizer))).detach().double().numpy()
    vectors, initial = rows(3, 6).numpy(), table[[7, 9, 11]].astype(np.float32)
    found = nearest_words(tiny, Prompt(vectors, initial, np.ones(3, dtype=bool)), n_nearest=2)
    for row, words, similarity in zip(vectors, found.nearest, found.similarity, strict=True):
        cosines = [row @ word / np.linalg.norm(row) / max(np.linalg.norm(word), 1e-12) for word in table]
        best = sorted(range(len(table)), key=lambda i: -cosines[i])[:2]
        np.testing.assert_allclose(similarity, [cosines[i] for i in best], atol=1e-6)
        assert list(words) == tiny.tokenizer.convert_ids_to_tokens(best)
    assert found.began == tiny.tokenizer.convert_ids_to_tokens([7, 9, 11])
    assert found.control.shape == (3,)
    assert (found.control < 1).all()


def test_a_prompt_of_unknown_start_has_no_words_it_began_as(tiny_bert: Backbone) -> None:
    found = nearest_words(tiny_bert, Prompt(rows(2, 0).numpy(), None, np.ones(2, dtype=bool)), n_nearest=1)
    assert found.began is None
