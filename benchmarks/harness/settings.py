"""How a run of benchmarks is done, as the command line asked for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Device = Literal["cpu", "cuda"]
RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass(frozen=True)
class Settings:
    """What the command line asked for.

    Attributes:
        quick: small sizes, two rounds, no gates, nothing kept unless a file is named.
        threads: torch threads of every process.
        rounds: rounds each variant is timed in.
        device: where models lie.
        json: file of the rows; by default `results/NAME.jsonl` in full mode and none in quick mode.
    """

    quick: bool = False
    threads: int = 1
    rounds: int = 3
    device: Device = "cpu"
    json: Path | None = None

    @property
    def second(self) -> Literal["CPU-second", "second"]:
        """What rates are per: CPU time is steadier on a busy machine, but means nothing with two threads or a GPU."""
        return "CPU-second" if self.threads == 1 and self.device == "cpu" else "second"

    def rows(self, name: str) -> Path | None:
        """Return the file a benchmark's rows go to."""
        return self.json or (None if self.quick else RESULTS / f"{name}.jsonl")

    def turns(self, name: str) -> Path | None:
        """Return the file a benchmark's raw timings go to, as soon as each is measured."""
        rows = self.rows(name)
        return None if rows is None else rows.parent / "turns" / f"{name}.jsonl"
