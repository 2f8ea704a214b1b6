"""What one turn of a variant took, and how it is timed without its set-up."""

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch


@dataclass(frozen=True)
class Turn:
    """One variant's part of one round.

    Attributes:
        units: work done, in the benchmark's unit.
        cpu_s, wall_s: time it took, CPU time over all threads of the process and over processes it waited for.
        more: other measurements by name.
    """

    units: float
    cpu_s: float
    wall_s: float
    more: Mapping[str, float] = field(default_factory=dict)


class Stopwatch:
    """Times a `with` block, work on the GPU included."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    def start(self) -> None:
        """Begin to count."""
        self._wait()
        self._cpu, self._wall = _cpu_time(), time.perf_counter()

    def stop(self) -> None:
        """Count no further."""
        self._wait()
        self.cpu_s, self.wall_s = _cpu_time() - self._cpu, time.perf_counter() - self._wall

    def elapsed(self) -> float:
        """Return the wall time since the start."""
        return time.perf_counter() - self._wall

    def turn(self, units: float, **more: float) -> Turn:
        """Return what was timed."""
        return Turn(units, self.cpu_s, self.wall_s, more)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


class Laps:
    """Times whole steps of somebody else's training loop from a callback that is called after each.

    The first call starts the clock, so neither the loop's set-up nor its first step is counted.
    """

    def __init__(self, steps: int, device: str = "cpu") -> None:
        self.steps, self.done = steps, -1
        self.watch = Stopwatch(device)

    def lap(self) -> bool:
        """Note the end of a step; True when enough of them were timed."""
        self.done += 1
        if self.done == 0:
            self.watch.start()
        if self.done == self.steps:
            self.watch.stop()
        return self.done >= self.steps


def _cpu_time() -> float:
    waited_for = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited_for.ru_utime + waited_for.ru_stime
