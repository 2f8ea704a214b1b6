"""Verbs of the command line that `cli` lists beside its own."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from transferkit import commands
from transferkit.asking import STORE
from transferkit.options import AsJson, CachePath, Device, StorePath

Kind = Annotated[
    Literal[
        "prompt",
        "mixture",
        "projected",
        "imported_prompt",
        "score",
        "imported_score",
        "projector",
        "neurons",
        "words",
        "influence",
        "activity",
        "examples",
    ]
    | None,
    typer.Option("--kind"),
]


def suggest(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="A task of the catalogue, the store, or the --file; one only.")
    ],
    *,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="STUDY", help="A study file that describes the task.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="Whose prompts are tried; the only one of the store by default.")
    ] = None,
    store: StorePath = STORE,
    examples: Annotated[int, typer.Option("--examples", help="Labelled examples each prompt answers.")] = 32,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw of examples.")] = 0,
    top: Annotated[int, typer.Option("--top", min=1, help="Show this many prompts.")] = 10,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Leave out prompts that have seen this very task.")
    ] = False,
    cache: CachePath = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Rank all stored prompts for a task by a few of its labelled examples, and say how sure that is."""
    kept = commands.existing(store)
    from transferkit import suggestion
    from transferkit.candidates import find_candidates, find_task
    from transferkit.progress import make_reporter

    found = suggestion.suggest(
        find_task(task, find_candidates(kept, backbone), file),
        kept,
        backbone=backbone,
        n_examples=examples,
        seed=seed,
        foreign=foreign,
        device=device,
        cache=cache,
        reporter=make_reporter(),
    )
    if as_json:
        typer.echo(found.to_json(top))
        return
    commands.show_table(suggestion.SHOWN, found.rows(top))
    for line in found.sentences:
        typer.echo(f"• {line}")


def verify(*, store: StorePath = STORE) -> None:
    """Re-hash every file of a store."""
    problems = commands.existing(store).verify()
    for folder, found in problems.items():
        typer.echo(f"{folder}: {'; '.join(found)}")
    if problems:
        commands.say(
            f"{len(problems)} altered. Remove these folders and run the study, or the import, again: what is missing "
            "is made anew."
        )
        raise typer.Exit(1)
    typer.echo("every file is what its manifest says")
