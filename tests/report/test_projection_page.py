"""The section about other backbones: on the page as in the tables, and plain about what a projector is not."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from explaining.crossed import KINDS, CrossedStudy, fill_crossed, hits_of
from report.test_report import Page

from transferkit import figures
from transferkit.report import Drawing, Report, Table, Text, build, headline, write
from transferkit.report.projection_sections import projection_section
from transferkit.report.projection_words import projection_sentences
from transferkit.results import Results

ALPHA, BETA = "tiny/alpha", "tiny/beta"


def results_of(path, *, hits=hits_of, without=lambda spec, way: False, **fields):
    study = CrossedStudy(**fields)
    return Results(study, fill_crossed(study, path, hits=hits, without=without), n_resamples=200)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return results_of(tmp_path_factory.mktemp("store"), asked=({"kinds": KINDS[:5]},))


@pytest.fixture(scope="module")
def section(results):
    return projection_section(results)


@pytest.fixture(scope="module")
def folder(section, tmp_path_factory):
    report = Report(title="Brought", sections=(section,))
    return write(report, tmp_path_factory.mktemp("out") / "report").parent


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def texts(section):
    return [part.body for part in section.parts if isinstance(part, Text)]


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def test_the_section_stands_in_the_report_and_its_sentences_in_the_headline(results):
    sections = [section.slug for section in build(results).sections]
    assert "projections" in sections
    assert headline(results)[-2:] == projection_sentences(results)


def test_numbers_on_the_page_are_those_of_the_table(page, results):
    head, *rows = page.tables["shoot-out-table-tiny-alpha-tiny-beta"]
    table = results.projections.shoot_out()
    assert len(rows) == len(table)
    at = {name: head.index(name) for name in head}
    for row, known in zip(rows, table.to_dict("records"), strict=True):
        assert row[:2] == [known["method"].replace("_", " "), known["part"]]
        assert number(row[at["mean score, %"]]) == pytest.approx(100 * known["score"], abs=0.051)
        least, largest = row[at["least to largest task, %"]].split(" to ")
        assert (number(least), number(largest)) == pytest.approx(
            (100 * known["least"], 100 * known["largest"]), abs=0.051
        )
        for constant in ("constant distance", "constant tasks"):
            said = row[at[f"over {constant}, points (95 %)"]]
            name = constant.replace(" ", "_")
            if np.isnan(known[f"gain_{name}"]):
                assert said == "–"
                continue
            found = [number(part) for part in re.findall(r"[−\d.]+", said)]
            expected = [100 * known[f"{what}_{name}"] for what in ("gain", "low", "high")]
            assert found == pytest.approx(expected, abs=0.051)
        for column, name in (("numbers fitted", "parameters"), ("GFLOP of tuning", "gflop")):
            said = row[at[column]]
            assert said == "–" if np.isnan(known[name]) else number(said) == pytest.approx(known[name])
    own = next(row for row in rows if row[0] == "own prompt")
    assert own[at["numbers fitted"]] == "1200"
    assert own[at["GFLOP of tuning"]] == "24,000"
    assert own[at["CPU-s to fit"]] == "–"


def test_verdicts_say_which_constant_prompt_is_beaten(page):
    head, *rows = page.tables["shoot-out-table-tiny-alpha-tiny-beta"]
    verdicts = {(row[0], row[1]): row[head.index("beats the constant prompts")] for row in rows}
    assert verdicts["linear", "seen"] == "only constant distance (the mean prompt)"
    assert verdicts["flat tasks", "held out"] == "yes"
    assert verdicts["rows distance", "seen"] == "no"
    assert verdicts["constant tasks", "seen"] == "–"


def test_sentences_name_the_projectors_that_do_not_beat_a_constant_prompt(results):
    seen, held_out = projection_sentences(results)
    assert seen.startswith(
        "Prompts of tiny/alpha on tiny/beta, seen (2 tasks): flat tasks beats every constant prompt (95 %); linear"
        " beats only constant distance (the mean prompt); rows distance (collapsed: one prompt for all tasks) is not"
        " shown to beat any constant prompt. Mean scores: best projector (flat tasks, chosen on the same examples)"
        " 80.0 %, constant distance 60.0 %, constant tasks 64.0 %, own prompt 90.0 %, retrained 75.0 %, best without"
        " training (majority)"
    )
    assert ", held out (1 task): " in held_out
    assert (
        "linear and rows distance (collapsed: one prompt for all tasks) are not shown to beat any constant prompt"
        in held_out
    )


def test_how_many_verdicts_chance_would_make_is_said(section, tmp_path):
    said = texts(section)[2]
    assert said.startswith("6 verdicts, each on one projector and one part of the tasks: ")
    assert "chance alone would call about 0.2 of them better" in said  # 6 × 2.5 %
    assert "seed" not in said
    asked = ({"kinds": KINDS[:5]}, {"kinds": KINDS[:5], "seeds": (0,), "target": "tiny/gamma"})
    both = projection_section(results_of(tmp_path, backbones=(ALPHA, BETA, "tiny/gamma"), asked=asked))
    assert "would call about 0.2 of the 6 of more than one seed better" in texts(both)[-1]
    assert "they are of this one seed" in texts(both)[-1]


def test_verdicts_of_a_single_seed_are_called_so_and_chance_is_not_promised_to_be_rare(tmp_path):
    """Intervals over examples know of no seeds: where these differ by five points, one verdict in five is wrong."""
    found = results_of(tmp_path, seeds=(0,), asked=({"kinds": KINDS[:5]},))
    section = projection_section(found)
    seen, held_out = projection_sentences(found)
    assert ", seen (2 tasks), of this seed alone: flat tasks beats every constant prompt" in seen
    assert ", held out (1 task), of this seed alone: " in held_out
    said = texts(section)[-1]
    assert "chance alone would call" not in said
    assert "they are of this one seed: intervals over examples know nothing of how seeds differ" in said
    table = next(p for p in section.parts if getattr(p, "name", "").startswith("shoot-out-table"))
    verdicts = table.frame.set_index(["method", "part"])["verdict"]
    assert verdicts["flat tasks", "held out"] == "of this seed alone: yes"
    assert verdicts["rows distance", "seen"] == "of this seed alone: no"
    assert pd.isna(verdicts["constant tasks", "seen"])
    assert "of this seed alone" in table.caption


def test_one_constant_prompt_is_not_every_one(tmp_path):
    found = results_of(tmp_path, asked=({"kinds": KINDS[:4]},))
    seen, held_out = projection_sentences(found)
    assert "flat tasks beat the constant prompt (95 %)" in seen
    assert "every constant prompt" not in seen + held_out
    assert "rows distance (collapsed: one prompt for all tasks) is not shown to beat constant distance" in seen
    section = projection_section(found)
    drawing, table = (p for p in section.parts if getattr(p, "name", "").startswith("shoot-out"))
    assert table.columns["verdict"] == "beats the constant prompt"
    assert "better than the constant prompt" in drawing.caption


def test_one_task_of_teaching_is_said_to_show_no_more(tmp_path):
    found = results_of(tmp_path, asked=({"kinds": KINDS[:5], "train_on": ("films",)},))
    seen, held_out = projection_sentences(found)
    assert "seen (1 task): no verdict, for constant prompts are this task's own" in seen
    assert "flat tasks beats every constant prompt" in held_out
    assert "One teaching task cannot show more" in held_out
    (table,) = (p for p in projection_section(found).parts if getattr(p, "name", "").startswith("shoot-out-table"))
    assert table.frame.loc[table.frame["part"] == "seen", "verdict"].isna().all()
    assert "One teaching task cannot show more" in table.caption


def test_what_ways_need_is_added_to_what_they_take(page):
    head, *rows = page.tables["shoot-out-table-tiny-alpha-tiny-beta"]
    at = {name: head.index(name) for name in head}
    taken = {row[0]: (row[at["CPU-s to fit"]], row[at["CPU-s with what it needs"]]) for row in rows}
    assert tuple(map(number, taken["rows distance"])) == (3.0, 25.0)  # two prompts of 11 seconds
    assert tuple(map(number, taken["flat tasks"])) == (3.0, 3.0)
    gflop = {row[0]: row[at["GFLOP with what it needs"]] for row in rows}
    assert number(gflop["constant distance"]) == pytest.approx(640 + number(gflop["own prompt"]) * 2 / 3)
    assert gflop["no prompt"] == "–"


def test_the_ways_that_are_there_are_explained_and_no_others(page):
    head, *rows = page.tables["ways"]
    assert head == ["way", "what it is"]
    said = {row[0] for row in rows}
    assert {"linear", "flat tasks", "constant distance", "own prompt"} <= said
    assert "norms" not in said
    assert "procrustes" not in said
    assert all(len(row[1]) < 120 for row in rows)


def test_collapse_is_on_the_page(page, results):
    head, *rows = page.tables["collapse"]
    found = results.projections.diversity().set_index("method")
    verdicts = {row[2]: row[head.index("collapsed")] for row in rows}
    assert verdicts == {
        "linear": "no",
        "flat tasks": "no",
        "rows distance": "yes",
        "constant distance": "by design",
        "constant tasks": "by design",
    }
    for row in rows:
        name = row[2].replace(" ", "_")
        assert number(row[head.index("cosine")]) == pytest.approx(found.loc[name, "cosine"], abs=0.0006)
        assert number(row[head.index("given: difference")]) == pytest.approx(
            found.loc[name, "source_difference"], abs=0.0006
        )


def test_task_by_task_axes_are_named_for_what_they_hold(section):
    (part,) = (part for part in section.parts if getattr(part, "name", "") == "ways-tiny-alpha-tiny-beta")
    ax = part.draw().axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("task", "way")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["films", "shops", "entails"]


def test_files_hold_everything(folder, results):
    kept = pd.read_csv(folder / "tables" / "shoot-out-table-tiny-alpha-tiny-beta.csv")
    assert kept["score"].to_numpy() == pytest.approx(results.projections.shoot_out()["score"].to_numpy())
    assert {"low_constant_tasks", "keys", "verdict"} <= set(kept.columns)
    assert "| linear | seen | 2 | 3 | 62.0 |" in (folder / "report.md").read_text(encoding="utf-8")


def test_snippets_make_the_parts_again(results, section):
    tk = SimpleNamespace(Results=lambda study, store: results, Store=lambda root: root, figures=figures)
    for part in section.parts:
        if isinstance(part, (Drawing, Table)) and part.snippet:
            exec(part.snippet, {"tk": tk, "study": results.study})  # noqa: S102


def test_without_constant_prompts_nothing_is_claimed(tmp_path):
    found = results_of(tmp_path, asked=({"train_on": (), "kinds": ("linear", "norms")},))
    (said,) = projection_sentences(found)
    assert "on tiny/beta, all (3 tasks): no projector can be compared with a constant prompt. Mean scores: best" in said
    section = projection_section(found)
    assert texts(section) == [said]
    table = next(part for part in section.parts if getattr(part, "name", "").startswith("shoot-out-table"))
    assert "verdict" not in table.columns
    assert not any("constant" in name for name in table.columns)


def test_what_is_not_known_is_said_to_be_so(tmp_path):
    def without(spec, way):
        return spec.kind == "score" and (way, spec.task.name) == ("constant_tasks", "entails")

    said = projection_sentences(results_of(tmp_path, asked=({"kinds": KINDS[:5]},), without=without))[1]
    assert "; of flat tasks it is not known." in said
    assert "tasks) are not shown to beat constant distance (the mean prompt); of flat" in said
    assert "beats every constant prompt" not in said


def test_a_projector_below_what_needs_no_training_is_not_praised(tmp_path):
    """A constant prompt may do harm on tasks it was not fitted on; to beat that one is little."""

    def hits(method, task, seed):
        fewer = 40 if method.startswith("constant") and task == "entails" else 0
        return hits_of(method, task, seed) - fewer - (15 if method == "linear" else 0)

    found = results_of(tmp_path, hits=hits, asked=({"kinds": KINDS[:5]},))
    said = projection_sentences(found)[1]
    assert "linear (yet scores no more than majority)" in said.split(" beat every constant prompt")[0]
    assert "flat tasks (yet" not in said
    (table,) = (p for p in projection_section(found).parts if getattr(p, "name", "").startswith("shoot-out-table"))
    verdicts = table.frame.set_index(["method", "part"])["verdict"]
    assert verdicts["linear", "held out"] == "yes, but no more than majority"
    assert verdicts["flat tasks", "held out"] == "yes"
    assert verdicts["linear", "seen"] == "no"
    assert verdicts["majority", "held out"] == "yes"  # not "but no more than majority"


def test_there_is_no_section_where_nothing_is_brought_or_measured(tmp_path):
    assert projection_section(results_of(tmp_path, asked=())) is None
    assert projection_sentences(results_of(tmp_path, asked=())) == []
    assert projection_section(results_of(tmp_path, without=lambda spec, way: True)) is None


def test_a_projector_that_nearly_collapsed_is_called_so(tmp_path, monkeypatch):
    found = results_of(tmp_path, asked=({"kinds": KINDS[:5]},))
    spread = found.projections.diversity()
    spread.loc[spread["method"] == "linear", "collapsed"] = "nearly"
    monkeypatch.setattr(found.projections, "diversity", lambda: spread)
    assert (
        "linear (nearly collapsed: less than 5 % of its prompts' differences is left)" in projection_sentences(found)[0]
    )
    (table,) = (p for p in projection_section(found).parts if getattr(p, "name", "") == "collapse")
    assert table.frame.set_index("method")["verdict"]["linear"] == "nearly"
    assert "kept_of_untrained" not in table.columns  # there is none here
