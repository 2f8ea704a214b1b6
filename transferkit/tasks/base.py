"""What a task is: where its examples lie, how they are shown to a language model, how answers are counted.

A `Task` is a value: it names data and never loads them (`transferkit.examples` does). Everything in it that may change
a number enters the key of each artifact made with it.
"""

import re
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, field_serializer
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError

VALUE = ConfigDict(extra="forbid", strict=True)
SPLITS = ("train", "selection", "report")
Split = Literal["train", "selection", "report"]
Metric = Literal["accuracy", "macro_f1"]


@dataclass(frozen=True, kw_only=True, config=VALUE)
class CatalogueData:
    """A labelled set of the embedded catalogue.

    Attributes:
        corpus: name of the corpus in `transferkit.catalogue`.
        sha256: digest of the package the corpus is read from.
    """

    kind: Literal["catalogue"] = "catalogue"
    corpus: str
    sha256: str


@dataclass(frozen=True, kw_only=True, config=VALUE)
class HubData:
    """A data set on the Hugging Face hub, read through `datasets` under its own cache and offline rules.

    Attributes:
        dataset: hub id; `config` names its configuration.
        revision: commit or tag.
        train: name of the training split there; `report` that of the reported one.
    """

    kind: Literal["hub"] = "hub"
    dataset: str
    config: str | None = None
    revision: str = "main"
    train: str = "train"
    report: str = "validation"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class LocalData:
    """One CSV, JSONL or Parquet file, or one for training and one for the report.

    Attributes:
        train: path of the file; its own name does not enter the key, its bytes (`sha256`) do.
        report: path of the reported file; without it a fifth of `train` is set apart for the report.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("train", "report")

    kind: Literal["local"] = "local"
    train: str
    report: str | None = None
    sha256: str
    report_sha256: str | None = None

    @field_serializer("train", "report")
    def _name(self, path: str | None) -> str | None:
        """Write a file's name alone: where it lies is no part of what was asked, and nobody else's business."""
        return None if path is None else PurePath(path).name


Source = Annotated[CatalogueData | HubData | LocalData, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Label:
    """One class of a task.

    Attributes:
        value: what the data's label column holds, as text.
        word: label word of the masked readout, one token for the backbones it is used with.
        description: sentence of the embedding readout that stands for the class.
    """

    value: str
    word: str
    description: str


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Sizes:
    """How many examples each split holds at most; None means all there are.

    The selection split is cut from the training part, never from the report part.
    """

    train: int | None = Field(default=None, ge=1)
    selection: int | None = Field(default=500, ge=1)
    report: int | None = Field(default=None, ge=1)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Task:
    """A labelled text task as a value.

    Attributes:
        name: the name used on the command line, in tables and in paths.
        source: where the examples lie.
        inputs: one or two columns of text.
        label: column of the gold label.
        labels: the classes, in the order predictions count them.
        template: text around the inputs for the masked readout, with `{column}`, `{mask}` and at most one `{sep}`
            that begins the second segment.
        embedding_template: the same for the embedding readout, without `{mask}`; None shows the inputs alone.
        metric: how answers are counted.
        group: block of tasks expected to transfer to each other.
        sizes: how many examples each split holds.
        split_seed: seed of the cut into splits.
        max_tokens: text is cut so that text, template and special tokens fit this many positions.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("group",)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    source: Source
    inputs: tuple[str, ...] = Field(default=("text",), min_length=1, max_length=2)
    label: str = "label"
    labels: tuple[Label, ...] = Field(min_length=2)
    template: str = "{text} It was {mask}."
    embedding_template: str | None = None
    metric: Metric = "accuracy"
    group: str = "own"
    sizes: Sizes = Sizes()
    split_seed: int = 0
    max_tokens: int = Field(default=128, ge=8)

    def __post_init__(self) -> None:
        """Check what one field alone cannot show.

        Raises:
            InputError: a label value stands twice, or a template does not show the inputs and one mask.
        """
        values = [label.value for label in self.labels]
        if len(set(values)) < len(values):
            raise InputError(f"task {self.name!r}: labels {values} name a class twice", fix="give each class one label")
        for column in self.inputs:
            if f"{{{column}}}" not in self.template:
                raise InputError(
                    f"task {self.name!r}: template {self.template!r} does not show the column {column!r}",
                    fix=f"write {{{column}}} where the text belongs",
                )
        known = {*self.inputs, "mask", "sep"}
        for template in (self.template, self.embedding_template or ""):
            if unknown := sorted(set(re.findall(r"\{(\w*)\}", template)) - known):
                raise InputError(
                    f"task {self.name!r}: template {template!r} names {{{unknown[0]}}}, which is none of its columns",
                    fix="use " + ", ".join(f"{{{name}}}" for name in (*self.inputs, "mask", "sep")),
                )
            if template.count("{sep}") > 1:
                raise InputError(
                    f"task {self.name!r}: template {template!r} has more than one {{sep}}",
                    fix="backbones take two segments at most",
                )
        if self.template.count("{mask}") != 1:
            raise InputError(
                f"task {self.name!r}: template {self.template!r} needs {{mask}} exactly once",
                fix='for example "{text} It was {mask}."',
            )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    @property
    def chance(self) -> float:
        """Expected score of guessing every class equally often."""
        return 1.0 / len(self.labels)

    def shown(self, readout: Literal["masked", "embedding"]) -> str:
        """Return the template a readout uses."""
        if readout == "masked":
            return self.template
        return self.embedding_template or " {sep} ".join(f"{{{column}}}" for column in self.inputs)
