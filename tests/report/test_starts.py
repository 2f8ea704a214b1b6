"""The section about prompts begun from other prompts: there when they are, and every number that of the tables."""

from types import SimpleNamespace

import pandas as pd
import pytest
from explaining.synthetic import SyntheticStudy, fill

from transferkit import figures
from transferkit.report import Drawing, Report, Table, build, headline, write
from transferkit.report.start_sections import in_words, start_section, start_sentence
from transferkit.report.start_tables import pair_table
from transferkit.results import Results
from transferkit.results.started_costs import speedup_of
from transferkit.statistics import Speedup
from transferkit.store import Store

ALPHA = "tiny/alpha"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = SyntheticStudy(backbones=(ALPHA,), tasks=SyntheticStudy().tasks[:3], begun=True)
    return Results(
        study,
        fill(study, tmp_path_factory.mktemp("store"), without=lambda spec: spec.kind in ("neurons", "words")),
        n_resamples=100,
    )


@pytest.fixture(scope="module")
def section(results):
    return start_section(results)


def part(section, start):
    return next(p for p in section.parts if getattr(p, "name", "").startswith(start))


def test_the_section_stands_in_the_report_and_its_sentence_in_the_headline(results):
    report = build(results)
    slugs = [section.slug for section in report.sections]
    assert slugs.index("starts") < slugs.index("training")
    assert headline(results)[-1] == start_sentence(results)


def test_without_started_prompts_there_is_no_section(results, tmp_path):
    study = SyntheticStudy(backbones=(ALPHA,))
    assert start_section(Results(study, results.store)) is None
    assert start_section(Results(results.study, Store(tmp_path))) is None
    assert start_sentence(Results(results.study, Store(tmp_path))) is None


def test_the_sentence_counts_the_pairs_of_the_table(results):
    both = results.speedups.table()
    table, chance = (both[(both["how"] == "from nothing") == is_chance] for is_chance in (False, True))
    said = start_sentence(results)
    for same, where in ((True, "within a group"), (False, "across groups")):
        rows = table[table["same_group"] == same]
        verdicts = [speedup_of(row, "comparable").verdict for row in rows.to_dict("records")]
        faster, slower = verdicts.count("faster"), verdicts.count("slower")
        assert f"{where} in {faster} of {len(rows)} pairs, and later or never in {slower} (median: " in said
    paid = int((table["flops_with_source"] > 1).sum())
    assert said.endswith(f"trained the source's prompt: in {paid} of {len(table)}.")
    counts = [[rows[f"comparable_n_{name}"].sum() for name in ("faster", "slower")] for rows in (table, chance)]
    assert f"Of single runs: faster in {counts[0][0]}, slower in {counts[0][1]} of 12; by chance alone" in said
    assert f"another seed: faster in {counts[1][0]}, slower in {counts[1][1]} of 6." in said
    assert in_words(Speedup(8.0, "more_than")) == "more than 8.0 times as fast"
    assert in_words(Speedup(1.0, "between", 9.0)) == "1.0 to 9.0 times as fast"


def altered(results, **changes):
    """The same, with a table that says something else."""
    table = results.speedups.table()
    made = table.assign(**{name: make(table) if callable(make) else make for name, make in changes.items()})
    speedups = SimpleNamespace(table=lambda _=None: made.copy(), rule=results.speedups.rule)
    return SimpleNamespace(speedups=speedups, store=results.store)


def test_projected_prompts_of_seen_and_held_out_tasks_are_told_apart(results):
    is_control = results.speedups.table()["how"] == "from nothing"
    found = altered(
        results,
        how=lambda table: table["how"].mask(~is_control, "rotation"),
        projection="tiny/beta → tiny/alpha",
        part=lambda table: (table["target"] == "films").map({True: "seen", False: "held out"}),
        projector_gflop=100.0,
    )
    said = start_sentence(found)
    assert "projected by what has seen the task, in " in said
    assert "projected by what has not seen the task, in " in said
    assert "trained the source's prompt, and tuned the projector that brought it: in " in said
    table = pair_table(found, ALPHA)
    assert table.columns["part"] == "the projector's tasks"
    assert set(table.frame["from"]) == {"from nothing", "tiny/beta → tiny/alpha, rotation"}
    assert "saw the very prompt the run is compared with" in table.caption
    assert "blank where nobody noted it" in table.caption


def test_a_single_seed_says_nothing_of_chance_and_the_sentence_says_so(results):
    table = results.speedups.table()
    few = table[table["how"] != "from nothing"]
    found = SimpleNamespace(speedups=SimpleNamespace(table=few.copy))
    assert "chance alone does cannot be told, which takes runs from nothing with two seeds" in start_sentence(found)


def test_chance_and_equal_arithmetic_stand_in_the_pair_table(results, section):
    table = part(section, "speed-ups-")
    rows = table.frame.set_index(["source", "target"])
    assert rows.loc["another seed", "films"]["single"] == "0 / 0"
    found = results.speedups.table().set_index(["source", "target"]).loc["shops", "films"]
    assert rows.loc["shops", "films"]["started_at_equal"] == found["started_at_equal"]
    assert found["n_no_budget"] == 2  # five times the steps
    assert rows.loc["shops", "films"]["with_source_said"] == "no budget left"
    none_without = altered(results, n_no_budget=0, started_at_equal_with_source=0.5)
    assert pair_table(none_without, ALPHA).frame["with_source_said"].unique().tolist() == ["50.0"]
    assert "Another seed: what chance does" in table.caption


def test_runs_that_may_not_have_converged_are_counted_and_said(results, section):
    assert "In 0 of 6 runs from nothing the selection score was highest at the last look alone" in section.parts[1].body
    assert "n_unfinished" in part(section, "speed-ups-").columns
    assert "its convergence is a bound" in part(section, "speed-ups-").caption
    assert results.speedups.table()["n_unfinished"].eq(0).all()


def test_the_table_holds_what_the_page_shows(results, section):
    table = part(section, "speed-ups-")
    assert isinstance(table, Table)
    rows = table.frame.set_index(["source", "target"])
    assert rows.loc["films", "shops"]["comparable_said"] == "> 6.48 (> 6.00 to > 7.00)"
    assert rows.loc["films", "shops"]["counts"] == "0 / 2 / 0 / 0"
    found = results.speedups.table().set_index(["source", "target"]).loc["shops", "films"]
    shown = rows.loc["shops", "films"]
    low, high = found["comparable_low"], found["comparable_high"]
    assert shown["comparable_said"] == f"{found['comparable']:.2f} ({low:.2f} to {high:.2f})"
    chance = results.speedups.table().set_index(["source", "target"]).loc["another seed", "films"]
    low, high = chance["comparable_low"], chance["comparable_high"]
    assert low < high
    said = rows.loc["another seed", "films"]["comparable_said"]
    assert said == f"{chance['comparable']:.2f} ({low:.2f} to {high:.2f})"
    assert float(shown["difference_said"].split()[0].replace("−", "-")) == pytest.approx(
        100 * found["difference"], abs=0.051
    )
    assert set(table.columns) <= set(table.frame.columns)


def test_indicators_stand_beside_zero_shot_transfer(results, section):
    table = part(section, "speed-up-agreement-")
    rows = table.frame.set_index("indicator")
    found = results.speedups.agreements(ALPHA).set_index(["indicator", "grouping"]).loc["same_group", "all"]
    assert rows.loc["same group"]["all_speedup_rho"] == pytest.approx(found["speedup_rho"])
    assert rows.loc["same group"]["all_zero_shot_p"] == pytest.approx(found["zero_shot_p"])
    assert set(table.columns) <= set(table.frame.columns)


def test_each_part_states_the_rule(section):
    drawn = [p for p in section.parts if isinstance(p, (Drawing, Table))]
    assert len(drawn) == 5
    assert all("at most 2 points below its best one" in p.caption for p in drawn)
    assert all(p.keys for p in drawn)


def test_it_can_be_written_and_made_again(results, section, tmp_path, monkeypatch):
    report = Report(title="Starts", sections=(section,))
    folder = write(report, tmp_path / "out").parent
    curves = pd.read_csv(folder / "figures" / "starts-tiny-alpha.csv")
    assert len(curves) == len(results.speedups.curves(ALPHA))
    assert "| shops | films | yes | > 6.48 (> 6.00 to > 7.00) |" in (folder / "report.md").read_text(encoding="utf-8")
    monkeypatch.chdir(results.store.root.parent)
    tk = SimpleNamespace(Results=Results, Store=Store, figures=figures)
    for one in section.parts:
        if isinstance(one, (Drawing, Table)):
            exec(one.snippet, {"tk": tk, "study": results.study})  # noqa: S102
