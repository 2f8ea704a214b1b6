"""Shelf. A user's own task as a study file writes it: a file, its columns and its labels, in five lines."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError
from transferkit.tasks.base import Label, LocalData, Metric, Task


def as_tuple(value: object) -> object:
    """Let Python callers pass any sequence where a file would hold an array."""
    return tuple(value) if isinstance(value, (list, range)) else value


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class OwnTask:
    """A user's own task as a study file writes it: a file, its columns and its labels.

    Attributes:
        data: CSV, JSONL or Parquet file; the path is relative to the study file.
        report: file of the reported examples; without it a fifth of `data` is set apart.
        text: column of the text, or two columns for a pair.
        label: column of the gold label.
        labels: label value → its description; or → {word = …, description = …} for masked readouts too.
        template: see `Task.template`; the default shows the text and "It was {mask}."
    """

    data: str
    report: str | None = None
    text: str | Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = "text"
    label: str = "label"
    labels: dict[str, str | dict[str, str]]
    template: str | None = None
    metric: Metric = "accuracy"
    group: str = "own"

    def task(self, name: str, folder: Path) -> Task:
        """Return the task as a value, its files hashed.

        Raises:
            InputError: a file is not there.
        """
        inputs = (self.text,) if isinstance(self.text, str) else self.text
        source = LocalData(
            train=os.path.relpath(folder / self.data),
            report=None if self.report is None else os.path.relpath(folder / self.report),
            sha256=_digest(folder / self.data, name),
            report_sha256=None if self.report is None else _digest(folder / self.report, name),
        )
        shown = " {sep} ".join(f"{{{column}}}" for column in inputs)
        return Task(
            name=name,
            source=source,
            inputs=inputs,
            label=self.label,
            labels=tuple(_own_label(value, said) for value, said in self.labels.items()),
            template=self.template or f"{shown} It was {{mask}}.",
            metric=self.metric,
            group=self.group,
        )


def _own_label(value: str, said: str | Mapping[str, str]) -> Label:
    if isinstance(said, str):
        return Label(value=value, word=value, description=said)
    return Label(
        value=value, word=said.get("word", value), description=said.get("description", said.get("word", value))
    )


def _digest(path: Path, task: str) -> str:
    if not path.is_file():
        raise InputError(
            f"task {task!r}: no file {path}", fix="give data = a CSV, JSONL or Parquet file beside the study"
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
