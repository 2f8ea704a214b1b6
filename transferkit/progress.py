"""Shelf. Long work shows itself: a bar with an estimate of the time left on a terminal, log lines anywhere else."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LOG = logging.getLogger("transferkit")
LOG_EVERY_S = 15.0

Advance = Callable[[int, str], None]


class Reporter(Protocol):
    """Shows one kind of work at a time."""

    def phase(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a phase; the yielded function takes units done and what is being worked on."""
        ...


class Quiet:
    """Shows nothing."""

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Advance]:
        """Open a phase nobody watches."""
        yield lambda _done, _label: None


class Terminal:
    """A progress bar with an estimate of the time left, on stderr."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Advance]:
        """Open a bar."""
        columns = (
            TextColumn("[bold]{task.description:<8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("elapsed"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[label]}"),
        )
        with Progress(*columns, console=self.console) as bar:
            number = bar.add_task(name, total=total, label="")
            yield lambda done, label: bar.update(number, advance=done, label=label)


class Log:
    """A log line now and then, with an estimate of the time left."""

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Advance]:
        """Open a phase; a line is written at most every few seconds, and at the end."""
        begun = last = time.monotonic()
        count = 0

        def advance(done: int, label: str) -> None:
            nonlocal last, count
            count += done
            now = time.monotonic()
            if now - last >= LOG_EVERY_S and count:
                last = now
                left = (now - begun) / count * (total - count)
                LOG.info("%s: %d of %d, about %s left (%s)", name, count, total, _duration(left), label)

        yield advance
        LOG.info("%s: %d of %d in %s", name, count, total, _duration(time.monotonic() - begun))


def make_reporter() -> Reporter:
    """Return a bar where stderr is a terminal, else log lines."""
    console = Console(stderr=True)
    return Terminal(console) if console.is_terminal else Log()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
