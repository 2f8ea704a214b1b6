"""Turns are rotated and kept, medians compared, gates judged in full runs only."""

import json
from dataclasses import replace

import pytest

from benchmarks.harness import BF16_PEAK, FP32_PEAK, Gate, Job, Session, Settings, Turn, Variant


def steady(seconds: float, units: float = 1.0) -> Job:
    """Return a job that always takes as long."""
    return lambda: Turn(units, seconds, 2 * seconds, {"mb": seconds})


def failing() -> Job:
    raise ArithmeticError("no such thing")


def variants(*names: str) -> list[Variant]:
    return [Variant(name, steady, {"seconds": float(i + 1)}) for i, name in enumerate(names)]


def rows(settings: Settings) -> list[dict]:
    assert settings.json is not None
    return [json.loads(line) for line in settings.json.read_text().splitlines()]


def test_order_is_rotated_and_peaks_come_first(here: list[str], full: Settings) -> None:
    peak = Variant(FP32_PEAK, steady, {"seconds": 1.0})
    Session("x", full).measure("shape", [*variants("a", "b", "c"), peak])
    assert here == [FP32_PEAK, "a", "b", "c", FP32_PEAK, "b", "c", "a"]


def test_a_row_compares_medians_and_judges_the_gate(here: list[str], full: Settings) -> None:
    session = Session("x", full)
    measured = session.measure("shape", variants("fast", "slow"))
    fast, slow = measured.rate("fast"), measured.rate("slow")
    session.compare("shape", fast, slow, gate=Gate("B0", 1.9, 2.5), unit="u")
    session.compare("shape", slow, fast, gate=Gate("B1", 0.4, at_most=True), unit="u")
    session.compare("shape", fast, None, gate=Gate("B2", 1.0, absolute=True), unit="u")
    assert [(row["ratio"], row["passed"]) for row in rows(full)] == [(2.0, True), (0.5, False), (None, True)]
    assert rows(full)[0]["n"] == 2
    assert not session.finish()


def test_rows_of_one_pair_in_two_units_are_both_kept(here: list[str], full: Settings) -> None:
    session = Session("x", full)
    rate = session.measure("shape", variants("a")).rate("a")
    for unit in ("examples", "bytes", "bytes"):
        session.compare("shape", rate, rate, unit=unit)
    assert [row["unit"] for row in rows(full)] == ["examples", "bytes"]


def test_wall_time_counts_with_two_threads(here: list[str], full: Settings) -> None:
    measured = Session("x", replace(full, threads=2)).measure("shape", variants("a"))
    assert (measured.rate("a").median, measured.per) == (0.5, "second")


def test_quick_runs_judge_nothing_and_keep_nothing(here: list[str]) -> None:
    session = Session("x", Settings(quick=True, rounds=1))
    rate = session.measure("shape", variants("a")).rate("a")
    session.compare("shape", rate, rate, gate=Gate("B0", 9.0), unit="u")
    assert session.rows[0]["passed"] is None
    assert session.finish()


def test_a_killed_run_goes_on_and_writes_no_row_twice(here: list[str], full: Settings) -> None:
    for _ in range(2):
        session = Session("x", full)
        session.verify("shape", steady, seconds=0.0)
        rate = session.measure("shape", variants("a", "b")).rate("a")
        session.compare("shape", rate, rate, unit="u")
    assert here == ["check: steady", "a", "b", "b", "a"]
    assert len(rows(full)) == 1
    assert len(Session("x", replace(full, rounds=3)).measure("shape", variants("a")).turns["a"]) == 3
    assert here[5:] == ["a"]


def test_other_code_or_another_machine_is_measured_anew(
    here: list[str], full: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Session("x", full).measure("shape", variants("a"))
    monkeypatch.setattr("benchmarks.harness.session.sources", lambda: "other")
    Session("x", full).measure("shape", variants("a"))
    assert here == ["a"] * 4


def test_slow_bf16_is_left_out_and_said_to_be_not_applicable(here: list[str], full: Settings) -> None:
    session = Session("x", full)
    peaks = [
        Variant(FP32_PEAK, steady, {"seconds": 1.0}),
        Variant(BF16_PEAK, steady, {"seconds": 4.0}, dtype="bfloat16"),
    ]
    half = Variant("half", steady, {"seconds": 1.0}, dtype="bfloat16")
    measured = session.measure("shape", [*peaks, half, *variants("a")])
    session.compare("shape", measured.rate("half"), measured.rate("a"), gate=Gate("B0", 1.0), unit="u")
    assert "half" not in here
    assert rows(full)[0]["note"] == "not applicable: bf16 matrix products run at 0.25 × fp32 here"
    assert session.finish()
    assert measured.best("half", "a").name == "a"


def test_what_fails_is_said_and_fails_the_run(
    here: list[str], full: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session("x", full)
    measured = session.measure("shape", [Variant("bad", failing), *variants("a")])
    session.compare("shape", measured.rate("a"), measured.rate("bad"), gate=Gate("B0", 1.0), unit="u")
    assert (rows(full)[0]["ratio"], rows(full)[0]["passed"]) == (None, None)
    assert here.count("bad") == 1
    assert "no such thing" in capsys.readouterr().out
    assert not session.finish()
