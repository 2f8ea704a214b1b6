"""The analyses of Su et al. 2022: found by name, the paper's matrix and table, and the reference numbers again."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from interop.checkouts import (
    SCORED,
    TASKS,
    WITHOUT_RANDOM,
    score_of,
    unhurried,
    write_checkout,
    write_score,
    write_square,
)
from matplotlib.text import Text as Written

from transferkit import report
from transferkit.chapters import analyses, chapters_for, find_analysis
from transferkit.errors import InputError
from transferkit.indicators import BY_NAME
from transferkit.interop import import_checkout, su2022
from transferkit.report import Drawing, Table, Text
from transferkit.results import Results
from transferkit.statistics import GROUPINGS
from transferkit.store import Store

BOTH = ("su2022_cross_task", "su2022_indicators")
ALL = ("su2022_cross_task", "su2022_indicators", "su2022_init", "su2022_projectors")
REFERENCES = {  # file: what names a row, and a line for each of the columns that are numbers
    "su2022_agreement": (["backbone", "indicator", "grouping", "diagonal", "score"], ["spearman", "p"]),
    "su2022_regret": (["backbone", "indicator", "k"], ["regret", "hits"]),
    "su2022_means": (["backbone", "score", "cells"], ["mean"]),
}
FOUR = [f"{kind} {form}" for kind in ("euclidean", "cosine") for form in ("concat", "average")]
CROSS_TASK, INDICATORS = map(find_analysis, BOTH)


def reference_of(name):
    return pd.read_csv(INDICATORS.FOLDER / f"{name}.csv")


def texts(sections):
    return {part.heading: part.body for s in sections for part in s.parts if isinstance(part, Text)}


def parts(sections, kind):
    return {part.name: part for section in sections for part in section.parts if isinstance(part, kind)}


# --- by name ----------------------------------------------------------------------------------------------------------
def test_both_are_found():
    assert tuple(analyses()) == ("fpt2022_growth", "lpt2022_layers", *ALL)
    for name in BOTH:
        module = find_analysis(name)
        assert module is find_analysis(name)
        assert module.__doc__.startswith("Su et al. 2022, ")
        assert module.FOLDER.is_dir() if name == "su2022_indicators" else module.REFERENCE.is_file()
    assert [chapter.__module__ for chapter in chapters_for("su2022")] == [f"transferkit_analyses_{n}" for n in ALL]
    assert chapters_for("su") == chapters_for("imported") == []


def test_an_unknown_one_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="no analysis 'su2022_indicator'\n  → did you mean 'su2022_indicators'"):
        find_analysis("su2022_indicator")
    with pytest.raises(
        InputError, match="→ known: fpt2022_growth, lpt2022_layers, su2022_cross_task, su2022_indicators"
    ):
        find_analysis("zzz")


# --- the reference files ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", REFERENCES)
def test_references_name_what_there_is(name):
    table = reference_of(name)
    index, numbers = REFERENCES[name]
    assert sorted(table.columns) == sorted([*index, *numbers, "files", "tolerance"])
    assert table["files"].str.fullmatch("[0-9a-f]{12}").all()
    assert not table[index].duplicated().any()
    assert set(table["backbone"]) <= set(su2022.BACKBONES)
    assert (table["tolerance"] > 0).all()
    assert table[numbers[0]].notna().all()
    if "indicator" in table:
        yardsticks = {"random source", "random source of the same group"} if name == "su2022_regret" else {"same_group"}
        assert set(table["indicator"]) <= {*BY_NAME, *yardsticks}
    allowed = {
        "grouping": GROUPINGS,
        "diagonal": ("with", "without"),
        "score": ("relative", "chance_corrected"),
        "k": (1, 3),
        "cells": ("same group", "other group", "all"),
    }
    for column in set(allowed) & set(table.columns):
        assert set(table[column]) <= set(allowed[column])
    if name == "su2022_agreement":
        assert len(table) == 77
        assert table["spearman"].between(-1, 1).all()
        assert table["p"].dropna().between(0, 1).all()


# --- on a made-up checkout --------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made-up")
    with unhurried():
        collection = import_checkout(write_checkout(folder / "checkout"), Store(folder / "store"))
    return Results(collection, Store(folder / "store"), n_resamples=50)


@pytest.fixture(scope="module")
def matrix_sections(made_up):
    return CROSS_TASK.sections(made_up)


@pytest.fixture(scope="module")
def table_sections(made_up):
    return INDICATORS.sections(made_up)


def test_the_papers_matrix(made_up, matrix_sections):
    assert [section.title for section in matrix_sections] == ["The paper's matrix"]
    drawings = parts(matrix_sections, Drawing)
    assert list(drawings) == [f"paper-matrix-{backbone.lower()}" for backbone in SCORED]  # Bert has no scores
    cells = drawings["paper-matrix-t5small"].frame.set_index(["source", "target"])["value"]
    for (source, target), value in cells.items():
        own = score_of(target, target, "T5Small")
        assert value == pytest.approx(score_of(source, target, "T5Small") / own)
    labels = {text.get_text() for text in drawings["paper-matrix-roberta"].draw().findobj(Written)}
    assert {*TASKS, "100.0"} <= labels
    said = texts(matrix_sections)
    assert list(said) == list(SCORED)
    assert said["T5Small"] == "The best foreign source is of the target's own type for 4 of 4 targets."


def test_the_means_by_type(made_up, matrix_sections):
    table = CROSS_TASK.means(made_up).set_index(["backbone", "score", "cells"])
    assert set(table.index.get_level_values("backbone")) == set(made_up.backbones)
    values = [score_of(s, t, "T5Small") / score_of(t, t, "T5Small") for s in TASKS for t in TASKS if s != t]
    every = table.loc["T5Small", "relative", "all"]
    assert every["n"] == 12
    assert every["mean"] == pytest.approx(np.mean(values))
    assert table.loc["Roberta", "relative", "all"]["n"] == 10
    assert table.loc["RobertaLarge", "chance_corrected", "all"]["n"] == 0
    same, other = (table.loc["T5Small", "chance_corrected", cells] for cells in ("same group", "other group"))
    assert (same["n"], other["n"]) == (4, 8)
    assert same["mean"] > other["mean"]
    shown = parts(matrix_sections, Table)["paper-means"]
    assert len(shown.frame) == len(table)
    assert shown.caption == "Off the diagonal."  # these files are not those the reference is about


def test_the_papers_table(made_up, table_sections):
    assert [section.title for section in table_sections] == ["The paper's table, and what corrections change"]
    tables = parts(table_sections, Table)
    named = [f"paper-table-{backbone.lower()}" for backbone in SCORED]
    assert list(tables) == named  # these files are not those the reference is about
    shown = tables["paper-table-roberta"].frame.set_index("indicator")
    assert list(shown.index[:4]) == [
        f"euclidean {x}" for x in ("concat all rows", "concat", "average all rows", "average")
    ]
    assert "cosine concat all rows" not in tables["paper-table-t5"].frame["indicator"].tolist()  # T5 reads every row
    asked = made_up.agreements("Roberta").set_index(["form", "indicator", "grouping", "diagonal"])
    for label, name in (("cosine concat", "cosine_concat"), ("cosine concat all rows", "cosine_concat_all_rows")):
        row = shown.loc[label]
        for grouping in GROUPINGS:
            for diagonal in ("with", "without"):
                expected = asked.loc[("relative", name, grouping, diagonal), "rho"]
                np.testing.assert_equal(row[f"{grouping}_{diagonal}"], expected)
        assert row["p"] == asked.loc[("relative", name, "all", "without"), "p"]
        assert row["corrected"] == asked.loc[("chance_corrected", name, "all", "without"), "rho"]
    assert tables["paper-table-robertalarge"].frame["corrected"].isna().all()


def test_the_words_say_what_is_not_defined(table_sections):
    said = texts(table_sections)
    assert list(said) == list(SCORED)
    assert all("nan" not in body for body in said.values())
    dead = "Row 0, which the embedding of the mask overwrites so that the backbone never reads it, holds up to"
    for backbone, body in said.items():
        assert (dead in body) == backbone.startswith("Roberta")
        assert ("never reads" in body) == backbone.startswith("Roberta")
        corrected = "With chance-corrected scores (a random prompt is 0, the own prompt 1) it is "
        assert (corrected in body) == (backbone != WITHOUT_RANDOM)
        given = body.partition("Given how long the prompts are, the partial correlation is ")[2].partition(". ")[0]
        assert [part.partition(" for ")[2] for part in given.split(", ")] == FOUR
    assert WITHOUT_RANDOM in said
    assert "undefined" in said["T5Small"]  # three prompts leave two sources per target
    assert all(body.endswith("because no activations are published.") for body in said.values())


def test_a_checkout_without_the_references_backbone_is_not_compared(tmp_path):
    write_square(tmp_path / "c", "T5Small")
    with unhurried():
        results = Results(import_checkout(tmp_path / "c", Store(tmp_path / "s")), Store(tmp_path / "s"), n_resamples=50)
    assert INDICATORS.compared_agreement(results).empty
    assert INDICATORS.compared_regret(results).empty
    assert list(parts(INDICATORS.sections(results), Table)) == ["paper-table-t5small"]
    assert "Reference" not in parts(CROSS_TASK.sections(results), Table)["paper-means"].caption


def test_scores_without_prompts_still_give_a_report(tmp_path):
    root = tmp_path / "c"
    (root / "task_prompt_emb").mkdir(parents=True)
    write_square(root, "Roberta", prompts=False)
    for task in TASKS:
        write_score(root, f"{task}PromptRoberta", "random", 0.5)
    with unhurried():
        results = Results(import_checkout(root, Store(tmp_path / "s")), Store(tmp_path / "s"), n_resamples=50)
    assert INDICATORS.sections(results) == []
    built = report.build(results, chapters_for("su2022"))
    assert built.sections[0].title == "The paper's matrix"
    assert {"agreement", "regret", "transfer_Roberta"} == set(built.data)
    assert set(built.data["agreement"]["indicator"]) == {"same_group"}


def test_without_any_own_score_nothing_is_relative(tmp_path):
    write_square(tmp_path / "c", "T5Small")
    for task in TASKS:
        (tmp_path / f"c/result/{task}PromptT5Small/result_{task}PromptT5Small.json").unlink()
    with unhurried():
        results = Results(import_checkout(tmp_path / "c", Store(tmp_path / "s")), Store(tmp_path / "s"), n_resamples=50)
    assert CROSS_TASK.sections(results) == []
    assert INDICATORS.sections(results) == []
    assert report.build(results, chapters_for("su2022")).sections[0].slug == "transfer"


def test_prompts_alone_have_no_chapter(made_up):
    collection = dataclasses.replace(made_up.study, imported_scores=())
    bare = Results(collection, made_up.store, n_resamples=50)
    assert [chapter(bare) for chapter in chapters_for("su2022")] == [[]] * 4


# --- on the published files -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def published(reference, tmp_path_factory):
    if not su2022.is_checkout(reference / "su2022"):
        pytest.skip("no published prompts of Su et al. in the folder")
    store = Store(tmp_path_factory.mktemp("published"))
    with unhurried():
        return Results(import_checkout(reference / "su2022", store), store)


@pytest.mark.published
def test_every_published_agreement_comes_out(published):
    both = INDICATORS.compared_agreement(published)
    assert len(both) == len(reference_of("su2022_agreement")) == 77
    assert (both["difference"].abs() <= both["tolerance"]).all(), both[both["difference"].abs() > both["tolerance"]]


@pytest.mark.published
def test_published_p_values_differ_by_chance_alone(published):
    """Both are shares of random relabellings, 2,000 there and 10,000 here: within four standard deviations."""
    both = INDICATORS.compared_agreement(published).dropna(subset=["reference_p"])
    assert len(both) == 22
    likely = both[["p", "reference_p"]].max(axis=1)
    sd = np.sqrt(likely * (1 - likely) * (1 / 2_000 + 1 / 10_000))
    off = (both["p"] - both["reference_p"]).abs() / sd
    assert (off < 4).all(), both.assign(off=off)[off >= 4]


@pytest.mark.published
def test_every_published_regret_comes_out(published):
    both = INDICATORS.compared_regret(published)
    assert len(both) == len(reference_of("su2022_regret"))
    assert (both["difference"].abs() <= both["tolerance"]).all()
    counted = both.dropna(subset=["reference_hits"])
    assert len(counted) == len(both) - 4
    assert (counted["hits"] == counted["reference_hits"]).all()
    assert (both["n_targets"] == 14).all()


@pytest.mark.published
def test_every_published_mean_comes_out(published):
    found = CROSS_TASK.means(published).dropna(subset=["reference"])
    assert len(found) == len(reference_of("su2022_means"))
    assert (found["difference"].abs() <= found["tolerance"]).all()


@pytest.mark.published
def test_the_paragraph_holds_the_published_numbers(published):
    said = INDICATORS.what_corrections_change(published, "Roberta")
    for part in (
        "the agreement is +0.28 for euclidean concat, +0.28 for euclidean average, +0.11 for cosine concat, "
        "+0.01 for cosine average",
        "Row 0, which the embedding of the mask overwrites so that the backbone never reads it, holds up to 66.0 % of "
        "a prompt's squared norm; without it cosine concat goes from +0.11 to +0.26, and all numbers from here on "
        "leave it out",
        "Given how long the prompts are, the partial correlation is −0.03 for euclidean concat, −0.03 for euclidean "
        "average, +0.18 for cosine concat, +0.20 for cosine average",
        "With chance-corrected scores (a random prompt is 0, the own prompt 1) it is +0.02 for euclidean concat, "
        "+0.01 for euclidean average, +0.38 for cosine concat, +0.27 for cosine average",
        "cosine average is −0.19 per source (which targets does a prompt serve?) and +0.39 per target (which prompts "
        "serve a task?)",
        "Knowing only the group of each task gives +0.46 over all cells and +0.58 per target; the best similarity "
        "reaches +0.32 and +0.39",
        "overlap of activated neurons is missing",
    ):
        assert part in said


@pytest.mark.published
def test_the_published_report_is_whole(published, tmp_path_factory):
    built = report.build(published, chapters_for("su2022"))
    page = report.write(built, tmp_path_factory.mktemp("out") / "report")
    assert [section.slug for section in built.sections[:2]] == ["paper-matrix", "paper-table"]
    text = page.read_text(encoding="utf-8")
    assert "77 of 77 correlations agree within 0.001" in text
    assert "18 of 18 regrets agree within 0.01 points" in text
    assert "5 of 5 agree within its last digit" in text
    assert "No file was passed over" in text
    folder = page.parent
    for name in (
        "agreement",
        "regret",
        "transfer_Roberta",
        "paper-table-roberta",
        "reference-agreement",
        "paper-means",
    ):
        assert (folder / "tables" / f"{name}.csv").stat().st_size > 0
    for name in ("paper-matrix-roberta", "predictors-roberta", "transfer-chance-corrected-roberta"):
        assert (folder / "figures" / f"{name}.svg").stat().st_size > 0
    assert len(list((folder / "cards").glob("*.html"))) == 14
    agreement = pd.read_csv(folder / "tables" / "agreement.csv")
    keyed = reference_of("su2022_agreement").merge(agreement, on=REFERENCES["su2022_agreement"][0])
    assert (keyed["spearman_x"] - keyed["spearman_y"]).abs().max() <= 0.001
