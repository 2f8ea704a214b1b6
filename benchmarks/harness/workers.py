"""A process per variant, driven turn by turn, so that no state of one variant reaches another.

This matters: a HF `Trainer` with `bf16=True` made after one without it, in the same process, ran at fp32 speed.
"""

import ctypes
import gc
import multiprocessing
import os
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from benchmarks import NAMES
from benchmarks.harness.clock import Turn

Job = Callable[[], Turn]
Method = Literal["forkserver", "spawn"]

# Imported once, before any process is forked from the server.
PRELOAD = tuple(f"benchmarks.{name}" for name in NAMES)


class Failed(RuntimeError):
    """A variant could not be made or timed; holds the traceback of its process."""


@dataclass(frozen=True)
class Variant:
    """One way to get a result.

    Attributes:
        name: how rows call it.
        make: makes its job, in its own process; a function of a module.
        options: what `make` is called with.
        dtype: arithmetic; "bfloat16" is skipped where such matrix products are slow.
    """

    name: str
    make: Callable[..., Job]
    options: Mapping[str, object] = field(default_factory=dict)
    dtype: Literal["float32", "bfloat16"] = "float32"


class Worker:
    """The process of one variant: made at the first turn, ended by `close`.

    Args:
        variant: what runs in it.
        threads: torch threads.
        method: "forkserver" starts at once; "spawn" imports anew, which peak memory wants.
    """

    def __init__(self, variant: Variant, *, threads: int, method: Method = "forkserver") -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # inherited; set before torch is imported there
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(list(PRELOAD))
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, variant, threads), daemon=True)
        self._process.start()
        theirs.close()

    def turn(self) -> Turn:
        """Let the variant run once and return what it took.

        Raises:
            Failed: it raised, or its process died.
        """
        try:
            self._pipe.send("turn")
            found = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(5)
            raise Failed(f"the process ended with code {self._process.exitcode}") from error
        if isinstance(found, str):
            raise Failed(found)
        return found

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()


def _serve(pipe: Connection, variant: Variant, threads: int) -> None:
    _prepare(threads)
    job: Job | None = None
    while True:
        try:
            pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            job = job or variant.make(**variant.options)
            turn = job()
            pipe.send(replace(turn, more={**turn.more, "peak_mb": _peak_mb()}))
        except Exception:  # noqa: BLE001  # whatever it was, the parent reports it
            pipe.send(traceback.format_exc())
        _give_back()


def _prepare(threads: int) -> None:
    import torch
    from transformers.utils import logging

    gc.freeze()  # what was imported before the fork stays shared with the server
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")


def _peak_mb() -> float:
    """Return the most memory this process has held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _give_back() -> None:
    """Return freed memory to the system: idle variants should hold little more than their weights."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
