"""Averages of the sources an indicator ranks highest: which they are shows once there are prompts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from executors.saved import save_tiny, write_study

from transferkit import commands, report
from transferkit.errors import InputError
from transferkit.indicators import BY_NAME
from transferkit.results import Results
from transferkit.results.choosing import ALL
from transferkit.run import fill
from transferkit.specs import MixedPrompt, key
from transferkit.store import Store
from transferkit.study import Study, from_toml

HEAD = 'neurons = false\nnearest_words = 0\nretrieval = { indicators = ["euclidean_average"], top_k = [2] }'
TASKS = ("toy", "other", "third")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Store]:
    """A filled store, its averages not yet measured."""
    folder = tmp_path_factory.mktemp("retrieval")
    asked = from_toml(write_study(folder, save_tiny(folder / "tiny"), head=HEAD, tasks=TASKS))
    store = Store(folder / "runs")
    assert fill(asked, store).failed == ()
    return asked, store


def test_averages_are_of_the_best_sources_by_what_is_said_of_them(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    results = Results(asked, store, n_resamples=50)
    averages = results.choosing.averages()
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


def test_scores_of_averages_are_made_after_all_else_and_once(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    wanted = [average.score for average in Results(asked, store).choosing.averages()]
    assert Results(asked, store, n_resamples=50).choosing.table("tiny")["average"].isna().all()
    assert fill(asked, store, specs=wanted).n_made == len({key(spec) for spec in wanted})
    assert fill(asked, store, specs=wanted).n_made == 0
    results = Results(asked, store, n_resamples=50)
    table = results.choosing.table("tiny").set_index(["indicator", "k"])
    for indicator, k in (("euclidean_average", 2), (ALL, 2)):
        scores = [
            store.get(one.score).metrics["accuracy"]
            for one in results.choosing.averages()
            if one.indicator == indicator
        ]
        assert table.loc[indicator, k]["average"] == pytest.approx(np.mean(scores))
    foreign = results.transfer("tiny").values[~np.eye(3, dtype=bool)].reshape(3, 2)  # by rows: sources
    oracle = [max(results.transfer("tiny").values[i, j] for i in range(3) if i != j) for j in range(3)]
    assert table.loc["oracle", 1]["best_of_k"] == pytest.approx(np.mean(oracle))
    assert table.loc["random source", 1]["best_of_k"] == pytest.approx(foreign.mean())
    assert results.missing() == []
    (section,) = [part for part in report.build(results).sections if part.slug == "choosing"]
    assert "best average" in section.parts[0].body


def test_the_command_makes_them(filled: tuple[Study, Store], capsys: pytest.CaptureFixture[str]) -> None:
    asked, store = filled
    question = commands.Question(name=f"{asked.folder}/study.toml", store=store.root)
    averages = [average.score for average in Results(asked, store).choosing.averages()]
    shutil.rmtree(store.path(averages[0]))
    commands.fill(question, ("measure",), commands.How(), as_json=True)
    assert store.has(averages[0])
    assert '"made": 1,' in capsys.readouterr().out


def test_an_unknown_indicator_is_refused_with_the_nearest(filled: tuple[Study, Store]) -> None:
    asked, store = filled
    folder = Path(asked.folder)
    (folder / "wrong.toml").write_text(
        (folder / "study.toml").read_text().replace("euclidean_average", "euclidean_avrage")
    )
    with pytest.raises(InputError, match=r"unknown indicator 'euclidean_avrage'.*\n.*euclidean_average"):
        Results(from_toml(folder / "wrong.toml"), store).choosing.averages()
