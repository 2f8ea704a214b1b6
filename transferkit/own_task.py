"""Shelf. A user's own task as a study file writes it: a file, its columns, its labels or answers, in five lines."""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, Strict, ValidationError
from pydantic.dataclasses import dataclass

from transferkit.complaints import refuse
from transferkit.errors import InputError
from transferkit.tasks.base import DEFAULT_TEMPLATE, Answer, Label, LocalData, Metric, Task

STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OwnLabel:
    """What stands for a class: a word for masked readouts, a sentence for sentence encoders.

    Attributes:
        word: label word; the label's value by default.
        description: sentence; the word by default.
    """

    word: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OwnTask:
    """A user's own task as a study file writes it: a file, its columns, and its labels or its answers.

    Attributes:
        data: CSV, JSONL or Parquet file; the path is relative to the study file.
        report: file of the reported examples; without it a fifth of `data` is set apart.
        text: column of the text, or two columns for a pair.
        label: column of the gold label.
        labels: label value → its description; or → {word = …, description = …} for readouts that answer in words too.
        answer: instead of labels, where the right texts stand: {column = …, kind = …, max_new_tokens = …}.
        template: see `Task.template`; the default shows the text and "It was {mask}."
        completion_template: see `Task.completion_template`.
        metric: see `Task.metric`; accuracy by default, f1 for extractive and rougeL for free answers.
    """

    data: str
    report: str | None = None
    text: str | Annotated[tuple[str, ...], Strict(False), Field(min_length=1, max_length=2)] = "text"
    label: str = "label"
    labels: Annotated[dict[str, str | OwnLabel], Field(min_length=2)] | None = None
    answer: Answer | None = None
    template: str | None = None
    completion_template: str | None = None
    metric: Metric | None = None
    group: str = "own"

    def task(self, name: str, folder: Path) -> Task:
        """Return the task as a value, its files hashed.

        Raises:
            InputError: a file is not there, or name, template or labels do not make a task.
        """
        if self.labels is None and self.answer is None:
            raise InputError(
                f"field 'task.{name}.labels' is missing", fix="add labels = …, or answer = … where answers are texts"
            )
        inputs = (self.text,) if isinstance(self.text, str) else self.text
        shown = " {sep} ".join(f"{{{column}}}" for column in inputs)
        source = LocalData(
            train=str(folder / self.data),
            report=None if self.report is None else str(folder / self.report),
            sha256=_digest(folder / self.data, name),
            report_sha256=None if self.report is None else _digest(folder / self.report, name),
        )
        try:
            return Task(
                name=name,
                source=source,
                inputs=inputs,
                label=self.label,
                labels=tuple(_label(value, said) for value, said in (self.labels or {}).items()),
                answer=self.answer,
                template=self.template or (f"{shown} It was {{mask}}." if self.answer is None else DEFAULT_TEMPLATE),
                completion_template=self.completion_template,
                metric=self.metric or self._metric(),
                group=self.group,
            )
        except ValidationError as error:
            raise refuse(error, Task, at=("task", name)) from error

    def _metric(self) -> Metric:
        if self.answer is None:
            return "accuracy"
        return "f1" if self.answer.kind == "extractive" else "rougeL"


def _label(value: str, said: str | OwnLabel) -> Label:
    if isinstance(said, str):
        return Label(value=value, word=value, description=said)
    word = said.word or value
    return Label(value=value, word=word, description=said.description or word)


def _digest(path: Path, task: str) -> str:
    if not path.is_file():
        raise InputError(
            f"task {task!r}: no file {path}", fix="give data = a CSV, JSONL or Parquet file beside the study"
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
