"""Prompts brought to another backbone: every table against numbers chosen by hand and loops written out."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from explaining.crossed import (
    HITS,
    KINDS,
    TASKS,
    CrossedStudy,
    fill_crossed,
    gold_of,
    hits_of,
    predicted,
    rows_of,
)
from explaining.synthetic import f1

from transferkit.errors import InputError
from transferkit.results import Results
from transferkit.results.projections import DIVERSITY, SHOOT_OUT

ALPHA, BETA = "tiny/alpha", "tiny/beta"
SEEDS = (0, 1, 2)
PROJECTORS = ["linear", "flat_tasks", "rows_distance"]


def results_of(path, *, hits=hits_of, without=lambda spec, way: False, n_resamples=200, **fields):
    study = CrossedStudy(**fields)
    return Results(study, fill_crossed(study, path, hits=hits, without=without), n_resamples=n_resamples)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return results_of(tmp_path_factory.mktemp("crossed"))


@pytest.fixture(scope="module")
def shot(results):
    return results.projections.shoot_out().set_index(["method", "part"])


def score(method, task, seed):
    said, gold = predicted(method, task, seed), gold_of(task)
    return f1(said, gold) if task == "entails" else float((said == gold).mean())


def mean_score(method, task):
    seeds = (0,) if method in ("no prompt", "majority") else SEEDS
    return np.mean([score(method, task, seed) for seed in seeds])


def test_scores_are_means_over_seeds_and_say_which_tasks_were_held_out(results):
    table = results.projections.scores()
    assert len(table) == len(HITS) * len(TASKS)
    for row in table.itertuples():
        assert row.score == pytest.approx(mean_score(row.method, row.task))
        assert (row.source, row.target, row.n) == (ALPHA, BETA, 100)
        assert row.part == ("held out" if row.task == "entails" else "seen")
        assert row.group == ("inference" if row.task == "entails" else "sentiment")
        assert row.is_yardstick == (row.method not in PROJECTORS)
        if row.task != "entails" or row.n_seeds > 1:  # one macro F1 has no interval
            assert row.low < row.score < row.high
        assert len(row.keys.split()) == row.n_seeds == (1 if row.method in ("no prompt", "majority") else 3)


def test_projectors_come_first_and_tasks_that_were_seen_before_others(results):
    table = results.projections.shoot_out()
    assert list(dict.fromkeys(table["part"])) == ["seen", "held out"]
    for _, rows in table.groupby("part"):
        assert list(rows["method"]) == list(HITS)  # named in this order
    assert set(table.loc[~table["is_yardstick"], "method"]) == set(PROJECTORS)


def test_means_over_tasks_with_the_least_and_the_largest(shot):
    for part, tasks in (("seen", TASKS[:2]), ("held out", TASKS[2:])):
        for method in HITS:
            row, each = shot.loc[method, part], [mean_score(method, task) for task in tasks]
            assert row["score"] == pytest.approx(np.mean(each))
            assert (row["least"], row["largest"]) == pytest.approx((min(each), max(each)))
            assert row["n_tasks"] == len(tasks)


def test_gains_are_over_each_constant_prompt(shot):
    for (method, part), row in shot.iterrows():
        tasks = TASKS[:2] if part == "seen" else TASKS[2:]
        for constant in ("constant_distance", "constant_tasks"):
            if method in (constant, "random prompt"):
                assert row[[f"{what}_{constant}" for what in ("gain", "low", "high")]].isna().all()
                continue
            gain = np.mean([mean_score(method, task) - mean_score(constant, task) for task in tasks])
            assert row[f"gain_{constant}"] == pytest.approx(gain, abs=0.02 if method in ("majority",) else 1e-9)
            assert row[f"low_{constant}"] <= row[f"gain_{constant}"] <= row[f"high_{constant}"]


def test_beating_one_constant_prompt_is_not_enough(shot):
    row = shot.loc["linear", "seen"]
    assert row["low_constant_distance"] > 0 > row["high_constant_tasks"]
    assert row["beats_constant"] is False
    assert shot.loc["flat_tasks", "held out"]["beats_constant"] is True
    same = shot.loc["rows_distance", "seen"]
    assert tuple(same[["gain_constant_distance", "low_constant_distance", "high_constant_distance"]]) == (0, 0, 0)
    assert same["beats_constant"] is False
    for constant in ("constant_distance", "constant_tasks"):
        assert shot.loc[constant, "seen"]["beats_constant"] is None


def test_what_a_way_takes(shot):
    rows = shot.xs("seen", level="part")
    assert dict(rows["needs"]) == {
        "linear": "shared words",
        "flat_tasks": "labels of 2 tasks",
        "rows_distance": "prompts of 2 tasks on both",
        "constant_distance": "prompts of 2 tasks on the target",
        "constant_tasks": "labels of 2 tasks",
        "rows_random": "nothing",
        "norms": "nothing",
        "no prompt": "nothing",
        "random prompt": "nothing",
        "majority": "labels of each task",
        "retrained": "labels of each task",
        "own prompt": "labels of each task",
    }
    costs = ["parameters", "cpu_seconds", "cpu_seconds_each", "gflop"]
    assert list(rows.loc["flat_tasks", costs]) == [1200, 3.0, 0.25, 640.0]  # seconds: 2, 3 and 4
    assert list(rows.loc["linear", costs]) == [1200, 2.0, 0.25, 640.0]
    own = rows.loc["own prompt", costs]
    (crossing,) = CrossedStudy().crossings
    recipe = crossing.own[0].recipe
    assert own["gflop"] == pytest.approx(0.5 * recipe.steps * recipe.batch_size * 3)
    assert (own["parameters"], own["cpu_seconds_each"]) == (1200, 11.0)
    assert np.isnan(own["cpu_seconds"])
    assert rows.loc["retrained", "gflop"] == pytest.approx(0.5 * 40 * recipe.batch_size * 3)
    assert rows.loc[["no prompt", "majority", "random prompt"], costs].isna().all(axis=None)


def test_what_a_way_needs_is_counted_apart_from_its_own_cost(shot):
    """The target's own prompts of the two seen tasks, each trained in full: 10, 11 and 12 CPU-seconds by seed."""
    rows = shot.xs("seen", level="part")
    recipe = CrossedStudy().crossings[0].own[0].recipe
    needed = ["rows_distance", "constant_distance"]
    for name in needed:
        assert rows.loc[name, "cpu_seconds_needed"] == pytest.approx(2 * 11.0)
        assert rows.loc[name, "gflop_needed"] == pytest.approx(2 * 0.5 * recipe.steps * recipe.batch_size)
        assert rows.loc[name, "cpu_seconds"] == 3.0
    assert rows.drop(index=needed)[["cpu_seconds_needed", "gflop_needed"]].isna().all(axis=None)


def test_diversity_is_a_double_loop_and_finds_a_projector_that_has_collapsed(results):
    table = results.projections.diversity().set_index("method")

    def by_hand(method):
        cosines, differences = [], []
        for seed in SEEDS:
            for i, one in enumerate(TASKS):
                for other in TASKS[i + 1 :]:
                    a, b = (rows_of(method, task, seed).ravel().astype(float) for task in (one, other))
                    cosines.append(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))
                    differences.append(np.sqrt((a - b) @ (a - b)) / ((np.sqrt(a @ a) + np.sqrt(b @ b)) / 2))
        return np.mean(cosines), np.mean(differences)

    assert list(table.index) == list(KINDS)
    for method, row in table.iterrows():
        assert (row["cosine"], row["difference"]) == pytest.approx(by_hand(method))
        assert (row["source_cosine"], row["source_difference"]) == pytest.approx(by_hand("source"))
        assert row["n_pairs"] == 9
        assert row["is_constant"] == (method in ("rows_distance", "constant_distance", "constant_tasks"))
    assert table.loc["rows_distance", "difference"] == 0
    assert list(table["collapsed"]) == ["no", "no", "yes", "yes", "yes", "no", "no"]
    assert table.loc["flat_tasks", "kept"] == pytest.approx(by_hand("flat_tasks")[1] / by_hand("source")[1])
    assert table.loc["rows_distance", "untrained_difference"] == table.loc["rows_random", "difference"]
    assert table.loc["rows_distance", "kept_of_untrained"] == 0
    assert table.drop(index="rows_distance")["kept_of_untrained"].isna().all()


def test_matrix_has_seen_tasks_first_and_yardsticks_below(results):
    matrix = results.projections.matrix(ALPHA, BETA)
    assert matrix.sources == tuple(name.replace("_", " ") for name in HITS)
    assert matrix.source_groups == ("projectors",) * 3 + ("yardsticks",) * 9
    assert matrix.targets == TASKS
    assert matrix.target_groups == ("seen", "seen", "held out")
    assert matrix.values == pytest.approx(np.array([[mean_score(m, task) for task in TASKS] for m in HITS]))
    assert (matrix.low[:7] < matrix.values[:7]).all()
    assert (matrix.n == 100).all()
    with pytest.raises(InputError, match="no prompts are brought from 'tiny/beta' to 'tiny/alpha'"):
        results.projections.matrix(BETA, ALPHA)


def test_tasks_that_were_seen_come_first_wherever_the_study_has_them(tmp_path):
    found = results_of(tmp_path, asked=({"train_on": TASKS[2:], "kinds": ("constant_distance",)},), seeds=(0,))
    matrix = found.projections.matrix(ALPHA, BETA)
    assert matrix.targets == ("entails", "films", "shops")
    assert matrix.target_groups == ("seen", "held out", "held out")


def test_pair_matrix_shows_a_kind_of_projector_beside_own_prompts_once(tmp_path):
    asked = (
        {"kinds": ("linear", "norms")},
        {"kinds": ("linear",), "target": "tiny/gamma"},
        {"kinds": ("norms",), "target": "tiny/gamma", "train_on": ()},
    )
    found = results_of(tmp_path, backbones=(ALPHA, BETA, "tiny/gamma"), asked=asked, seeds=(0,)).projections
    assert found.pairs == ((ALPHA, BETA), (ALPHA, "tiny/gamma"), (ALPHA, "tiny/gamma (2)"))
    matrix = found.pair_matrix("linear")
    assert matrix.sources == (  # the last projection has none of this kind
        f"{ALPHA} → {BETA}",
        f"{BETA} → {BETA}",
        f"{ALPHA} → tiny/gamma",
        "tiny/gamma → tiny/gamma",
    )
    assert matrix.targets == TASKS
    for i, method in enumerate(("linear", "own prompt") * 2):
        assert matrix.values[i] == pytest.approx([score(method, task, 0) for task in TASKS])
    assert len(found.matrix(ALPHA, "tiny/gamma (2)").sources) == 6
    assert set(found.shoot_out()["target"]) == {BETA, "tiny/gamma", "tiny/gamma (2)"}
    with pytest.raises(InputError, match=r"no projection has a projector 'lineal'\n.* did you mean 'linear'"):
        found.pair_matrix("lineal")


def test_where_scores_are_missing_a_way_has_no_row_and_nothing_crashes(tmp_path):
    def without(spec, way):
        if spec.kind == "score":
            return (way, spec.task.name) in {("flat_tasks", "films"), ("constant_tasks", "entails")}
        return spec.kind == "projected" and way == "norms"

    found = results_of(tmp_path, without=without).projections
    rows = found.shoot_out().set_index(["method", "part"])
    assert ("flat_tasks", "seen") not in rows.index
    assert ("constant_tasks", "held out") not in rows.index
    assert np.isnan(rows.loc[("flat_tasks", "held out"), "gain_constant_tasks"])
    assert rows.loc[("flat_tasks", "held out"), "low_constant_distance"] > 0
    assert rows.loc[("flat_tasks", "held out"), "beats_constant"] is None  # it might not beat the other
    assert rows.loc[("rows_distance", "held out"), "beats_constant"] is False  # whatever the other is
    assert rows.loc[("linear", "seen"), "beats_constant"] is False
    scores = found.scores().set_index(["method", "task"])
    assert np.isnan(scores.loc[("flat_tasks", "films"), "score"])
    assert scores.loc[("flat_tasks", "films"), "keys"] == ""
    assert "norms" not in set(found.diversity()["method"])
    assert found.matrix(ALPHA, BETA).count("missing") == 2


def test_an_empty_store_gives_empty_tables(tmp_path):
    found = results_of(tmp_path, without=lambda spec, way: True).projections
    assert list(found.shoot_out().columns)[: len(SHOOT_OUT)] == list(SHOOT_OUT)
    assert found.shoot_out().empty
    assert found.diversity().empty
    assert list(found.diversity().columns) == list(DIVERSITY)
    assert found.scores()["score"].isna().all()
    assert found.matrix(ALPHA, BETA).count("missing") == len(HITS) * len(TASKS)
    assert found.pair_matrix("linear").count("missing") == 2 * len(TASKS)


def test_without_tasks_to_learn_from_all_tasks_are_alike_and_there_is_no_verdict(tmp_path):
    asked = ({"train_on": (), "kinds": ("linear", "rows_random")},)
    rows = results_of(tmp_path, asked=asked).projections.shoot_out()
    assert set(rows["part"]) == {"all tasks"}
    assert set(rows["n_tasks"]) == {3}
    assert all(verdict is None for verdict in rows["beats_constant"])
    assert rows["gain_constant_distance"].isna().all()
    expected = np.mean([mean_score("linear", task) for task in TASKS])
    assert rows.set_index("method").loc["linear", "score"] == pytest.approx(expected)


def test_the_only_task_of_teaching_has_no_verdict_for_constant_prompts_are_its_own(tmp_path):
    rows = results_of(tmp_path, asked=({"train_on": TASKS[:1]},)).projections.shoot_out().set_index(["method", "part"])
    assert set(rows["n_taught"]) == {1}
    assert all(verdict is None for verdict in rows.xs("seen", level="part")["beats_constant"])
    assert rows.loc[("flat_tasks", "seen"), "low_constant_distance"] > 0  # the number is there
    assert rows.loc[("flat_tasks", "held out"), "beats_constant"] is True


def test_one_seed_has_intervals_over_examples(tmp_path):
    found = results_of(tmp_path, seeds=(0,), asked=({"kinds": KINDS[:5]},)).projections
    row = found.shoot_out().set_index(["method", "part"]).loc["flat_tasks", "held out"]
    assert row["n_seeds"] == 1
    assert row["score"] == pytest.approx(score("flat_tasks", "entails", 0))
    assert 0 < row["low_constant_tasks"] < row["gain_constant_tasks"] < row["high_constant_tasks"]
    assert row["beats_constant"] is True
    scores = found.scores().set_index(["method", "task"]).loc[("linear", "films")]
    assert scores["low"] < scores["score"] < scores["high"]  # Wilson
    assert found.diversity()["n_pairs"].eq(3).all()


def test_a_way_that_does_not_serve_every_task_of_a_part_has_no_mean_over_others(tmp_path):
    """As the majority of tasks with classes, where another's answers are texts."""
    full = CrossedStudy(seeds=(0,), asked=({"kinds": ("linear",), "train_on": ()},))
    (crossing,) = full.crossings
    scores = tuple(s for s in crossing.scores if not (s.source.kind == "majority" and s.task.name == "films"))
    full.__dict__["crossings"] = (dataclasses.replace(crossing, scores=scores),)
    found = Results(full, fill_crossed(full, tmp_path), n_resamples=50).projections
    assert "majority" not in set(found.shoot_out()["method"])
    assert "no prompt" in set(found.shoot_out()["method"])
    assert found.matrix(ALPHA, BETA).count("not_applicable") == 1


def test_tables_are_the_readers_own(results):
    first = results.projections.shoot_out()
    first["score"] = 0.0
    assert results.projections.shoot_out()["score"].min() > 0
    pd.testing.assert_frame_equal(
        results.projections.shoot_out(), Results(results.study, results.store, n_resamples=200).projections.shoot_out()
    )
