"""Filling a store: all of a study, only what is missing, and a note of what cannot be made."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from executors.saved import contents, save_tiny, write_study
from tiny import make_tiny

from transferkit import groups, report, run
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.errors import InputError, StoreError
from transferkit.progress import Quiet
from transferkit.prompts import steps, train, train_together
from transferkit.results import Results
from transferkit.run import fill, plan
from transferkit.specs import (
    LabelWordsInitial,
    Majority,
    NoPrompt,
    Placement,
    PromptInitial,
    RandomPrompt,
    TrainedPrompt,
    key,
)
from transferkit.store import Store
from transferkit.study import Study, from_toml
from transferkit.work import Workshop


@pytest.fixture(autouse=True, scope="module")
def one_prompt_at_a_time() -> Iterator[None]:
    """Toy steps are so small that prompts would share them, and then depend in their last bits on who is missing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(groups.ROWS_AT_ONCE, "cpu", 1)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "one")
    save_tiny(folder / "two", "distilbert", seed=1)
    narrow = make_tiny("bert").config
    narrow.hidden_size = 16
    model = type(make_tiny("bert").model)(narrow)
    model.save_pretrained(folder / "narrow")
    make_tiny("bert").tokenizer.save_pretrained(folder / "narrow")
    return folder


@pytest.fixture
def asked(models: Path, tmp_path: Path) -> Study:
    return from_toml(write_study(tmp_path, models / "one", tasks=("toy", "other")))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def filled(models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Store]:
    """A filled store, to be read only."""
    folder = tmp_path_factory.mktemp("filled")
    asked = from_toml(write_study(folder, models / "one", tasks=("toy", "other")))
    store = Store(folder / "runs")
    fill(asked, store)
    return asked, store


def leftovers(store: Store) -> list[Path]:
    return list((store.root / "scratch").glob("*"))


def notes(store: Store) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted((store.root / "failures").glob("*.json"))]


def never(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a model was loaded")


# --- filling ---------------------------------------------------------------------------------------------------------
def test_a_study_is_filled_whole(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    assert [spec for spec in asked.specs() if not store.has(spec)] == []
    assert {key(spec) for spec in asked.specs()} == {key(spec) for spec in store.specs()}
    assert store.verify() == {}
    assert leftovers(store) == []
    assert notes(store) == []
    n_lines = len((store.root / "index.csv").read_text().splitlines())
    assert n_lines == 1 + len(list(asked.specs()))
    for spec in store.specs("score"):
        assert len(store.get(spec).predicted) == 20
    meta = store.meta(asked.prompts()[0])
    assert meta["device"] == "cpu"
    assert meta["health"]["steps"] == 6
    assert meta["n_truncated"] == 0


def test_alarms_reach_the_report(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    raised = {key(spec): store.meta(spec)["health"]["alarms"] for spec in asked.prompts()}
    assert any(raised.values())  # two steps teach nothing
    table = Results(asked, store).training_health().set_index("key")["alarms"]
    assert {name: "; ".join(alarms) for name, alarms in raised.items()} == table.to_dict()


def test_what_is_there_is_not_made_again(
    filled: tuple[Study, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    before = contents(store.root)
    monkeypatch.setattr(Backbone, "load", never)
    outcome = fill(asked, store)
    assert (outcome.n_made, outcome.n_present, outcome.failed) == (0, len(list(asked.specs())), ())
    assert contents(store.root) == before


def test_the_same_study_gives_the_same_bytes(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, kept = filled
    store = Store(tmp_path / "runs")
    outcome = fill(asked, store, stages=("train",))
    assert outcome.n_made == 4
    assert list(store.specs("score")) == []
    fill(asked, store, stages=("measure",))
    assert contents(store.root) == contents(kept.root)


def test_any_missing_cell_is_made_as_before(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    before = contents(store.root)
    lost = [asked.prompts()[0], *asked.scores()[::3], *asked.neuron_sets()[:1], asked.examples()[0]]
    for spec in lost:
        shutil.rmtree(store.path(spec))
    todo = plan(asked, store)
    assert todo.n_missing == len(lost)
    assert todo.n_present == len(list(asked.specs())) - len(lost)
    outcome = fill(asked, store)
    assert outcome.n_made == len(lost)
    assert contents(store.root) == before


def test_more_seeds_add_to_what_is_there(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    before = contents(store.root)
    outcome = fill(dataclasses.replace(asked, seeds=(0, 1)), store)
    assert outcome.n_made == 2 + 4 + 2 + 2
    after = contents(store.root)
    assert {
        name: after[name] for name in before if name not in ("index.csv", "studies/study.json")
    }.items() <= before.items()


def test_overwriting_makes_everything_anew(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    spec = asked.scores()[0]
    (store.path(spec) / "score.json").write_text("{}")
    assert fill(asked, store).n_made == 0
    with pytest.raises(StoreError, match="was altered"):
        store.get(spec)
    outcome = fill(asked, store, overwrite="always")
    assert outcome.n_made == len(list(asked.specs()))
    assert contents(store.root) == contents(kept.root)


def test_measures_are_those_of_the_artifacts(filled: tuple[Study, Store]) -> None:
    """Own scores differ between sources, and a prompt's score is that of its vectors."""
    asked, store = filled
    for spec in asked.scores():
        score = store.get(spec)
        gold = store.get(next(s for s in asked.examples() if s.task == spec.task)).gold
        assert score.metrics["accuracy"] == np.mean(score.predicted == gold)
        if isinstance(spec.source, Majority):
            assert len(set(score.predicted)) == 1


def test_plans_group_by_backbone_and_task(asked: Study, store: Store) -> None:
    todo = plan(asked, store)
    assert [len(group.specs) for group in todo.prompts] == [1, 1]
    assert [group.units for group in todo.prompts] == [6, 6]
    assert [len(group.specs) for group in todo.scores] == [5, 5]
    assert [group.units for group in todo.scores] == [4 * 20] * 2  # the majority needs no pass
    assert [len(group.specs) for group in todo.neurons] == [3]
    assert plan(asked, store, stages=("train",)).scores == ()
    assert not store.root.exists()


def test_progress_adds_up(asked: Study, store: Store) -> None:
    phases = {}

    class Counting(Quiet):
        def phase(self, name: str, total: int) -> object:
            phases[name] = [total, 0]
            kept = super().phase(name, total)

            class Phase:
                def __enter__(self) -> object:
                    kept.__enter__()
                    return lambda done, _label: phases[name].__setitem__(1, phases[name][1] + done)

                def __exit__(self, *_: object) -> None:
                    kept.__exit__(None, None, None)

            return Phase()

    fill(asked, store, reporter=Counting())
    assert phases == {"data": [2, 2], "train": [12, 12], "score": [160, 160], "neurons": [3, 3], "words": [2, 2]}


def test_two_backbones_and_readouts(models: Path, tmp_path: Path, store: Store) -> None:
    head = "across_backbones = true\nreadout = 'embedding'"
    asked = from_toml(write_study(tmp_path, models / "one", models / "two", head=head))
    outcome = fill(asked, store)
    assert outcome.failed == ()
    foreign = [
        s for s in store.specs("score") if isinstance(s.source, TrainedPrompt) and s.source.backbone != s.backbone.name
    ]
    assert len(foreign) == 2
    assert "-toy-seed0-" in store.path(foreign[0]).name


def test_a_prompt_begins_from_another(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    source = asked.prompts()[1]
    recipe = dataclasses.replace(asked.recipe, initial=PromptInitial(key=key(source)))
    on = dataclasses.replace(asked, recipe=recipe, neurons=None)
    fill(on, store, stages=("train",))
    assert np.array_equal(store.get(on.prompts()[0]).initial, store.get(source).vectors)


# --- what cannot be made ---------------------------------------------------------------------------------------------
def test_everything_is_checked_before_a_model_is_loaded(
    asked: Study, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Backbone, "load", never)
    broken = dataclasses.replace(asked, backbones=("minilm-l3",))
    with pytest.raises(InputError, match="transferkit fetch minilm-l6 minilm-l3"):
        fill(broken, store, cache=tmp_path / "cache")
    (tmp_path / "reviews.csv").write_text("text,label\nx,pos\n")
    with pytest.raises(InputError, match=r"empty|examples"):
        fill(from_toml(tmp_path / "study.toml"), store)
    assert not store.root.exists()


def test_a_missing_prompt_is_a_noted_failure_then_forgiven(asked: Study, store: Store) -> None:
    outcome = fill(asked, store, stages=("measure",))
    assert outcome.failed
    assert all(isinstance(spec.source, TrainedPrompt) for spec in outcome.failed if spec.source.kind == "trained")
    for note in notes(store):
        assert "is not in the store" in note["problem"]
        assert "transferkit train" in note["problem"]
    assert {note["key"] for note in notes(store)} == {key(spec) for spec in outcome.failed}
    assert fill(asked, store).failed == ()
    assert notes(store) == []


def test_what_needs_no_prompt_is_measured_all_the_same(asked: Study, store: Store) -> None:
    fill(asked, store, stages=("measure",))
    assert all(store.has(s) for s in asked.scores() if isinstance(s.source, (NoPrompt, RandomPrompt, Majority)))


def test_a_failed_training_is_noted_and_the_rest_goes_on(
    asked: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = steps.losses

    def bad_loss(logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
        return kept(logits, gold) * (float("nan") if store.has(asked.prompts()[0]) else 1.0)

    with monkeypatch.context() as patched:
        patched.setattr(steps, "losses", bad_loss)
        outcome = fill(asked, store, stages=("train",))
    assert [spec.task.name for spec in outcome.failed] == ["other"]
    assert outcome.n_made == 3
    (note,) = notes(store)
    assert note["kind"] == "prompt"
    assert "the loss is nan at step 1" in note["problem"]
    outcome = fill(asked, store, stages=("train",))
    assert (outcome.n_made, outcome.failed) == (1, ())
    assert notes(store) == []


def test_a_failed_overwrite_is_a_failure(
    filled: tuple[Study, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, kept = filled
    store = Store(shutil.copytree(kept.root, tmp_path / "runs"))
    monkeypatch.setattr(steps, "losses", lambda logits, _gold: logits.sum(1) * float("nan"))
    outcome = fill(asked, store, stages=("train",), overwrite="always")
    assert len(outcome.failed) == 2
    assert len(notes(store)) == 2


def test_a_prompt_of_another_width_is_refused(models: Path, tmp_path: Path, store: Store) -> None:
    asked = from_toml(write_study(tmp_path, models / "one", models / "narrow", head="across_backbones = true"))
    with pytest.raises(InputError, match=r"one 32, narrow 16") as failure:
        fill(asked, store)
    assert "across_backbones = false" in failure.value.fix
    assert not list(store.specs())


def test_a_full_store_ends_the_run(asked: Study, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Prompt, "write", full)
    with pytest.raises(StoreError, match="No space"):
        fill(asked, store, stages=("train",))


def test_a_mask_word_of_two_tokens_is_said(models: Path, tmp_path: Path, store: Store) -> None:
    path = write_study(tmp_path, models / "one")
    path.write_text(path.read_text().replace('word = "good"', 'word = "good film"'))
    with pytest.raises(InputError, match="'good film' is 2 tokens"):
        fill(from_toml(path), store, stages=("train",))
    assert not list(store.specs())


def test_label_word_prompts_have_neurons_too(asked: Study, store: Store) -> None:
    recipe = dataclasses.replace(asked.recipe, initial=LabelWordsInitial())
    assert fill(dataclasses.replace(asked, recipe=recipe), store).failed == ()


def test_late_prompts_can_be_measured_whole(asked: Study, store: Store) -> None:
    recipe = dataclasses.replace(asked.recipe, placement=Placement(entry="block", insert_after=2))
    assert fill(dataclasses.replace(asked, recipe=recipe), store).failed == ()


def test_a_score_does_not_depend_on_what_else_was_missing(models: Path, tmp_path: Path, store: Store) -> None:
    asked = from_toml(write_study(tmp_path, models / "one"))
    asked = dataclasses.replace(asked, max_tokens=66, recipe=dataclasses.replace(asked.recipe, prompt_length=40))
    text = (tmp_path / "reviews.csv").read_text().replace('",', " film food" * 25 + '",')
    (tmp_path / "reviews.csv").write_text(text)
    fill(asked, store)
    none = next(s for s in asked.scores() if isinstance(s.source, NoPrompt))
    before = (store.path(none) / "score.json").read_bytes()
    shutil.rmtree(store.path(none))
    fill(asked, store)
    assert (store.path(none) / "score.json").read_bytes() == before


def test_random_prompts_are_random_whatever_prompts_begin_from(asked: Study) -> None:
    recipe = dataclasses.replace(asked.recipe, initial=PromptInitial(key="0" * 12))
    sources = dataclasses.replace(asked, recipe=recipe).sources(asked.models[0])
    assert all(source.initial.kind != "prompt" for source in sources if isinstance(source, RandomPrompt))


def test_interrupted_filling_goes_on(asked: Study, filled: tuple[Study, Store], store: Store) -> None:
    class Stop(Exception):
        pass

    class Impatient(Quiet):
        def __init__(self, left: int) -> None:
            self.left = left

        def phase(self, name: str, total: int) -> object:
            outer = self

            class Phase:
                def __enter__(self) -> object:
                    return outer.advance

                def __exit__(self, *_: object) -> None:
                    pass

            return Phase()

        def advance(self, _done: int, _label: str) -> None:
            self.left -= 1
            if self.left < 0:
                raise Stop

    for left in (1, 4, 6, 9):
        with pytest.raises(Stop):
            fill(asked, store, reporter=Impatient(left))
    assert fill(asked, store).failed == ()
    theirs = contents(filled[1].root)
    ours = contents(store.root)
    assert {n: b for n, b in ours.items() if not n.endswith("spec.json")}.keys() == {
        n: b for n, b in theirs.items() if not n.endswith("spec.json")
    }.keys()
    for name in ours:
        if not name.endswith(("spec.json", "manifest.json", "study.json")):  # these hold the path of the data
            assert ours[name] == theirs[name], name
    assert leftovers(store) == []


def test_a_backbone_is_kept_between_groups(asked: Study, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    kept = Backbone.load.__func__

    def load(cls: type[Backbone], name: str, **options: object) -> Backbone:
        loaded.append(name)
        return kept(cls, name, **options)

    monkeypatch.setattr(Backbone, "load", classmethod(load))
    fill(asked, store)
    assert len(loaded) == 1


def test_units_are_steps_and_pairs(asked: Study) -> None:
    assert run.count_units(asked.prompts(), lambda _task: 0) == 12
    assert run.count_units(asked.scores(), lambda _task: 10) == 2 * 4 * 10
    assert run.count_units(asked.neuron_sets(), lambda _task: 10) == 3


def test_a_workshop_knows_its_device(store: Store) -> None:
    assert Workshop(store, device="cpu")._device_name() == "cpu"


def test_small_steps_are_shared_and_say_so(
    filled: tuple[Study, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, alone = filled
    monkeypatch.setitem(groups.ROWS_AT_ONCE, "cpu", 400)
    store = Store(tmp_path / "shared")
    assert [len(group.specs) for group in run.plan(asked, store, stages=("train",)).prompts] == [2]
    assert not fill(asked, store, stages=("train",)).failed
    for spec in asked.prompts():
        assert store.meta(spec)["trained_together"] == 2
        np.testing.assert_allclose(store.get(spec).vectors, alone.get(spec).vectors, rtol=1e-4, atol=2e-3)
    assert not any((store.root / "scratch").iterdir())


def test_late_prompts_keep_what_lies_below_them(asked: Study, tmp_path: Path) -> None:
    late = Placement(insert_after=2, entry="block")
    asked = dataclasses.replace(asked, seeds=(0, 1), recipe=dataclasses.replace(asked.recipe, placement=late))
    kept, anew = Store(tmp_path / "kept"), Store(tmp_path / "anew")
    fill(asked, kept)
    fill(asked, anew, states_gb=0)
    facts = [json.loads(path.read_text()) for path in (kept.root / "states").glob("*/states.json")]
    # One set of rows of each split serves both seeds, all prompts, and both tasks, which show the same texts.
    assert sorted(fact["texts"] for fact in facts) == [14, 20, 32]
    assert {fact["depth"] for fact in facts} == {2}
    assert not (anew.root / "states").exists()
    for spec in asked.scores():
        one, other = (dict(store.get(spec).metrics) for store in (kept, anew))
        assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("kind", ["bottleneck", "average_pool", "max_pool"])
def test_generators_are_studied_like_prompts(kind: str, models: Path, tmp_path: Path) -> None:
    recipe = (
        "{ prompt_length = 3, steps = 6, evaluate_every = 3, batch_size = 8, learning_rate = 0.01, weight_decay = 0.1,"
        f' placement = {{ entry = "block", insert_after = 2 }}, generator = {{ kind = "{kind}", width = 8 }} }}'
    )
    asked = from_toml(write_study(tmp_path, models / "one", recipe=recipe, tasks=("toy", "other")))
    store = Store(tmp_path / "runs")
    assert fill(asked, store).failed == ()
    (prompt, _) = (store.get(spec) for spec in asked.prompts())
    assert set(prompt.generator) == {"down.weight", "down.bias", "up.weight", "up.bias"}
    assert store.meta(asked.prompts()[0])["health"]["parameters"] == sum(
        part.size for part in prompt.generator.values()
    )
    sources = {type(spec.source): store.get(spec).metrics.get("loss") for spec in asked.scores()}
    assert len({sources[kind] for kind in (TrainedPrompt, RandomPrompt, NoPrompt)}) == 3
    assert not store.verify()
    facts = report.build(Results(asked, store)).facts["prompts"]
    assert "in front of block 2 (the paper's layer 3), made for each text by a generator" in facts
    assert f"8 wide, {sum(part.size for part in prompt.generator.values()):,} parameters" in facts
    again = fill(asked, store)
    assert again.n_made == 0


@pytest.mark.slow
def test_a_sweep_is_filled_read_and_reported(models: Path, tmp_path: Path) -> None:
    head = (
        'seeds = [0, 1]\nsweep = { tasks = ["toy"], insert_after = [0, 2, 3],'
        ' generators = [{ kind = "max_pool", width = 8 }] }'
    )
    asked = from_toml(write_study(tmp_path, models / "one", head=head, tasks=("toy", "other")))
    store = Store(tmp_path / "runs")
    assert fill(asked, store).failed == ()
    assert fill(asked, store).n_made == 0
    results = Results(asked, store)
    table = results.depths.scores()
    assert table[["generator", "insert_after"]].values.tolist() == [
        ["none", 0],
        ["none", 2],
        ["none", 3],
        ["max_pool", 2],
        ["max_pool", 3],
    ]
    swept = zip(asked.swept_prompts(), asked.swept_scores(), strict=True)
    two = [store.get(score).metrics["accuracy"] for spec, score in swept if spec.recipe.placement.insert_after == 2]
    assert table["score"][1] == pytest.approx(np.mean(two[:2]))
    assert table["score"][3] == pytest.approx(np.mean(two[2:]))
    best = results.depths.best()
    assert best["generator"].tolist() == ["none", "max_pool"]
    for row in best.to_dict("records"):
        line = table[table["generator"] == row["generator"]].set_index("insert_after")
        assert line["selection_score"][row["chosen"]] == line["selection_score"].max()
        assert line["score"][row["best"]] == line["score"].max()
        assert row["best_from"] <= row["best_to"]
    built = report.build(results)
    (of_depth,) = [section for section in built.sections if section.slug == "depth"]
    page = report.write(dataclasses.replace(built, sections=(of_depth,), cards={}), tmp_path / "report")
    text = page.read_text()
    assert "Score by depth" in text
    assert "plain prompt, 1 sweep: " in text
    assert re.search(r"in \d+ of 10 runs the selection score was highest at the last step", text)
    assert (page.parent / "tables" / "best-layers.csv").is_file()
    # What belongs to the sweep enters no matrix.
    assert len(results.prompt_specs()) == 4
    assert results.missing() == []


def test_a_sweep_of_unknown_names_or_blocks_is_refused(models: Path, tmp_path: Path) -> None:
    for head, message in (
        ('sweep = { tasks = ["tou"], insert_after = [1] }', r"sweep: tasks has 'tou'.*\n.*toy"),
        ('sweep = { backbones = ["on"], insert_after = [1] }', r"sweep: backbones has 'on'.*\n.*one"),
        (
            'sweep = { insert_after = [1], generators = [{ kind = "max_pool" }, { kind = "max_pool", width = 8 }] }',
            "two generators are of one kind",
        ),
        ("sweep = { insert_after = [9] }", "insert_after = 9, but one has 4 blocks"),
        ("sweep = { insert_after = [1, 1] }", "stands twice in insert_after"),
    ):
        with pytest.raises(InputError, match=message):
            fill(from_toml(write_study(tmp_path, models / "one", head=head)), Store(tmp_path / "runs"))


def test_prompts_of_which_only_some_have_stored_rows_share_passes(models: Path, tmp_path: Path) -> None:
    """A large task whose texts come less than once is not stored, a small one beside it is."""
    late = (
        "{ prompt_length = 3, steps = 10, evaluate_every = 5, batch_size = 4,"
        ' placement = { entry = "block", insert_after = 2 } }'
    )
    path = write_study(tmp_path, models / "one", recipe=late, tasks=("toy", "other"))
    asked = from_toml(path)
    few, many = asked.resolved_tasks
    few = dataclasses.replace(few, sizes=dataclasses.replace(few.sizes, train=16))
    many = dataclasses.replace(many, sizes=dataclasses.replace(many.sizes, train=48))
    supplies = Workshop(Store(tmp_path / "runs")).supplies
    specs = [dataclasses.replace(asked.prompts()[0], task=task) for task in (few, many)]
    backbone = supplies.backbone(asked.backbone_names[0], specs[0].backbone, specs[0].readout.kind)
    jobs = [supplies.job(spec, backbone) for spec in specs]
    assert [job.data.train.stored is None for job in jobs] == [False, True]
    alone = [dataclasses.replace(job, scratch=tmp_path / f"alone{i}") for i, job in enumerate(jobs)]
    for job in alone:
        job.scratch.mkdir()
    apart = [train(job, backbone)[0] for job in alone]
    for one, found in zip(apart, train_together(jobs, backbone), strict=True):
        np.testing.assert_allclose(found[0].vectors, one.vectors, rtol=1e-4, atol=1e-4)
