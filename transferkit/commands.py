"""What the verbs of the command line share: finding a study, fetching, filling, reporting, and what they say."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from transferkit.errors import InputError

if TYPE_CHECKING:  # each function imports what it needs, so that light verbs stay quick
    from transferkit.run import Plan, Stage
    from transferkit.store import Store
    from transferkit.study import Study


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What a user asks for when a store is to be filled."""

    name: str
    store: Path
    seeds: int | None = None
    limit: int | None = None
    cache: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dry_run: bool = False
    overwrite: bool = False
    as_json: bool = False


def asked_for(name: str, seeds: int | None, limit: int | None) -> "Study":
    """Return a study with the options that change what it asks.

    Raises:
        InputError: there is no such study.
    """
    from transferkit import named

    if limit is not None:
        say(f"TRIAL: at most {limit} examples per task are scored. These numbers are not for a paper.")
    return named.find_study(name, seeds=seeds, limit=limit)


def fetch(names: list[str], cache: Path | None, *, yes: bool) -> None:
    """Show what is missing, ask once, download.

    Raises:
        InputError: an unknown name, or nobody there to say yes.
    """
    from transferkit import catalogue, fetching, named

    missing = catalogue.missing(named.assets(names), cache)
    if not missing:
        return
    fetching.show_plan(missing, cache)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nothing is downloaded unasked", fix=f"transferkit fetch {' '.join(names)} --yes")
        typer.confirm("Download?", abort=True, err=True)
    fetching.fetch(missing, cache)


def fill(wanted: Filling, stages: "tuple[Stage, ...]") -> None:
    """Fill a store, or say what is missing; failed cells are listed and end with exit code 1."""
    from transferkit import run
    from transferkit.progress import make_reporter
    from transferkit.store import Store

    asked = asked_for(wanted.name, wanted.seeds, wanted.limit)
    policy: Literal["always", "only-missing"] = "always" if wanted.overwrite else "only-missing"
    if wanted.dry_run:
        todo = run.plan(asked, Store(wanted.store), stages=stages, overwrite=policy)
        typer.echo(_plan_text(todo, as_json=wanted.as_json))
        return
    outcome = run.fill(
        asked,
        Store(wanted.store),
        stages=stages,
        overwrite=policy,
        device=wanted.device,
        cache=wanted.cache,
        reporter=make_reporter(),
    )
    if wanted.as_json:
        record = {"made": outcome.n_made, "present": outcome.n_present, "failed": len(outcome.failed)}
        typer.echo(json.dumps(record))
    say(f"{outcome.n_made} made, {outcome.n_present} were there, {len(outcome.failed)} failed ({wanted.store})")
    options = "".join(
        f", {name}={n}" for name, n in (("seeds", wanted.seeds), ("limit", wanted.limit)) if n is not None
    )
    say(f'In Python: study = tk.find_study("{wanted.name}"{options}); tk.fill(study, tk.Store("{wanted.store}"))')
    if outcome.failed:
        store = Store(wanted.store)
        for spec in outcome.failed:
            say(f"failed: {spec.kind} {store.path(spec).name}: {store.failure(spec) or 'not made'}")
        raise typer.Exit(1)


def analyze(asked: "Study", store: Path, out: Path, *, partial: bool) -> None:
    """Write a study's report and print its three numbers and its place.

    Raises:
        InputError: artifacts are missing and holes are not allowed.
    """
    from transferkit import report
    from transferkit.results import Results

    results = Results(asked, existing(store))
    missing, n_asked = results.missing(), len(list(asked.specs()))
    if len(missing) == n_asked or (missing and not partial):
        raise InputError(
            f"{len(missing)} of {n_asked} artifacts are missing from {store}",
            fix="run transferkit train STUDY, then measure STUDY, with the study's name or file; or analyze --partial",
        )
    page = report.write(report.build(results), out / asked.name)
    for line in report.headline(results):
        typer.echo(f"• {line}")
    typer.echo(f"report: {page}")
    say(f'In Python: results = tk.Results(study, tk.Store("{store}")); results.own_scores()')


def studies_of(folder: Path) -> "list[Study]":
    """Return the studies a store was filled with.

    Raises:
        InputError: there is none.
    """
    from transferkit import study

    found = [study.from_json(path.read_text()) for path in sorted((folder / "studies").glob("*.json"))]
    if not found:
        raise InputError(
            f"{folder} holds no filled study", fix="transferkit train STUDY, then transferkit measure STUDY"
        )
    return found


def existing(folder: Path) -> "Store":
    """Return a store that is there.

    Raises:
        InputError: the folder is no store.
    """
    from transferkit.store import Store

    if not (folder / "store.toml").is_file():
        raise InputError(f"{folder} is no store", fix="fill one first: transferkit quickstart, or name it with --store")
    return Store(folder)


def show_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout, wide enough for pipes too."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def say(message: str) -> None:
    """Print a message on stderr."""
    typer.echo(message, err=True)


def _plan_text(todo: "Plan", *, as_json: bool) -> str:
    counts = {
        name: sum(len(group.specs) for group in getattr(todo, name))
        for name in ("examples", "prompts", "scores", "neurons")
    }
    if as_json:
        return json.dumps({"missing": counts, "present": todo.n_present})
    steps = sum(group.units for group in todo.prompts)
    pairs = sum(group.units for group in todo.scores)
    return (
        f"present: {todo.n_present}\n"
        + "".join(f"missing {name}: {n}\n" for name, n in counts.items())
        + f"training steps: {steps}, (prompt, example) pairs to score: {pairs}"
    )
