"""One prompt made of the sources an indicator ranks highest: which they are shows once there are prompts."""

import dataclasses
import shutil
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from executors.saved import save_tiny, write_study

from transferkit import commands, filling, report
from transferkit.errors import InputError
from transferkit.indicators import BY_NAME
from transferkit.lineage import Lineage
from transferkit.results import Results
from transferkit.results.blends import ALL
from transferkit.run import fill
from transferkit.specs import MixedPrompt, ProjectedSpec, ProjectorSpec, key
from transferkit.store import Store
from transferkit.study import Retrieval, Study, from_toml
from transferkit.study.mixture import mixture
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
        fitted, prompt = one.made_by
        assert isinstance(fitted, ProjectorSpec)
        assert isinstance(prompt, ProjectedSpec)
        assert {lesson.task.name for lesson in fitted.lessons} == set(TASKS) - {one.target}
        assert fitted.recipe is not None
        assert fitted.recipe.steps == asked.recipe.steps
        assert one.score.source == prompt.source
        assert one.score.task.name == one.target


def test_a_mixture_of_one_task_is_its_own_prompt(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    (own,) = [spec for spec in asked.prompts() if spec.task.name == "other"]
    made = mixture([own])
    assert fill(asked, store, specs=made).failed == ()
    np.testing.assert_allclose(store.get(made[1]).vectors, store.get(own).vectors, rtol=1e-5, atol=1e-6)


def test_the_order_of_sources_does_not_name_a_mixture(filled: tuple[Study, Store]) -> None:
    prompts = filled[0].prompts()
    assert mixture(prompts) == mixture(prompts[::-1])


def test_blends_are_made_after_all_else_and_once(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    blends = Results(asked, store).choosing.blends()
    wanted = {key(spec) for one in blends for spec in (*one.made_by, one.score)}
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
    words = Lineage([*store.specs("prompt"), *store.specs("projector")]).words([one.made_by[1] for one in blends[1:2]])
    assert list(words.values()) == ["third + toy"]


def test_the_command_makes_them(filled: tuple[Study, Store], capsys: pytest.CaptureFixture[str]) -> None:
    asked, store = filled
    question = commands.Question(name=f"{asked.folder}/study.toml", store=store.root)
    averages = [average.score for average in Results(asked, store).choosing.blends()]
    shutil.rmtree(store.path(averages[0]))
    commands.fill(question, ("measure",), commands.How(), as_json=True)
    assert store.has(averages[0])
    assert '"made": 1,' in capsys.readouterr().out


def test_fill_makes_them_too_and_missing_counts_them(filled: tuple[Study, Store], tmp_path: Path) -> None:
    asked, store = filled
    averages = [average.score for average in Results(asked, store).choosing.blends()]
    shutil.rmtree(store.path(averages[0]))
    assert Results(asked, store).missing() == [averages[0]]
    assert filling.fill(asked, store).n_made == 1
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
