"""Makes `benchmarks`, which is not installed, importable, and gives the harness variants that need no process."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.harness import Settings, Turn, Variant
from benchmarks.harness import session as session_module
from benchmarks.harness.workers import Failed


class Here:
    """A worker that runs its variant in this process, and notes the turns of all of them."""

    taken: ClassVar[list[str]] = []

    def __init__(self, variant: Variant, **_: object) -> None:
        self.variant = variant

    def turn(self) -> Turn:
        self.taken.append(self.variant.name)
        try:
            turn = self.variant.make(**self.variant.options)()
        except ArithmeticError as error:
            raise Failed(str(error)) from error
        return replace(turn, more={**turn.more, "peak_mb": 1.0})

    def close(self) -> None:
        pass


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the variants that took turns, in order."""
    monkeypatch.setattr(session_module, "Worker", Here)
    Here.taken = []
    return Here.taken


@pytest.fixture
def full(tmp_path: Path) -> Settings:
    """A full run of two rounds whose files lie in a folder of the test."""
    return Settings(rounds=2, json=tmp_path / "rows.jsonl")
