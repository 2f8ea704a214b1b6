"""SIGKILL at any moment, run again: in the end the store holds what an undisturbed run's does, byte for byte."""

import csv
import multiprocessing
import os
import random
import signal
import subprocess
import time
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from executors.saved import command, contents, environment, save_tiny, write_study

pytestmark = pytest.mark.slow  # CI runs them; that a resumed run equals an undisturbed one the default run shows too
RECIPE = "{ prompt_length = 3, steps = 30, evaluate_every = 3, batch_size = 8, learning_rate = 0.05 }"
HEAD = "seeds = [0, 1]\nrandom_prompts = 2"
VERBS = ("train", "measure")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    return write_study(folder, save_tiny(folder / "tiny"), head=HEAD, recipe=RECIPE, tasks=("toy", "other"))


def fill_in_child(verb: str, study: Path, store: Path) -> None:
    """What `python -m transferkit VERB STUDY` does, in a process that has its imports already."""
    import torch

    from transferkit.run import fill
    from transferkit.store import Store
    from transferkit.study import from_toml

    torch.set_num_threads(1)
    os.chdir(study.parent)
    outcome = fill(from_toml(study), Store(store), stages=(verb,), device="cpu")
    raise SystemExit(1 if outcome.failed else 0)


class Child:
    """A process that can be killed: forked off a server that has imported everything."""

    context = multiprocessing.get_context("forkserver")

    def __init__(self, verb: str, study: Path, store: Path) -> None:
        self.process: BaseProcess | ForkServerProcess = self.context.Process(
            target=fill_in_child, args=(verb, study, store)
        )
        self.process.start()

    def wait(self, seconds: float | None) -> int | None:
        self.process.join(seconds)
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


class Command:
    """The same as the real command."""

    def __init__(self, verb: str, study: Path, store: Path) -> None:
        arguments = command(verb, study, "--store", store, "--device", "cpu")
        self.process = subprocess.Popen(
            arguments, cwd=study.parent, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self, seconds: float | None) -> int | None:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


Start = type[Child] | type[Command]


def undisturbed(start: Start, study: Path, store: Path) -> dict[str, float]:
    """Fill a store and return how long each verb took."""
    seconds = {}
    for verb in VERBS:
        begun = time.monotonic()
        assert start(verb, study, store).wait(120) == 0
        seconds[verb] = time.monotonic() - begun
    return seconds


def disturbed(
    start: Start, study: Path, store: Path, *, kills: int, longest: dict[str, float], rng: random.Random
) -> int:
    """Fill a store, killing each verb again and again; return how many were killed at work."""
    n_killed, longest = 0, dict(longest)
    for verb in VERBS:
        for _ in range(kills):
            run = start(verb, study, store)
            if run.wait(rng.uniform(0.0, longest[verb])) is None:
                run.kill()
                n_killed += 1
            else:  # the machine is faster now, or little is left to do
                longest[verb] *= 0.6
        assert start(verb, study, store).wait(120) == 0
    return n_killed


def index(store: Path) -> list[tuple[str, ...]]:
    with (store / "index.csv").open(newline="") as file:
        return sorted(map(tuple, csv.reader(file)))


def same(one: Path, other: Path) -> None:
    ours, theirs = contents(one), contents(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert name == "index.csv" or ours[name] == theirs[name], name
    assert index(one) == index(other)
    assert not any((one / "scratch").iterdir())
    assert not list((one / "failures").glob("*"))


@pytest.fixture(scope="module")
def whole(study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """An undisturbed run by a warm server, and how long it took."""
    Child.context.set_forkserver_preload(["transferkit.run", "transferkit.study"])
    folder = tmp_path_factory.mktemp("whole")
    assert Child("train", study, folder / "warm").wait(120) == 0  # the first one waits for the imports
    return folder / "runs", undisturbed(Child, study, folder / "runs")


def test_two_kills_each_leave_no_trace(study: Path, whole: tuple[Path, dict[str, float]], tmp_path: Path) -> None:
    n_killed = disturbed(Child, study, tmp_path / "runs", kills=2, longest=whole[1], rng=random.Random(0))
    assert n_killed >= 2
    same(tmp_path / "runs", whole[0])


def test_a_kill_in_the_middle_of_training_loses_little(
    study: Path, whole: tuple[Path, dict[str, float]], tmp_path: Path
) -> None:
    """Killed as soon as a state is on disk; the next run goes on from it."""
    store = tmp_path / "runs"
    run = Child("train", study, store)
    deadline = time.monotonic() + 60
    while not list(store.glob("scratch/*/training.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.001)
    run.kill()
    assert len(list(store.glob("prompts/*/*/*/manifest.json"))) < 4
    assert list(store.glob("scratch/*/training.safetensors"))
    for verb in VERBS:
        assert Child(verb, study, store).wait(120) == 0
    same(store, whole[0])


def test_ten_kills_each_of_the_real_command_leave_no_trace(study: Path, tmp_path: Path) -> None:
    longest = undisturbed(Command, study, tmp_path / "whole")
    n_killed = disturbed(Command, study, tmp_path / "killed", kills=10, longest=longest, rng=random.Random(0))
    assert n_killed >= 10
    same(tmp_path / "killed", tmp_path / "whole")
