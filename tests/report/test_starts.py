"""The section about prompts begun from other prompts: there when they are, and every number that of the tables."""

from types import SimpleNamespace

import pandas as pd
import pytest
from explaining.synthetic import SyntheticStudy, fill

from transferkit import figures
from transferkit.report import Drawing, Report, Table, build, headline, write
from transferkit.report.start_sections import in_words, start_section, start_sentence
from transferkit.results import Results
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
    table = results.speedups.table()
    said = start_sentence(results)
    for same, where in ((True, "within a group"), (False, "across groups")):
        rows = table[table["same_group"] == same]
        faster = int(((rows["comparable"] > 1) & (rows["comparable_side"] != "less_than")).sum())
        slower = int((rows["comparable"] < 1).sum())
        assert f"{where} in {faster} of {len(rows)} pairs, and later or never in {slower} (median: " in said
    paid = int((table["flops_with_source"] > 1).sum())
    assert said.endswith(f"trained the source's prompt: in {paid} of {len(table)}.")
    assert in_words(Speedup(8.0, "more_than")) == "more than 8.0 times as fast"


def test_the_table_holds_what_the_page_shows(results, section):
    table = part(section, "speed-ups-")
    assert isinstance(table, Table)
    rows = table.frame.set_index(["source", "target"])
    assert rows.loc["films", "shops"]["comparable_said"] == "> 8.00"
    assert rows.loc["films", "shops"]["counts"] == "0 / 2 / 0"
    found = results.speedups.table().set_index(["source", "target"]).loc["shops", "films"]
    shown = rows.loc["shops", "films"]
    assert shown["comparable_said"] == f"{found['comparable']:.2f}"
    low, high = found["convergence_low"], found["convergence_high"]
    assert shown["convergence_said"] == f"{found['convergence']:.2f} ({low:.2f} to {high:.2f})"
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
    assert len(drawn) == 4
    assert all("at most 2 points below its best one" in p.caption for p in drawn)
    assert all(p.keys for p in drawn)


def test_it_can_be_written_and_made_again(results, section, tmp_path, monkeypatch):
    report = Report(title="Starts", sections=(section,))
    folder = write(report, tmp_path / "out").parent
    curves = pd.read_csv(folder / "figures" / "starts-tiny-alpha.csv")
    assert len(curves) == len(results.speedups.curves(ALPHA))
    assert "| shops | films | yes | > 8.00 |" in (folder / "report.md").read_text(encoding="utf-8")
    monkeypatch.chdir(results.store.root.parent)
    tk = SimpleNamespace(Results=Results, Store=Store, figures=figures)
    for one in section.parts:
        if isinstance(one, (Drawing, Table)):
            exec(one.snippet, {"tk": tk, "study": results.study})  # noqa: S102
