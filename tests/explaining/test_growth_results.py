"""What is read of growing backbones from a store: each number against a literal loop over the artifacts behind it."""

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from explaining.crossed import InMemory
from explaining.grown import (
    COST,
    LOOK,
    PARTS,
    SCHEDULES,
    SEEDS,
    STEPS,
    TASKS,
    answers_of,
    fill_grown,
    gflop_of,
    gold_of,
    looks_of,
    make_study,
    metrics_of,
    rows_of,
    score_at,
    seconds_of,
    shorn,
    way_of,
    with_notes,
    with_prompts,
    without,
)
from pydantic import ValidationError
from scipy import stats

from transferkit import figures
from transferkit.artifacts import Prompt
from transferkit.errors import InputError
from transferkit.matrices import Matrix
from transferkit.report import Drawing, Links, Report, Section, Table, Text, build
from transferkit.report.growth_sections import about_rates, growth_section, growth_sentences
from transferkit.report.shelf_sections import missing_section
from transferkit.results import Results
from transferkit.specs import Growth, NoPrompt, PromptSpec, Recipe, ScoreSpec, key
from transferkit.statistics.equal_score import Run, Saved, saved_share
from transferkit.statistics.mean_gain import Sides, mean_gain
from transferkit.statistics.part_likeness import part_likeness
from transferkit.study import Growing, Study

NAMES = ("films", "entails")
METRIC = {"films": "accuracy", "entails": "macro_f1"}
WAYS = ("plain", "depth", "width", "plain 10", "plain 13", "plain 14")
SAID = {way: way if way in WAYS[:3] else f"plain, {way.split()[1]} of 20 steps" for way in WAYS}
ALONE = ("d25", "d50", "w25", "w50")  # parts with prompts of their own
FEW = 60


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def store(study: Study, tmp_path_factory: pytest.TempPathFactory) -> InMemory:
    return fill_grown(study, tmp_path_factory.mktemp("grown"))


@pytest.fixture(scope="module")
def results(study: Study, store: InMemory) -> Results:
    return Results(study, store, n_resamples=FEW)


@pytest.fixture(scope="module")
def table(results: Results) -> pd.DataFrame:
    return results.growth.table().set_index("way")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few relabellings where nobody looks at p."""
    monkeypatch.setattr(
        "transferkit.results.parts.part_likeness",
        lambda values, generator: part_likeness(values, generator=generator, n_permutations=20),
    )


def scored(way: str, part: str, task: str, seed: int) -> float:
    return metrics_of(answers_of(way, seed, part, task), task)[METRIC[task]]


def by_seed(way: str, part: str = "whole") -> np.ndarray:
    """Return what a way's prompts score on a part, seed by seed: means over tasks."""
    return np.array([np.mean([scored(way, part, task, seed) for task in NAMES]) for seed in SEEDS])


def scoring(prompt: Prompt, at: Callable[[int], float]) -> Prompt:
    """Return a prompt whose looks say other scores."""
    return dataclasses.replace(prompt, history=[{**row, "selection_score": at(row["step"])} for row in prompt.history])


def is_prompt(way: str, task: str = "films", seed: int = 1):
    return lambda spec: isinstance(spec, PromptSpec) and (way_of(spec), spec.task.name, spec.seed) == (way, task, seed)


def is_score(study: Study, way: str, part: str = "whole", task: str = "films", seed: int = 1):
    """Tell the score of one prompt on one part."""
    sources = {key(spec) for spec in study.every_prompt() if is_prompt(way, task, seed)(spec)}

    def found(spec: object) -> bool:
        at = getattr(getattr(spec, "backbone", None), "partial", None)
        is_here = (
            isinstance(spec, ScoreSpec) and spec.task.name == task and ("whole" if at is None else at.name) == part
        )
        return is_here and getattr(spec.source, "key", None) in sources

    return found


# --- curves -----------------------------------------------------------------------------------------------------------
def test_curves_hold_every_look_of_plain_and_grown_runs(results: Results, study: Study) -> None:
    frame = results.growth.curves("tiny")
    assert frame.equals(results.growth.curves())
    assert list(dict.fromkeys(frame["way"])) == ["plain", "depth", "width"]
    specs = {(way_of(spec), spec.task.name, spec.seed): spec for spec in study.every_prompt()}
    assert len(frame) == 3 * len(NAMES) * len(SEEDS) * len(looks_of("plain"))
    for (way, task, seed), rows in frame.groupby(["way", "task", "seed"]):
        assert rows["step"].tolist() == looks_of(way)
        assert rows["selection_score"].tolist() == [score_at(way, task, seed, step) for step in looks_of(way)]
        assert rows["gflop"].tolist() == pytest.approx([gflop_of(way, task, step) for step in looks_of(way)])
        assert rows["seconds"].tolist() == pytest.approx([0, *np.cumsum(seconds_of(way, task, seed))])
        assert rows["key"].unique().tolist() == [key(specs[way, task, seed])]


def test_the_backbone_is_whole_behind_the_last_stage(results: Results) -> None:
    frame = results.growth.curves()
    assert frame.loc[frame["way"] == "plain", "is_whole"].all()
    grown = frame[frame["way"] != "plain"]
    assert (grown["is_whole"] == (grown["step"] > 12)).all()


# --- the table --------------------------------------------------------------------------------------------------------
def test_there_is_a_row_for_every_way(table: pd.DataFrame) -> None:
    assert list(table.index) == list(SAID.values())
    assert table["is_grown"].dtype == bool
    assert table.index[table["is_grown"]].tolist() == ["depth", "width"]
    assert (table["n_tasks"] == 2).all()
    assert (table["n_seeds"] == 3).all()
    assert (table["n"] == 80).all()


def test_scores_and_gains_are_means_over_tasks_and_seeds(table: pd.DataFrame) -> None:
    for way, said in SAID.items():
        row = table.loc[said]
        assert row["score"] == pytest.approx(by_seed(way).mean())
        if way == "plain":
            assert row[["gain", "gain_low", "gain_high"]].isna().all()
            continue
        assert row["gain"] == pytest.approx(np.mean(by_seed(way) - by_seed("plain")))
        assert row["gain_low"] < row["gain"] < row["gain_high"]


def test_intervals_of_gains_are_those_of_the_mean_over_fixed_tasks(table: pd.DataFrame) -> None:
    """As wide as by other draws, and at least as wide as over seeds alone."""
    for way in ("depth", "width"):
        sides = [
            Sides(
                *(np.array([answers_of(of, seed, "whole", task) for seed in SEEDS]) for of in (way, "plain")),
                gold_of(task),
                METRIC[task],
                2,
            )
            for task in NAMES
        ]
        again = mean_gain(sides, generator=np.random.default_rng(9), n_resamples=400)
        row = table.loc[way]
        assert row["gain"] == pytest.approx(again.difference)
        ends = again.interval.low, again.interval.high
        assert (row["gain_low"], row["gain_high"]) == (
            pytest.approx(ends[0], abs=0.06),
            pytest.approx(ends[1], abs=0.06),
        )
        each = by_seed(way) - by_seed("plain")
        low, high = stats.t.interval(0.95, 2, loc=each.mean(), scale=stats.sem(each))
        assert row["gain_high"] - row["gain_low"] >= high - low - 1e-9


def test_shares_are_means_over_runs_of_what_plain_steps_take(table: pd.DataFrame) -> None:
    for way, said in SAID.items():
        last = looks_of(way)[-1]
        gflop = [gflop_of(way, task, last) / gflop_of("plain", task, STEPS) for task in NAMES for _ in SEEDS]
        seconds = [
            sum(seconds_of(way, task, seed)) / sum(seconds_of("plain", task, seed)) for task in NAMES for seed in SEEDS
        ]
        assert table.loc[said, "share_gflop"] == pytest.approx(np.mean(gflop))
        assert table.loc[said, "share_seconds"] == pytest.approx(np.mean(seconds))
        clock = [
            np.divide(*(sum(seconds_of(of, task, seed)) + LOOK * (len(looks_of(of)) - 1) for of in (way, "plain")))
            for task in NAMES
            for seed in SEEDS
        ]
        assert table.loc[said, "share_clock"] == pytest.approx(np.mean(clock))
    assert table.loc["depth", "share_gflop"] == pytest.approx(0.3 * 0.25 + 0.3 * 0.5 + 0.4)
    assert table.loc["width", "share_seconds"] != pytest.approx(table.loc["width", "share_gflop"], abs=0.1)


def test_equal_arithmetic_is_the_shortest_plain_way_that_takes_no_less(table: pd.DataFrame) -> None:
    """62.5 % lie below 65 %; 70 % are no less than 70 %, whatever rounding says."""
    for way, share, other in (("depth", 0.65, "plain 13"), ("width", 0.7, "plain 14")):
        row = table.loc[way]
        assert row["equal_share"] == pytest.approx(share)
        assert row["equal_gain"] == pytest.approx(np.mean(by_seed(way) - by_seed(other)))
        assert row["equal_low"] < row["equal_gain"] < row["equal_high"]
    assert table.loc[[said for way, said in SAID.items() if way.startswith("plain")], "equal_share"].isna().all()


def test_without_shorter_runs_the_plain_way_itself_is_compared_with(study: Study, store: InMemory) -> None:
    few = dataclasses.replace(study, growth=Growing(schedules=SCHEDULES, shorter=(0.5,)))
    for asked, kept in ((few, store), (study, without(store, study, is_prompt("plain 14")))):
        table = Results(asked, kept, n_resamples=5).growth.table().set_index("way")
        assert table.loc["width", "equal_share"] == 1
        assert table.loc["width", "equal_gain"] == pytest.approx(table.loc["width", "gain"])
        assert SAID["plain 14"] not in table.index


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What is compared at the same score, with how many resamples, and what comes of it."""
    noted = []

    def noting(*sides: list[Run], n_resamples: int, **chance: np.random.Generator) -> Saved:
        found = saved_share(*sides, **chance, n_resamples=n_resamples)
        noted.append(SimpleNamespace(sides=sides, n_resamples=n_resamples, found=found))
        return found

    monkeypatch.setattr("transferkit.results.growth.saved_share", noting)
    return noted


def test_what_is_saved_is_what_the_curves_say(
    study: Study, store: InMemory, table: pd.DataFrame, compared: list[SimpleNamespace]
) -> None:
    again = Results(study, store, n_resamples=3).growth.table().set_index("way")
    asked = list(product(("depth", "width"), ("gflop", "seconds")))
    for (way, what), one in zip(asked, compared, strict=True):
        assert one.n_resamples == 3
        for of, runs in zip(("plain", way), one.sides, strict=True):
            for (task, seed), run in zip(product(NAMES, SEEDS), runs, strict=True):
                if what == "gflop":
                    whole = gflop_of("plain", task, STEPS)
                    spent = [gflop_of(of, task, step) for step in looks_of(of)]
                else:
                    whole = sum(seconds_of("plain", task, seed))
                    spent = [0, *np.cumsum(seconds_of(of, task, seed))]
                assert run.spent.tolist() == pytest.approx(np.array(spent) / whole)
                assert run.scores.tolist() == [score_at(of, task, seed, step) for step in looks_of(of)]
                assert of == "plain" or run.first == 7  # the look behind step 14
        row, found = again.loc[way], one.found
        ends = (found.interval.low, found.interval.high)
        assert (row[f"{what}_saved"], row[f"{what}_low"], row[f"{what}_high"]) == (found.share, *ends)
        assert row[f"{what}_side"] == found.side == "exact"
        assert table.loc[way, f"{what}_saved"] == found.share
    assert table.loc["depth", "gflop_saved"] != table.loc["depth", "seconds_saved"]


def test_nothing_is_saved_before_the_backbone_is_whole(study: Study, store: InMemory) -> None:
    """All are nine tenths up at step 7.2, where no grown prompt can be kept; the first that can be is of step 14."""
    level = with_prompts(store, study, lambda _, prompt: scoring(prompt, lambda step: 0.4 + min(step, 8) / 16))
    table = Results(study, level, n_resamples=5).growth.table().set_index("way")
    for way in ("depth", "width"):
        here = sum(6 * COST[part] for part in PARTS[way]) + 2  # of 20 steps of the whole
        assert table.loc[way, "gflop_saved"] == pytest.approx(1 - here / 7.2)
        assert table.loc[way, "gflop_side"] == "exact"
        assert (table.loc[way, "gflop_low"], table.loc[way, "gflop_high"]) == (pytest.approx(1 - here / 7.2),) * 2


def test_keys_are_those_of_the_prompts_and_of_their_scores(results: Results, table: pd.DataFrame, study: Study) -> None:
    prompts = {key(spec): way_of(spec) for spec in study.every_prompt() if spec.backbone.partial is None}
    own = [*study.own_scores(study.prompts()), *study.growing.scores]
    own = [spec for spec in own if spec.backbone.partial is None and not isinstance(spec.source, NoPrompt)]
    n = len(NAMES) * len(SEEDS)
    for way, said in SAID.items():
        found = table.loc[said, "keys"].split()
        assert len(found) == 2 * n
        assert set(found[:n]) == {name for name, its_way in prompts.items() if its_way == way}
        assert set(found[n:]) == {key(spec) for spec in own if prompts.get(spec.source.key) == way}
    assert results.growth.table("tiny").equals(results.growth.table())
    assert results.growth.table("other").empty


# --- what is not there ------------------------------------------------------------------------------------------------
def test_a_way_of_which_something_is_missing_has_no_row(study: Study, store: InMemory) -> None:
    whole = Results(study, store, n_resamples=5).growth.table().set_index("way")
    for lost in (is_prompt("depth"), is_score(study, "depth")):
        found = Results(study, without(store, study, lost), n_resamples=5)
        table = found.growth.table().set_index("way")
        assert list(table.index) == [said for said in SAID.values() if said != "depth"]
        columns = ["score", "gain", "share_gflop", "equal_share", "gflop_saved"]
        pd.testing.assert_frame_equal(table[columns], whole.loc[table.index, columns])


def test_curves_of_runs_that_are_there_are_shown(study: Study, store: InMemory) -> None:
    found = Results(study, without(store, study, is_prompt("depth"))).growth.curves()
    assert len(found) == (3 * 6 - 1) * len(looks_of("plain"))
    gone = found[(found["way"] == "depth") & (found["task"] == "films") & (found["seed"] == 1)]
    assert gone.empty


def test_without_the_plain_way_nothing_can_be_compared(study: Study, store: InMemory) -> None:
    found = Results(study, without(store, study, is_prompt("plain")))
    assert found.growth.table().empty
    assert growth_section(found) is None
    assert growth_sentences(found) == []
    assert list(dict.fromkeys(found.growth.curves()["way"])) == ["plain", "depth", "width"]


def test_an_empty_store_is_an_empty_section(study: Study, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = Results(study, InMemory(tmp_path_factory.mktemp("none")))
    assert found.growth.backbones == ("tiny",)
    for frame in (found.growth.table(), found.growth.curves(), found.growth.parts.table()):
        assert frame.empty
        assert "backbone" in frame.columns
    assert found.growth.parts.likeness("tiny").empty
    assert found.growth.parts.matrix("tiny", "depth").count("measured") == 0
    assert growth_section(found) is None


def test_without_the_gold_labels_gains_are_blank(study: Study, store: InMemory) -> None:
    kept = without(store, study, lambda spec: spec.kind == "examples")
    table = Results(study, kept, n_resamples=5).growth.table().set_index("way")
    assert table[["gain", "equal_gain", "equal_low"]].isna().all(axis=None)
    assert table["score"].notna().all()
    assert table.loc["depth", "equal_share"] == pytest.approx(0.65)


def test_prompts_of_before_arithmetic_was_noted_do_no_harm(study: Study, store: InMemory) -> None:
    """Their keys are those of today, so that a store may well hold them."""
    old = with_prompts(store, study, lambda _, prompt: shorn(prompt, "gflop"))
    found = Results(study, old, n_resamples=5)
    table = found.growth.table().set_index("way")
    unknown = ["share_gflop", "equal_share", "equal_gain", "equal_low", "equal_high", "gflop_saved", "gflop_low"]
    assert table[unknown].isna().all(axis=None)
    assert table[["score", "share_seconds"]].notna().all(axis=None)
    assert table.loc[["depth", "width"], ["gain", "gain_low", "seconds_saved"]].notna().all(axis=None)
    assert found.growth.parts.table()["share"].tolist() == pytest.approx([np.nan, np.nan, 1.0] * 2, nan_ok=True)


@pytest.mark.parametrize("lost", ["arithmetic", "no prompt"])
def test_what_is_not_known_is_not_said(study: Study, store: InMemory, quick: None, lost: str) -> None:
    if lost == "arithmetic":
        kept = with_prompts(store, study, lambda _, prompt: shorn(prompt, "gflop"))
    else:
        kept = without(store, study, lambda spec: isinstance(spec, ScoreSpec) and isinstance(spec.source, NoPrompt))
    said = growth_sentences(Results(study, kept, n_resamples=5))
    assert len(said) == 2
    assert not any("nan" in sentence for sentence in said)


def test_prompts_of_before_steps_were_timed_have_no_seconds(study: Study, store: InMemory, quick: None) -> None:
    old = with_prompts(store, study, lambda _, prompt: prompt, step_seconds=None)
    found = Results(study, old, n_resamples=5)
    curves, table = found.growth.curves(), found.growth.table().set_index("way")
    assert (curves.loc[curves["step"] == 0, "seconds"] == 0).all()
    assert curves.loc[curves["step"] > 0, "seconds"].isna().all()
    assert table[["share_seconds", "seconds_saved", "seconds_low"]].isna().all(axis=None)
    assert table.loc["depth", "equal_share"] == pytest.approx(0.65)
    assert (table.loc[["depth", "width"], "seconds_side"] == "not_measured").all()
    assert "of the seconds" not in growth_sentences(found)[0]


def test_parts_that_keep_the_same_are_one_part(study: Study, store: InMemory, quick: None) -> None:
    """As two rules may, of few blocks; equal prompts would count as evidence twice."""
    twins = {(way_of(s), s.task.name, s.seed): s for s in study.every_prompt()}
    double = with_prompts(
        store,
        study,
        lambda spec, prompt: (
            store.kept[key(twins["d25", spec.task.name, spec.seed])][0] if way_of(spec) == "d50" else prompt
        ),
    )
    parts, whole = (Results(study, kept, n_resamples=5).growth.parts for kept in (double, store))
    assert (parts.likeness_tests("tiny")["n_parts"] == 4).all()
    assert (whole.likeness_tests("tiny")["n_parts"] == 5).all()
    alike = parts.likeness("tiny")
    other = alike[(alike["relation"] == "same task and seed, other part") & (alike["measure"] == "cosine_concat")]
    assert (other["n_pairs"] == 6 * len(NAMES) * len(SEEDS)).all()
    assert (other["high"] < 1).all()


def test_a_falling_rate_is_said_in_the_report(study: Study, store: InMemory, quick: None) -> None:
    assert study.recipe.schedule == "constant"
    said = "The rate is not constant"
    found = Results(study, store, n_resamples=5)
    assert not any(said in part.body for part in growth_section(found).parts if isinstance(part, Text))
    assert found.growth.specs is not None
    specs = found.growth.specs
    falling = [dataclasses.replace(s, recipe=dataclasses.replace(s.recipe, schedule="linear")) for s in specs.plain]
    growth = SimpleNamespace(specs=SimpleNamespace(plain=falling))
    (sentence,) = about_rates(SimpleNamespace(growth=growth))
    assert sentence.startswith(f"{said} (schedule = 'linear')")


def test_prompts_that_shared_passes_have_no_seconds_of_their_own(study: Study, store: InMemory, quick: None) -> None:
    """Growing prompts never share passes, so that the seconds of plain ones that do would say more of their company."""
    together = with_notes(
        store, study, lambda spec: {"trained_together": 3} if way_of(spec) == "plain" and spec.seed == 1 else {}
    )
    found = Results(study, together, n_resamples=5)
    curves, table = found.growth.curves(), found.growth.table().set_index("way")
    unknown = curves[curves["seconds"].isna()]
    assert set(zip(unknown["way"], unknown["seed"], strict=True)) == {("plain", 1)}
    assert table[["share_seconds", "share_clock", "seconds_saved", "seconds_low"]].isna().all(axis=None)
    assert (table.loc[["depth", "width"], "seconds_side"] == "not_measured").all()
    assert table.loc[["depth", "width"], "gflop_saved"].notna().all()


def test_runs_that_stopped_early_stay_where_they_are(study: Study, store: InMemory) -> None:
    """With patience: all rise evenly from 0.4 to 0.9, but in depth those on films are stopped behind step 16, at 0.8.

    So their mean ends at 0.85, where plain training is behind step 18.
    """

    def stopped(spec: PromptSpec, prompt: Prompt) -> Prompt:
        is_stopped = (way_of(spec), spec.task.name) == ("depth", "films")
        rising = scoring(prompt, lambda step: 0.4 + step / 40)
        return dataclasses.replace(rising, history=rising.history[:9]) if is_stopped else rising

    early = with_prompts(store, study, stopped, step_seconds=None)
    row = Results(study, early, n_resamples=5).growth.table().set_index("way").loc["depth"]
    spent = np.mean([6 * 0.25 + 6 * 0.5 + 4, 6 * 0.25 + 6 * 0.5 + 8]) / STEPS
    assert row["share_gflop"] == pytest.approx(spent)
    assert row["gflop_saved"] == pytest.approx(1 - spent / (18 / STEPS))
    assert row["gflop_side"] == "exact"
    assert row["score"] == pytest.approx(by_seed("depth").mean())


@pytest.fixture(scope="module")
def ungrown(study: Study, store: InMemory) -> Results:
    return Results(dataclasses.replace(study, growth=None), store)


def test_a_study_without_growth_has_empty_tables_and_no_section(ungrown: Results) -> None:
    assert ungrown.growth.specs is None
    assert ungrown.growth.backbones == ()
    frames = [ungrown.growth.table(), ungrown.growth.table("tiny"), ungrown.growth.curves()]
    frames += [ungrown.growth.parts.table(), ungrown.growth.parts.likeness("tiny")]
    assert all(frame.empty for frame in frames)
    assert ungrown.growth.parts.schedules == ()
    assert growth_section(ungrown) is None
    assert growth_sentences(ungrown) == []


def test_asking_a_study_without_growth_about_a_backbone_does_no_harm(ungrown: Results) -> None:
    assert ungrown.growth.curves("tiny").empty
    assert ungrown.growth.parts.likeness_tests("tiny").empty
    assert ungrown.growth.parts.keys("tiny") == ()
    with pytest.raises(InputError, match="no prompts were trained on parts of 'tiny' by schedule 'depth'") as failure:
        ungrown.growth.parts.matrix("tiny", "depth")
    assert "parts = true" in failure.value.fix


# --- parts ------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def parts(results: Results) -> pd.DataFrame:
    return results.growth.parts.table("tiny").set_index(["schedule", "part"])


def test_parts_have_a_row_each_and_the_whole_stands_last(results: Results, parts: pd.DataFrame) -> None:
    assert list(parts.index) == [(name, part) for name, found in PARTS.items() for part in (*found, "whole")]
    assert results.growth.parts.schedules == (("tiny", "depth"), ("tiny", "width"))
    sizes = parts[["depth", "width"]].to_numpy().tolist()
    assert sizes == [[0.25, 1.0], [0.5, 1.0], [1.0, 1.0], [1.0, 0.25], [1.0, 0.5], [1.0, 1.0]]
    assert parts["share"].tolist() == pytest.approx([COST[part] for _, part in parts.index])
    assert results.growth.parts.table().equals(results.growth.parts.table("tiny"))
    assert results.growth.parts.table("other").empty


def test_scores_of_parts_are_means_over_tasks_and_seeds(parts: pd.DataFrame) -> None:
    for (_, part), row in parts.iterrows():
        way = "plain" if part == "whole" else part
        columns = {"on_itself": by_seed(way, part), "on_whole": by_seed(way), "of_whole": by_seed("plain", part)}
        for name, values in columns.items():
            assert row[name] == pytest.approx(values.mean())
        bare = np.mean([metrics_of(answers_of("none", 0, part, task), task)[METRIC[task]] for task in NAMES])
        assert row["no_prompt"] == pytest.approx(bare)
        assert row["delta"] == pytest.approx(by_seed(way, part).mean() - by_seed("plain").mean())
        for name in ("on_itself", "on_whole"):
            values = columns[name]
            ends = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
            found = row[f"{name}_low"], row[f"{name}_high"]
            assert found == tuple(pytest.approx(end) for end in np.clip(ends, 0, 1))


@pytest.mark.parametrize("schedule", ["depth", "width"])
def test_the_matrix_brings_prompts_of_each_part_to_each(results: Results, schedule: str) -> None:
    matrix = results.growth.parts.matrix("tiny", schedule)
    names = (*PARTS[schedule], "whole")
    assert matrix.sources == matrix.targets == names
    assert matrix.source_groups == matrix.target_groups == ("part", "part", "whole")
    for i, source in enumerate(names):
        for j, target in enumerate(names):
            way = "plain" if source == "whole" else source
            assert matrix.values[i, j] == pytest.approx(by_seed(way, target).mean())
    assert len(matrix.keys) == 9 * len(NAMES) * len(SEEDS)
    assert all(name in results.store.kept for name in matrix.keys)


@pytest.mark.parametrize(
    ("backbone", "schedule", "meant"), [("tiny", "dept", "tiny, depth"), ("tin", "width", "tiny, width")]
)
def test_what_no_prompts_were_trained_by_has_no_matrix(
    results: Results, backbone: str, schedule: str, meant: str
) -> None:
    with pytest.raises(InputError, match=f"on parts of {backbone!r} by schedule {schedule!r}") as failure:
        results.growth.parts.matrix(backbone, schedule)
    assert f"'{meant}'" in failure.value.fix


def test_keys_of_parts_are_those_of_every_score_in_their_rows(study: Study, parts: pd.DataFrame) -> None:
    ways = {key(spec): way_of(spec) for spec in study.every_prompt()}
    found: dict[str, set[str]] = {part: set() for part in (*ALONE, "whole")}
    for spec in {*study.scores(), *study.growing.scores}:
        way = "none" if isinstance(spec.source, NoPrompt) else ways.get(getattr(spec.source, "key", None))
        at = "whole" if spec.backbone.partial is None else spec.backbone.partial.name
        if way in found and at in (way, "whole"):
            found[way].add(key(spec))  # on itself, on the whole
        elif way in ("plain", "none") and spec.task.name == getattr(spec.source, "task", spec.task.name):
            found[at].add(key(spec))  # the whole's prompts and none
    n = len(NAMES) * len(SEEDS)
    assert {part: len(keys) for part, keys in found.items()} == dict.fromkeys(ALONE, 3 * n + 2) | {"whole": n + 2}
    for (_, part), row in parts.iterrows():
        assert set(row["keys"].split()) == found[part]


def test_a_part_without_its_scores_has_no_row_and_its_cells_are_missing(study: Study, store: InMemory) -> None:
    found = Results(study, without(store, study, is_score(study, "d25", "d25"))).growth.parts
    table = found.table().set_index(["schedule", "part"])
    assert ("depth", "d25") not in table.index
    assert len(table) == 5
    matrix = found.matrix("tiny", "depth")
    assert matrix.count("missing") == 1
    assert np.isnan(matrix.values[0, 0])


def test_what_is_missing_elsewhere_is_blank(study: Study, store: InMemory) -> None:
    gone = (is_score(study, "d25"), is_score(study, "plain", "d25"), is_prompt("d25"))
    kept = without(store, study, lambda spec: any(lost(spec) for lost in gone))
    table = Results(study, kept).growth.parts.table().set_index(["schedule", "part"])
    row = table.loc["depth", "d25"]
    assert row[["on_whole", "on_whole_low", "of_whole"]].isna().all()
    assert row["on_itself"] == pytest.approx(by_seed("d25", "d25").mean())
    assert row["share"] == pytest.approx(0.25)  # of the runs that are there
    assert table.drop(index=("depth", "d25"))[["on_itself", "on_whole", "of_whole", "delta"]].notna().all(axis=None)


def test_the_share_of_a_step_is_that_of_a_step_where_a_run_stopped_early(study: Study, store: InMemory) -> None:
    """With patience: here all but the whole's stop half way."""

    def stopped(spec: PromptSpec, prompt: Prompt) -> Prompt:
        return prompt if way_of(spec) == "plain" else dataclasses.replace(prompt, history=prompt.history[:6])

    table = Results(study, with_prompts(store, study, stopped)).growth.parts.table()
    assert table["share"].tolist() == pytest.approx([COST[part] for part in table["part"]])


# --- likeness ---------------------------------------------------------------------------------------------------------
MEMBERS = [(task, part, seed) for task in NAMES for part in (*ALONE, "whole") for seed in SEEDS]


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, tuple[str, str, int]], np.ndarray]:
    """Rows of every prompt, as they are and from their start."""
    found = {}
    for task, part, seed in MEMBERS:
        vectors, initial = (rows.astype(float) for rows in rows_of("plain" if part == "whole" else part, task, seed))
        found["as they are", (task, part, seed)] = vectors
        found["from their start", (task, part, seed)] = vectors - initial
    return found


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x.ravel() @ y.ravel() / np.sqrt((x * x).sum() * (y * y).sum()))


def distance(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(((x - y) ** 2).sum()))


LITERAL = {
    "cosine_concat": cosine,
    "cosine_average": lambda a, b: np.mean([cosine(x, y) for x in a for y in b]),
    "euclidean_concat": lambda a, b: 1 / (1 + distance(a, b)),
    "euclidean_average": lambda a, b: 1 / (1 + np.mean([distance(x, y) for x in a for y in b])),
}


SHARED = {
    (True, False, True): "same task and seed, other part",
    (True, True, False): "same task and part, other seed",
    (True, False, False): "same task, other part and seed",
    (False, True, True): "other task, same part and seed",
    (False, False, True): "other task and part, same seed",
    (False, True, False): "other task and seed, same part",
    (False, False, False): "all different",
}


@pytest.mark.parametrize("form", ["as they are", "from their start"])
def test_likeness_by_what_prompts_share_is_that_of_a_literal_loop(results: Results, rows: dict, form: str) -> None:
    frame = results.growth.parts.likeness("tiny")
    assert len(frame) == 2 * len(LITERAL) * len(SHARED)
    frame = frame[frame["form"] == form].set_index(["measure", "relation"])
    for measure, alike in LITERAL.items():
        pairs: dict[str, list[float]] = {}
        for one, other in combinations(MEMBERS, 2):
            same = tuple(a == b for a, b in zip(one, other, strict=True))
            if same in SHARED:
                pairs.setdefault(SHARED[same], []).append(alike(rows[form, one], rows[form, other]))
        for relation, values in pairs.items():
            row = frame.loc[measure, relation]
            assert row["mean"] == pytest.approx(np.mean(values), abs=1e-6)
            assert row["n_pairs"] == len(values)
            ends = np.percentile(values, [5, 95])
            assert (row["low"], row["high"]) == tuple(pytest.approx(end, abs=1e-6) for end in ends)


def test_tests_of_likeness_are_those_of_prompts_of_one_seed(results: Results, rows: dict) -> None:
    frame = results.growth.parts.likeness_tests("tiny").set_index(["form", "measure"])
    assert len(frame) == 8
    assert (frame[["n_parts", "n_tasks", "n_seeds"]] == [5, 2, 3]).all(axis=None)
    places = [(part, task) for part in (*ALONE, "whole") for task in NAMES]
    for (form, measure), row in frame.iterrows():
        same, other = [], []
        for (part, task), (second, its_task), seed in product(places, places, SEEDS):
            if part < second:
                sides = (rows[form, (task, part, seed)], rows[form, (its_task, second, seed)])
                (same if task == its_task else other).append(LITERAL[measure](*sides))
        assert row["difference"] == pytest.approx(np.mean(same) - np.mean(other), abs=1e-6)
        assert row["p"] == pytest.approx(1 / 16, abs=0.02)  # two tasks, exchanged in all five parts or in none


def test_the_prompts_compared_are_named_once_each(results: Results, study: Study) -> None:
    compared = {key(spec) for spec in study.every_prompt() if way_of(spec) in (*ALONE, "plain")}
    found = results.growth.parts.keys("tiny")
    assert len(found) == len(MEMBERS) == len(compared)
    assert set(found) == compared
    assert results.growth.parts.keys("other") == ()
    assert results.growth.parts.likeness_tests("other").empty


def test_a_prompt_that_is_missing_is_left_out_of_likeness_and_ends_the_tests(study: Study, store: InMemory) -> None:
    found = Results(study, without(store, study, is_prompt("d25"))).growth.parts
    frame = found.likeness("tiny").set_index(["form", "measure", "relation"])
    left = [member for member in MEMBERS if member != ("films", "d25", 1)]
    n = sum(a != b and ta == tb and sa == sb for (ta, a, sa), (tb, b, sb) in combinations(left, 2))
    assert frame.loc["as they are", "cosine_concat", "same task and seed, other part"]["n_pairs"] == n
    assert found.likeness_tests("tiny").empty
    assert list(found.likeness_tests("tiny").columns)[:4] == ["form", "measure", "difference", "p"]


def test_schedules_that_share_parts_count_their_prompts_once(
    tmp_path_factory: pytest.TempPathFactory, quick: None
) -> None:
    twin = dataclasses.replace(SCHEDULES[0], optimizer="reset")
    asked = make_study(
        tmp_path_factory.mktemp("twins") / "tiny", growth=Growing(schedules=(SCHEDULES[0], twin)), seeds=(0,)
    )
    assert len(asked.growing.on_parts) == 2 * 2 * 2
    assert len({key(one.prompt) for one in asked.growing.on_parts}) == 2 * 2
    alike = dataclasses.replace(asked, growth=Growing(schedules=(SCHEDULES[0],)))
    store = fill_grown(alike, tmp_path_factory.mktemp("store"))
    found = Results(asked, store).growth.parts
    assert found.table()["schedule"].tolist() == ["depth"] * 3 + ["depth-reset"] * 3
    assert found.table()[["on_itself_low", "on_whole_low"]].isna().all(axis=None)  # one seed
    assert found.likeness("tiny").equals(Results(alike, store).growth.parts.likeness("tiny"))
    assert (found.likeness_tests("tiny")["n_parts"] == 3).all()


def test_a_stage_that_keeps_everything_cannot_be_mistaken_for_the_whole() -> None:
    """Else a study of it would have two parts called so."""
    with pytest.raises(ValidationError, match="a stage keeps everything: leave it out"):
        Growth(shares=(0.3, 0.3), depth=(0.25, 1.0))


# --- the report -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def section(results: Results) -> Section:
    found = growth_section(results)
    assert found is not None
    return found


def flat(section: Section) -> list[Text | Table | Drawing | Links]:
    """Return its parts, those that stand side by side taken apart."""
    return Report(title="", sections=(section,)).parts()


def named(section: Section) -> list[Drawing | Table]:
    return [part for part in flat(section) if isinstance(part, (Drawing, Table))]


def test_the_section_has_its_tables_and_drawings_in_order(section: Section) -> None:
    assert (section.slug, section.title) == ("growth", "Growing backbones")
    kinds = [type(part) for part in flat(section)]
    assert kinds == [Text, Text, Table, Table, Drawing, Drawing, Table, Drawing, Drawing, Drawing, Drawing, Table]
    assert all(part.caption and part.title for part in named(section))
    for part in named(section):
        if isinstance(part, Table):
            assert set(part.columns) <= set(part.frame.columns), part.name
            assert set(part.percent) <= set(part.frame.columns), part.name


def test_no_two_parts_are_called_alike(section: Section) -> None:
    """A report with two of one name is refused when it is written."""
    names = [part.name for part in named(section)]
    assert len(set(names)) == len(names)


def test_every_drawing_draws_and_every_snippet_is_about_the_same(section: Section, results: Results) -> None:
    """What a snippet hands to a figure is looked at; drawn is what the report draws."""
    given: list[pd.DataFrame | Matrix] = []

    def handed(name: str, what: pd.DataFrame | Matrix, **how: str) -> None:
        inspect.signature(getattr(figures, name)).bind(what, **how)
        given.append(what)

    names = ("growth", "parts", "heatmap", "likeness")
    seen = SimpleNamespace(**{name: partial(handed, name) for name in names})
    known = SimpleNamespace(Results=lambda study, store: results, Store=lambda root: root, figures=seen)
    for part in named(section):
        given.clear()
        exec(part.snippet, {"tk": known, "study": results.study})  # noqa: S102
        assert len(given) == isinstance(part, Drawing), part.name
        for what in given:
            rows = what.cells() if isinstance(what, Matrix) else what
            assert not rows.empty
            pd.testing.assert_frame_equal(rows, part.frame.loc[rows.index])
            assert any(ax.has_data() for ax in part.draw().axes), part.name


def test_parts_of_the_report_name_the_artifacts_behind_them(section: Section, results: Results) -> None:
    for part in named(section):
        assert part.keys, part.name
        assert all(name in results.store.kept for name in part.keys)


def test_sentences_say_the_numbers_of_the_tables(results: Results, table: pd.DataFrame, parts: pd.DataFrame) -> None:
    first, second = growth_sentences(results)
    gain, low, high = (100 * table.loc["depth", name] for name in ("gain", "gain_low", "gain_high"))
    said = "in depth with 62.5 % of the arithmetic and 87.5 % of the seconds of plain steps"
    said += f", {gain:+.1f} points"
    assert f"{said} [{low:+.1f}, {high:+.1f}]".replace("-", "−") in first
    assert "tiny, 2 tasks, 3 seeds: " in first
    assert first.endswith(
        "That growing beats plain prompts trained with no less arithmetic is shown for none (2 comparisons, each at"
        " 95 % and uncorrected, tasks held fixed)."
    )
    alone = parts[parts.index.get_level_values("part") != "whole"]
    best = alone["on_whole"].idxmax()[1]
    assert (
        f"{100 * alone['on_whole'].min():.1f} % to {100 * alone['on_whole'].max():.1f} % (best of 4: {best}, with"
        in second
    )
    assert f"where the whole's own score {100 * table.loc['plain', 'score']:.1f} % and no prompt" in second
    assert "not shown to be more alike" in second


def test_a_way_that_beats_equal_arithmetic_is_named(results: Results, quick: None) -> None:
    known = results.growth.table()
    ends = {"width": (0.01, 0.02), "depth": (-0.02, -0.01)}
    sentences = {
        "is shown for width (2 comparisons, each at 95 %": {"width": ends["width"]},
        "is shown for none, that it falls behind them for depth (2": {"depth": ends["depth"]},
        "is shown for width, that it falls behind them for depth (2": ends,
    }
    for said, shown in sentences.items():
        low, high = ([shown.get(way, (-0.01, 0.01))[i] for way in known["way"]] for i in (0, 1))
        table = known.assign(equal_low=low, equal_high=high)
        growth = SimpleNamespace(table=lambda _=None, table=table: table, parts=results.growth.parts)
        assert f"with no less arithmetic {said}" in growth_sentences(SimpleNamespace(growth=growth))[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, InMemory]:
    """One seed, one schedule, whose neurons are ranked, and no prompts of parts."""
    growth = Growing(schedules=SCHEDULES[1:], parts=False)
    asked = make_study(tmp_path_factory.mktemp("small") / "tiny", seeds=(0,), growth=growth)
    return asked, fill_grown(asked, tmp_path_factory.mktemp("store"))


def test_the_section_stands_in_the_report(small: tuple[Study, InMemory]) -> None:
    found = Results(*small, n_resamples=5)
    assert found.missing() == []
    report = build(found)
    assert "growth" in [one.slug for one in report.sections]
    assert report.headline[-1] == growth_sentences(found)[0]


def test_a_report_says_that_measurements_alone_are_missing(small: tuple[Study, InMemory]) -> None:
    study, store = small
    found = missing_section(Results(study, without(store, study, lambda spec: spec.kind == "activity")))
    assert found is not None
    assert "activity" in str(found.parts[0])


def test_the_best_part_is_one_that_is_known(study: Study, store: InMemory, quick: None) -> None:
    kept = without(store, study, is_score(study, "d25"))
    said = growth_sentences(Results(study, kept, n_resamples=5))[1]
    assert "nan" not in said


def test_gains_that_are_not_known_are_not_said(study: Study, store: InMemory, quick: None) -> None:
    kept = without(store, study, lambda spec: spec.kind == "examples")
    assert not any("nan" in said for said in growth_sentences(Results(study, kept, n_resamples=5)))


def test_plain_prompts_alone_make_no_section(study: Study, store: InMemory) -> None:
    plain = {key(spec) for spec in study.prompts()}
    others = {key(spec) for spec in study.every_prompt()} - plain

    def is_other(spec: object) -> bool:
        return key(spec) in others or getattr(getattr(spec, "source", None), "key", None) in others

    assert growth_section(Results(study, without(store, study, is_other))) is None


def test_tasks_and_seeds_and_parts_may_be_left_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    asked = make_study(
        tmp_path_factory.mktemp("few") / "tiny",
        seeds=(0,),
        recipe=Recipe(prompt_length=3, steps=STEPS, evaluate_every=5),
        growth=Growing(schedules=SCHEDULES[:1], parts=False, tasks=("films",)),
        tasks=TASKS,
    )
    store = fill_grown(asked, tmp_path_factory.mktemp("store"))
    found = Results(asked, store, n_resamples=5)
    table = found.growth.table().set_index("way")
    assert list(table.index) == ["plain", "depth"]
    assert (table["n_tasks"].tolist(), table["n_seeds"].tolist()) == ([1, 1], [1, 1])
    assert table.loc["depth", "gain"] == pytest.approx(scored("depth", "whole", "films", 0) - by_films())
    assert table.loc["depth", "equal_share"] == 1
    assert table.loc["depth", ["gflop_saved", "gflop_low", "seconds_saved"]].isna().all()  # one pair of runs
    assert table.loc["depth", "gflop_side"] == table.loc["depth", "seconds_side"] == "unknown"
    assert found.growth.parts.table().empty
    section = growth_section(found)
    assert [type(part) for part in flat(section)] == [Text, Table, Table, Drawing, Drawing]
    said = section.parts[0].body
    assert "1 seed: in depth with 62.5 %" in said


def by_films() -> float:
    return scored("plain", "whole", "films", 0)
