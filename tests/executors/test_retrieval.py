"""One prompt made of the sources an indicator ranks highest: which they are shows once there are prompts."""

import dataclasses
import json
import shutil
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from executors.saved import save_tiny, write_study

from transferkit import commands, filling, listing, report
from transferkit.errors import InputError
from transferkit.indicators import BY_NAME
from transferkit.lineage import Lineage
from transferkit.results import Results
from transferkit.results.blends import ALL
from transferkit.run import fill
from transferkit.specs import LabelWordsInitial, MixedPrompt, MixtureSpec, PromptSpec, key
from transferkit.store import Store
from transferkit.study import Retrieval, Study, from_toml
from transferkit.study.retrieval import Ranks

HEAD = """neurons = false
nearest_words = 0
retrieval = { indicators = ["euclidean_average"], top_k = [2], mixtures = [2] }"""
TASKS = ("toy", "other", "third")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Store]:
    """A filled store, its averages and mixtures not yet made."""
    folder = tmp_path_factory.mktemp("retrieval")
    asked = from_toml(write_study(folder, save_tiny(folder / "tiny"), head=HEAD, tasks=TASKS))
    store = Store(folder / "runs")
    assert fill(asked, store).failed == ()
    return asked, store


def test_averages_are_of_the_best_sources_by_what_is_said_of_them(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    results = Results(asked, store, n_resamples=50)
    averages = [one for one in results.choosing.blends() if one.how == "average"]
    assert len(averages) == 2 * len(TASKS)  # of the indicator's two, and of all, which are two as well
    matrix = results.indicator(BY_NAME["euclidean_average"])
    for one in averages:
        assert isinstance(one.score.source, MixedPrompt)
        weights = {part.prompt.task: part.weight for part in one.score.source.parts}
        foreign = [name for name in TASKS if name != one.target]
        assert set(weights) == set(foreign)
        values = np.array(
            [matrix.values[matrix.sources.index(name), matrix.targets.index(one.target)] for name in foreign]
        )
        expected = np.full(2, 0.5) if one.indicator == ALL else values / values.sum()
        np.testing.assert_allclose([weights[name] for name in foreign], expected, atol=1e-6)


def test_a_mixture_saw_the_best_sources_and_never_the_target(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    mixtures = [one for one in Results(asked, store, n_resamples=50).choosing.blends() if one.how == "mixture"]
    assert [(one.indicator, one.target) for one in mixtures] == [
        (indicator, target) for target in sorted(TASKS) for indicator in (ALL, "euclidean_average")
    ]
    for one in mixtures:
        assert isinstance(one.mixture, MixtureSpec)
        assert {task.name for task in one.mixture.tasks} == set(TASKS) - {one.target}
        assert one.mixture.recipe == dataclasses.replace(asked.recipe, evaluate_every=4)  # twice, for two tasks
        assert one.score.source == one.mixture.source
        assert one.score.task.name == one.target


def _alone(asked: Study, **recipe: object) -> tuple[PromptSpec, MixtureSpec]:
    """Return a prompt, and the mixture of its task alone."""
    (own,) = [spec for spec in asked.prompts() if spec.task.name == "other"]
    own = dataclasses.replace(own, recipe=dataclasses.replace(own.recipe, **recipe))
    fields = {name: getattr(own, name) for name in ("backbone", "readout", "seed", "recipe")}
    return own, MixtureSpec(tasks=(own.task,), **fields)


@pytest.mark.parametrize(
    "recipe",
    [{}, {"select": "last", "learning_rate": 3.0}, {"warmup_steps": 2, "schedule": "linear", "evaluate_every": 4}],
)
def test_a_mixture_of_one_task_is_its_own_prompt(filled: tuple[Study, Store], recipe: dict[str, object]) -> None:
    asked, store = filled
    own, alone = _alone(asked, **recipe)
    assert fill(asked, store, specs=[own, alone]).failed == ()
    expected, found = store.get(own), store.get(alone)
    np.testing.assert_allclose(found.vectors, expected.vectors, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.initial, expected.initial)
    scores = [[row["selection_score"] for row in prompt.history] for prompt in (found, expected)]
    assert scores[0] == scores[1]


def test_a_mixture_begins_in_the_middle_of_its_tasks_own_words(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    tasks = tuple(spec.task for spec in asked.prompts())
    words = {"initial": LabelWordsInitial(), "steps": 1, "evaluate_every": 1}
    _, one = _alone(asked, **words)
    mixed = dataclasses.replace(one, tasks=tasks)
    alone = [dataclasses.replace(one, tasks=(task,)) for task in tasks]
    assert fill(asked, store, specs=[mixed, *alone]).failed == ()
    middle = np.mean([store.get(spec).initial for spec in alone], axis=0)
    np.testing.assert_allclose(store.get(mixed).initial, middle, atol=1e-6)


def test_tasks_name_a_mixture_in_any_order(filled: tuple[Study, Store]) -> None:
    prompts = filled[0].prompts()
    _, one = _alone(filled[0])
    there, back = (
        dataclasses.replace(one, tasks=tuple(spec.task for spec in order)) for order in (prompts, prompts[::-1])
    )
    assert there == back
    assert there.name == "other+third+toy"
    many = dataclasses.replace(
        one, tasks=tuple(dataclasses.replace(one.tasks[0], name=f"task{i:02}") for i in range(30))
    )
    assert many.name == "task00+task01+task02+task03+task04+task05+task06+task07+22-more"


def test_blends_are_made_after_all_else_and_once(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    blends = Results(asked, store).choosing.blends()
    wanted = {key(spec) for one in blends for spec in one.specs}
    before = Results(asked, store, n_resamples=50).choosing.table("tiny")
    assert before[["average", "mixture"]].isna().all(axis=None)
    assert filling.fill(asked, store).n_made == len(wanted)
    assert filling.fill(asked, store).n_made == 0
    results = Results(asked, store, n_resamples=50)
    table = results.choosing.table("tiny").set_index(["indicator", "k"])
    for indicator, how in product(("euclidean_average", ALL), ("average", "mixture")):
        scores = [
            store.get(one.score).metrics["accuracy"]
            for one in results.choosing.blends()
            if (one.indicator, one.how) == (indicator, how)
        ]
        assert len(scores) == len(TASKS)
        assert table.loc[indicator, 2][how] == pytest.approx(np.mean(scores))
    foreign = results.transfer("tiny").values[~np.eye(3, dtype=bool)].reshape(3, 2)  # by rows: sources
    oracle = [max(results.transfer("tiny").values[i, j] for i in range(3) if i != j) for j in range(3)]
    assert table.loc["oracle", 1]["in_sample"] == pytest.approx(np.mean(oracle))
    assert table.loc["oracle", 1]["best_of_k"] <= table.loc["oracle", 1]["in_sample"]
    assert table.loc["oracle", 1]["is_cross_fitted"]
    assert table.loc[ALL, 2][["n_averaged", "n_mixed"]].tolist() == [len(TASKS)] * 2
    assert table.loc["random source", 1]["best_of_k"] == pytest.approx(foreign.mean())
    assert results.missing() == []
    (section,) = [part for part in report.build(results).sections if part.slug == "choosing"]
    assert "best average" in section.parts[0].body
    assert "best mixture" in section.parts[0].body
    mixtures = {one.mixture for one in blends if one.target == "other" and one.mixture is not None}
    assert list(Lineage(store.specs("prompt")).words(list(mixtures)).values()) == [""]
    assert {row["task"] for row in listing.rows(store, "mixture")} >= {"third+toy", "other+toy", "other+third"}
    assert "seed 0\n" in listing.describe(store, key(next(iter(mixtures))))


def test_the_command_makes_them(filled: tuple[Study, Store], capsys: pytest.CaptureFixture[str]) -> None:
    asked, store = filled
    question = commands.Question(name=f"{asked.folder}/study.toml", store=store.root)
    averages = [average.score for average in Results(asked, store).choosing.blends()]
    shutil.rmtree(store.path(averages[0]))
    commands.fill(question, ("measure",), commands.How(), as_json=True)
    assert store.has(averages[0])
    assert '"made": 1,' in capsys.readouterr().out


@pytest.mark.slow
def test_what_several_prompts_make_is_counted_where_it_is_missing(
    filled: tuple[Study, Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, store = filled
    filling.fill(asked, store)
    (lost, *_others) = [one for one in Results(asked, store).choosing.blends() if one.how == "mixture"]
    question = commands.Question(name=f"{asked.folder}/study.toml", store=store.root)
    for spec in lost.specs:
        shutil.rmtree(store.path(spec))
    results = Results(asked, store, n_resamples=50)
    assert {key(spec) for spec in results.missing()} == {key(spec) for spec in lost.specs}
    table = results.inventory().set_index("kind")
    assert table.loc["mixture"].tolist() == [3, 2, 1]
    assert table.loc["score", "missing"] == 1
    (section,) = [part for part in report.build(results).sections if part.slug == "missing"]
    assert "Missing: 1 of 3 mixture and 1 of" in section.parts[0].body
    with pytest.raises(InputError, match=rf"2 of {len(results.specs)} artifacts .*\n.*--partial"):
        commands.analyze(question, tmp_path, partial=False)
    commands.analyze(question, tmp_path, partial=True)
    capsys.readouterr()
    commands.fill(question, ("measure",), commands.How(), dry_run=True, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["missing"]["mixtures"], said["missing"]["scores"]) == (1, 1)
    assert filling.fill(asked, store).n_made == 2
    assert Results(asked, store).missing() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"indicators": ["euclidean_average"], "top_k": [3]}, "top_k has 3, and a task has 2 foreign sources"),
        ({"indicators": ["euclidean_average"], "top_k": [2], "backbones": ["nope"]}, "backbones has 'nope'"),
        ({"indicators": ["euclidean_average"], "top_k": [2], "mixtures": [3]}, "mixtures has 3, and a task has 2"),
        ({"indicators": ["task_embedding"], "top_k": [2]}, "reads the rows at early_step.*\n.*early_step"),
        ({"indicators": ["neuron_overlap_all"], "top_k": [2]}, "needs neurons, and the study reads none"),
    ],
)
def test_what_cannot_be_averaged_is_refused_before_training(
    filled: tuple[Study, Store], change: dict[str, object], said: str, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(filled[0], retrieval=Retrieval(**change))
    with pytest.raises(InputError, match=said):
        fill(wrong, Store(tmp_path / "runs"))


def test_an_unknown_indicator_is_refused_by_the_file(filled: tuple[Study, Store]) -> None:
    folder = Path(filled[0].folder)
    text = (folder / "study.toml").read_text()
    (folder / "wrong.toml").write_text(text.replace("euclidean_average", "euclidean_avrage"))
    with pytest.raises(InputError, match=r"retrieval\.indicators"):
        from_toml(folder / "wrong.toml")


def test_names_are_those_of_indicators() -> None:
    assert set(get_args(Ranks)) <= set(BY_NAME)
