"""Studies on causal and encoder-decoder backbones, of classes and texts: filled whole, read back, refused in time."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from executors.saved import QUICK_RECIPE, TASK, contents, save_tiny, write_reviews

from transferkit.backbones import Backbone
from transferkit.batches import encode
from transferkit.errors import InputError
from transferkit.examples import load
from transferkit.generation import write
from transferkit.results import Results
from transferkit.run import fill
from transferkit.specs import LabelWordsInitial, NoPrompt, Placement, TrainedPrompt
from transferkit.store import Store
from transferkit.study import Study, from_toml
from transferkit.supplies import Supplies
from transferkit.tasks.base import Task
from transferkit.text_metrics import score_texts

FAMILIES = ("gpt2", "llama", "gemma3", "t5-v1.1")
WRITING = """
[task.writing]
data = "answers.jsonl"
text = ["question", "context"]
answer = { column = "answers", max_new_tokens = 5 }
completion_template = "{question} ? {context} it was"
"""
THINGS = ("film", "food", "phone", "vote", "sport", "money")
HOW = ("good", "very bad", "nice", "really great", "awful", "not terrible")


def write_answers(path: Path) -> None:
    """Questions about a thing, answered by what the context says of it."""
    rows = [
        {"question": one, "context": f"the {one} was {how} . the {other} was {HOW[0]}", "answers": [how, f"the {how}"]}
        for one in THINGS
        for how in HOW
        for other in THINGS
        if other != one
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in (*FAMILIES, "bert"):
        save_tiny(folder / name, name)
    return folder


def write_study(folder: Path, model: Path, *, recipe: str = QUICK_RECIPE, head: str = "", beams: int = 1) -> Path:
    write_reviews(folder / "reviews.csv")
    write_answers(folder / "answers.jsonl")
    lines = [
        f'backbones = ["{model}"]',
        "max_tokens = 32",
        "sizes = { train = 24, selection = 12, report = 14 }",
        "random_prompts = 1",
        f"recipe = {recipe}",
        head,
        TASK.format(name="toy", data="reviews.csv", yes="good", no="bad"),
        WRITING.replace("max_new_tokens = 5", f"max_new_tokens = 5, beams = {beams}"),
    ]
    path = folder / "study.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module", params=FAMILIES)
def filled(
    request: pytest.FixtureRequest, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Study, Store]:
    """A filled store, to be read only."""
    folder = tmp_path_factory.mktemp("filled")
    asked = from_toml(write_study(folder, models / request.param))
    store = Store(folder / "runs")
    outcome = fill(asked, store)
    assert outcome.failed == ()
    return asked, store


def test_a_study_of_classes_and_texts_is_filled_whole(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    assert [spec for spec in asked.specs() if not store.has(spec)] == []
    assert store.verify() == {}
    for spec in asked.scores():
        score = store.get(spec)
        assert score.n == 14
        assert (score.values is None) == (spec.task.name == "toy")
        assert (score.predicted is None) == (spec.task.name == "writing")
        if spec.source.kind != "majority":
            assert 0 <= score.metrics["legal"] <= 1
            assert np.isfinite(score.metrics["loss"])
        for name, values in (score.values or {}).items():
            assert score.metrics[name] == pytest.approx(values.mean())
    for spec in asked.neuron_sets():
        assert 0 < store.get(spec).active.mean() < 1
    losses = [row["selection_loss"] for row in store.get(asked.prompts()[1]).history]
    assert min(losses[1:]) < losses[0]


def test_results_are_read_from_it(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    results = Results(asked, store, n_resamples=50)
    transfer = results.transfer()
    assert transfer.values.shape == (2, 2)
    assert np.isfinite(transfer.values).all()
    assert results.integrity().empty
    assert len(results.own_scores()) == 2


def test_stored_scores_of_texts_are_those_of_what_is_written(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    supplies = Supplies(store, device="cpu")
    (name,), (model,) = asked.backbone_names, asked.models
    readout = asked.readout_of(model)
    backbone = supplies.backbone(name, model.spec, readout.kind)
    for spec in asked.scores():
        if spec.task.name != "writing":
            continue
        entrant = supplies.entrant(spec.source, backbone, spec.task)
        room = 0 if entrant.vectors is None else len(entrant.vectors)
        found = encode(load(spec.task)["report"], spec.task, backbone, readout.kind, room=room)
        said = []
        for i in range(len(found)):
            batch = found.unanswered.batch(np.array([i]))
            prompt = None if entrant.vectors is None else entrant.vectors[None]
            said += write(backbone, batch, prompt, entrant.placement, spec.task.answer)
        expected = score_texts(spec.task, said, found.written.references, found.written.shown)
        for metric, values in store.get(spec).values.items():
            assert values.tolist() == expected[metric].tolist(), metric


def test_any_missing_cell_is_made_as_before(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    before = contents(store.root)
    lost = [*asked.scores()[1::3], asked.neuron_sets()[-1], asked.words()[0]]
    for spec in lost:
        shutil.rmtree(store.path(spec))
    assert fill(asked, store).n_made == len(lost)
    assert contents(store.root) == before


@pytest.mark.parametrize(
    ("name", "placement"),
    [
        ("gpt2", Placement(entry="block", insert_after=2)),
        ("llama", Placement(where="after_first")),
        ("gemma3", Placement(visibility="everywhere")),
        ("t5-v1.1", Placement(entry="block", insert_after=1, where="end")),
        ("t5-v1.1", Placement(entry="block", insert_after=5)),
    ],
)
def test_prompts_may_enter_elsewhere(name: str, placement: Placement, models: Path, tmp_path: Path) -> None:
    asked = from_toml(write_study(tmp_path, models / name))
    asked = dataclasses.replace(asked, recipe=dataclasses.replace(asked.recipe, placement=placement))
    store = Store(tmp_path / "runs")
    assert fill(asked, store).failed == ()
    scores = {
        type(spec.source): store.get(spec).metrics["loss"]
        for spec in asked.scores()
        if spec.task.name == "writing" and isinstance(spec.source, (NoPrompt, TrainedPrompt))
    }
    assert scores[TrainedPrompt] != scores[NoPrompt]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "gemma3", "t5-v1.1"])
def test_bfloat16_is_filled_too(name: str, models: Path, tmp_path: Path) -> None:
    asked = from_toml(write_study(tmp_path, models / name, head='dtype = "bfloat16"'))
    assert fill(asked, Store(tmp_path / "runs")).failed == ()


# --- what is refused before a model is loaded ------------------------------------------------------------------------
@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "load", lambda *_args, **_options: pytest.fail("a model was loaded"))


def asked_of(models: Path, folder: Path, name: str, **given: object) -> Study:
    return from_toml(write_study(folder, models / name, **given))


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("name", "readout", "fits"),
    [("gpt2", "masked", "causal"), ("t5-v1.1", "causal", "seq2seq"), ("gpt2", "embedding", "causal")],
)
def test_a_readout_of_another_kind_of_backbone_is_refused(
    name: str, readout: str, fits: str, models: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"readout = '{readout}', but '{name}' is a backbone for '{fits}'\n.*auto"):
        fill(asked_of(models, tmp_path, name, head=f'readout = "{readout}"'), Store(tmp_path / "runs"))


@pytest.mark.parametrize("readout", ["masked", "embedding", "seq2seq"])
def test_a_backbone_is_not_loaded_for_another_kind(readout: str, models: Path) -> None:
    with pytest.raises(
        InputError, match=rf"readout = '{readout}' reads an .* model, but backbone .* is a decoder one\n.*causal"
    ):
        Backbone.load(str(models / "gpt2"), readout=readout, device="cpu")


@pytest.mark.usefixtures("unloaded")
def test_texts_are_not_asked_of_an_encoder(models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'bert': task 'writing': its answers are texts, which the masked readout"):
        fill(asked_of(models, tmp_path, "bert"), Store(tmp_path / "runs"))


@pytest.mark.usefixtures("unloaded")
def test_label_words_that_share_a_first_token_are_refused(models: Path, tmp_path: Path) -> None:
    asked = asked_of(models, tmp_path, "gpt2")
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace('word = "bad"', 'word = "good film"'))
    with pytest.raises(InputError, match=r"share the first token of their label words \(good, good film\)"):
        fill(from_toml(path), Store(tmp_path / "runs"))
    assert asked.resolved_tasks


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("name", "recipe", "message"),
    [
        ("gpt2", '{ placement = { where = "end" } }', r"where = 'end': gpt2 sees backwards only.*\n.*front"),
        (
            "t5-v1.1",
            '{ placement = { where = "after_first", entry = "block", insert_after = 4 } }',
            r"where = 'after_first': the decoder of t5-v1.1 sees backwards only.*\n.*front",
        ),
        (
            "gpt2",
            '{ placement = { entry = "block", insert_after = 1 }, generator = { kind = "max_pool" } }',
            r"generator behind gpt2 cannot make prompts for answers in words \(writing\).*\n.*without a generator",
        ),
        (
            "t5-v1.1",
            '{ placement = { entry = "block", insert_after = 5 }, generator = { kind = "max_pool" } }',
            r"in front of block 5 of t5-v1.1 there are rows of the answer.*\n.*insert_after below 4",
        ),
        (
            "gpt2",
            "{ prompt_length = 54 }",
            r"prompt_length = 54 does not fit gpt2 beside max_new_tokens = 5.*66.*\n.*53",
        ),
    ],
)
def test_a_prompt_no_answer_sees_or_that_does_not_fit_is_refused(
    name: str, recipe: str, message: str, models: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        fill(asked_of(models, tmp_path, name, recipe=recipe), Store(tmp_path / "runs"))


@pytest.mark.usefixtures("unloaded")
def test_beams_behind_a_decoder_prompt_are_refused(models: Path, tmp_path: Path) -> None:
    recipe = '{ placement = { entry = "block", insert_after = 4 } }'
    with pytest.raises(InputError, match=r"beams = 2 cannot be had on 't5-v1.1'.*\n.*insert_after below 4"):
        fill(asked_of(models, tmp_path, "t5-v1.1", recipe=recipe, beams=2), Store(tmp_path / "runs"))


def test_beams_elsewhere_are_measured(models: Path, tmp_path: Path) -> None:
    asked = asked_of(models, tmp_path, "t5-v1.1", beams=3)
    assert fill(asked, Store(tmp_path / "runs")).failed == ()


# --- supplies --------------------------------------------------------------------------------------------------------
def test_one_prompt_is_computed_once_for_all_tasks(
    filled: tuple[Study, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    scores = [spec for spec in asked.scores() if spec.source.kind != "majority"]
    for spec in (*scores, *asked.neuron_sets()):
        shutil.rmtree(store.path(spec))
    computed = []
    prefill = Backbone.prefill
    monkeypatch.setattr(Backbone, "prefill", lambda self, *args: computed.append(args) or prefill(self, *args))
    before = contents(kept.root)
    fill(asked, store)
    assert contents(store.root) == before
    n_prompts = 3  # two trained ones and a random one, on two tasks and for neurons
    is_causal = asked.models[0].readout == "causal"
    assert len(computed) == (n_prompts if is_causal else 3 * n_prompts)


def test_prompts_made_of_label_words_are_others_for_every_task(models: Path, tmp_path: Path) -> None:
    asked = from_toml(write_study(tmp_path, models / "gpt2"))
    supplies = Supplies(Store(tmp_path / "runs"), device="cpu")
    (name,), (model,) = asked.backbone_names, asked.models
    backbone = supplies.backbone(name, model.spec, "causal")
    toy, _ = asked.resolved_tasks
    other = dataclasses.replace(toy, labels=tuple(reversed(toy.labels)))
    source = next(s for s in asked.sources(model, toy) if s.kind == "random")
    drawn = dataclasses.replace(source, initial=LabelWordsInitial())

    def rows(task: Task) -> torch.Tensor:
        entrant = supplies.entrant(drawn, backbone, task)
        assert entrant.kept is None
        return entrant.vectors

    assert not torch.equal(rows(toy), rows(other))
    assert supplies.entrant(source, backbone, toy).kept is not None
