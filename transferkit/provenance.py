"""Shelf. When, where and by which versions something was made: the contents of every `meta.json`.

What cannot change while a process runs is looked up once: a store is given thousands of small artifacts.
"""

import os
import platform
import socket
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from transferkit import __version__

PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "scikit-learn")


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "transferkit": __version__}  # an editable install may say an old one
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def versions() -> dict[str, str]:
    """Return the versions of what takes part in a number."""
    return dict(_versions())


def facts(**more: object) -> dict[str, object]:
    """Return time, host and versions, with what the caller adds."""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "platform": _platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions(),
        "git": _git(),
        **more,
    }


@cache
def _platform() -> str:
    return platform.platform()


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


@cache
def _git() -> str | None:
    """Return the commit of the source tree this code runs from; None for an installed package."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
