"""Scores equal a loop over single examples, in one pass or many; neurons equal hand-made hooks on the stock model."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prompts.toy_training import READOUTS, TASK, toy_examples
from tiny import make_tiny

from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.measures import activated, majority_score, nearest_words, score_all
from transferkit.predictions import (
    Entrant,
    Prefills,
    class_scores,
    classes,
    count_right,
    entrants,
    metrics_of,
    outcomes,
    ready,
)
from transferkit.readouts import make_readout
from transferkit.specs import EmbeddingReadout, MaskedReadout, NeuronSite, Placement, ReadoutSpec
from transferkit.tasks.base import Label

ALL = toy_examples(("the", "very film food !"))
EXAMPLES = dataclasses.replace(ALL, texts=ALL.texts[::2], gold=ALL.gold[::2])  # short and long ones of both classes
LATE = Placement(entry="block", insert_after=2)
END = Placement(where="end")
KINDS = pytest.mark.parametrize("pooled", [False, True], ids=["words", "pooled"])


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


def readout_of(backbone: Backbone, pooled: bool) -> ReadoutSpec:
    if pooled and backbone.kind != "encoder":
        pytest.skip("sentence vectors are those of encoders")
    return EmbeddingReadout() if pooled else READOUTS[backbone.kind]


def encoded(backbone: Backbone, kind: ReadoutSpec) -> Encoded:
    return encode(EXAMPLES, TASK, backbone, kind.kind, room=5)


# --- scores ----------------------------------------------------------------------------------------------------------
@KINDS
def test_scores_equal_a_loop_over_examples(tiny: Backbone, pooled: bool) -> None:
    kind = readout_of(tiny, pooled)
    found = encoded(tiny, kind)
    readout = make_readout(kind, tiny, TASK)
    done = []
    scores = score_all(TASK, tiny, readout, found, ENTRANTS, batch_size=7, progress=done.append)
    assert sum(done) == len(ENTRANTS) * len(found)
    for entrant, score in zip(ENTRANTS, scores, strict=True):
        assert len(score.predicted) == len(found)
        logits, legal = [], []
        with torch.no_grad():
            for i in range(len(found)):
                batch = found.batch(np.array([i]))
                state = tiny.enter(batch, entrant.vectors, entrant.placement)
                hidden = tiny.finish(state, readout.rows(batch))
                logits.append(readout.scores(hidden, batch)[0].numpy())
                if not pooled:
                    legal.append(tiny.head(hidden)[0, 0].argmax().item() in readout.label_ids)
        logits = np.stack(logits)
        sure = np.abs(logits[:, 0] - logits[:, 1]) > 1e-3
        assert np.array_equal(score.predicted[sure], logits.argmax(1)[sure])
        assert score.metrics["accuracy"] == np.mean(score.predicted == found.gold)
        shifted = logits - logits.max(1, keepdims=True)
        chances = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        assert score.metrics["loss"] == pytest.approx(
            -np.log(chances[np.arange(len(found)), found.gold]).mean(), rel=1e-4
        )
        assert score.values is None
        assert score.metrics.get("legal") == (None if pooled else np.mean(legal))


@KINDS
def test_many_prompts_in_one_pass_equal_one_by_one_to_the_bit(tiny: Backbone, pooled: bool) -> None:
    """On a CPU a score may not depend on which others were missing when it was measured."""
    kind = readout_of(tiny, pooled)
    found, readout = encoded(tiny, kind), make_readout(kind, tiny, TASK)
    together = class_scores(tiny, readout, found, ENTRANTS, batch_size=8)
    for entrant, scores in zip(ENTRANTS, together, strict=True):
        (alone,) = class_scores(tiny, readout, found, [entrant], batch_size=8)
        assert alone.tobytes() == scores.tobytes()


class Elsewhere:
    """Not "cpu" to whoever groups prompts."""

    device = torch.device("cuda")


@KINDS
def test_tiling_prompts_along_the_batch_changes_nothing(
    tiny: Backbone, pooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert most_tiled(tiny, readout_of(tiny, pooled), 1024, monkeypatch) == 3


@pytest.mark.parametrize("cuda_rows", [1, 8])
def test_fewer_rows_than_a_batch_tile_nothing(
    tiny_bert: Backbone, cuda_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert most_tiled(tiny_bert, MaskedReadout(), cuda_rows, monkeypatch) == 1


def most_tiled(tiny: Backbone, kind: ReadoutSpec, cuda_rows: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the largest group of prompts of one pass, having held its scores against those of plain passes."""
    found, readout = encoded(tiny, kind), make_readout(kind, tiny, TASK)
    plain = class_scores(tiny, readout, found, ENTRANTS, batch_size=8)
    kept = entrants.groups
    seen = []

    def groups(asked: list[Entrant], _backbone: Backbone, size: int) -> list[list[int]]:
        seen.extend(kept(asked, Elsewhere, size))
        return kept(asked, Elsewhere, size)

    monkeypatch.setattr(classes, "CUDA_ROWS", cuda_rows)
    monkeypatch.setattr(entrants, "WHOLE_BATCH", 8)
    monkeypatch.setattr(entrants, "groups", groups)
    tiled = class_scores(tiny, readout, found, ENTRANTS, batch_size=8)
    for one, other in zip(plain, tiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    return max(map(len, seen))


def test_where_memory_is_short_prompts_are_not_tiled(tiny_bert: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    found, readout = encoded(tiny_bert, MaskedReadout()), make_readout(MaskedReadout(), tiny_bert, TASK)
    sizes = []
    monkeypatch.setattr(entrants, "groups", lambda asked, _backbone, size: sizes.append(size) or [[0]])
    for batch_size in (32, 16, 1):
        class_scores(tiny_bert, readout, found, ENTRANTS[:1], batch_size=batch_size)
    assert sizes == [32, 1, 1]


def test_groups_hold_prompts_of_one_shape_and_place() -> None:
    assert entrants.groups(ENTRANTS, Elsewhere, 8) == [[0], [1, 2, 6], [3], [4], [5]]
    assert entrants.groups(ENTRANTS, Elsewhere, 2) == [[0], [1, 2], [6], [3], [4], [5]]
    assert entrants.groups(ENTRANTS, make_tiny("bert"), 8) == [[i] for i in range(7)]


def test_nothing_before_the_text_may_be_tiled_too(tiny_bert: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    found, readout = encoded(tiny_bert, MaskedReadout()), make_readout(MaskedReadout(), tiny_bert, TASK)
    none = [Entrant(None, Placement())] * 2
    plain = class_scores(tiny_bert, readout, found, none, batch_size=8)
    monkeypatch.setattr(entrants, "groups", lambda *_args: [[0, 1]])
    for one, other in zip(plain, class_scores(tiny_bert, readout, found, none, batch_size=8), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_batch_size_changes_no_prediction(tiny_bert: Backbone) -> None:
    found, readout = encoded(tiny_bert, MaskedReadout()), make_readout(MaskedReadout(), tiny_bert, TASK)
    (one,) = class_scores(tiny_bert, readout, found, ENTRANTS[1:2], batch_size=1)
    (all_at_once,) = class_scores(tiny_bert, readout, found, ENTRANTS[1:2], batch_size=1000)
    np.testing.assert_allclose(one, all_at_once, rtol=1e-4, atol=1e-4)


def test_outcomes_say_how_many_answers_there_are_and_look_at_the_vocabulary_only_when_asked(
    tiny_bert: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, readout = encoded(tiny_bert, MaskedReadout()), make_readout(MaskedReadout(), tiny_bert, TASK)
    asked = []
    kept = Backbone.head
    monkeypatch.setattr(Backbone, "head", lambda self, rows, ids=None: asked.append(ids) or kept(self, rows, ids))
    (plain,) = outcomes(TASK, tiny_bert, readout, found, ENTRANTS[1:2], batch_size=8)
    assert None not in asked
    (legal,) = outcomes(TASK, tiny_bert, readout, found, ENTRANTS[1:2], batch_size=8, legal=True)
    assert None in asked
    assert plain.metrics == {name: value for name, value in legal.metrics.items() if name != "legal"}
    assert np.array_equal(plain.predicted, legal.predicted)
    assert plain.n_distinct == len(set(plain.predicted.tolist()))
    assert plain.values is None


def test_scores_that_are_not_finite_have_an_infinite_loss() -> None:
    assert metrics_of(TASK, np.array([0, 1]), np.array([[0.0, np.nan], [1.0, 2.0]]))["loss"] == np.inf


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


# --- prompts computed once -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("placement", [Placement(), Placement(entry="block"), LATE])
def test_what_is_computed_of_a_causal_prompt_serves_every_split(
    placement: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpt2 = make_tiny("gpt2")
    kind = READOUTS[gpt2.kind]
    found, readout = encoded(gpt2, kind), make_readout(kind, gpt2, TASK)

    def named(kept: Prefills | None) -> list[Entrant]:
        return [Entrant(rows(3, seed), placement, str(seed), kept) for seed in range(4)]

    alone = class_scores(gpt2, readout, found, named(None), batch_size=8)
    computed = []
    prefill = Backbone.prefill
    monkeypatch.setattr(Backbone, "prefill", lambda self, *args: computed.append(args) or prefill(self, *args))
    one = 2 * (4 - placement.insert_after) * 3 * 32 * 4  # keys and values, blocks, rows, width, bytes
    for limit, n_computed in ((2**30, 4), (2 * one, 4 + 2 + 2), (one - 1, 12)):
        computed.clear()
        kept = Prefills(limit)
        for _ in range(3):
            again = score_all(TASK, gpt2, readout, found, named(kept), batch_size=8)
            for score, scores in zip(again, alone, strict=True):
                assert np.array_equal(score.predicted, scores.argmax(1))
                assert score.metrics["loss"] == metrics_of(TASK, found.gold, scores)["loss"]
        assert len(computed) == n_computed


def test_prompts_computed_one_by_one_stand_together() -> None:
    llama, kept = make_tiny("llama"), Prefills()
    both = torch.stack([rows(3, 0), rows(3, 1)])
    together = ready([Entrant(one, Placement(), str(i), kept) for i, one in enumerate(both)], llama)
    expected = llama.prefill(both, Placement())
    for found, one in zip((*together.keys, *together.values), (*expected.keys, *expected.values), strict=True):
        torch.testing.assert_close(found, one, rtol=1e-5, atol=1e-5)
    assert ready([Entrant(None, Placement(), "none", kept)], llama) is None


def test_prompts_of_encoders_are_nothing_to_keep(tiny_bert: Backbone) -> None:
    kept, vectors = Prefills(), rows(3, 0)
    assert torch.equal(ready([Entrant(vectors, Placement(), "a", kept)], tiny_bert), vectors[None])
    assert kept._kept == {}


# --- neurons ---------------------------------------------------------------------------------------------------------
DECODERS = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma3_text")
PATHS = {
    "distilbert": ("ffn.lin1", "ffn.lin2"),
    "modernbert": ("mlp.Wi", "mlp.Wo"),
    "gpt2": ("mlp.c_fc", "mlp.c_proj"),
    **dict.fromkeys(("bert", "roberta", "mpnet", "deberta-v2"), ("intermediate.dense", "output.dense")),
    **dict.fromkeys(DECODERS, ("mlp.gate_proj", "mlp.down_proj")),
}


def paths(backbone: Backbone, index: int) -> tuple[str, str]:
    if backbone.kind != "encoder-decoder":
        return PATHS[backbone.config.model_type]
    layer = f"layer.{1 if index < backbone.stack.n_encoder else 2}.DenseReluDense"
    return f"{layer}.{'wi_0' if backbone.config.is_gated_act else 'wi'}", f"{layer}.wo"


def hand_made(backbone: Backbone, ids: list[int], prompt: torch.Tensor | None, row: int, tensor: str) -> np.ndarray:
    """Run the stock model on one row of ids behind a prompt and read its feed-forward layers with own hooks.

    A decoder's blocks see one row, which stands in for the last.
    """
    seen = []
    handles = []
    for index, block in enumerate(backbone.blocks):
        up, down = paths(backbone, index)
        if tensor == "pre":
            hook = block.get_submodule(up).register_forward_hook(lambda _m, _i, out: seen.append(out[0]))
        else:
            hook = block.get_submodule(down).register_forward_pre_hook(lambda _m, into: seen.append(into[0][0]))
        handles.append(hook)
    shown = backbone.words(torch.tensor([ids]))
    n_prompt = 0 if prompt is None else len(prompt)
    if prompt is not None:
        shown = torch.cat([prompt[None], shown], dim=1)
    more = {} if backbone.kind == "encoder" else {"use_cache": False}
    if backbone.kind == "encoder-decoder":
        more["decoder_input_ids"] = torch.tensor([[backbone.config.decoder_start_token_id]])
    with torch.no_grad():
        backbone.base(inputs_embeds=shown, attention_mask=torch.ones(shown.shape[:2], dtype=torch.long), **more)
    for handle in handles:
        handle.remove()
    n_text = backbone.stack.n_encoder or backbone.n_blocks
    found = [activity[n_prompt + row if i < n_text else 0] for i, activity in enumerate(seen)]
    return torch.stack([row[: row.shape[0] // 2] if len(row) == 128 else row for row in found]).numpy()


def empty(backbone: Backbone, pooled: bool) -> tuple[list[int], int]:
    """The tokens of an empty text, and the row that answers."""
    tokenizer = backbone.tokenizer
    if backbone.kind == "decoder":
        return [tokenizer.bos_token_id], 0
    if backbone.kind == "encoder-decoder":
        return [tokenizer.eos_token_id], 0
    middle = [] if pooled else [tokenizer.mask_token_id]
    return [tokenizer.cls_token_id, *middle, tokenizer.sep_token_id], len(middle)


@pytest.mark.parametrize("tensor", ["pre", "post"])
@KINDS
def test_neurons_equal_hand_made_hooks(tiny: Backbone, tensor: str, pooled: bool) -> None:
    kind = readout_of(tiny, pooled).kind
    ids, answer = empty(tiny, pooled)
    at = {"answer": answer, "first": 0, "last": len(ids) - 1}
    for position, row in at.items():
        site = NeuronSite(tensor=tensor, position=position, threshold=0.05)
        found = activated(tiny, ENTRANTS[:4], site, readout=kind)
        for entrant, neurons in zip(ENTRANTS[:4], found, strict=True):
            activity = hand_made(tiny, ids, entrant.vectors, row, tensor)
            assert neurons.active.shape == (tiny.n_blocks, 64)
            sure = np.abs(activity - 0.05) > 1e-4
            assert np.array_equal(neurons.active[sure], (activity > 0.05)[sure])
            assert 0 < neurons.active.sum() < neurons.active.size
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.model.modules())


def test_prompts_activate_different_neurons(tiny: Backbone) -> None:
    found = activated(tiny, ENTRANTS[:3], NeuronSite(), readout=READOUTS[tiny.kind].kind)
    assert len({neurons.active.tobytes() for neurons in found}) == 3


def test_neurons_use_what_was_computed_of_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt2, kept = make_tiny("gpt2"), Prefills()
    named = [Entrant(rows(3, seed), Placement(), str(seed), kept) for seed in range(2)]
    expected = activated(gpt2, named, NeuronSite(), readout="causal")
    monkeypatch.setattr(Backbone, "prefill", lambda *_args: pytest.fail("computed again"))
    for one, other in zip(activated(gpt2, named, NeuronSite(), readout="causal"), expected, strict=True):
        assert np.array_equal(one.active, other.active)


def test_blocks_below_a_late_prompt_count_nothing(tiny_bert: Backbone) -> None:
    vectors = torch.randn(2, 3, tiny_bert.width, generator=torch.Generator().manual_seed(0))
    late = [Entrant(rows, Placement(entry="block", insert_after=2)) for rows in vectors]
    one, other = activated(tiny_bert, late, NeuronSite(), readout="masked")
    assert one.active.shape == (tiny_bert.n_blocks, 64)
    assert not one.active[:2].any()
    assert one.active[2:].any(axis=1).all()
    assert (one.active != other.active).any()


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
