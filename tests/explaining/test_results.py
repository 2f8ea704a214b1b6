import subprocess
import sys

import numpy as np
import pytest
from explaining.synthetic import N, SyntheticStudy, fill
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from transferkit.artifacts import Score
from transferkit.errors import InputError
from transferkit.indicators import INDICATORS, CosineAverage, CosineConcat, NeuronOverlap, find
from transferkit.matrices import same_group
from transferkit.results import Results
from transferkit.specs import Majority, NeuronsSpec, RandomPrompt, ScoreSpec, TrainedPrompt, key
from transferkit.statistics import partial_agreement
from transferkit.tasks.base import Task

ORDER = ("entails", "follows", "films", "shops")
ALPHA = "tiny/alpha"


def scores_of(results, wanted):
    return [results.store.get(spec) for spec in results.study.scores() if wanted(spec)]


def test_what_the_study_is_about(results):
    assert results.backbones == (ALPHA, "tiny/beta")
    assert results.tasks == ORDER
    assert results.seeds == (0, 1)
    assert results.missing() == []
    assert results.inventory()["there"].tolist() == [4, 16, 168, 22, 16]
    assert len(results.keys) == 226


def test_transfer_is_the_mean_of_the_stored_metric_over_seeds(results):
    matrix = results.transfer(ALPHA)
    assert (matrix.sources, matrix.source_groups) == (ORDER, ("inference", "inference", "sentiment", "sentiment"))
    for i, source in enumerate(ORDER):
        for j, target in enumerate(ORDER):
            found = scores_of(
                results,
                lambda s, source=source, target=target: (
                    isinstance(s.source, TrainedPrompt)
                    and (s.source.task, s.source.backbone, s.task.name) == (source, ALPHA, target)
                    and s.backbone.name == ALPHA
                ),
            )
            assert len(found) == 2
            metric = "macro_f1" if target == "follows" else "accuracy"
            assert matrix.values[i, j] == pytest.approx(np.mean([score.metrics[metric] for score in found]))
            low, high = np.clip(stats.t.interval(0.95, 1, *_mean_and_error(found, metric)), 0, 1)
            if low < high:
                assert (matrix.low[i, j], matrix.high[i, j]) == pytest.approx((low, high))
            assert matrix.n[i, j] == N
    assert len(matrix.keys) == 32


def _mean_and_error(found, metric):
    values = [score.metrics[metric] for score in found]
    return np.mean(values), max(stats.sem(values), 1e-300)


def test_baselines_are_rows_below_the_prompts(results):
    matrix = results.transfer(ALPHA, baselines="with")
    assert matrix.sources[4:] == ("no prompt", "majority", "random prompt")
    table = results.baselines(ALPHA).set_index("task")
    draws = scores_of(
        results,
        lambda s: isinstance(s.source, RandomPrompt) and (s.backbone.name, s.task.name) == (ALPHA, "films"),
    )
    mean = np.mean([score.metrics["accuracy"] for score in draws])
    assert matrix.values[6, 2] == pytest.approx(mean)
    assert table.loc["films", "random prompt"] == pytest.approx(mean)
    assert table.loc["films", "random draws"] == 3
    assert table.loc["films", "chance"] == 0.5
    np.testing.assert_allclose(results.random(ALPHA), matrix.values[6])


def test_cross_model_holds_every_backbone_and_the_diagonal_blocks_are_transfer(results):
    matrix = results.cross_model()
    assert matrix.sources[4] == "tiny/beta · entails"
    np.testing.assert_allclose(matrix.values[:4, :4], results.transfer(ALPHA).values)
    np.testing.assert_allclose(matrix.values[:4, 4:], results.transfer("tiny/beta", ALPHA).values)


def test_pairs_nobody_asked_for_are_not_applicable(tmp_path):
    study = SyntheticStudy(tasks=SyntheticStudy().tasks[:2], across=False, seeds=(0,))
    matrix = Results(study, fill(study, tmp_path)).cross_model()
    assert (matrix.states[:2, 2:] == "not_applicable").all()
    assert (matrix.states[:2, :2] == "measured").all()
    assert matrix.interval == "95 %: Wilson over examples; t over random draws"


def test_own_scores(results):
    table = results.own_scores().set_index(["backbone", "task"])
    assert len(table) == 8
    for (backbone, task), row in table.iterrows():
        transfer = results.transfer(backbone)
        assert row["score"] == pytest.approx(transfer.diagonal()[ORDER.index(task)])
        assert row["best_baseline_score"] == max(row["no prompt"], row["majority"], row["random prompt"])
        assert row["difference"] == pytest.approx(row["score"] - row["best_baseline_score"])
        assert row["low"] < row["difference"] < row["high"]
        assert row["excludes_zero"] == (row["low"] > 0 or row["high"] < 0)
        assert row["n"] == N
    again = Results(results.study, results.store, n_resamples=400).own_scores()
    assert again["low"].tolist() == results.own_scores()["low"].tolist()


def test_a_missing_spec_makes_missing_cells_and_no_difference(tmp_path):
    study = SyntheticStudy(backbones=(ALPHA,))

    def is_gone(spec):
        if not isinstance(spec, ScoreSpec) or spec.backbone.name != ALPHA:
            return False
        is_one_seed = isinstance(spec.source, TrainedPrompt) and (spec.source.task, spec.source.seed) == ("films", 1)
        is_one_draw = isinstance(spec.source, RandomPrompt) and spec.source.seed == 1001 and spec.task.name == "shops"
        return (is_one_seed and spec.source.backbone == ALPHA) or is_one_draw

    results = Results(study, fill(study, tmp_path, without=is_gone), n_resamples=50)
    assert len(results.missing()) == 5
    matrix = results.transfer(ALPHA)
    assert (matrix.states[2] == "missing").all()
    assert matrix.count("missing") == 4
    own = results.own_scores(ALPHA).set_index("task")
    assert np.isnan(own.loc["films", "difference"])
    assert np.isnan(own.loc["shops", "difference"])
    assert own.loc["entails", "difference"] > 0
    assert results.chance_corrected(ALPHA).count("missing") == 10


def test_indicator_is_the_mean_over_pairs_of_seeds(results):
    matrix = results.indicator(CosineConcat(), ALPHA)
    prompts = {(s.task.name, s.seed): results.store.get(s) for s in results.study.prompts() if s.backbone.name == ALPHA}
    pairs = [[CosineConcat()([prompts["films", a]], [prompts["shops", b]])[0, 0] for b in (0, 1)] for a in (0, 1)]
    assert matrix.values[2, 3] == pytest.approx(np.mean(pairs))
    same = results.indicator(CosineConcat(), ALPHA, seed_pairs="same").values[2, 3]
    other = results.indicator(CosineConcat(), ALPHA, seed_pairs="other").values[2, 3]
    assert same == pytest.approx((pairs[0][0] + pairs[1][1]) / 2)
    assert other == pytest.approx((pairs[0][1] + pairs[1][0]) / 2)
    ceiling = CosineConcat()([prompts["films", 0]], [prompts["films", 1]])[0, 0]
    assert matrix.values[2, 2] == pytest.approx(ceiling)


def test_one_seed_compares_a_prompt_with_itself(tmp_path):
    study = SyntheticStudy(backbones=(ALPHA,), seeds=(0,))
    results = Results(study, fill(study, tmp_path))
    np.testing.assert_allclose(np.diag(results.indicator(CosineConcat()).values), 1.0)


def test_overlap_by_block_and_in_all_blocks(results):
    by_block = results.overlap_by_block(ALPHA)
    assert sorted(by_block["block"].unique()) == list(range(6))
    assert by_block[by_block["block"] == 0]["n_pairs"].tolist() == [4, 8, 16, 3]
    table = results.overlap_table(ALPHA).set_index(["blocks", "relation"])
    matrix = results.indicator(NeuronOverlap(), ALPHA)
    assert table.loc[("all", "other group"), "mean"] == pytest.approx(matrix.values[:2, 2:].mean())
    assert table.loc[("all", "same task, other seed"), "mean"] == pytest.approx(np.diag(matrix.values).mean())
    assert (table["chance"] < table["mean"]).all()


def test_prompt_points_show_where_prompts_began(results):
    points, explained = results.prompt_points(ALPHA)
    assert points["is_initial"].tolist() == [False] * 8 + [True] * 2
    assert 0 < explained.sum() <= 1


def test_agreements_have_their_baselines(results):
    table = results.agreements(ALPHA)
    assert set(table["indicator"]) >= {"cosine_concat", "neuron_overlap_top", "norm_proxy", "same_group"}
    assert len(table) == 3 * len(results.candidates(ALPHA)) * 3 * 2
    per_target = table[(table["grouping"] == "per_target") & (table["diagonal"] == "without")]
    raw, corrected = (per_target[per_target["form"] == f].set_index("indicator") for f in ("raw", "chance_corrected"))
    np.testing.assert_allclose(raw["rho"], corrected["rho"])  # a column's ranks do not change
    assert table["p"].notna().sum() > 0.8 * len(table)


def test_training_health_and_curves(results):
    health = results.training_health()
    assert len(health) == 16
    raised = health[health["alarms"] != ""]
    assert set(raised["task"]) == {"entails"}
    assert health["best_step"].tolist() == [140, 160] * 8  # the first of the highest scores; the start is never chosen
    curves = results.curves(ALPHA)
    assert len(curves) == 8 * 11
    assert list(curves.columns[:5]) == ["backbone", "task", "group", "seed", "step"]


def test_texts_two_tasks_share_are_found(results):
    (row,) = results.leakage().to_dict("records")
    assert (row["task"], row["other"], row["shared"]) == ("films", "shops", 3)


def test_scores_are_checked_against_their_predictions(results, tmp_path):
    assert results.integrity().empty
    study = SyntheticStudy(backbones=(ALPHA,), seeds=(0,))
    store = fill(study, tmp_path, without=lambda s: isinstance(s, ScoreSpec) and isinstance(s.source, Majority))
    wrong = [s for s in study.scores() if isinstance(s.source, Majority)]
    store.put(wrong[0], Score({"accuracy": 0.9, "macro_f1": 0.9}, np.zeros(N, dtype=int)))
    store.put(wrong[1], Score({"accuracy": 0.9, "macro_f1": 0.9}, np.zeros(5, dtype=int)))
    assert len(Results(study, store).integrity()) == 2


def test_stored_metrics_are_scikit_learns(results):
    gold = {spec.task.name: results.store.get(spec).gold for spec in results.study.examples()}
    for spec in results.study.scores()[:20]:
        score = results.store.get(spec)
        assert score.metrics["accuracy"] == accuracy_score(gold[spec.task.name], score.predicted)
        assert score.metrics["macro_f1"] == f1_score(gold[spec.task.name], score.predicted, average="macro")


def test_provenance_counts_artifacts_and_forgets_times(results):
    table = results.provenance().set_index("fact")
    assert "host" not in table.index
    assert not any("wall" in fact for fact in table.index)


def test_unknown_backbone_is_refused_with_the_nearest(results):
    with pytest.raises(InputError, match="did you mean 'tiny/alpha'"):
        results.transfer("tiny/alfa")
    with pytest.raises(InputError):
        results.indicator(CosineAverage(), "none")


def test_an_empty_store_answers_with_missing_cells(study, tmp_path):
    from transferkit.store import Store

    results = Results(study, Store(tmp_path))
    assert results.transfer().count("missing") == 16
    assert results.own_scores()["difference"].isna().all()
    assert results.overlap_by_block(ALPHA).empty
    assert results.training_health().empty
    assert results.curves().empty
    assert results.indicator(CosineConcat()).count("missing") == 16


def test_no_torch_after_importing_the_explaining_half():
    code = (
        "import sys; import transferkit.report, transferkit.figures, transferkit.results, transferkit.indicators; "
        "heavy = ('torch', 'transformers', 'datasets', 'seaborn', 'pandas', 'matplotlib'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_types_the_synthetic_study_uses_are_the_real_ones(study):
    assert all(isinstance(task, Task) for task in study.tasks)
    assert all(isinstance(spec, NeuronsSpec) for spec in study.neuron_sets())


def test_the_start_is_never_the_best_step_and_last_means_last(tmp_path):
    from transferkit.artifacts import Prompt
    from transferkit.specs import PromptSpec, Recipe
    from transferkit.store import Store

    class One(SyntheticStudy):
        def prompts(self):
            first = super().prompts()[0]
            shared = {"backbone": first.backbone, "readout": first.readout, "task": first.task}
            return [
                PromptSpec(**shared, seed=seed, recipe=Recipe(select=select))
                for seed, select in enumerate(("best", "last"))
            ]

    study, store = One(), Store(tmp_path)
    lines = [(0, 0.99, 0.1), (10, 0.8, 0.5), (20, 0.8, 0.4), (30, 0.7, 0.3)]
    history = [{"step": s, "selection_score": score, "selection_loss": loss} for s, score, loss in lines]
    for spec in study.prompts():
        store.put(spec, Prompt(np.ones((2, 3)), np.zeros((2, 3)), np.ones(2, dtype=bool), history))
    health = Results(study, store).training_health()
    assert health["best_step"].tolist() == [20, 30]
    assert health["relative_change"].isna().all()


# --- what predicts transfer ------------------------------------------------------------------------------------------
def test_every_indicator_stands_beside_its_baselines(results):
    table = results.predictors(ALPHA).set_index("indicator")
    assert table.index[-1] == "same_group"
    assert table["is_baseline"].sum() == 3  # norm_proxy of live rows and of all, same_group
    whole = results.agreements(ALPHA).query("form == 'relative' and grouping == 'per_target' and diagonal == 'without'")
    np.testing.assert_allclose(table["rho"], whole.set_index("indicator").loc[table.index, "rho"])
    assert table.loc[table["is_baseline"], "q"].isna().all()
    twin = "euclidean_concat_centred"  # orders as cosine_concat does, so no further attempt
    assert table.loc[twin, "p"] == pytest.approx(1 / 3)
    twins = (results.indicator(find(name), ALPHA).values[~np.eye(4, dtype=bool)] for name in (twin, "cosine_concat"))
    assert stats.spearmanr(*twins)[0] == pytest.approx(1.0)
    assert np.isnan(table.loc[twin, "q"])
    tried = table[~table["is_baseline"]].drop(index=twin).dropna(subset=["p"])
    assert len(tried) == len(INDICATORS) - 2 - 1  # two of them are baselines, one is the twin
    assert tried["q"].notna().all()
    np.testing.assert_allclose(tried["q"], stats.false_discovery_control(tried["p"]))
    given = partial_agreement(
        results.relative(ALPHA),
        results.indicator(CosineConcat(), ALPHA),
        same_group(results.transfer(ALPHA)),
        grouping="all",
    )
    everywhere = results.predictors(ALPHA, grouping="all").set_index("indicator")
    assert everywhere.loc["cosine_concat", "given_same_group"] == pytest.approx(given)


@pytest.mark.parametrize("backbone", [ALPHA, "tiny/beta"])
@pytest.mark.parametrize("seed_pairs", ["all", "same", "other"])
def test_symmetric_indicators_are_symmetric_to_the_last_bit(results, backbone, seed_pairs):
    symmetric = {indicator.name: indicator for indicator in INDICATORS if indicator.symmetric}
    assert len(symmetric) == 28
    assert {"cosine_concat", "euclidean_concat", "neuron_overlap_all", "norm_proxy"} <= set(symmetric)
    for indicator in symmetric.values():
        values = results.indicator(indicator, backbone, seed_pairs=seed_pairs).values
        assert (values == values.T).all()


def test_regrets_have_two_yardsticks(results):
    table = results.regrets(ALPHA)
    assert set(table["k"]) == {1, 3}
    assert {"random source", "random source of the same group", "same_group"} <= set(table["indicator"])
    assert table["regret"].dropna().between(0, 1).all()


def test_levels_have_floor_and_ceiling(results):
    table = results.levels(ALPHA).set_index("indicator")
    row = table.loc["cosine_concat"]
    matrix = results.indicator(CosineConcat(), ALPHA)
    other = results.indicator(CosineConcat(), ALPHA, seed_pairs="other")
    assert row["other group"] == pytest.approx(other.values[:2, 2:].mean())
    assert row["same task, other seed"] == pytest.approx(np.diag(matrix.values).mean())
    assert row["floor_low"] < row["floor"] < row["floor_high"]
    assert abs(row["floor"]) < 0.1
    assert np.isnan(table.loc["cosine_concat_change", "floor"])  # rows of the same norms begin nowhere


def test_cells_are_judged_against_random_and_own_prompts(results):
    cells = results.cell_tests(ALPHA).set_index(["source", "target"])
    assert len(cells) == 16
    row = cells.loc[("shops", "films")]
    matrix = results.transfer(ALPHA).to_frame()
    assert row["difference_random"] == pytest.approx(
        matrix.loc["shops", "films"] - results.baselines(ALPHA).set_index("task").loc["films", "random prompt"]
    )
    assert row["difference_own"] == pytest.approx(matrix.loc["shops", "films"] - matrix.loc["films", "films"])
    assert set(cells["verdict"]) <= {"transfers", "neutral", "harms", "own"}
    assert (cells.loc[cells["is_own"], "verdict"] == "own").all()
    assert cells.loc[cells["is_own"], "q_own"].isna().all()
    called = cells[cells["verdict"] == "transfers"]
    assert (called["q_random"] <= 0.05).all()
    assert (called["difference_random"] > 0).all()


def test_one_prompt_on_every_task(results):
    spec = results.prompt_specs()[0]
    table = results.prompt_scores(spec)
    assert table["target"].tolist() == list(ORDER)
    assert table["is_own"].sum() == 1
    found = scores_of(results, lambda s: getattr(s.source, "key", None) == key(spec) and s.backbone == spec.backbone)
    assert len(found) == 4


def test_rows_and_words_of_prompts(results):
    norms = results.row_norms(ALPHA)
    assert len(norms) == 8 * 5
    assert norms.loc[norms["position"] == 0, "is_live"].eq(False).all()
    words = results.word_table(ALPHA)
    assert len(words) == 8 * 5
    assert words.loc[words["position"] < 3, "is_as_it_began"].all()
    assert not words.loc[words["position"] >= 3, "is_as_it_began"].any()


def test_a_map_of_neighbours_explains_no_variance(results):
    points, explained = results.prompt_points(ALPHA, method="tsne")
    assert len(points) == 10
    assert np.isnan(explained).all()
