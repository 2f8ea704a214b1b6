"""What a store holds and what its studies say: analyze, ls, show, doctor, --version."""

import dataclasses
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from executors.saved import write_study

from transferkit import __version__, doctor, named, report
from transferkit.artifacts import Projector, Prompt, Score
from transferkit.places import FOLDERS
from transferkit.specs import (
    Lesson,
    LinearMap,
    MaskedReadout,
    Placement,
    ProjectedInitial,
    ProjectedSpec,
    ProjectorSpec,
    PromptInitial,
    PromptNet,
    PromptSpec,
    ScoreSpec,
    key,
)
from transferkit.store import Store
from transferkit.study import from_toml, to_json


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Leave out the drawing; what a report holds is tested elsewhere."""
    built: list[str] = []
    monkeypatch.setattr(report, "build", lambda results, _chapters: built.append(results.study.name))
    monkeypatch.setattr(report, "write", lambda _page, folder: folder / "index.html")
    monkeypatch.setattr(report, "headline", lambda _results: ["one number"])
    return built


def test_every_study_of_a_store_is_analysed(here: Path, tool: Callable[..., Any], no_page: list[str]) -> None:
    Path("other.toml").write_text(Path("study.toml").read_text())
    Path("half.toml").write_text(Path("study.toml").read_text().replace("max_tokens = 32", "max_tokens = 30"))
    for name in ("study", "other"):
        assert tool("train", f"{name}.toml", "--store", "kept").code == 0
        assert tool("measure", f"{name}.toml", "--store", "kept").code == 0
    for line in (("analyze", "--store", "kept"), ("analyze", "kept")):
        no_page.clear()
        done = tool(*line)
        assert done.code == 0, done.err
        assert no_page == ["other", "study"]
        assert done.out.splitlines()[-2:] == ["• one number", f"report: {Path('reports/study/index.html')}"]
    tool("train", "half.toml", "--store", "kept", "--limit", 9)
    no_page.clear()
    done = tool("analyze", "--store", "kept")
    assert done.code == 2
    assert no_page == ["other", "study"]  # the one that lacks something comes first and holds up none
    assert "6 of 9 artifacts of half-limit9 are missing from kept" in done.err
    assert "→ transferkit measure half.toml --store kept --limit 9; or add --partial" in done.err


def test_a_built_in_study_of_a_store_is_called_by_its_name(here: Path, tool: Callable[..., Any]) -> None:
    for seeds, options in ((2, ""), (3, " --seeds 3")):
        Store("kept").write_file(Path("kept/studies/smoke.json"), to_json(named.find_study("smoke", seeds=seeds)))
        line = f"transferkit train smoke --store kept{options}, then transferkit measure smoke --store kept{options}\n"
        assert line in tool("analyze", "--store", "kept").err


@pytest.mark.usefixtures("no_page")
def test_the_line_of_python_is_complete(here: Path, tool: Callable[..., Any]) -> None:
    for verb in ("train", "measure"):
        assert tool(verb, "study.toml", "--seeds", 2).code == 0
    for words in (("study.toml", "--seeds", 2), ()):
        done = tool("analyze", *words)
        (line,) = [line for line in done.err.splitlines() if line.startswith("In Python: ")]
        Path("line.py").write_text(line.removeprefix("In Python: "))
        names = runpy.run_path("line.py")
        assert not names["results"].missing()
        assert len(names["study"].seeds) == 2


def test_a_prompt_shows_its_scores(here: Path, tool: Callable[..., Any]) -> None:
    write_study(here, Path("tiny"), tasks=("other", "toy"))
    assert tool("train", "study.toml").code == 0
    toy = next(spec for spec in from_toml("study.toml").prompts() if spec.task.name == "toy")
    assert "no scores of this prompt yet: transferkit measure makes them" in tool("show", key(toy)).out
    assert tool("measure", "study.toml").code == 0
    lines = tool("show", key(toy)).out.splitlines()
    first = lines.index("scores of this prompt:") + 1
    assert re.fullmatch(r"  toy: accuracy = 0\.\d{4}, n = 20 \(its own task\)", lines[first])
    assert re.fullmatch(r"  other: accuracy = 0\.\d{4}, n = 20", lines[first + 1])
    assert lines[first + 2] == ""
    next(Path("runs/scores").rglob("toy/toy-seed0-*/score.json")).write_text("{}")
    assert "  toy: altered (its own task)" in tool("show", key(toy)).out


@dataclasses.dataclass
class Several:
    """Prompts of one backbone, task and seed, and projectors."""

    plain: PromptSpec
    short: PromptSpec  # with fewer steps
    late: PromptSpec
    started: PromptSpec  # trained on from another seed's
    brought: PromptSpec  # trained on from the projected one
    projected: ProjectedSpec
    projector: ProjectorSpec  # tuned on labels
    words: ProjectorSpec  # fitted on words


@pytest.fixture
def several(here: Path) -> Several:
    store = Store("runs")
    (plain,) = (spec for spec in from_toml("study.toml").prompts() if spec.seed == 0)
    recipe, away = plain.recipe, dataclasses.replace(plain.backbone, name="away")
    source = dataclasses.replace(plain, backbone=away, seed=0)
    other = dataclasses.replace(plain, seed=1)
    common = {"backbone": plain.backbone, "source_backbone": away}
    lesson = Lesson(task=plain.task, source=key(source))
    tuned = PromptNet(form="rows", objective="tasks")
    projector = ProjectorSpec(**common, method=tuned, lessons=(lesson,), readout=MaskedReadout(), recipe=recipe)
    words = ProjectorSpec(**common, method=LinearMap())
    projected = ProjectedSpec(
        backbone=plain.backbone, projector=key(projector), method="rows_tasks", prompt=source.source
    )

    def made(**changes: Any) -> PromptSpec:
        return dataclasses.replace(plain, recipe=dataclasses.replace(recipe, **changes))

    found = Several(
        plain=plain,
        short=made(steps=4),
        late=made(placement=Placement(entry="block", insert_after=2)),
        started=made(initial=PromptInitial(key=key(other))),
        brought=made(initial=ProjectedInitial(key=key(projected))),
        projected=projected,
        projector=projector,
        words=words,
    )
    prompts = [source, other, *(getattr(found, f.name) for f in dataclasses.fields(found)[:6])]
    for i, spec in enumerate(prompts):
        store.put(spec, Prompt(np.full((3, 32), i, dtype=np.float32), None, np.ones(3, dtype=bool)))
    history = ({"step": 3, "train_loss": 0.75}, {"step": 6, "train_loss": 0.5})
    arrays = {"w": np.zeros((3, 4), dtype=np.float32)}
    store.put(projector, Projector(arrays, 12345, history))
    store.put(words, Projector(arrays, 12))
    for spec in (plain, found.short, projected):
        score = ScoreSpec(source=spec.source, backbone=plain.backbone, readout=plain.readout, task=plain.task)
        store.put(score, Score({"accuracy": 0.75, "loss": 0.5}, np.zeros(20, dtype=np.int64)))
    return found


def test_a_list_tells_prompts_of_one_task_and_seed_apart(several: Several, tool: Callable[..., Any]) -> None:
    what = {row["key"]: row["what"] for row in json.loads(tool("ls", "--json").out)}
    from_toy = f"from toy ({several.started.recipe.initial.key[:8]})"
    from_away = f"from toy ({key(several.projected)[:8]}, rows_tasks from away)"
    assert {name: what[key(getattr(several, name))] for name in ("plain", "short", "late", "started", "brought")} == {
        "plain": "seed 0, 6 steps",
        "short": "seed 0, 4 steps",
        "late": "seed 0, block 2, 6 steps",
        "started": f"seed 0, {from_toy}, 6 steps",
        "brought": f"seed 0, {from_away}, 6 steps",
    }
    assert what[key(several.projected)] == "seed 0, rows_tasks from away"
    assert what[several.started.recipe.initial.key] == "seed 1"  # nothing else is of its seed
    scores = {row["what"] for row in json.loads(tool("ls", "--kind", "score", "--json").out)}
    trained = {f"toy-seed0 ({key(spec)[:8]})" for spec in (several.plain, several.short)}
    assert scores == {*trained, "rows_tasks-away-toy-seed0"}


def test_every_kind_that_is_listed_can_be_asked_for(several: Several, tool: Callable[..., Any]) -> None:
    done = tool("ls", "--kind", "projected", "--json")
    assert [row["key"] for row in json.loads(done.out)] == [key(several.projected)]
    for kind in FOLDERS:
        assert tool("ls", "--kind", kind).code == 0
    assert len(json.loads(tool("ls", "--kind", "prompt", "--json").out)) == 8


def test_a_projected_prompt_shows_its_scores(several: Several, tool: Callable[..., Any]) -> None:
    lines = tool("show", key(several.projected)).out.splitlines()
    assert lines[2] == "seed 0, rows_tasks from away"
    first = lines.index("scores of this prompt:") + 1
    assert lines[first] == "  toy: accuracy = 0.7500, n = 20 (its own task)"
    assert lines[first + 1] == ""
    score = next(row for row in json.loads(tool("ls", "--json").out) if row["what"] == "rows_tasks-away-toy-seed0")
    made_from = f"made from prompt {key(several.projected)} (toy, seed 0), rows_tasks from away"
    assert made_from in tool("show", score["key"]).out.splitlines()
    assert "no scores of this prompt yet" in tool("show", key(several.late)).out


def test_a_projector_shows_what_it_is(several: Several, tool: Callable[..., Any]) -> None:
    lines = tool("show", key(several.projector)).out.splitlines()
    at = lines.index("rows_tasks from away, fitted on labels of toy")
    assert lines[at + 1 : at + 3] == ["12 345 parameters", "last of 2 looks: step = 6, train_loss = 0.5000"]
    lines = tool("show", key(several.words)).out.splitlines()
    at = lines.index("linear from away, fitted on the words both vocabularies share, and on no task")
    assert lines[at + 1 : at + 3] == ["12 parameters", ""]


def test_an_unfilled_study_is_not_analysed(here: Path, tool: Callable[..., Any]) -> None:
    done = tool("analyze", "study.toml", "--store", "elsewhere", "--seeds", 2)
    assert done.code == 2
    assert "13 of 13 artifacts of study are missing from elsewhere" in done.err
    options = "study.toml --store elsewhere --seeds 2"
    assert f"→ transferkit train {options}, then transferkit measure {options}\n" in done.err
    tool("train", "study.toml")
    done = tool("analyze", "study.toml")
    assert done.code == 2
    assert "7 of 9 artifacts of study are missing from runs" in done.err
    assert "→ transferkit measure study.toml; or add --partial" in done.err
    assert not (here / "reports").exists()


def test_a_store_without_studies_is_not_analysed(here: Path, tool: Callable[..., Any]) -> None:
    Path("bare").mkdir()
    Path("bare/store.toml").write_text("format = 1\n")
    for line in (("analyze", "bare"), ("analyze", "--store", "bare")):
        done = tool(*line)
        assert done.code == 2
        assert "bare holds no filled study\n  → transferkit train STUDY --store bare, with a study's name" in done.err


def test_a_store_that_is_not_there_is_not_analysed(here: Path, tool: Callable[..., Any]) -> None:
    assert "runs is no store" in tool("analyze").err
    done = tool("analyze", "--store", "elsewhere")
    assert done.code == 2
    assert "elsewhere is no store" in done.err


def test_seeds_without_a_study_are_refused(here: Path, tool: Callable[..., Any]) -> None:
    done = tool("analyze", "--seeds", 2)
    assert done.code == 2
    assert "--seeds and --limit choose within a study, and none is named" in done.err


def test_looking_loads_nothing_heavy(here: Path, tool: Callable[..., Any]) -> None:
    tool("train", "study.toml")
    code = (
        "import sys; sys.argv = ['transferkit', 'ls'];\n"
        "from transferkit.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'torch', 'transformers', 'datasets', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert "seed 0" in out


def test_doctor_measures_and_names(here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SIZE", 32)
    done = tool("doctor", "--cache", "cache")
    assert done.code == 0
    assert re.search(r"matmul float32 +\d+ GFLOP/s", done.out)
    assert re.search(r"matmul bfloat16 +\d+ GFLOP/s \([\d.]+ × float32\)", done.out)
    assert re.search(r"catalogue +0 of \d+ fetched \(cache\)", done.out)
    assert re.search(r"store +runs: none yet", done.out)
    tool("train", "study.toml")
    assert re.search(r"store +runs: 2 artifacts, 0 altered", tool("doctor").out)


def test_a_list_names_what_is_altered(here: Path, tool: Callable[..., Any]) -> None:
    tool("train", "study.toml")
    tool("measure", "study.toml")
    path = next(Path("runs/scores").rglob("score.json"))
    path.write_text("{}")
    assert tool("ls").code == 0


def test_version_and_help(tool: Callable[..., Any]) -> None:
    done = tool("--version")
    assert (done.code, done.out) == (0, f"transferkit {__version__}\n")
    for words in (("-h",), ("train", "-h"), ("tasks", "--help")):
        done = tool(*words)
        assert done.code == 0
        assert "Usage:" in done.out
