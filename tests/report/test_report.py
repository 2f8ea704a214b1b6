"""The page as a reader's program sees it: parsed, every number compared with the store, every download opened."""

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from explaining.synthetic import SyntheticStudy, fill

from transferkit import figures, indicators
from transferkit.errors import InputError, StoreError
from transferkit.figures import heatmap
from transferkit.figures.style import SETTINGS
from transferkit.report import Drawing, Report, Section, Table, Text, build, headline, write
from transferkit.results import Results
from transferkit.store import Store


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.tables, self.titles, self.ids, self.sections = [], {}, [], [], []
        self._table = self._row = self._cell = self._in_title = None
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.links += [(name, values[name]) for name in ("href", "src", "xlink:href") if values.get(name)]
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "figure":
            self._table = values["id"]
        elif tag == "tr":
            self._row = []
            self.tables.setdefault(self._table, []).append(self._row)
        elif tag in ("td", "th"):
            self._cell = ""
        elif tag == "title":
            self._in_title = ""

    def handle_data(self, data):
        if self._cell is not None:
            self._cell += data
        if self._in_title is not None:
            self._in_title += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._row.append(self._cell)
            self._cell = None
        elif tag == "title":
            self.titles.append(self._in_title)
            self._in_title = None


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = SyntheticStudy(backbones=("tiny/alpha",))
    return Results(study, fill(study, tmp_path_factory.mktemp("store")), n_resamples=300)


@pytest.fixture(scope="module")
def report(results):
    return build(results)


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    few = dict(list(report.cards.items())[:2])  # all cards are drawn alike, and take long
    return write(dataclasses.replace(report, cards=few), tmp_path_factory.mktemp("out") / "report").parent


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_the_page_needs_nothing_from_outside(folder, page):
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    for _, address in page.links:
        assert not re.match(r"(https?:)?//", address), address
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "link" not in page.tags


def test_every_download_is_there_and_every_anchor_too(folder, page, report):
    relative = {a for n, a in page.links if n == "href" and not a.startswith(("#", "data:"))}
    cards = {f"{address}.html" for address in report.cards}
    assert cards < relative
    for address in relative - cards:  # a few cards are written here, and have a test of their own
        assert (folder / address).stat().st_size > 0
    anchors = {a[1:] for n, a in page.links if n == "href" and a.startswith("#")}
    assert anchors <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_part_has_its_files(folder, report):
    for part in report.parts():
        if isinstance(part, Table):
            assert (folder / "tables" / f"{part.name}.tex").read_text().startswith("\\begin{table}")
        elif isinstance(part, Drawing):
            for kind in ("svg", "pdf", "csv"):
                assert (folder / "figures" / f"{part.name}.{kind}").stat().st_size > 0
            assert part.snippet.count("\n") == 1


def test_data_links_hold_the_same_numbers_as_the_files(folder, page, report):
    inside = [base64.b64decode(a.split(",")[1]).decode() for _, a in page.links if a.startswith("data:text/csv")]
    files = {path.read_text() for path in folder.glob("*/*.csv") if path.stem not in report.data}
    assert set(inside) == files


@pytest.mark.slow
def test_snippets_make_the_parts_again(results, report, monkeypatch):
    monkeypatch.chdir(results.store.root.parent)
    tk = SimpleNamespace(Results=Results, Store=Store, figures=figures, indicators=indicators)
    for part in report.parts():
        if isinstance(part, (Table, Drawing)) and part.snippet:
            exec(part.snippet, {"tk": tk, "study": results.study})  # noqa: S102


def test_numbers_on_the_page_are_those_of_the_store(page, results):
    head, *rows = page.tables["own-scores-tiny-alpha"]
    own = results.own_scores().set_index("task")
    assert head[:3] == ["task", "n", "own score, %"]
    for row in rows:
        assert float(row[2]) == pytest.approx(100 * own.loc[row[0], "score"], abs=0.051)
        assert float(row[8].replace("−", "-")) == pytest.approx(100 * own.loc[row[0], "difference"], abs=0.051)
    tips = {t.split(":")[0]: t for t in page.titles if " → " in t}
    value = results.transfer().to_frame().loc["films", "shops"]
    assert any(f"films → shops: {value:.4g}" in title for title in page.titles), tips


def test_csv_behind_a_figure_is_the_matrix(folder, results):
    table = pd.read_csv(folder / "figures" / "transfer-relative-tiny-alpha.csv")
    wide = table.pivot(index="source", columns="target", values="value")
    expected = results.relative("tiny/alpha").to_frame()
    pd.testing.assert_frame_equal(
        wide.loc[expected.index, list(expected.columns)], expected, check_names=False, rtol=1e-8
    )


def test_markdown_names_every_section_and_picture(folder, report):
    text = (folder / "report.md").read_text()
    for section in report.sections:
        assert f"## {section.title}" in text
    for picture in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (folder / picture).is_file()


def test_headline_is_plain_and_counts(results):
    sentences = headline(results)
    assert len(sentences) == 3
    assert "4 of 4 tasks" in sentences[0]


def table_of(name="t", **more):
    frame = pd.DataFrame({"a": [0.5, float("nan")], "<b>": ["<script>alert(1)</script>", "x_y & z"]})
    return Table(name=name, title="Title <i>", caption="50 % of a_b", frame=frame, **more)


def drawing_of(results):
    def draw():
        return heatmap(results.transfer()).get_figure(root=True)

    return Drawing(name="d", title="D", caption="", draw=draw, frame=results.transfer().cells())


def test_text_is_escaped_everywhere(tmp_path):
    section = Section(title="S & T", slug="s", parts=(Text(body="<script>bad()</script>"), table_of(percent=("a",))))
    path = write(Report(title="<b>R</b>", sections=(section,)), tmp_path / "r")
    text = path.read_text()
    assert "<script>bad" not in text
    assert "<script>alert" not in text
    rows = Page(text).tables["t"]
    assert rows == [["a", "<b>"], ["50.0", "<script>alert(1)</script>"], ["–", "x_y & z"]]
    assert r"x\_y \& z" in (tmp_path / "r" / "tables" / "t.tex").read_text()


def test_the_same_report_gives_the_same_bytes_and_keeps_what_is_not_its_own(results, tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "pdf.fonttype", 42)  # as it is outside of tests
    report = Report(title="R", sections=(Section(title="S", slug="s", parts=(drawing_of(results), table_of())),))
    first = write(report, tmp_path / "r").parent
    before = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    (first / "figures" / "mine.svg").write_text("drawn by hand")
    (first / "tables" / "stale.csv").write_text("of an older report")
    own = json.loads((first / "files.json").read_text())
    (first / "files.json").write_text(json.dumps([*own, "tables/stale.csv"]))
    again = write(report, tmp_path / "r").parent
    after = {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    assert after.pop(Path("figures/mine.svg")) == b"drawn by hand"
    assert before == after
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_report_that_fails_leaves_the_old_one(tmp_path):
    def fail():
        raise ValueError("no figure")

    good = Report(title="R", sections=(Section(title="S", slug="s", parts=(Text(body="old"),)),))
    write(good, tmp_path / "r")
    bad = Drawing(name="d", title="D", caption="", draw=fail, frame=pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="no figure"):
        write(Report(title="R", sections=(Section(title="S", slug="s", parts=(bad,)),)), tmp_path / "r")
    assert "old" in (tmp_path / "r" / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_two_parts_of_one_name_are_refused(tmp_path):
    report = Report(title="R", sections=(Section(title="S", slug="s", parts=(table_of(), table_of())),))
    with pytest.raises(StoreError, match="two parts"):
        write(report, tmp_path / "r")


def test_partial_and_empty_stores_make_a_report(results, tmp_path):
    study = results.study
    empty = build(Results(study, Store(tmp_path / "empty")))
    assert "missing" in [section.slug for section in empty.sections]
    assert write(empty, tmp_path / "r").is_file()
    assert any("Missing:" in part.body for part in empty.parts() if isinstance(part, Text))


def test_tables_sort_by_value(page, folder):
    text = (folder / "index.html").read_text()
    cells = re.findall(r'data-value="([^"]*)" class="number">([^<]*)<', text)
    assert cells
    for value, shown in cells[:50]:
        if shown not in ("–", ""):
            assert float(value) == pytest.approx(float(shown.split()[0].replace("−", "-")), rel=0.6, abs=100)
    assert io.StringIO(text).read().count("<button") > 20


def test_tables_for_other_programs(folder, results):
    agreement = pd.read_csv(folder / "tables" / "agreement.csv")
    assert list(agreement) == ["backbone", "indicator", "grouping", "diagonal", "score", "spearman", "p", "n"]
    assert set(agreement["score"]) == {"raw", "relative", "chance_corrected"}
    assert set(agreement["grouping"]) == {"per_source", "per_target", "all"}
    assert set(agreement["diagonal"]) == {"with", "without"}
    transfer = pd.read_csv(folder / "tables" / "transfer_tiny-alpha.csv", index_col="source")
    pd.testing.assert_frame_equal(transfer, results.transfer().to_frame(), check_names=False, rtol=1e-8)
    regret = pd.read_csv(folder / "tables" / "regret.csv")
    assert list(regret) == ["backbone", "indicator", "k", "regret", "hits", "n_targets"]


def test_every_prompt_has_a_page_that_leads_back(folder, report):
    assert len(report.cards) == 8
    for address, card in list(report.cards.items())[:2]:
        page = Page((folder / f"{address}.html").read_text(encoding="utf-8"))
        assert ("href", "../index.html") in page.links
        assert card.facts["key"] in address
        assert {"scores", "norms", "neighbours", "words"} <= set(page.ids)
        for _, link in page.links:
            assert link.startswith(("#", "data:", "../index.html")), link


def test_a_folder_that_is_no_report_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    report = Report(title="R", sections=())
    with pytest.raises(InputError, match="something else than a report"):
        write(report, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
