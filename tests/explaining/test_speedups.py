"""Prompts begun from other prompts, read from a store: each number against the curves and scores it rests on."""

import dataclasses
from itertools import permutations, product
from types import SimpleNamespace

import numpy as np
import pytest
from explaining.synthetic import STEPS, SyntheticStudy, curve_of, fill

from transferkit.artifacts import Projector, Score
from transferkit.errors import InputError
from transferkit.results import Results
from transferkit.results.started_costs import arithmetic, speedup_of
from transferkit.results.starts import NOTHING, Beginning
from transferkit.specs import ProjectedInitial, ProjectedSpec, ProjectorSpec, RotationMap, key
from transferkit.statistics import Curve, agreement, comparable_speedup, convergence_speedup, mantel, median_speedup
from transferkit.statistics.convergence import RULE
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
    assert table.loc[table["how"] == NOTHING, "target"].tolist() == names
    assert table.loc[table["how"] == NOTHING].index.tolist() == [3, 7, 11, 15]  # behind those of their target
    table = table[table["how"] != NOTHING]
    assert list(zip(table["target"], table["source"], strict=True)) == [
        (t, s) for t, s in product(names, names) if s != t
    ]
    assert set(table["how"]) == {"trained"}
    assert (table["n_seeds"] == 2).all()
    assert table["same_group"].sum() == 4


def test_speedups_are_the_medians_of_the_curves(table, study):
    table = table[table["how"] == "trained"]
    for row in table.to_dict("records"):
        pairs = curves(study, row["source"], row["target"])
        for name, speedup in (("comparable", comparable_speedup), ("convergence", convergence_speedup)):
            values = [speedup(plain, started) for plain, started in pairs]
            median = median_speedup(values)
            assert speedup_of(row, name) == median
            assert speedup_of(row, name).slack == pytest.approx(median.slack)
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
    needed = np.sqrt(120 * 140)  # of the two seeds
    assert row["flops_with_source"] == pytest.approx(needed * GFLOP * BATCH / whole)
    assert row["flops_with_source_side"] == "exact"


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
    for row in table[table["how"] == "trained"].to_dict("records"):
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
    assert rows.loc["another seed", "films"]["n_seeds"] == 2  # the runs from nothing are there
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


def test_a_median_between_two_ends_is_marked_and_ranks_by_its_middle(tmp_path, monkeypatch):
    monkeypatch.setattr("explaining.synthetic.curve_of", bounded)
    study = SyntheticStudy(backbones=(ALPHA,), begun=True, tasks=SyntheticStudy().tasks[:2], seeds=(0, 1, 2))
    found = Results(study, fill(study, tmp_path, without=is_aside)).speedups
    row = found.table().set_index(["source", "target"]).loc["films", "shops"]
    assert str(speedup_of(row, "comparable")) == "1.00 to 3.00"
    matrix = found.matrix(ALPHA)
    assert matrix.bounds.tolist() == [["", "~"], ["~", ""]]
    assert matrix.values[0, 1] == pytest.approx(np.sqrt(3))
    assert found.ranks(ALPHA).is_measured.sum() == 2


def bounded(spec, start=None):
    """Begun from a prompt, one seed is there at once, one sooner, and one later than from nothing."""
    plain = (20, 120, 40)[spec.seed]
    there = plain if start is None else (0, 40, 80)[spec.seed]
    return [0.9 if step >= there else 0.5 for step in STEPS]


# --- chance -----------------------------------------------------------------------------------------------------------
def test_chance_is_every_ordered_pair_of_runs_from_nothing(study, table):
    row = table.set_index(["source", "target"]).loc["another seed", "films"]
    plain = [Curve(np.array(STEPS), np.array(curve_of(p))) for p in study.prompts() if p.task.name == "films"]
    for name, speedup in (("comparable", comparable_speedup), ("convergence", convergence_speedup)):
        values = [speedup(one, other.trained) for one, other in permutations(plain, 2)]
        assert speedup_of(row, name) == median_speedup([value for value in values if value is not None])
        counted = [row[f"{name}_n_{what}"] for what in ("reached", "at_once", "not_reached", "unknown")]
        assert sum(counted) == row["n_seeds"] == 2
    assert row["comparable_n_faster"] == row["comparable_n_slower"] == 0  # they are an evaluation apart
    assert np.isnan(row["difference"])


def test_chance_counts_what_differs_by_more_than_an_interval(tmp_path, monkeypatch):
    monkeypatch.setattr("explaining.synthetic.curve_of", noisy)
    study = SyntheticStudy(backbones=(ALPHA,), begun=True, tasks=SyntheticStudy().tasks[:2], seeds=(0, 1, 2))
    table = Results(study, fill(study, tmp_path, without=is_aside)).speedups.table()
    row = table.set_index(["source", "target"]).loc["another seed", "films"]
    assert (row["n_seeds"], row["comparable_n_faster"], row["comparable_n_slower"]) == (6, 2, 2)
    assert row["comparable"] == pytest.approx(1)


def noisy(spec, start=None):
    """Runs that are there at the second, the third, and the fifth look."""
    there = (40, 60, 100)[spec.seed]
    return [0.9 if step >= there else 0.5 for step in STEPS]


def test_one_seed_says_nothing_of_chance(tmp_path):
    study = SyntheticStudy(backbones=(ALPHA,), begun=True, tasks=SyntheticStudy().tasks[:2], seeds=(0,))
    table = Results(study, fill(study, tmp_path, without=is_aside)).speedups.table()
    chance = table[table["how"] == NOTHING]
    assert chance["n_seeds"].tolist() == [0, 0]
    assert chance[["comparable", "convergence", "plain_best"]].isna().all(axis=None)


# --- at equal arithmetic ----------------------------------------------------------------------------------------------
def begun(source_cost, projector_cost=0.0, plain_cost=1.0):
    plain = Curve(np.array([0, 10, 20, 30, 40]), np.array([0.5, 0.6, 0.7, 0.8, 0.8]))
    started = Curve(plain.steps, np.array([0.55, 0.65, 0.60, 0.9, 0.9]))
    one = Beginning(None, None, None, started, plain, 1.0, plain_cost, source_cost, projector_cost)
    return one, plain, started


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ((0.0,), (0.9, 0.9, 0)),
        ((15.0,), (0.9, 0.65, 0)),  # best so far, not the last
        ((10.0, 30.0), (0.9, 0.55, 0)),  # nothing left: the prompt as it is
        ((10.0, 31.0), (0.9, np.nan, 1)),
        ((0.0, 0.0, 0.25), (0.65, 0.65, 0)),  # a plain step costs a quarter
        ((np.nan,), (0.9, np.nan, np.nan)),
        ((10.0, np.nan), (0.9, np.nan, np.nan)),
    ],
)
def test_scores_at_equal_arithmetic(costs, expected):
    row = arithmetic([begun(*costs)], RULE)
    found = [row.get(name, np.nan) for name in ("started_at_equal", "started_at_equal_with_source", "n_no_budget")]
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_mean_at_equal_arithmetic_needs_every_seed():
    row = arithmetic([begun(15.0), begun(50.0)], RULE)
    assert np.isnan(row["started_at_equal_with_source"])
    assert row["n_no_budget"] == 1


def test_the_table_holds_scores_at_equal_arithmetic(table):
    row = table.set_index(["source", "target"]).loc["shops", "films"]
    assert row["started_at_equal"] == row["started_best"]
    whole = row["source_gflop"] > STEPS[-1] * GFLOP * BATCH
    assert row["n_no_budget"] == (2 if whole else 0)


# --- projected --------------------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Brought(SyntheticStudy):
    """Prompts of the first backbone are projected to the second, and trained on there; perhaps by two projections."""

    n_projections: int = 1
    is_asked_twice: bool = False

    @property
    def crossings(self):
        return [self.crossing(str(i) * 12) for i in range(self.n_projections)]

    def crossing(self, name):
        brought = [p for p in self.prompts() if p.backbone.name == ALPHA]
        target = self.specs_of()[1]
        projector = ProjectorSpec(
            backbone=target, source_backbone=self.specs_of()[0], method=RotationMap(), seed=int(name[0])
        )
        return SimpleNamespace(
            **{"source": ALPHA, "target": BETA, "brought": brought, "projectors": (projector,), "train_on": ("films",)},
            projected=[
                ProjectedSpec(backbone=target, projector=key(projector), method="procrustes", prompt=source.source)
                for source in brought
            ],
        )

    def starts(self):
        native = {(p.task.name, p.seed): p for p in self.prompts() if p.backbone.name == BETA}
        found = []
        for crossing in self.crossings:
            for spec in crossing.projected:
                plain = native[spec.prompt.task, spec.prompt.seed]
                recipe = dataclasses.replace(plain.recipe, initial=ProjectedInitial(key=key(spec)))
                prompt = dataclasses.replace(plain, recipe=recipe)
                found.append(Start(prompt, plain, plain.task.name, ALPHA, "procrustes"))
        return found * (1 + self.is_asked_twice)


def brought(tmp_path, *, gflop=None, **fields):
    study = Brought(across=False, tasks=SyntheticStudy().tasks[:2], **fields)
    store = fill(study, tmp_path, without=is_aside)
    for crossing in study.crossings:
        cost = {} if gflop is None else {"cost": {"gflop": gflop}}
        store.put(crossing.projectors[0], Projector({"map": np.eye(2)}, 4, []), meta=cost)
    return study, Results(study, store).speedups


def test_projected_prompts_stand_in_the_table_and_not_in_the_matrix(tmp_path):
    study, found = brought(tmp_path, seeds=(0,), gflop=100.0)
    table = found.table()
    row, *_ = table[table["target"] == "films"].to_dict("records")
    assert (row["backbone"], row["how"], row["source_backbone"], row["same_group"]) == (BETA, "procrustes", ALPHA, True)
    assert row["comparable_side"] == "more_than"
    assert row["source_gflop"] == GFLOP * BATCH * study.prompts()[0].recipe.steps
    assert found.backbones == (BETA,)
    assert found.matrix(BETA).count("measured") == 0
    assert set(found.curves()["how"]) == {"procrustes", "from nothing"}


def test_seen_and_held_out_tasks_stand_apart_and_the_projector_is_paid_for(tmp_path):
    study, found = brought(tmp_path / "known", seeds=(0,), gflop=100.0)
    rows = found.table().query("how != 'from nothing'").set_index("target")
    assert rows["part"].to_dict() == {"films": "seen", "shops": "held out"}
    assert (rows["projector_gflop"] == 100.0).all()
    plain = 120 * GFLOP * BATCH
    whole = GFLOP * BATCH * study.prompts()[0].recipe.steps
    assert rows.loc["films", "flops_with_source"] == pytest.approx(plain / (whole + 100.0))
    frame = found.curves()
    assert frame.groupby("how")["gflop_before"].first().to_dict() == {"from nothing": 0.0, "procrustes": whole + 100.0}
    _, unknown = brought(tmp_path / "unknown", seeds=(0,))
    assert unknown.table()[["projector_gflop", "flops_with_source"]].iloc[0].isna().all()
    assert unknown.table()["flops"].iloc[0] > 1


def test_two_projections_are_no_extra_seeds(tmp_path):
    _, found = brought(tmp_path, seeds=(0,), n_projections=2, is_asked_twice=True)
    rows = found.table().query("how != 'from nothing'")
    assert rows["n_seeds"].tolist() == [1] * 4
    assert rows["projection"].tolist() == [f"{ALPHA} → {BETA}", f"{ALPHA} → {BETA} (2)"] * 2
    assert found.curves()["key"].nunique() == 6  # four started, two from nothing
