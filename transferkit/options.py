"""Arguments and options that verbs of the command line share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

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
MicroBatch = Annotated[
    int | None,
    typer.Option("--micro-batch", min=1, help="At most this many examples at once: less memory, the same numbers."),
]
StatesGb = Annotated[
    float | None,
    typer.Option(
        "--states-gb", min=0, max=1e6, help="Disk space for rows of the blocks below late prompts (8); 0 for none."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Download without asking.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the reports.")]
