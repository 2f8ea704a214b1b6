"""The command line: thin verbs over the library. Results go to stdout, messages and progress to stderr."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from transferkit import __version__, commands, exchange, verbs
from transferkit.asking import STORE, Question
from transferkit.errors import InputError, TransferkitError
from transferkit.options import (
    AsJson,
    CachePath,
    Device,
    DryRun,
    Limit,
    MicroBatch,
    Out,
    Overwrite,
    Seeds,
    StatesGb,
    StorePath,
    StudyName,
    Yes,
)

app = typer.Typer(
    help="When does a soft prompt also serve another task, or another language model, and why?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

REPORTS = Path("reports")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"transferkit {__version__}")
        raise typer.Exit


# --- verbs -----------------------------------------------------------------------------------------------------------
@app.callback()
def about(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """When does a soft prompt also serve another task, or another language model, and why?"""


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
    question = Question(name="quickstart", store=store, seeds=seeds, cache=cache)
    commands.fill(question, ("train", "project", "measure"), commands.How(device))
    commands.analyze(question, out, partial=False)


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Backbones, tasks, @groups or studies.")] = None,
    *,
    cache: CachePath = None,
    yes: Yes = False,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", metavar="NAME", help="Accept the terms of use of this backbone.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Re-hash what was fetched before.")] = False,
) -> None:
    """Download catalogue assets; without a name, list what there is."""
    from transferkit import catalogue, listing, named

    if not names:
        commands.show_table(("name", "kind", "MB", "here", "licence"), listing.entry_rows(cache))
        commands.say(f"Tasks and @groups may be named too: transferkit tasks. Studies: {', '.join(named.builtin())}.")
        return
    commands.fetch(names, cache, yes=yes, accept=accept or ())
    if verify:
        for name in named.assets(names):
            catalogue.verify(name, cache)
            typer.echo(f"{name}: sound")


@app.command("tasks")
def list_tasks(*, cache: CachePath = None) -> None:
    """List the tasks a study may name, their @groups, and where their data come from."""
    from transferkit import listing

    names = ("task", "groups", "classes", "metric", "data", "here")
    commands.show_table(names, listing.task_rows(cache))


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
    micro_batch: MicroBatch = None,
    states_gb: StatesGb = None,
    as_json: AsJson = False,
) -> None:
    """Train the prompts of a study that are missing."""
    question = Question(name=study, store=store, seeds=seeds, limit=limit, cache=cache)
    how = commands.How(device, micro_batch, overwrite, states_gb)
    commands.fill(question, ("train",), how, dry_run=dry_run, as_json=as_json)


@app.command()
def project(
    study: StudyName,
    *,
    store: StorePath = STORE,
    seeds: Seeds = None,
    cache: CachePath = None,
    device: Device = "auto",
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    micro_batch: MicroBatch = None,
    as_json: AsJson = False,
) -> None:
    """Bring the prompts of a study to other backbones: fit its projectors, and train on from what they make."""
    question = Question(name=study, store=store, seeds=seeds, cache=cache)
    how = commands.How(device, micro_batch, overwrite)
    commands.fill(question, ("project",), how, dry_run=dry_run, as_json=as_json)


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
    micro_batch: MicroBatch = None,
    states_gb: StatesGb = None,
    as_json: AsJson = False,
) -> None:
    """Score every prompt on every task of a study, and read the neurons; only what is missing."""
    question = Question(name=study, store=store, seeds=seeds, limit=limit, cache=cache)
    how = commands.How(device, micro_batch, overwrite, states_gb)
    commands.fill(question, ("measure",), how, dry_run=dry_run, as_json=as_json)


@app.command()
def analyze(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY | STORE | CHECKOUT]",
            help="A study, a store, or a checkout of Su et al.'s repository; by default all of --store.",
        ),
    ] = None,
    *,
    store: StorePath = STORE,
    out: Out = REPORTS,
    seeds: Seeds = None,
    limit: Limit = None,
    partial: Annotated[bool, typer.Option("--partial", help="Report what is there; holes are hatched.")] = False,
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", help="Of a checkout: take this prompt folder for its task.")
    ] = None,
) -> None:
    """Write the report of a study, of all a store holds, or of a published checkout; needs no GPU and no weights."""
    folder = store if study is None else Path(study)
    is_checkout = study is not None and exchange.is_checkout(folder)
    if prompt and not is_checkout:
        raise InputError("--prompt chooses within a checkout, and none is named", fix="transferkit analyze CHECKOUT")
    if is_checkout and (seeds is not None or limit is not None):
        raise InputError(f"--seeds and --limit choose within a study; {folder} is a checkout", fix="leave them out")
    if is_checkout:
        exchange.analyze_checkout(folder, store, out / "su2022" if out == REPORTS else out, prompt or [])
    elif study is not None and not (folder / "store.toml").is_file():
        if folder.is_dir():
            raise InputError(
                f"{folder} is neither a store nor a checkout with task_prompt_emb/ and result/",
                fix="name a study, a store, or the folder that holds both",
            )
        question = Question(name=study, store=store, seeds=seeds, limit=limit)
        commands.analyze(question, out, partial=partial)
    elif seeds is None and limit is None:
        exchange.analyze_all(folder, out, partial=partial)
    else:
        raise InputError(
            "--seeds and --limit choose within a study, and none is named", fix="transferkit analyze STUDY"
        )


@app.command()
def convert(
    source: Annotated[
        str, typer.Argument(help="A prompt file, a PEFT folder, a checkout, or the key of a stored prompt.")
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Write a .npy, .npz or .safetensors file, or a PEFT folder; else into the store."),
    ] = None,
    store: StorePath = STORE,
    task: Annotated[str | None, typer.Option("--task", help="What the prompt was trained on.")] = None,
    backbone: Annotated[str | None, typer.Option("--backbone", help="Which model the prompt is for.")] = None,
    task_type: Annotated[
        str | None, typer.Option("--task-type", help="PEFT's word for the head: FEATURE_EXTRACTION, SEQ_2_SEQ_LM, …")
    ] = None,
) -> None:
    """Bring other people's prompts into a store, or write a prompt for other programs."""
    exchange.convert(source, to, store, task=task, backbone=backbone, task_type=task_type)


@app.command("ls")
def list_artifacts(
    *,
    store: StorePath = STORE,
    kind: verbs.Kind = None,
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
    """Show one artifact: its spec, what it was made from, its numbers and those of a prompt, when and where."""
    from transferkit import listing

    typer.echo(listing.describe(commands.existing(store), key))


app.command()(verbs.verify)
app.command()(verbs.suggest)


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
