"""Other people's files on the command line: a checkout becomes a report, prompts change their kind of file."""

import contextlib
import io
import json
import logging
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from explaining.synthetic import SyntheticStudy
from interop.checkouts import (
    BROKEN,
    HOLE,
    ODD,
    SCORED,
    TASKS,
    VARIANT,
    WITHOUT_RANDOM,
    score_of,
    tasks_of,
    unhurried,
    vectors_of,
    write_checkout,
    write_square,
)

from transferkit import cli, report
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.indicators import BY_NAME
from transferkit.interop import find_collection, import_checkout, import_prompt, read_array, read_peft, write_peft
from transferkit.report import writing
from transferkit.specs import BackboneSpec, Placement, ProjectedSpec, TrainedPrompt, key
from transferkit.store import Store

NAME = "Prompt-Transferability-1.0"
SKIPPED = (
    f"result/{BROKEN[1]}PromptRoberta/result_{BROKEN[0]}PromptRoberta.json",
    f"task_prompt_emb/{ODD}PromptT5Small/task_prompt",
    f"task_prompt_emb/{VARIANT}",
)


@pytest.fixture(scope="module", autouse=True)
def quick_disk() -> Iterator[None]:
    with unhurried():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made-up checkout in it, where the commands run that leave it as it is."""
    path = tmp_path_factory.mktemp("exchange")
    write_checkout(path / "downloads" / NAME)
    return path


@pytest.fixture(scope="module")
def said(folder: Path) -> tuple[int, str, str]:
    """The whole report, once, without its figures."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    logger = logging.getLogger("transferkit")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(logger, "level", logger.level)
        patch.setattr(writing, "_drawn", blank)
        patch.setattr(Backbone, "load", never)
        patch.setattr(sys, "argv", ["transferkit", "analyze", f"downloads/{NAME}", "--out", "out"])
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return code, out.getvalue(), err.getvalue()


def blank(part: report.Drawing, _work: Path | None, text: str) -> writing.Block:
    """A figure that is not drawn: a hundred of them take seconds."""
    return writing.Block("drawing", part, picture="<svg></svg>", data=writing.data_link(text), natural=100)


def never(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a model was loaded")


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Leave out the page; what it holds is tested above."""
    found: list[Any] = []
    monkeypatch.setattr(report, "build", lambda results, chapters=(): found.append((results, len(chapters))))
    monkeypatch.setattr(report, "write", lambda _page, folder: folder / "index.html")
    monkeypatch.setattr(report, "headline", lambda _results: ["one number"])
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(tool: Callable[..., Any], *line: object) -> str:
    done = tool(*line)
    assert (done.code, done.out) == (2, ""), done.err
    return done.err.partition("error: ")[2]


# --- analyze CHECKOUT -------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_checkout_becomes_a_report(folder: Path, said: tuple[int, str, str]) -> None:
    code, out, err = said
    assert code == 0, err
    *findings, last = out.splitlines()
    assert findings
    assert all(line.startswith("• ") for line in findings)
    assert last == f"report: {folder / 'out' / 'index.html'}"
    n_scores = 3 * 16 + 25 + 4 + 5 + 4 + 6 - 2
    imported = f"imported from downloads/{NAME}: 20 prompts, {n_scores} scores, 2 cells missing, 3 files passed over"
    assert err.startswith(f"{imported} (listed in the report) (runs)\n")
    assert Store(folder / "runs").verify() == {}


def test_the_line_of_python_is_complete(
    folder: Path, said: tuple[int, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = [line for line in said[2].splitlines() if line.startswith("In Python: ")]
    monkeypatch.chdir(folder)
    Path("line.py").write_text(line.removeprefix("In Python: "))
    results = runpy.run_path("line.py")["results"]
    assert results.study.name == "su2022"
    assert len(results.missing()) == 2


@pytest.mark.usefixtures("said")
def test_agreements_for_other_programs(folder: Path) -> None:
    table = pd.read_csv(folder / "out/tables/agreement.csv")
    index = ["backbone", "indicator", "grouping", "diagonal", "score"]
    assert list(table.columns) == [*index, "spearman", "p", "n"]
    assert list(table["backbone"].unique()) == list(SCORED)
    assert set(table["indicator"]) <= {*BY_NAME, "same_group"}
    assert set(table["grouping"]) == {"per_source", "per_target", "all"}
    assert set(table["diagonal"]) == {"with", "without"}
    assert set(table["score"]) == {"raw", "relative", "chance_corrected"}
    assert not table[index].duplicated().any()
    assert table["spearman"].dropna().between(-1, 1).all()
    assert table["p"].dropna().between(1e-9, 1).all()
    assert (table["n"] >= 0).all()
    assert not (table["p"].notna() & table["spearman"].isna()).any()
    everything = table.query("grouping == 'all' and diagonal == 'without' and indicator == 'cosine_concat'")
    counts = everything.set_index(["backbone", "score"])["n"]
    assert counts.loc[:, "relative"].to_dict() == {"Roberta": 10, "RobertaLarge": 12, "T5": 20, "T5Small": 6}
    assert counts[WITHOUT_RANDOM, "chance_corrected"] == 0
    assert everything.set_index("backbone").loc["T5", "p"].notna().all()


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("backbone", SCORED)
def test_the_matrix_for_other_programs(folder: Path, backbone: str) -> None:
    table = pd.read_csv(folder / f"out/tables/transfer_{backbone}.csv", index_col="source")
    assert list(table.index) == list(table.columns)
    assert sorted(table.index) == sorted(tasks_of(backbone))
    for source in table.index:
        for target in table.columns:
            is_absent = backbone == "Roberta" and (source, target) in (HOLE, BROKEN)
            expected = float("nan") if is_absent else score_of(source, target, backbone)
            assert table.loc[source, target] == pytest.approx(expected, nan_ok=True)
    text = (folder / f"out/tables/transfer_{backbone}.csv").read_text()
    assert len(re.findall(",(?=,|\n)", text)) == (2 if backbone == "Roberta" else 0)  # empty, not "nan" and not 0


@pytest.mark.usefixtures("said")
def test_regrets_for_other_programs(folder: Path) -> None:
    table = pd.read_csv(folder / "out/tables/regret.csv")
    assert list(table.columns) == ["backbone", "indicator", "k", "regret", "hits", "n_targets"]
    assert list(table["backbone"].unique()) == list(SCORED)
    assert set(table["k"]) == {1, 3}
    known = table[table["backbone"] == "T5"]
    assert known["regret"].between(0, 1).all()
    assert {"cosine_concat", "same_group", "random source"} <= set(known["indicator"])
    assert (known.query("k == 1 and indicator == 'cosine_concat'")["n_targets"] == 5).all()


@pytest.mark.usefixtures("said")
def test_the_page_says_what_is_not_there(folder: Path) -> None:
    page, text = ((folder / "out" / name).read_text(encoding="utf-8") for name in ("index.html", "report.md"))
    assert "Activated neurons are missing" in text
    assert "3 files were passed over." in text
    for file in SKIPPED:
        assert file in page
        assert f"| {file} | " in text
    assert "Missing: 2 of 92 imported score" in text
    assert "Roberta: 2 of 16 cells of the matrix are missing" in text
    assert "projected" in (folder / "out/tables/other-backbones-roberta.csv").read_text()
    assert {path.stem for path in (folder / "out/tables").glob("transfer_*")} == {
        f"transfer_{b}" for b in SCORED
    }  # Bert has no scores
    assert len(list((folder / "out/cards").glob("*.html"))) == 20
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert sections[:2] == ["## The paper's matrix", "## The paper's table, and what corrections change"]


@pytest.mark.slow
def test_every_figure_of_a_checkout_is_written(folder: Path, place: Path, tool: Callable[..., Any]) -> None:
    done = tool("analyze", folder / "downloads" / NAME, "--out", "out")
    assert done.code == 0, done.err
    figures = sorted(Path("out/figures").glob("*.svg"))
    assert len(figures) > 50
    assert all(path.stat().st_size > 1000 and path.with_suffix(".pdf").is_file() for path in figures)


def test_the_parent_of_a_checkout_will_do(
    folder: Path, place: Path, tool: Callable[..., Any], built: list[Any]
) -> None:
    for out, page in (((), "reports/su2022/index.html"), (("--out", "mine"), "mine/index.html")):
        done = tool("analyze", folder / "downloads", "--store", "kept", *out)
        assert done.code == 0, done.err
        assert done.out.splitlines() == ["• one number", f"report: {page}"]
    results, n_chapters = built[-1]
    assert (results.study.name, n_chapters) == ("su2022", 4)
    assert results.store.root == Path("kept")


def test_a_prompt_can_be_chosen(folder: Path, place: Path, tool: Callable[..., Any], built: list[Any]) -> None:
    def taken() -> str:
        prompts = built[-1][0].study.prompts()
        (spec,) = [spec for spec in prompts if (spec.backbone.name, spec.task.name) == ("RobertaLarge", "IMDB")]
        assert np.array_equal(
            Store("runs").get(spec).vectors,
            vectors_of("IMDB", "RobertaLarge", extra="125" if VARIANT in spec.origin.file else ""),
        )
        return spec.origin.file

    assert tool("analyze", folder / "downloads", "--prompt", VARIANT).code == 0
    assert taken() == f"task_prompt_emb/{VARIANT}/task_prompt"
    assert tool("analyze", folder / "downloads").code == 0
    assert taken() == "task_prompt_emb/IMDBPromptRobertaLarge/task_prompt"
    told = refused(tool, "analyze", folder / "downloads", "--prompt", VARIANT[:-1])
    assert told.startswith(
        f"there is no prompt '{VARIANT[:-1]}' below {folder / 'downloads' / NAME / 'task_prompt_emb'}"
    )
    assert told.endswith(f"→ did you mean '{VARIANT}'?\n")
    both = ("--prompt", VARIANT, "--prompt", "IMDBPromptRobertaLarge")
    assert "are both prompts of IMDB\n  → choose one of them" in refused(tool, "analyze", folder / "downloads", *both)


def test_a_folder_with_other_files_is_left_alone(place: Path, tool: Callable[..., Any]) -> None:
    write_square(place / "c", "T5Small")
    (place / "notes").mkdir()
    (place / "notes/thoughts.txt").write_text("keep me")
    told = refused(tool, "analyze", "c", "--out", "notes")
    assert told == "notes holds something else than a report\n  → choose a new folder with --out\n"
    assert not (place / "runs").exists()
    assert [path.name for path in (place / "notes").iterdir()] == ["thoughts.txt"]
    assert (place / "notes/thoughts.txt").read_text() == "keep me"


def test_options_of_other_questions_are_refused(folder: Path, place: Path, tool: Callable[..., Any]) -> None:
    for option in ("--seeds", "--limit"):
        told = refused(tool, "analyze", folder / "downloads", option, 2)
        assert told == (
            f"--seeds and --limit choose within a study; {folder / 'downloads'} is a checkout\n  → leave them out\n"
        )
    for line in (("quickstart",), ()):
        told = refused(tool, "analyze", *line, "--prompt", VARIANT)
        assert told.startswith("--prompt chooses within a checkout, and none is named\n")
    assert list(place.iterdir()) == []


def test_neither_store_nor_checkout(folder: Path, place: Path, tool: Callable[..., Any]) -> None:
    (place / "other").mkdir()
    told = refused(tool, "analyze", "other")
    assert told == (
        "other is neither a store nor a checkout with task_prompt_emb/ and result/\n"
        "  → name a study, a store, or the folder that holds both\n"
    )
    for name in ("task_prompt_emb", "result"):
        (place / "other" / name).mkdir()
    assert refused(tool, "analyze", "other").startswith("other holds neither a prompt nor a score\n")
    write_square(place / "twice/first", "T5Small")
    write_square(place / "twice/second", "T5Small")
    assert refused(tool, "analyze", "twice").startswith("twice: several: first, second\n")
    assert not (place / "runs").exists()


def test_no_torch_where_prompts_are_plain_arrays(place: Path) -> None:
    write_square(place / "c", "T5Small")
    for task in TASKS:
        prompt = place / f"c/task_prompt_emb/{task}PromptT5Small/task_prompt"
        prompt.unlink()
        np.save(prompt.with_suffix(".npy"), vectors_of(task, "T5Small"))
    code = (
        "import sys; from transferkit import report; report.write = lambda built, folder: folder\n"
        "sys.argv = ['transferkit', 'analyze', 'c', '--out', 'out']\n"
        "from transferkit.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-2:] == [
        "report: out",
        "[]",
    ]


# --- analyze STORE ----------------------------------------------------------------------------------------------------
def test_a_store_with_a_collection_is_analysed(
    folder: Path, place: Path, tool: Callable[..., Any], built: list[Any]
) -> None:
    import_checkout(folder / "downloads", Store("kept"))
    for line in (("kept",), ("--store", "kept")):
        done = tool("analyze", *line)
        assert done.code == 0, done.err
        assert done.out.splitlines() == ["• one number", "report: reports/su2022/index.html"]
        assert [(results.study.name, n) for results, n in built[-1:]] == [("su2022", 4)]
    assert tool("convert", str(peft_folder(place)), "--task", "IMDB", "--store", "kept").code == 0
    built.clear()
    assert tool("analyze", "kept", "--out", "mine").out.splitlines()[1::2] == [
        "report: mine/imported/index.html",
        "report: mine/su2022/index.html",
    ]
    assert [(results.study.name, n) for results, n in built] == [("imported", 0), ("su2022", 4)]
    told = refused(tool, "analyze", "kept", "--seeds", 2)
    assert told.startswith("--seeds and --limit choose within a study, and none is named")


def test_prompts_of_different_lengths_are_reported_as_far_as_they_compare(
    place: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store("kept")
    for task, rows in (("IMDB", 6), ("MNLI", 5)):
        np.save("one.npy", vectors_of(task, "b", rows=rows))
        import_prompt("one.npy", store, task=task, backbone="b")
    write_square(place / "c", "T5Small", prompts=False)
    (place / "c/task_prompt_emb").mkdir()
    import_checkout("c", store)
    monkeypatch.setattr(writing, "_drawn", blank)
    done = tool("analyze", "kept")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"report: {place / 'reports/su2022/index.html'}"
    assert "These prompts differ in length" in Path("reports/imported/report.md").read_text()
    assert Path("reports/su2022/tables/transfer_T5Small.csv").is_file()


# --- convert: into a store --------------------------------------------------------------------------------------------
def peft_folder(place: Path) -> Path:
    write_peft(place / "saved", vectors_of("MNLI", "peft"), backbone="org/model", task_type="SEQ_CLS")
    return place / "saved"


@pytest.fixture
def array(place: Path) -> Path:
    np.save(place / "one.npy", vectors_of("IMDB", "one"))
    return Path("one.npy")


def test_files_go_into_a_store(place: Path, array: Path, tool: Callable[..., Any]) -> None:
    done = tool("convert", array, "--task", "IMDB", "--backbone", "org/model", "--store", "kept")
    assert done.code == 0, done.err
    name, where = done.out.split()
    (spec,) = find_collection("imported", Store("kept")).prompts()
    assert (name, Path(where)) == (key(spec), Store("kept").path(spec))
    assert np.array_equal(Store("kept").get(spec).vectors, vectors_of("IMDB", "one"))
    assert tool("convert", array, "--task", "IMDB", "--backbone", "org/model", "--store", "kept").out == done.out
    other = tool("convert", peft_folder(place), "--task", "IMDB", "--store", "kept")
    assert other.code == 0, other.err
    assert [s.seed for s in find_collection("imported", Store("kept")).prompts()] == [0, 1]
    assert tool("ls", "--store", "kept").out.count("IMDB") >= 2
    assert tool("verify", "--store", "kept").code == 0
    assert "one.npy" in tool("show", name, "--store", "kept").out


def test_a_checkout_goes_into_a_store(folder: Path, place: Path, tool: Callable[..., Any]) -> None:
    done = tool("convert", folder / "downloads", "--store", "kept")
    assert (done.code, done.out) == (0, "kept: 20 prompts, 90 scores, 2 cells missing\n")
    assert len(list(Store("kept").specs())) == 110


def test_what_a_store_must_be_told(place: Path, array: Path, tool: Callable[..., Any]) -> None:
    (place / "bare").mkdir()
    for line, told in (
        ((array,), "one.npy does not say what it was trained on\n  → add --task NAME\n"),
        ((peft_folder(place),), f"{place / 'saved'} does not say what it was trained on\n  → add --task NAME\n"),
        ((array, "--task", "IMDB"), "one.npy does not say which backbone it is for\n  → add --backbone NAME\n"),
        (
            (array, "--task", "my task", "--backbone", "b"),
            "'my task' cannot name a task\n  → use letters, digits, '_', '.' and '-', a letter or digit first\n",
        ),
        (
            ("absent.npy", "--task", "IMDB"),
            "no file or folder absent.npy\n  → to write a stored prompt, say where: --to FILE or FOLDER\n",
        ),
        (
            ("bare", "--task", "IMDB"),
            "bare: no adapter_config.json\n  → name the folder PEFT's save_pretrained wrote\n",
        ),
    ):
        assert refused(tool, "convert", *line) == told
    assert not (place / "runs").exists()


# --- convert: to other files ------------------------------------------------------------------------------------------
def test_files_become_other_files(place: Path, array: Path, tool: Callable[..., Any]) -> None:
    vectors = vectors_of("IMDB", "one")
    for source, to in (("one.npy", "two.npz"), ("two.npz", "three.safetensors"), ("three.safetensors", "four.npy")):
        done = tool("convert", source, "--to", to)  # an array keeps no backbone, so none is asked for
        assert (done.code, done.out, done.err) == (0, f"{to}: 6 × 8\n", "")
        assert np.array_equal(read_array(Path(to)), vectors)
    line = ("convert", "four.npy", "--to", "saved", "--backbone", "org/model", "--task-type", "SEQ_2_SEQ_LM")
    assert tool(*line).out == "saved: 6 × 8\n"
    found = read_peft(Path("saved"))
    assert np.array_equal(found.vectors, vectors)
    assert found.backbone == "org/model"
    assert tool("convert", "saved", "--to", "again").code == 0
    again = read_peft(Path("again"))
    assert (again.backbone, again.task_type) == ("org/model", "SEQ_2_SEQ_LM")
    assert tool("convert", "saved", "--to", "five.npy").code == 0
    assert np.array_equal(read_array(Path("five.npy")), vectors)
    assert not (place / "runs").exists()


@pytest.fixture
def kept(place: Path, folder: Path) -> Store:
    """A store with imported prompts and scores."""
    store = Store("kept")
    import_checkout(folder / "downloads", store)
    return store


T5 = ("--task-type", "SEQ_2_SEQ_LM")
PEFT_FIX = (
    "  → add --backbone NAME --task-type TYPE (SEQ_2_SEQ_LM for T5, CAUSAL_LM for GPT-likes, FEATURE_EXTRACTION for "
    "encoders)\n"
)


def test_a_stored_prompt_becomes_a_file(kept: Store, tool: Callable[..., Any]) -> None:
    specs = {spec.backbone.name: spec for spec in find_collection("su2022", kept).prompts() if spec.task.name == "IMDB"}
    for to in ("out.npy", "out.safetensors", "out-peft"):
        done = tool("convert", key(specs["Roberta"]), "--to", to, "--store", "kept", "--task-type", "SEQ_CLS")
        assert (done.code, done.out) == (0, f"{to}: 6 × 8\n")
        assert done.err == ("note: row 0 was never read where this prompt was trained; other programs will read it\n")
    for found in (
        read_array(Path("out.npy")),
        read_array(Path("out.safetensors")),
        read_peft(Path("out-peft")).vectors,
    ):
        assert np.array_equal(found, vectors_of("IMDB", "Roberta"))
    assert read_peft(Path("out-peft")).backbone == "Roberta"
    done = tool(
        "convert", key(specs["T5"])[:8], "--to", "t5", "--store", "kept", "--backbone", "google-t5/t5-base", *T5
    )
    assert (done.code, done.err) == (0, "")
    assert read_peft(Path("t5")).backbone == "google-t5/t5-base"


def test_a_late_prompt_is_no_prompt_of_peft(place: Path, tool: Callable[..., Any]) -> None:
    spec = SyntheticStudy().prompts()[0]
    vectors = vectors_of("late", "late")
    Store("kept").put(spec, Prompt(vectors, None, np.ones(len(vectors), dtype=bool)))
    told = refused(tool, "convert", key(spec), "--to", "saved", "--store", "kept")
    assert told == (
        f"{key(spec)} enters elsewhere than in front of the words, which PEFT has no kind of prompt for\n"
        "  → write an array: --to saved.safetensors\n"
    )
    assert not Path("saved").exists()
    assert tool("convert", key(spec), "--to", "SAVED.NPY", "--store", "kept").code == 0
    assert np.array_equal(read_array(Path("SAVED.NPY")), vectors)


def projected(**more: Placement) -> ProjectedSpec:
    source = TrainedPrompt(key="0" * 12, task="IMDB", seed=0, backbone="small")
    target = BackboneSpec(name="wide", revision="r")
    return ProjectedSpec(backbone=target, projector="1" * 12, method="linear", prompt=source, **more)


def test_a_projected_prompt_becomes_a_file_for_its_target(place: Path, tool: Callable[..., Any]) -> None:
    spec, vectors, store = projected(), vectors_of("IMDB", "wide"), Store("kept")
    facts = {"base_model_name_or_path": "org/wide", "num_layers": 3, "num_attention_heads": 2, "task_type": "CAUSAL_LM"}
    store.put(spec, Prompt(vectors, None, np.ones(len(vectors), dtype=bool), peft=facts))
    for to in ("out.npy", "out.npz", "out.safetensors", "out-peft"):
        done = tool("convert", key(spec), "--to", to, "--store", "kept")
        assert (done.code, done.out, done.err) == (0, f"{to}: 6 × 8\n", "")
        found = read_peft(Path(to)).vectors if to == "out-peft" else read_array(Path(to))
        assert np.array_equal(found, vectors)
    found = read_peft(Path("out-peft"))
    assert (found.backbone, found.task_type) == ("org/wide", "CAUSAL_LM")
    config = json.loads(Path("out-peft/adapter_config.json").read_text())
    assert {name: config[name] for name in facts} == facts
    assert tool("convert", "out-peft", "--task", "IMDB", "--store", "kept").code == 0
    (back,) = find_collection("imported", store).prompts()
    assert back.backbone.name == "org/wide"
    assert np.array_equal(store.get(back).vectors, vectors)


def test_a_late_projected_prompt_is_no_prompt_of_peft(place: Path, tool: Callable[..., Any]) -> None:
    spec, vectors = projected(placement=Placement(entry="block", insert_after=1)), vectors_of("late", "wide")
    Store("kept").put(spec, Prompt(vectors, None, np.ones(len(vectors), dtype=bool)))
    assert "enters elsewhere than in front" in refused(tool, "convert", key(spec), "--to", "saved", "--store", "kept")
    assert tool("convert", key(spec), "--to", "late.npy", "--store", "kept").code == 0
    assert np.array_equal(read_array(Path("late.npy")), vectors)


def test_what_is_not_written(kept: Store, array: Path, tool: Callable[..., Any]) -> None:
    score = key(next(spec for spec in find_collection("su2022", kept).scores() if kept.has(spec)))
    stored = key(next(spec for spec in find_collection("su2022", kept).prompts() if spec.backbone.name == "T5"))
    before = array.read_bytes()
    Path("used").mkdir()
    Path("used/notes.txt").touch()
    for line, told in (
        (
            (score, "--to", "p.npy"),
            f"{score} holds no prompt (kind: imported score)\n  → transferkit ls --kind prompt\n",
        ),
        (
            ("abcdef0123", "--to", "p.npy"),
            "no artifact in kept with a key beginning 'abcdef0123'\n  → list them: transferkit ls\n",
        ),
        (
            ("absent.npy", "--to", "p.npy"),
            "no file or folder absent.npy\n  → name one, or the key of a stored prompt: transferkit ls\n",
        ),
        (
            (array, "--to", "saved"),
            "one.npy does not say which backbone it is for nor which head it was trained with, and PEFT checks "
            f"neither\n{PEFT_FIX}",
        ),
        (
            (array, "--to", "saved", "--backbone", "b"),
            f"one.npy does not say which head it was trained with, and PEFT checks neither\n{PEFT_FIX}",
        ),
        (
            (array, "--to", "saved", *T5),
            f"one.npy does not say which backbone it is for, and PEFT checks neither\n{PEFT_FIX}",
        ),
        (
            (stored, "--to", "saved"),
            f"{stored} does not say which head it was trained with, and PEFT checks neither\n{PEFT_FIX}",
        ),
        *(
            (
                (array, "--to", f"p.{ending}"),  # said before a backbone is asked for
                f"p.{ending}: cannot write '.{ending}'\n"
                "  → end it in .npy, .npz, .safetensors, or in nothing for a folder PEFT loads\n",
            )
            for ending in ("pt", "txt", "NPYY")
        ),
        (
            (array, "--to", "used/notes.txt", "--backbone", "b", *T5),
            "used/notes.txt is there already\n  → choose another name, or remove it first\n",
        ),
        ((array, "--to", array), "one.npy is there already\n  → choose another name, or remove it first\n"),
        (
            (array, "--to", "used", "--backbone", "b", *T5),
            "used is already there and not empty\n  → name a new folder, or remove this one\n",
        ),
    ):
        assert refused(tool, "convert", *line, "--store", "kept") == told
    told = refused(tool, "convert", "abcdef0123", "--to", "p.npy", "--store", "elsewhere")
    assert told.startswith("elsewhere is no store\n")
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["kept", "one.npy", "used"]
    assert array.read_bytes() == before
    assert Path("used/notes.txt").read_bytes() == b""
