"""Studies of growing backbones from a file to a report: everything is made, twice alike, and scores are the parts'."""

import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from executors.saved import contents, run_command, save_tiny, write_study

from transferkit import report, work
from transferkit.artifacts import Activity, Prompt, Score
from transferkit.backbones import Backbone
from transferkit.batches import encode
from transferkit.checks import check
from transferkit.errors import InputError
from transferkit.examples import load
from transferkit.progress import Advance, Quiet
from transferkit.readouts import make_readout
from transferkit.results import Results
from transferkit.run import fill, plan
from transferkit.specs import ActivitySpec, Placement, PromptInitial, PromptSpec, ScoreSpec, TrainedPrompt, key
from transferkit.store import Store
from transferkit.study import Study, from_toml
from transferkit.tasks.base import Answer

HEAD = """neurons = false
nearest_words = 0
growth = { schedules = [{ shares = [0.34, 0.34], depth = [0.25, 0.75], width = [0.5, 0.75] }], shorter = [0.5] }
initialisation = { parts = [{ depth = 0.5 }, { width = 0.5 }] }"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Store, Path]:
    folder = tmp_path_factory.mktemp("growth")
    torch.set_num_threads(1)
    tiny = save_tiny(folder / "tiny")
    asked = from_toml(write_study(folder, tiny, head=HEAD, tasks=("toy", "other")))
    store = Store(folder / "runs")
    assert fill(asked, store).failed == ()
    return asked, store, tiny


def test_everything_is_made_once(filled: tuple[Study, Store, Path]) -> None:
    asked, store, _ = filled
    assert plan(asked, store).n_missing == 0
    names = [spec.backbone.name for spec in store.specs("prompt")]
    assert names.count("tiny-d25-w50") == names.count("tiny-d75-w75") == names.count("tiny-d50") == 2
    assert len(list(store.specs("activity"))) == 2  # one a task, whatever is ranked by it


@pytest.mark.slow
def test_what_measuring_lacks_is_counted_by_kind(tmp_path: Path) -> None:
    head = "neurons = false\ngrowth = { schedules = [{ shares = [0.5], width = [0.5] }], parts = false }"
    write_study(tmp_path, save_tiny(tmp_path / "tiny"), head=head, tasks=("toy", "other"))
    asked = run_command("measure", "study.toml", "--dry-run", "--json", cwd=tmp_path)
    missing = json.loads(asked.stdout)["missing"]
    assert (missing["activity"], missing["prompts"], missing["scores"]) == (2, 4, 2 * 5 + 2)


def test_a_second_run_is_equal_in_every_byte(filled: tuple[Study, Store, Path], tmp_path: Path) -> None:
    asked, store, _ = filled
    again = Store(tmp_path / "again")
    fill(asked, again)
    assert contents(again.root) == contents(store.root)


@pytest.mark.parametrize("name", ["tiny", "tiny-d25-w50", "tiny-d75-w75"])
def test_a_score_on_a_part_is_a_pass_through_it(filled: tuple[Study, Store, Path], name: str) -> None:
    asked, store, folder = filled
    whole = Backbone.load(str(folder), device="cpu")
    scores = [
        spec
        for spec in store.specs("score")
        if isinstance(spec, ScoreSpec) and spec.backbone.name == name and isinstance(spec.source, TrainedPrompt)
    ]
    prompts = {key(spec): spec for spec in store.specs("prompt")}
    activities = {key(spec): store.get(spec) for spec in store.specs("activity")}
    assert len(scores) >= 6
    for spec in scores:
        part = spec.backbone.partial
        activity = None if part is None else activities[str(part.activity)]
        assert activity is None or isinstance(activity, Activity)
        backbone = whole if part is None else whole.partial(part, activity)
        readout = make_readout(spec.readout, backbone, spec.task)
        prompt = store.get(prompts[spec.source.key])
        assert isinstance(prompt, Prompt)
        task = next(task for task in asked.resolved_tasks if task.name == spec.task.name)  # knows where its file lies
        texts = encode(load(task)["report"], spec.task, backbone, spec.readout.kind, room=3)
        batch = texts.batch(np.arange(len(texts)))
        with torch.no_grad():
            state = backbone.enter(batch, torch.from_numpy(prompt.vectors), Placement())
            said = readout.scores(backbone.finish(state, readout.rows(batch)), batch).argmax(-1)
        found = store.get(spec)
        assert isinstance(found, Score)
        assert found.predicted is not None
        assert found.predicted.tolist() == said.flatten().tolist()


def test_a_prompt_begins_where_that_of_a_part_ended(filled: tuple[Study, Store, Path]) -> None:
    asked, store, _ = filled
    begun = {key(start.begun): start for start in asked.starts() if start.begun is not None}
    assert len(asked.starts()) == 2 + 2 * 2 * 2  # of other tasks; and of two parts, each task's own among them
    for start in begun.values():
        assert isinstance(start.prompt.recipe.initial, PromptInitial)
        first, then = store.get(start.begun), store.get(start.prompt)
        assert isinstance(first, Prompt)
        assert isinstance(then, Prompt)
        assert np.array_equal(then.initial, first.vectors)
        assert start.source_backbone == start.begun.backbone.name


@pytest.mark.slow
def test_the_report_has_it(filled: tuple[Study, Store, Path], tmp_path: Path) -> None:
    asked, store, _ = filled
    results = Results(asked, store, n_resamples=50)
    report.write(report.build(results), tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    for said in (
        "Does it save work to let the backbone grow",
        "What is saved at the same score",
        "tiny-d50",
        "From part",
    ):
        assert said in text


def test_old_prompts_keep_their_keys(filled: tuple[Study, Store, Path]) -> None:
    """Parts and growth left out are not in a key: a study without them names what it always named."""
    asked, _, _ = filled
    plain = dataclasses.replace(asked, growth=None, initialisation=None)
    assert {key(spec) for spec in plain.specs()} < {key(spec) for spec in asked.specs()}
    assert not any(isinstance(spec, ActivitySpec) for spec in plain.specs())


def study_of(tmp_path: Path, head: str, recipe: str, family: str = "bert") -> Study:
    tiny = save_tiny(tmp_path / "tiny", family)
    return from_toml(write_study(tmp_path, tiny, head=head, recipe=recipe, tasks=("toy",)))


LATE = """{ prompt_length = 3, steps = 8, evaluate_every = 2, batch_size = 8, learning_rate = 0.05,
placement = { entry = "block", insert_after = 1 } }""".replace("\n", " ")


def test_late_prompts_grow_above_kept_rows(tmp_path: Path) -> None:
    head = "neurons = false\ngrowth = { schedules = [{ shares = [0.6], depth = [0.5] }] }"
    asked, store = study_of(tmp_path, head, LATE), Store(tmp_path / "runs")
    assert fill(asked, store).failed == ()
    kept = list((store.root / "states").glob("*/rows.bin"))
    assert len(kept) == 3  # of three splits, for the whole backbone and its part alike
    assert {spec.backbone.name for spec in store.specs("prompt")} == {"tiny", "tiny-d50-above1"}
    again = Store(tmp_path / "anew")
    assert fill(asked, again, states_gb=0).failed == ()
    for spec in store.specs("prompt"):
        assert isinstance(spec, PromptSpec)
        kept, anew = store.get(spec), again.get(spec)
        assert isinstance(kept, Prompt)
        assert isinstance(anew, Prompt)
        np.testing.assert_allclose(kept.vectors, anew.vectors, rtol=1e-3, atol=1e-4)


PLAIN = "{ prompt_length = 3, steps = 8, evaluate_every = 2, batch_size = 8, learning_rate = 0.05 }"
DEEP = LATE.replace("insert_after = 1", "insert_after = 2")
WIDTHS = "growth = {{ schedules = [{{ shares = [0.2, 0.2], width = [{}, {}] }}] }}"
GROWING = "{ prompt_length = 3, steps = 8, batch_size = 8, growth = { shares = [0.6], depth = [0.5] } }"


@pytest.mark.parametrize(
    ("head", "recipe", "said"),
    [
        ("growth = {}", GROWING, "the study's recipe grows itself"),
        ('retrieval = { indicators = ["cosine_concat"], mixtures = [2] }', GROWING, "mixtures are trained on several"),
        ("growth = { tasks = ['toi'] }", LATE, "'toi', which the study has not"),
        ("growth = {}", DEEP, "growth, schedule 'depth': part d25-above2 of tiny keeps all of its 4 blocks"),
        ("growth = {}", PLAIN, "on tiny, d25 and d50 keep the same 2 of 4 blocks$"),
        (WIDTHS.format(0.5, 0.5), PLAIN, "on tiny, w50 and w50 keep the same 32 of 64 neurons$"),
        (WIDTHS.format(0.5, 0.501), PLAIN, "on tiny, w50 and w50.1 keep the same 32 of 64 neurons$"),
        (WIDTHS.format(0.9999, 0.99999), PLAIN, "part w99.99 of tiny keeps all of its 4 blocks and 64 neurons$"),
        (
            WIDTHS.format(0.5, "0.5], depth = [0.25, 0.5"),
            PLAIN,
            "d25-w50 and d50-w50 keep the same 2 of 4 blocks and 32 of 64 neurons$",
        ),
        (
            "initialisation = { parts = [{ depth = 0.5, blocks = 'changing' }, { depth = 0.4, blocks = 'changing' }] }",
            PLAIN,
            "d50-changing and d40-changing keep the same 2 of 4 blocks$",
        ),
        (
            "initialisation = { parts = [{ depth = 0.5 }] }",
            DEEP,
            "initialisation: parts: part d50-above2 of tiny keeps",
        ),
        ("initialisation = { parts = [{ depth = 0.5 }] }", GROWING, "parts do not grow, but the study's recipe does"),
        ("initialisation = { parts = [{ width = 0.5, decoder = false }] }", LATE, "decoder = false, but tiny has none"),
    ],
)
def test_what_cannot_be_had_is_said_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str, recipe: str, said: str
) -> None:
    asked = study_of(tmp_path, head, recipe)
    monkeypatch.setattr(Backbone, "load", lambda *_args, **_options: pytest.fail("a model was loaded"))
    with pytest.raises(InputError) as refused:
        fill(asked, Store(tmp_path / "runs"))
    assert re.search(said, refused.value.problem)


def test_a_part_whose_decoder_alone_sees_the_prompt_and_is_whole_is_refused(tmp_path: Path) -> None:
    head = "initialisation = { parts = [{ width = 0.5, decoder = false }] }"
    asked = study_of(tmp_path, head, LATE.replace("insert_after = 1", "insert_after = 5"), "t5")
    with pytest.raises(InputError, match="w50-encoder-above5 of tiny keeps all of its 8 blocks and 64 neurons"):
        check(asked, Store(tmp_path / "runs"))


def test_parts_of_one_size_that_keep_something_else_are_told_apart(tmp_path: Path) -> None:
    parts = "{ depth = 0.5 }, { depth = 0.5, blocks = 'first' }, { depth = 0.5, blocks = 'changing' }, { width = 0.5 }"
    asked = study_of(
        tmp_path, f"initialisation = {{ parts = [{parts}, {{ width = 0.5, neurons = 'signed' }}] }}", PLAIN
    )
    check(asked, Store(tmp_path / "runs"))


class Killed(Quiet):
    """Stops the training behind so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Advance]:
        def advance(n: int, _label: str) -> None:
            self.steps -= n if name == "train" else 0
            if self.steps <= 0:
                raise KeyboardInterrupt

        yield advance


def test_a_fill_killed_while_the_backbone_grows_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = "growth = { shares = [0.3, 0.3], depth = [0.5, 0.75], width = [0.5, 0.75] }"
    recipe = PLAIN.replace("steps = 8", f"steps = 10, {growth}")
    asked, whole, store = study_of(tmp_path, "", recipe), Store(tmp_path / "whole"), Store(tmp_path / "runs")
    assert fill(asked, whole, stages=("train",)).failed == ()
    with pytest.raises(KeyboardInterrupt):
        fill(asked, store, stages=("train",), reporter=Killed(5))  # in the second part
    assert list(store.root.glob("scratch/*/training.safetensors"))
    assert not list(store.specs("prompt"))
    monkeypatch.setattr(work, "measure_activity", lambda *_args, **_options: pytest.fail("measured twice"))
    assert fill(asked, store, stages=("train",)).failed == ()
    assert contents(store.root) == contents(whole.root)


def test_a_part_may_be_begun_from_in_a_study_of_one_task_and_below_late_prompts_it_is_whole(tmp_path: Path) -> None:
    head = "neurons = false\ninitialisation = { parts = [{ depth = 0.5 }] }"
    asked, store = study_of(tmp_path, head, LATE), Store(tmp_path / "runs")
    assert fill(asked, store).failed == ()
    assert [start.source_backbone for start in asked.starts()] == ["tiny-d50-above1"]


@pytest.mark.parametrize(
    "head",
    ["growth = { schedules = [{ width = [0.5], shares = [0.5] }] }", "initialisation = { parts = [{ width = 0.5 }] }"],
)
def test_parts_write_without_beams(tmp_path: Path, head: str) -> None:
    asked = study_of(tmp_path, head, LATE, "t5")
    wide = dataclasses.replace(asked.resolved_tasks[0], name="wide", answer=Answer(beams=2), labels=(), metric="rougeL")
    with pytest.raises(InputError, match="writes without beams, but wide asks for some"):
        fill(dataclasses.replace(asked, tasks=(wide,), task={}), Store(tmp_path / "runs"))
