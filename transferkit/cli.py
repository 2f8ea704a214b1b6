"""The command line: thin verbs over the library. Results go to stdout, messages and progress to stderr."""

import json
import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from transferkit import commands
from transferkit.commands import Filling
from transferkit.errors import InputError, TransferkitError

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
    commands.fetch(["quickstart"], cache, yes=yes)
    wanted = Filling(name="quickstart", store=store, seeds=seeds, cache=cache, device=device)
    commands.fill(wanted, ("train", "measure"))
    commands.analyze(commands.asked_for("quickstart", seeds, None), store, out, partial=False)


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
        rows = [
            (entry.name, entry.kind, f"{entry.size_bytes / 1e6:.0f}", mark, entry.licence)
            for entry in catalogue.ENTRIES.values()
            for mark in ["yes" if catalogue.is_ready(entry.name, cache) else ""]
        ]
        commands.show_table(("name", "kind", "MB", "here", "licence"), rows)
        return
    commands.fetch(names, cache, yes=yes)
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
    wanted = Filling(
        name=study,
        store=store,
        seeds=seeds,
        limit=limit,
        cache=cache,
        device=device,
        dry_run=dry_run,
        overwrite=overwrite,
        as_json=as_json,
    )
    commands.fill(wanted, ("train",))


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
    wanted = Filling(
        name=study,
        store=store,
        seeds=seeds,
        limit=limit,
        cache=cache,
        device=device,
        dry_run=dry_run,
        overwrite=overwrite,
        as_json=as_json,
    )
    commands.fill(wanted, ("measure",))


@app.command()
def analyze(
    study: Annotated[str, typer.Argument(metavar="[STUDY | STORE]", help="A study, or a store that holds some.")] = str(
        STORE
    ),
    *,
    store: StorePath = STORE,
    out: Out = REPORTS,
    seeds: Seeds = None,
    limit: Limit = None,
    partial: Annotated[bool, typer.Option("--partial", help="Report what is there; holes are hatched.")] = False,
) -> None:
    """Write the report of a study; needs no GPU, no weights and no torch."""
    if (Path(study) / "store.toml").is_file():
        for asked in commands.studies_of(Path(study)):
            commands.analyze(asked, Path(study), out, partial=partial)
    elif study == str(STORE):
        commands.existing(STORE)
    else:
        commands.analyze(commands.asked_for(study, seeds, limit), store, out, partial=partial)


@app.command("ls")
def list_artifacts(
    *,
    store: StorePath = STORE,
    kind: Annotated[Literal["prompt", "score", "neurons", "examples"] | None, typer.Option("--kind")] = None,
    as_json: AsJson = False,
) -> None:
    """List what a store holds."""
    from transferkit import listing

    rows = listing.rows(commands.existing(store), kind)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    names = ("key", "kind", "backbone", "task", "what", "score")
    commands.show_table(names, [tuple(row[name] for name in names) for row in rows])


@app.command()
def show(key: Annotated[str, typer.Argument(help="A key, or its first digits.")], *, store: StorePath = STORE) -> None:
    """Show one artifact: its spec, what it was made from, its numbers, when and where."""
    from transferkit import listing

    typer.echo(listing.describe(commands.existing(store), key))


@app.command()
def verify(*, store: StorePath = STORE) -> None:
    """Re-hash every file of a store."""
    problems = commands.existing(store).verify()
    for folder, found in problems.items():
        typer.echo(f"{folder}: {'; '.join(found)}")
    if problems:
        commands.say(
            f"{len(problems)} altered. Remove these folders and run the study again: what is missing is made anew."
        )
        raise typer.Exit(1)
    typer.echo("every file is what its manifest says")


@app.command()
def doctor(*, store: StorePath = STORE, cache: CachePath = None) -> None:
    """Say what this machine has: versions, device, measured matmul rates, fetched assets, store."""
    from transferkit import doctor as checks

    for name, value in checks.examine(store, cache).items():
        typer.echo(f"{name:<28} {value}")


def main() -> None:
    """Run the command line; errors meant for readers become one message and an exit code."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("transferkit").setLevel(logging.INFO)
    try:
        app()
    except InputError as error:
        commands.say(f"error: {error}")
        raise SystemExit(2) from error
    except TransferkitError as error:
        commands.say(f"error: {error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
