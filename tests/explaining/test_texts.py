"""Tasks whose answers are texts, beside tasks with classes: every statistic rests on the scores of single examples."""

import dataclasses

import numpy as np
import pytest
from explaining.synthetic import N, SyntheticStudy, fill, make_text_task, text_study
from scipy import stats

from transferkit.artifacts import Score
from transferkit.errors import InputError
from transferkit.report import Table, build
from transferkit.report.rendering import markdown_of
from transferkit.results import Results
from transferkit.specs import ScoreSpec, TrainedPrompt
from transferkit.statistics import cell_test, compare, mcnemar, over_examples, paired_bootstrap, scores_of, wilson
from transferkit.statistics import intervals as intervals_of

ALPHA = "tiny/alpha"
TEXTS = {"asks": "f1", "seeks": "exact_match", "sums": "rougeL"}
ORDER = ["asks", "seeks", "films", "shops", "sums"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = text_study(backbones=(ALPHA,))
    return Results(study, fill(study, tmp_path_factory.mktemp("texts")), n_resamples=400)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One seed, texts only."""
    study = text_study(backbones=(ALPHA,), seeds=(0,), tasks=text_study().tasks[2:])
    return Results(study, fill(study, tmp_path_factory.mktemp("alone")), n_resamples=400)


def score(results, source, target, seed=0):
    for spec in results.study.scores():
        of = spec.source
        if isinstance(of, TrainedPrompt) and (of.task, of.seed, spec.task.name) == (source, seed, target):
            return results.store.get(spec)
    raise KeyError


# --- statistics ------------------------------------------------------------------------------------------------------
def graded(seed=0, n=300, rows=5):
    draw = np.random.default_rng(seed)
    return np.clip(draw.normal(0.5, 0.3, (rows, n)) + np.linspace(0.2, 0, rows)[:, None], 0, 1)


def test_the_score_of_graded_answers_is_their_weighted_mean():
    rows, counts = graded(), np.random.default_rng(1).integers(0, 4, (6, 300))
    expected = [[np.average(row, weights=c) for row in rows] for c in counts]
    np.testing.assert_allclose(scores_of(rows, None, counts), expected)


def test_right_or_wrong_answers_compare_as_labels_do():
    """Zeros and ones are what accuracy makes of labels: all intervals and p values must be the same."""
    draw = np.random.default_rng(0)
    gold = draw.integers(0, 3, 200)
    rows = np.array([np.where(draw.random(200) < skill, gold, (gold + 1) % 3) for skill in (0.8, 0.7, 0.5, 0.4)])
    right = (rows == gold).astype(float)
    for first, second in (((0, 1), (2, 3)), ((0,), (2,)), ((0,), (2, 3))):
        sides, labels = ([m[list(k)] for k in (first, second)] for m in (right, rows))
        for test in (compare, cell_test):
            by_label = test(*labels, gold, metric="accuracy", n_classes=3, generator=np.random.default_rng(1))
            by_value = test(*sides, None, metric="exact_match", generator=np.random.default_rng(1))
            for name in ("difference", "p"):
                assert getattr(by_value, name) == pytest.approx(getattr(by_label, name), abs=0.02)
    single = cell_test(right[0], right[2], None, generator=np.random.default_rng(1))
    assert single.p == mcnemar(right[0] == 1, right[2] == 1)
    assert single.method.startswith("McNemar")


def test_graded_answers_are_bootstrapped_in_pairs():
    rows = graded()
    found = compare(rows[:1], rows[4:], None, generator=np.random.default_rng(0), n_resamples=8000)
    plain = paired_bootstrap(rows[0], rows[4], generator=np.random.default_rng(1), n_resamples=8000)
    assert found.difference == pytest.approx(rows[0].mean() - rows[4].mean())
    assert (found.examples.low, found.examples.high) == pytest.approx((plain.low, plain.high), abs=0.005)
    tested = cell_test(rows[:1], rows[4:], None, generator=np.random.default_rng(0))
    assert "McNemar" not in tested.method
    assert tested.p < 0.05


def test_resamples_drawn_in_parts_are_those_drawn_at_once(monkeypatch):
    rows = graded()
    whole = compare(rows[:2], rows[3:], None, generator=np.random.default_rng(0), n_resamples=100)
    monkeypatch.setattr(intervals_of, "MOST_DRAWN", 7 * 300)
    assert compare(rows[:2], rows[3:], None, generator=np.random.default_rng(0), n_resamples=100) == whole


def test_sides_of_different_length_are_refused():
    for test in (compare, cell_test):
        with pytest.raises(InputError, match="300 and 299 predictions"):
            test(graded()[:1], graded()[1:, :299], None, generator=np.random.default_rng(0))


# --- results ---------------------------------------------------------------------------------------------------------
def test_transfer_is_the_mean_of_each_tasks_own_metric(results):
    matrix = results.transfer(ALPHA, baselines="with")
    assert list(matrix.targets) == ORDER
    for j, target in enumerate(ORDER):
        metric = TEXTS.get(target, "accuracy")
        for i, source in enumerate(ORDER):
            values = [score(results, source, target, seed).metrics[metric] for seed in (0, 1)]
            assert matrix.values[i, j] == pytest.approx(np.mean(values))
            assert matrix.n[i, j] == N
    majority = matrix.states[matrix.sources.index("majority")]
    assert majority.tolist() == ["not_applicable", "not_applicable", "measured", "measured", "not_applicable"]
    assert "Wilson, or t where answers are texts, over examples" in matrix.interval


def test_a_single_prompt_has_an_interval_over_examples(alone):
    matrix = alone.transfer(ALPHA)
    assert "majority" not in alone.transfer(ALPHA, baselines="with").sources
    for j, target in enumerate(matrix.targets):
        values = score(alone, "sums", target).values[TEXTS[target]]
        i = matrix.sources.index("sums")
        if target == "seeks":
            expected = wilson(int(values.sum()), N)
            assert (matrix.low[i, j], matrix.high[i, j]) == pytest.approx((expected.low, expected.high))
        else:
            low, high = stats.t.interval(0.95, N - 1, values.mean(), stats.sem(values))
            assert (matrix.low[i, j], matrix.high[i, j]) == pytest.approx((low, high))
            assert over_examples(values).method == f"t over {N} examples"


def test_a_score_without_values_has_no_interval(tmp_path):
    study = text_study(backbones=(ALPHA,), seeds=(0,), tasks=text_study().tasks[2:])
    store = fill(study, tmp_path, without=lambda spec: isinstance(spec, ScoreSpec))
    for spec in study.scores():
        store.put(spec, Score({spec.task.metric: 0.5}, None), meta={})
    found = Results(study, store, n_resamples=50)
    assert np.isnan(found.transfer(ALPHA).low).all()
    assert found.own_scores()["difference"].tolist() == [0.0, 0.0, 0.0]
    assert found.own_scores()["low"].isna().all()
    assert found.cell_tests(ALPHA).empty
    assert found.integrity().empty


def test_texts_nobody_gets_right_are_reported_as_they_are(tmp_path):
    study = text_study(backbones=(ALPHA,), tasks=text_study().tasks[2:4])
    store = fill(study, tmp_path, without=lambda spec: isinstance(spec, ScoreSpec))
    nothing = {name: np.zeros(N) for name in ("f1", "exact_match", "legal")}
    for spec in study.scores():
        store.put(spec, Score(dict.fromkeys(nothing, 0.0), None, values=nothing), meta={})
    found = Results(study, store, n_resamples=50)
    assert (found.transfer(ALPHA).values == 0).all()
    assert (found.relative(ALPHA).states == "not_applicable").all()
    assert (found.chance_corrected(ALPHA).states == "not_applicable").all()
    own = found.own_scores()
    assert own[["difference", "low", "high", "legal"]].to_numpy().tolist() == [[0.0] * 4] * 2
    cells = found.cell_tests(ALPHA)
    assert (cells.loc[~cells["is_own"], ["p_random", "p_own"]] == 1).all(axis=None)
    for part in build(found).parts():
        if hasattr(part, "draw"):
            part.draw()


def test_chance_and_majority_are_not_for_texts(results):
    table = results.baselines(ALPHA).set_index("task")
    assert table.loc[list(TEXTS), ["chance", "majority"]].isna().all(axis=None)
    assert table.loc[["films", "shops"], ["chance", "majority"]].notna().all(axis=None)
    assert table["random prompt"].notna().all()
    tasks = results.task_table().set_index("task")
    assert tasks.loc[list(TEXTS), ["classes", "chance", "largest_class"]].isna().all(axis=None)
    assert tasks.loc["films", "classes"] == 2
    assert (tasks["n"] == N).all()


def test_own_scores_gain_over_the_best_baseline_there_is(results):
    table = results.own_scores(ALPHA).set_index("task")
    for task, metric in TEXTS.items():
        row = table.loc[task]
        assert row["metric"] == metric
        assert row["best_baseline"] in ("no prompt", "random prompt")
        assert row["difference"] == pytest.approx(row["score"] - max(row["no prompt"], row["random prompt"]))
        assert row["low"] < row["difference"] < row["high"]
        assert f"{N} examples" in row["interval"] or "seeds" in row["interval"]
        legal = [score(results, task, task, seed).metrics["legal"] for seed in (0, 1)]
        assert row["legal"] == pytest.approx(np.mean(legal))
    assert table.loc["films", "legal"] == 0.75
    assert table["difference"].notna().all()


def test_chance_corrected_scores_need_no_chance(results):
    matrix = results.chance_corrected(ALPHA)
    assert matrix.is_measured.all()
    np.testing.assert_allclose(matrix.diagonal(), 1.0)


def test_single_cells_are_judged(results):
    cells = results.cell_tests(ALPHA)
    assert len(cells) == len(ORDER) ** 2
    foreign = cells[~cells["is_own"]]
    assert foreign["p_random"].notna().all()
    assert set(foreign["verdict"]) <= {"transfers", "neutral", "harms"}


def test_everything_downstream_takes_texts(results):
    assert results.predictors(ALPHA)["rho"].notna().any()
    assert results.regrets(ALPHA)["regret"].notna().any()
    assert len(results.prompt_scores(results.prompt_specs()[0])) == len(ORDER)


def test_scores_that_do_not_follow_from_their_examples_are_found(tmp_path):
    study = text_study(backbones=(ALPHA,), seeds=(0,), tasks=(make_text_task("asks", "qa"),))
    store = fill(study, tmp_path)
    assert Results(study, store).integrity().empty
    specs = study.scores()
    good = store.get(specs[0])
    store.put(specs[0], dataclasses.replace(good, metrics={**good.metrics, "f1": 0.9}), meta={}, overwrite="always")
    short = {name: values[:7] for name, values in good.values.items()}
    store.put(specs[1], dataclasses.replace(good, values=short), meta={}, overwrite="always")
    problems = Results(study, store).integrity()["problem"].tolist()
    assert problems == [
        f"f1 0.9000 kept, {good.values['f1'].mean():.4f} from predictions",
        f"7 predictions for {N} examples",
    ]


# --- report ----------------------------------------------------------------------------------------------------------
def tables(report):
    return {part.name: part for part in report.parts() if isinstance(part, Table)}


def test_a_report_shows_legal_outputs_and_no_chance_of_texts(results):
    found = tables(build(results))
    own = markdown_of(found["own-scores-tiny-alpha"]).splitlines()
    head = [cell.strip() for cell in own[0].split("|")]
    asks = next(line for line in own if line.startswith("| asks "))
    assert "legal outputs, %" in head
    assert asks.split("|")[head.index("majority, %")].strip() == "–"
    legal = np.mean([score(results, "asks", "asks", seed).metrics["legal"] for seed in (0, 1)])
    assert asks.split("|")[head.index("legal outputs, %")].strip() == f"{100 * legal:.1f}"
    tasks = markdown_of(found["tasks"])
    assert "| asks | qa | – | f1 | 120 | – | – |" in tasks
    terms = markdown_of(found["terms"])
    assert all(word in terms for word in ("legal outputs", "rougeL", "exact match"))


def test_a_report_of_texts_alone_has_no_majority(alone):
    report = build(alone)
    own = tables(report)["own-scores-tiny-alpha"]
    assert "majority" not in own.columns
    assert "legal" in own.columns
    said = " ".join(getattr(part, "body", "") for part in report.parts())
    assert "computed again from those of the single answers" in said
    for part in report.parts():
        if hasattr(part, "draw"):
            part.draw()


def test_a_report_of_classes_says_nothing_of_texts(tmp_path):
    study = SyntheticStudy(backbones=(ALPHA,), seeds=(0,), tasks=SyntheticStudy().tasks[:2])
    found = tables(build(Results(study, fill(study, tmp_path), n_resamples=50)))
    assert "legal" not in found["own-scores-tiny-alpha"].columns
    assert "rouge" not in markdown_of(found["terms"])
