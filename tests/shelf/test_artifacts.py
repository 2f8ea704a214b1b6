"""Every artifact comes back from disk bit for bit."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file

from transferkit import artifacts
from transferkit.artifacts import Examples, Influence, Neurons, Prompt, Score, Words
from transferkit.errors import StoreError
from transferkit.specs import BackboneSpec, MaskedReadout, NeuronsSpec, NoPrompt

QUICK = settings(max_examples=40, deadline=None)
SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 21))
FLOATS = st.floats(width=64, allow_nan=False, allow_infinity=False)
WORDS = st.text("abcxyz äß✓,\"\n'", max_size=6).filter(lambda s: s == s.strip() and s != "")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def round_trip(artifact: artifacts.Artifact) -> artifacts.Artifact:
    """Write, read, write again: the second folder must hold the same bytes as the first."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        artifact.write(Path(one))
        again = type(artifact).read(Path(one))
        again.write(Path(two))
        assert files(Path(one)) == files(Path(two))
    return again


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    shape = draw(SHAPES)
    rows = arrays.arrays(np.float32, shape, elements=st.floats(width=32))  # NaN, infinity, -0.0 and subnormals too
    names = draw(st.lists(st.sampled_from(["step", "train_loss", "selection_score"]), unique=True, min_size=1))
    cells = {"step": st.integers(0, 10**12), "train_loss": st.none() | FLOATS, "selection_score": FLOATS}
    history = draw(st.lists(st.fixed_dictionaries({name: cells[name] for name in names}), max_size=4))
    sizes = {"num_attention_heads": st.integers(1, 9), "num_layers": st.integers(1, 9)}
    heads = st.sampled_from(["FEATURE_EXTRACTION", "CAUSAL_LM", "SEQ_2_SEQ_LM"])
    peft = st.none() | st.fixed_dictionaries({"base_model_name_or_path": WORDS, **sizes, "task_type": heads})
    live = draw(arrays.arrays(bool, shape[0]))
    return Prompt(draw(rows), draw(st.none() | rows), live, history, draw(peft), draw(st.none() | rows))


@QUICK
@given(prompts())
def test_prompts_round_trip(prompt: Prompt) -> None:
    again = round_trip(prompt)
    for name in ("vectors", "initial", "early"):
        ours, theirs = getattr(prompt, name), getattr(again, name)
        if ours is None:
            assert theirs is None
            continue
        assert theirs.dtype == np.float32
        assert ours.tobytes() == theirs.tobytes()
    assert again.live.dtype == bool
    assert again.live.tolist() == prompt.live.tolist()
    assert [dict(row) for row in again.history] == [dict(row) for row in prompt.history]
    assert again.peft == prompt.peft


def test_other_memory_layouts_and_widths_are_kept_as_float32() -> None:
    rows = np.arange(12, dtype=np.float64).reshape(4, 3).T
    again = round_trip(Prompt(rows, rows[::-1], np.ones(3, dtype=bool)))
    assert again.vectors.tolist() == rows.tolist()
    assert again.initial.tolist() == rows[::-1].tolist()


def test_a_prompt_folder_is_one_of_peft(tmp_path: Path) -> None:
    peft = {"base_model_name_or_path": "org/tiny", "num_attention_heads": 4, "num_layers": 2}
    Prompt(np.zeros((5, 8)), np.ones((5, 8)), np.ones(5, dtype=bool), peft=peft).write(tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config == peft | {
        "inference_mode": True,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": 5,
        "peft_type": "PROMPT_TUNING",
        "task_type": "FEATURE_EXTRACTION",
        "token_dim": 8,
    }
    assert load_file(tmp_path / "adapter_model.safetensors")["prompt_embeddings"].shape == (5, 8)
    late = tmp_path / "late"
    late.mkdir()
    Prompt(np.zeros((5, 8)), np.ones((5, 8)), np.ones(5, dtype=bool)).write(late)
    assert not (late / "adapter_config.json").exists()


@QUICK
@given(
    st.dictionaries(st.sampled_from(["accuracy", "macro_f1", "loss"]), FLOATS, min_size=1),
    st.lists(st.integers(0, 200), max_size=30),
    st.integers(0, 99),
)
def test_scores_round_trip(metrics: dict[str, float], predicted: list[int], n_truncated: int) -> None:
    again = round_trip(Score(metrics, np.array(predicted, dtype=np.int64), n_truncated))
    assert again.metrics == metrics
    assert again.predicted.dtype == np.int64
    assert again.predicted.tolist() == predicted
    assert again.n_truncated == n_truncated
    assert again.n == len(predicted)
    assert again.values is None


@QUICK
@given(st.lists(st.floats(0, 1), max_size=30))
def test_scores_of_texts_round_trip(each: list[float]) -> None:
    values = {"f1": np.array(each), "legal": np.ones(len(each))}
    again = round_trip(Score({"f1": 0.5}, None, 3, values))
    assert again.predicted is None
    assert again.n == len(each)
    assert {name: of.tolist() for name, of in again.values.items()} == {
        name: of.tolist() for name, of in values.items()
    }
    assert {of.dtype for of in again.values.values()} == {np.dtype(np.float64)}


def test_scores_kept_before_there_were_texts_are_read_and_written_alike(tmp_path: Path) -> None:
    text = '{"metrics": {"accuracy": 0.5}, "n": 2, "n_truncated": 1, "predicted": [0, 1]}\n'
    (tmp_path / "score.json").write_text(text)
    score = Score.read(tmp_path)
    assert (score.predicted.tolist(), score.values, score.n) == ([0, 1], None, 2)
    score.write(tmp_path)
    assert (tmp_path / "score.json").read_text() == text


def test_a_score_may_hold_its_metrics_alone() -> None:
    assert Score({"f1": 1.0}, None).n == Score({"f1": 1.0}, None, values={}).n == 0


@QUICK
@given(SHAPES.flatmap(lambda shape: arrays.arrays(bool, shape)))
def test_neurons_round_trip_whatever_their_number(active: np.ndarray) -> None:
    again = round_trip(Neurons(active))
    assert again.active.dtype == bool
    assert again.active.shape == active.shape
    assert again.active.tolist() == active.tolist()


def test_neurons_take_one_bit_each(tmp_path: Path) -> None:
    Neurons(np.ones((3, 13), dtype=bool)).write(tmp_path)
    kept = load_file(tmp_path / "neurons.safetensors")
    assert kept["bits"].tolist() == [[255, 0b11111000]] * 3
    assert kept["n_neurons"].tolist() == [13]


@QUICK
@given(
    st.lists(st.tuples(st.integers(0, 9), st.text("0123456789abcdef", min_size=16, max_size=16)), max_size=20),
    st.dictionaries(WORDS, st.integers(0, 10**9), max_size=3),
)
def test_examples_round_trip(rows: list[tuple[int, str]], notes: dict[str, int]) -> None:
    gold = np.array([label for label, _ in rows], dtype=np.int64)
    again = round_trip(Examples(gold, [name for _, name in rows], notes))
    assert again.gold.tolist() == gold.tolist()
    assert again.gold.dtype == np.int64
    assert again.hashes == [name for _, name in rows]
    assert again.notes == notes


def test_a_history_keeps_kinds_of_numbers_and_words(tmp_path: Path) -> None:
    rows = [
        {"step": 0, "loss": None, "rate": 1e-300, "note": "word, quoted"},
        {"step": 5, "loss": 2.0, "rate": 0.1 + 0.2},
    ]
    rows[1]["note"] = "other"
    Prompt(np.zeros((1, 1)), np.zeros((1, 1)), np.ones(1, dtype=bool), rows).write(tmp_path)
    again = Prompt.read(tmp_path).history
    assert again == rows
    assert [type(row["step"]) for row in again] == [int, int]
    assert type(again[1]["loss"]) is float
    assert math.isclose(again[1]["rate"], 0.30000000000000004, rel_tol=0)


def test_what_cannot_be_read_names_folder_and_fix(tmp_path: Path) -> None:
    spec = NeuronsSpec(source=NoPrompt(), backbone=BackboneSpec(name="x", revision="0"), readout=MaskedReadout())
    with pytest.raises(StoreError, match="remove the folder") as failure:
        artifacts.read(spec, tmp_path)
    assert str(tmp_path) in failure.value.problem


def test_a_score_alone_round_trips() -> None:
    again = round_trip(Score({"accuracy": 0.5}, None))
    assert again.predicted is None
    assert again.n == 0


def test_words_round_trip() -> None:
    words = Words([["a", "ü"], ["b", "##c"]], np.array([[0.5, 0.25], [1.0, -0.5]]), None, np.array([0.125, 0.5]))
    again = round_trip(words)
    assert again.nearest == words.nearest
    assert again.began is None
    assert again.similarity.tolist() == words.similarity.tolist()
    assert again.control.tolist() == words.control.tolist()


@st.composite
def influences(draw: st.DrawFn) -> Influence:
    n, n_blocks, numbers = draw(st.integers(1, 5)), draw(st.integers(1, 4)), st.floats(width=32)  # NaN and infinity too
    each, block = arrays.arrays(np.float32, n, elements=numbers), (n_blocks, n)
    return Influence(
        start=draw(st.integers(0, 40)),
        by_example=draw(st.dictionaries(st.sampled_from(["removed", "signal", "block.odd"]), each)),
        by_block=draw(
            st.dictionaries(
                st.sampled_from(["similarity", "example.odd"]), arrays.arrays(np.float32, block, elements=numbers)
            )
        ),
        information=draw(arrays.arrays(np.float32, n_blocks + 1, elements=numbers)),
        entropy=draw(st.floats(0, 5, width=32)),
    )


@QUICK
@given(influences())
def test_influences_round_trip(found: Influence) -> None:
    again = round_trip(found)
    assert (again.start, again.entropy) == (found.start, found.entropy)
    for ours, theirs in ((found.by_example, again.by_example), (found.by_block, again.by_block)):
        assert {name: values.tobytes() for name, values in ours.items()} == {
            name: values.tobytes() for name, values in theirs.items()
        }
        assert {name: values.shape for name, values in ours.items()} == {
            name: values.shape for name, values in theirs.items()
        }
    assert again.information.tobytes() == found.information.tobytes()


def test_influences_of_no_prompt_hold_information_alone(tmp_path: Path) -> None:
    Influence(0, {}, {}, np.array([0.0, 0.25], dtype=np.float64), 0.5).write(tmp_path)
    assert set(load_file(tmp_path / "influence.safetensors")) == {"information", "entropy", "start"}
    again = Influence.read(tmp_path)
    assert (again.by_example, again.by_block, again.information.tolist()) == ({}, {}, [0.0, 0.25])
