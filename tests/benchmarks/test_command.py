"""The command lists what there is, refuses what there is not, and every benchmark runs at a small size."""

import pytest

import benchmarks
from benchmarks.__main__ import main, summary
from benchmarks.harness import Session, Settings, Stopwatch, Turn, Variant
from benchmarks.harness.workers import Failed, Worker


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == list(benchmarks.NAMES)
    assert all(summary(name).endswith(".") for name in benchmarks.NAMES)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["no_such_benchmark"])


def test_without_a_gpu_the_gpu_benchmark_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import gpu

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    session = Session("gpu", Settings(quick=True, rounds=1, device="cuda"))
    gpu.run(session)
    assert {row["note"] for row in session.rows} == {"not run: no CUDA device"}
    assert session.finish()


def make_stopwatch_turn(units: float) -> object:
    def turn() -> Turn:
        if units < 0:
            raise ValueError("less than nothing")
        with Stopwatch() as watch:
            sum(range(10_000))
        return watch.turn(units)

    return turn


@pytest.mark.slow  # a process that imports torch anew
def test_a_worker_takes_turns_in_a_process_of_its_own() -> None:
    worker = Worker(Variant("x", make_stopwatch_turn, {"units": 3.0}), threads=1, method="spawn")
    first, second = worker.turn(), worker.turn()
    worker.close()
    assert first.units == second.units == 3.0
    assert first.more["peak_mb"] > 10
    broken = Worker(Variant("x", make_stopwatch_turn, {"units": -1.0}), threads=1, method="spawn")
    with pytest.raises(Failed, match="less than nothing"):
        broken.turn()
    broken.close()
