"""The command line: thin verbs over the library. Results go to stdout, messages and progress to stderr."""

import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from transferkit.errors import InputError, TransferkitError

if TYPE_CHECKING:  # the verbs import what they need, so that --help stays quick
    from transferkit.run import Plan
    from transferkit.store import Store
    from transferkit.study import Study

app = typer.Typer(
    help="When does a soft prompt also serve another task, or another language model, and why?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="A built-in study (quickstart, smoke) or a .toml file.")
]
StorePath = Annotated[Path, typer.Option("--store", help="Where artifacts are kept.")]
CachePath = Annotated[Path | None, typer.Option("--cache", help="Folder of fetched models and data.")]
Seeds = Annotated[int | None, typer.Option("--seeds", min=1, help="Train this many seeds: 0, 1, …")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Score at most this many examples per task; a trial.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what is missing and stop.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make everything anew.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where the backbone runs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Download without asking.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the reports.")]

STORE = Path("runs")
REPORTS = Path("reports")


# --- verbs -----------------------------------------------------------------------------------------------------------
@app.command()
def quickstart(
    *,
    store: StorePath = STORE,
    out: Out = REPORTS,
    seeds: Seeds = None,
    cache: CachePath = None,
    device: Device = "auto",
    yes: Yes = False,
) -> None:
    """Fetch two small models and six data sets, train prompts, measure, and write the report."""
    asked = _asked("quickstart", seeds, None)
    _fetch(["quickstart"], cache, yes=yes)
    _fill(asked, store, ("train", "measure"), cache=cache, device=device)
    _analyze(asked, store, out, partial=False)


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Backbones, tasks, @groups or studies.")] = None,
    *,
    cache: CachePath = None,
    yes: Yes = False,
    verify: Annotated[bool, typer.Option("--verify", help="Re-hash what was fetched before.")] = False,
) -> None:
    """Download catalogue assets; without a name, list what there is."""
    from transferkit import catalogue, named

    if not names:
        _list_catalogue(cache)
        return
    _fetch(names, cache, yes=yes)
    if verify:
        for name in named.assets(names):
            catalogue.verify(name, cache)
            typer.echo(f"{name}: sound")


@app.command()
def train(
    study: StudyName,
    *,
    store: StorePath = STORE,
    seeds: Seeds = None,
    limit: Limit = None,
    cache: CachePath = None,
    device: Device = "auto",
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Train the prompts of a study that are missing."""
    asked = _asked(study, seeds, limit)
    _fill(asked, store, ("train",), cache=cache, device=device, dry_run=dry_run, overwrite=overwrite, as_json=as_json)


@app.command()
def measure(
    study: StudyName,
    *,
    store: StorePath = STORE,
    seeds: Seeds = None,
    limit: Limit = None,
    cache: CachePath = None,
    device: Device = "auto",
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Score every prompt on every task of a study, and read the neurons; only what is missing."""
    asked = _asked(study, seeds, limit)
    _fill(asked, store, ("measure",), cache=cache, device=device, dry_run=dry_run, overwrite=overwrite, as_json=as_json)


@app.command()
def analyze(
    study: Annotated[
        str, typer.Argument(metavar="[STUDY | STORE]", help="A study, or a store that holds some.")
    ] = "runs",
    *,
    store: StorePath = STORE,
    out: Out = REPORTS,
    seeds: Seeds = None,
    limit: Limit = None,
    partial: Annotated[bool, typer.Option("--partial", help="Report what is there; holes are hatched.")] = False,
) -> None:
    """Write the report of a study; needs no GPU, no weights and no torch."""
    if (Path(study) / "store.toml").is_file():
        for asked in _studies_of(Path(study)):
            _analyze(asked, Path(study), out, partial=partial)
    else:
        _analyze(_asked(study, seeds, limit), store, out, partial=partial)


@app.command("ls")
def list_artifacts(
    *,
    store: StorePath = STORE,
    kind: Annotated[Literal["prompt", "score", "neurons", "examples"] | None, typer.Option("--kind")] = None,
    as_json: AsJson = False,
) -> None:
    """List what a store holds."""
    from rich.console import Console
    from rich.table import Table

    from transferkit import listing

    rows = listing.rows(_existing(store), kind)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("key", "kind", "backbone", "task", "what", "score", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("key", "kind", "backbone", "task", "what", "score")))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@app.command()
def show(key: Annotated[str, typer.Argument(help="A key, or its first digits.")], *, store: StorePath = STORE) -> None:
    """Show one artifact: its spec, what it was made from, its numbers, when and where."""
    from transferkit import listing

    typer.echo(listing.describe(_existing(store), key))


@app.command()
def verify(*, store: StorePath = STORE) -> None:
    """Re-hash every file of a store."""
    problems = _existing(store).verify()
    for folder, found in problems.items():
        typer.echo(f"{folder}: {'; '.join(found)}")
    if problems:
        _say(f"{len(problems)} altered. Remove these folders and run the study again: what is missing is made anew.")
        raise typer.Exit(1)
    typer.echo("every file is what its manifest says")


@app.command()
def doctor(*, store: StorePath = STORE, cache: CachePath = None) -> None:
    """Say what this machine has: versions, device, measured matmul rates, fetched assets, store."""
    from transferkit import doctor as checks

    for name, value in checks.examine(store, cache).items():
        typer.echo(f"{name:<28} {value}")


# --- what the verbs share --------------------------------------------------------------------------------------------
def _asked(name: str, seeds: int | None, limit: int | None) -> "Study":
    from transferkit import named

    asked = named.find_study(name)
    if seeds is not None:
        asked = dataclasses.replace(asked, seeds=tuple(range(seeds)))
    if limit is not None:
        _say(f"TRIAL: at most {limit} examples per task are scored. These numbers are not for a paper.")
        asked = dataclasses.replace(asked, sizes=dataclasses.replace(asked.sizes, report=limit))
    return asked


def _fetch(names: list[str], cache: Path | None, *, yes: bool) -> None:
    from transferkit import catalogue, fetching, named

    missing = catalogue.missing(named.assets(names), cache)
    if not missing:
        return
    fetching.show_plan(missing)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nothing is downloaded unasked", fix=f"transferkit fetch {' '.join(names)} --yes")
        typer.confirm("Download?", abort=True, err=True)
    fetching.fetch(missing, cache)


def _fill(
    asked: "Study",
    store: Path,
    stages: tuple[Literal["train", "measure"], ...],
    *,
    cache: Path | None,
    device: Literal["auto", "cpu", "cuda"],
    dry_run: bool = False,
    overwrite: bool = False,
    as_json: bool = False,
) -> None:
    from transferkit import run
    from transferkit.progress import make_reporter
    from transferkit.store import Store

    policy: Literal["always", "only-missing"] = "always" if overwrite else "only-missing"
    if dry_run:
        todo = run.plan(asked, Store(store), stages=stages, overwrite=policy)
        typer.echo(_dry_run(todo, as_json=as_json))
        return
    outcome = run.fill(
        asked, Store(store), stages=stages, overwrite=policy, device=device, cache=cache, reporter=make_reporter()
    )
    if as_json:
        record = {"made": outcome.n_made, "present": outcome.n_present, "failed": len(outcome.failed)}
        typer.echo(json.dumps(record))
    _say(f"{outcome.n_made} made, {outcome.n_present} were there, {len(outcome.failed)} failed ({store})")
    _say(f'In Python: tk.fill(study, tk.Store("{store}"), stages={stages})')
    if outcome.failed:
        for path in sorted((store / "failures").glob("*.json")):
            record = json.loads(path.read_text())
            _say(f"failed: {record['kind']} {record['path']}: {record['problem']}")
        raise typer.Exit(1)


def _dry_run(todo: "Plan", *, as_json: bool) -> str:
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


def _analyze(asked: "Study", store: Path, out: Path, *, partial: bool) -> None:
    from transferkit import report
    from transferkit.results import Results

    results = Results(asked, _existing(store))
    missing = results.missing()
    if missing and not partial:
        raise InputError(
            f"{len(missing)} of {len(list(asked.specs()))} artifacts are missing from {store}",
            fix=f"transferkit train {asked.name} && transferkit measure {asked.name}, or analyze --partial",
        )
    page = report.write(report.build(results), out / asked.name)
    for line in report.headline(results):
        typer.echo(f"• {line}")
    typer.echo(f"report: {page}")
    _say(f'In Python: results = tk.Results(study, tk.Store("{store}")); results.transfer(backbone)')


def _studies_of(folder: Path) -> "list[Study]":
    from transferkit import study

    found = [study.from_json(path.read_text()) for path in sorted((folder / "studies").glob("*.json"))]
    if not found:
        raise InputError(
            f"{folder} holds no filled study", fix="transferkit train STUDY, then transferkit measure STUDY"
        )
    return found


def _existing(folder: Path) -> "Store":
    from transferkit.store import Store

    if not (folder / "store.toml").is_file():
        raise InputError(f"{folder} is no store", fix="fill one first: transferkit quickstart, or name it with --store")
    return Store(folder)


def _list_catalogue(cache: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from transferkit import catalogue

    table = Table("name", "kind", "MB", "here", "licence", box=None, pad_edge=False)
    for name, entry in catalogue.ENTRIES.items():
        here = "yes" if catalogue.is_ready(name, cache) else ""
        table.add_row(name, entry.kind, f"{entry.size_bytes / 1e6:.0f}", here, entry.licence)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _say(message: str) -> None:
    typer.echo(message, err=True)


def main() -> None:
    """Run the command line; errors meant for readers become one message and an exit code."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("transferkit").setLevel(logging.INFO)
    try:
        app()
    except InputError as error:
        _say(f"error: {error}")
        raise SystemExit(2) from error
    except TransferkitError as error:
        _say(f"error: {error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
