"""Long work shows itself, and only on stderr."""

import logging

import pytest
from rich.console import Console

from transferkit import progress
from transferkit.progress import Log, Quiet, Terminal, make_reporter


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Quiet().phase("train", 3) as advance:
        advance(3, "x")
    assert capsys.readouterr() == ("", "")


def test_log_lines_come_now_and_then_with_an_estimate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO, "transferkit")
    with Log().phase("train", 100) as advance:
        for _ in range(4):
            now += 10.0
            advance(10, "sst2")
    assert [record.message for record in caplog.records] == [
        "train: 20 of 100, about 1 min 20 s left (sst2)",  # 10 s are too soon; 20 of 100 in 20 s leave 80 s
        "train: 40 of 100, about 1 min 0 s left (sst2)",
        "train: 40 of 100 in 40 s",
    ]


def test_a_terminal_gets_a_bar() -> None:
    console = Console(force_terminal=True, width=120, record=True, file=open("/dev/null", "w"))  # noqa: PTH123
    with console.file, Terminal(console).phase("score", 4) as advance:
        advance(1, "first")
        advance(3, "bbc_news")
    text = console.export_text()
    assert "score" in text
    assert "4/4" in text
    assert "bbc_news" in text


def test_the_reporter_follows_stderr() -> None:
    assert isinstance(make_reporter(), Log)


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (-3, "0 s")])
def test_durations(seconds: float, said: str) -> None:
    assert progress._duration(seconds) == said
