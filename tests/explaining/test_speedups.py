"""Prompts begun from other prompts, read from a store: each number against the curves and scores it rests on."""

import dataclasses
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from explaining.synthetic import STEPS, SyntheticStudy, curve_of, fill

from transferkit.artifacts import Score
from transferkit.errors import InputError
from transferkit.results import Results
from transferkit.specs import ProjectedInitial, ProjectedSpec, key
from transferkit.statistics import Curve, agreement, comparable_speedup, convergence_speedup, mantel, median_speedup
from transferkit.study import Start

ALPHA, BETA = "tiny/alpha", "tiny/beta"
BATCH, GFLOP = 16, 0.25


def is_aside(spec):
    return spec.kind in ("neurons", "words")


@pytest.fixture(scope="module")
def study():
    return SyntheticStudy(backbones=(ALPHA,), begun=True)


@pytest.fixture(scope="module")
def results(study, tmp_path_factory):
    return Results(study, fill(study, tmp_path_factory.mktemp("begun"), without=is_aside), n_resamples=300)


@pytest.fixture(scope="module")
def table(results):
    return results.speedups.table()


def curves(study, source, target):
    """Return plain and started curves of a pair, one pair per seed."""
    found = [start for start in study.starts() if (start.source, start.prompt.task.name) == (source, target)]
    return [
        tuple(
            Curve(np.array(STEPS), np.array(curve_of(spec, start))) for spec, start in ((s.plain, None), (s.prompt, s))
        )
        for s in found
    ]


def test_there_is_a_row_for_every_pair_by_group_then_name(table, study):
    names = ["entails", "follows", "films", "shops"]
    assert list(zip(table["target"], table["source"], strict=True)) == [
        (t, s) for t, s in product(names, names) if s != t
    ]
    assert set(table["how"]) == {"trained"}
    assert (table["n_seeds"] == 2).all()
    assert table["same_group"].sum() == 4


def test_speedups_are_the_medians_of_the_curves(table, study):
    for row in table.to_dict("records"):
        pairs = curves(study, row["source"], row["target"])
        for name, speedup in (("comparable", comparable_speedup), ("convergence", convergence_speedup)):
            values = [speedup(plain, started) for plain, started in pairs]
            median = median_speedup(values)
            assert (row[name], row[f"{name}_side"]) == (median.value, median.side)
            assert (row[f"{name}_low"], row[f"{name}_high_side"]) == (min(values).value, max(values).side)
    counted = table[["comparable_n_reached", "comparable_n_at_once", "comparable_n_not_reached"]].sum(axis=1)
    assert (counted == 2).all()


def test_selection_scores_are_those_of_the_curves(table, study):
    row = table.set_index(["source", "target"]).loc["shops", "films"]
    pairs = curves(study, "shops", "films")
    assert row["started_start"] == pytest.approx(np.mean([started.scores[0] for _, started in pairs]))
    assert row["started_best"] == pytest.approx(np.mean([started.scores.max() for _, started in pairs]))
    assert row["plain_final"] == pytest.approx(np.mean([plain.scores[-1] for plain, _ in pairs]))


def test_reported_scores_are_those_of_the_store(table, study, results):
    row = table.set_index(["source", "target"]).loc["shops", "films"]
    scores = {key(score.source): results.store.get(score) for score in study.scores() if score.task.name == "films"}
    own = results.own_scores().set_index("task").loc["films", "score"]
    started = [
        results.store.get(score).metrics["accuracy"]
        for start, score in zip(study.starts(), study.started_scores(), strict=True)
        if (start.source, start.prompt.task.name) == ("shops", "films")
    ]
    assert all(isinstance(score, Score) for score in scores.values())
    assert row["plain_score"] == pytest.approx(own)
    assert row["difference"] == pytest.approx(np.mean(started) - own)
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]


def test_arithmetic_counts_steps_and_the_source_training(table, study):
    row = table.set_index(["source", "target"]).loc["films", "shops"]
    whole = GFLOP * BATCH * study.prompts()[0].recipe.steps
    assert row["source_gflop"] == whole
    assert (row["flops"], row["flops_side"]) == (row["comparable"], "more_than")  # there at once
    assert (row["flops_with_source"], row["flops_with_source_side"]) == (160 * GFLOP * BATCH / whole, "exact")


def test_curves_hold_each_prompt_once(results, study):
    frame = results.speedups.curves(ALPHA)
    assert len(frame) == len(STEPS) * (len(study.starts()) + len(study.prompts()))
    plain = frame[(frame["how"] == "from nothing") & (frame["target"] == "films") & (frame["seed"] == 1)]
    assert plain["selection_score"].tolist() == curve_of(next(p for p in study.prompts() if p.seed == 1))
    assert plain["level"].unique() == pytest.approx([plain["selection_score"].max() - 0.02])
    assert plain["gflop"].iloc[-1] == STEPS[-1] * GFLOP * BATCH


def test_the_matrix_holds_the_medians_with_their_bounds(results, table):
    matrix = results.speedups.matrix(ALPHA)
    cells = matrix.cells().set_index(["source", "target"])
    signs = {"exact": "", "more_than": ">", "less_than": "<"}
    for row in table.to_dict("records"):
        cell = cells.loc[row["source"], row["target"]]
        assert (cell["value"], cell["bounds"]) == (row["comparable"], signs[row["comparable_side"]])
    assert (matrix.states == "not_applicable").tolist() == np.eye(4, dtype=bool).tolist()
    other = results.speedups.matrix(ALPHA, "convergence").cells().set_index(["source", "target"])
    assert (
        other.loc["entails", "films"]["value"]
        == table.set_index(["source", "target"]).loc["entails", "films"]["convergence"]
    )


def test_bounds_rank_below_and_above_every_exact_value(results):
    matrix, ranks = results.speedups.matrix(ALPHA), results.speedups.ranks(ALPHA)
    below, exact, above = (ranks.values[matrix.is_measured & (matrix.bounds == sign)] for sign in ("<", "", ">"))
    assert below.max() < exact.min() <= exact.max() < above.min()


def test_bounds_go_with_their_cells(results):
    matrix = results.speedups.matrix(ALPHA)
    assert matrix.select([2], [3, 0]).bounds.tolist() == [[">", ">"]]
    assert matrix.relative(np.ones(4)).bounds is None
    with pytest.raises(InputError, match="bounds has shape"):
        dataclasses.replace(matrix, bounds=matrix.bounds[:1])


def test_agreements_compare_the_same_cells(results):
    found = results.speedups.agreements(ALPHA).set_index(["indicator", "grouping"])
    ranks, relative = results.speedups.ranks(ALPHA), results.relative(ALPHA)
    off = relative.mask(np.eye(4, dtype=bool))
    for indicator, grouping in product(results.candidates(ALPHA)[:2], ("per_target", "all")):
        row = found.loc[indicator.name, grouping]
        assert row["speedup_rho"] == pytest.approx(agreement(ranks, indicator, grouping=grouping).rho)
        assert row["zero_shot_rho"] == pytest.approx(agreement(off, indicator, grouping=grouping).rho)
        generator = np.random.default_rng(0)
        assert row["speedup_p"] == pytest.approx(mantel(ranks, indicator, generator=generator, grouping=grouping))
        assert row["n_cells"] == 12
    last = found.loc["zero-shot transfer", "all"]
    assert last["speedup_rho"] == pytest.approx(agreement(ranks, relative, grouping="all").rho)
    assert np.isnan(last["zero_shot_rho"])


def test_a_pair_with_a_missing_curve_is_blank(study, tmp_path):
    gone = next(
        start.prompt for start in study.starts() if (start.source, start.prompt.task.name) == ("shops", "films")
    )
    few = dataclasses.replace(study, tasks=study.tasks[:2])
    found = Results(few, fill(few, tmp_path, without=lambda spec: key(spec) == key(gone))).speedups
    rows = found.table().set_index(["source", "target"])
    assert np.isnan(rows.loc["shops", "films"]["comparable"])
    assert np.isnan(rows.loc["shops", "films"]["plain_best"])
    assert rows.loc["films", "shops"]["comparable_side"] == "more_than"
    assert found.matrix(ALPHA).count("missing") == 1


def test_a_study_without_starts_has_empty_tables(results, tmp_path):
    found = Results(SyntheticStudy(backbones=(ALPHA,)), results.store).speedups
    assert found.table().empty
    assert found.curves().empty
    assert found.backbones == ()
    assert found.matrix(ALPHA).count("measured") == 0
    with pytest.raises(InputError):
        found.agreements("no such backbone")


@dataclasses.dataclass(frozen=True)
class Brought(SyntheticStudy):
    """One prompt of the first backbone is projected to the second, and trained on there."""

    @property
    def crossings(self):
        source, *_ = self.prompts()
        target = self.specs_of()[1]
        projected = ProjectedSpec(backbone=target, projector="0" * 12, method="rotation", prompt=source.source)
        return [SimpleNamespace(brought=(source,), projected=(projected,))]

    def starts(self):
        ((crossing),) = self.crossings
        plain = next(p for p in self.prompts() if p.backbone.name == BETA and p.task.name == "films")
        recipe = dataclasses.replace(plain.recipe, initial=ProjectedInitial(key=key(crossing.projected[0])))
        return [Start(dataclasses.replace(plain, recipe=recipe), plain, "films", ALPHA, "rotation")]


def test_projected_prompts_stand_in_the_table_and_not_in_the_matrix(tmp_path):
    study = Brought(seeds=(0,), across=False, tasks=SyntheticStudy().tasks[:2])
    found = Results(study, fill(study, tmp_path, without=is_aside)).speedups
    (row,) = found.table().to_dict("records")
    assert (row["backbone"], row["how"], row["source_backbone"], row["same_group"]) == (BETA, "rotation", ALPHA, True)
    assert row["comparable_side"] == "more_than"
    assert row["source_gflop"] == GFLOP * BATCH * study.prompts()[0].recipe.steps
    assert found.backbones == (BETA,)
    assert found.matrix(BETA).count("measured") == 0
    assert set(found.curves()["how"]) == {"rotation", "from nothing"}
