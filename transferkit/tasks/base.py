"""What a task is: where its examples lie, how they are shown to a language model, how answers are counted.

A `Task` is a value: it names data and never loads them (`transferkit.examples` does). Everything in it that may change
a number enters the key of each artifact made with it.
"""

import dataclasses
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_serializer
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError
from transferkit.tasks.sizes import VALUE, Sizes
from transferkit.tasks.templates import before_mask, check_shows, check_template

SPLITS = ("train", "selection", "report")
Split = Literal["train", "selection", "report"]
ReadoutKind = Literal["masked", "embedding", "seq2seq", "causal"]
WRITING: tuple[ReadoutKind, ...] = ("seq2seq", "causal")
ClassMetric = Literal["accuracy", "macro_f1"]
TextMetric = Literal["exact_match", "f1", "rouge1", "rouge2", "rougeL"]
Metric = Literal[ClassMetric, TextMetric]
TEXT_METRICS: tuple[str, ...] = get_args(TextMetric)
DEFAULT_TEMPLATE = "{text} It was {mask}."


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
class Answer:
    """What a text task asks for: words the backbone writes, instead of one of some classes.

    Attributes:
        column: column of the right answer: a text, a list of texts of which any is right, or SQuAD's record of them.
            Prompts are trained on the first.
        kind: "extractive" answers stand in the input word by word; "free" ones need not.
        max_new_tokens: tokens a backbone may write; longer right answers are cut there in training.
        beams: hypotheses kept while writing; 1 takes the likeliest token each time.
    """

    column: str = "answers"
    kind: Literal["extractive", "free"] = "extractive"
    max_new_tokens: int = Field(default=32, ge=1)
    beams: int = Field(default=1, ge=1)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Task:
    """A task over texts as a value: choosing one of some classes, or, where `answer` is given, writing an answer.

    Attributes:
        name: the name used on the command line, in tables and in paths.
        source: where the examples lie.
        inputs: one or two columns of text.
        label: column of the gold label.
        labels: the classes, in the order predictions count them; none where answers are texts.
        template: text around the inputs for the masked readout, with `{column}`, `{mask}` and at most one `{sep}`
            that begins the second segment.
        embedding_template: the same for the embedding readout, without `{mask}`; None shows the inputs alone.
        completion_template: text whose continuation is the answer, for the seq2seq and causal readouts, without
            `{mask}` and `{sep}`; None shows what stands before the mask of `template`, if no input follows it, and of a
            text task the inputs, one a line.
        metric: how answers are counted: "accuracy" or "macro_f1" of classes; of texts "exact_match" or "f1" (of words)
            by the rules of SQuAD, or "rouge1", "rouge2", "rougeL" (`transferkit.text_metrics`).
        group: block of tasks expected to transfer to each other.
        sizes: how many examples each split holds.
        split_seed: seed of the cut into splits.
        max_tokens: text is cut so that text, template and special tokens fit this many positions.
        answer: where the right texts stand, and how long they may be; None for classes.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("group",)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    source: Source
    inputs: tuple[str, ...] = Field(default=("text",), min_length=1, max_length=2)
    label: str = "label"
    labels: tuple[Label, ...] = ()
    template: str = DEFAULT_TEMPLATE
    embedding_template: str | None = None
    completion_template: str | None = None
    metric: Metric = "accuracy"
    group: str = "own"
    sizes: Sizes = Sizes()
    split_seed: int = 0
    max_tokens: int = Field(default=128, ge=8)
    answer: Answer | None = None

    def __post_init__(self) -> None:
        """Check what one field alone cannot show.

        Raises:
            InputError: classes, answer and metric do not go together, or a template does not show what it should.
        """
        if self.answer is None:
            self._check_classes()
        else:
            self._check_texts()
        if self.completion_template is not None:
            check_template(self.name, "completion_template", self.completion_template, self.inputs, also=())
            check_shows(self.name, "completion_template", self.completion_template, self.inputs)

    def _check_classes(self) -> None:
        values = [label.value for label in self.labels]
        if len(values) < 2:
            raise InputError(
                f"task {self.name!r}: labels {values} are too few, a class needs another beside it",
                fix="give labels for two classes or more, or answer = … if the answers are texts",
            )
        if len(set(values)) < len(values):
            raise InputError(f"task {self.name!r}: labels {values} name a class twice", fix="give each class one label")
        if self.metric in TEXT_METRICS:
            raise InputError(
                f"task {self.name!r}: metric = {self.metric!r} counts texts, and the task has classes",
                fix='use "accuracy" or "macro_f1"',
            )
        check_shows(self.name, "template", self.template, self.inputs)
        check_template(self.name, "template", self.template, self.inputs, also=("mask", "sep"))
        if self.embedding_template:
            named = "embedding_template"
            check_template(self.name, named, self.embedding_template, self.inputs, also=("mask", "sep"))
        if self.template.count("{mask}") != 1:
            raise InputError(
                f"task {self.name!r}: template {self.template!r} needs {{mask}} exactly once",
                fix='for example "{text} It was {mask}."',
            )

    def _check_texts(self) -> None:
        if self.labels:
            raise InputError(
                f"task {self.name!r}: labels and answer are both given", fix="drop labels: answers are texts"
            )
        if self.metric not in TEXT_METRICS:
            raise InputError(
                f"task {self.name!r}: metric = {self.metric!r} counts classes, and the answers are texts",
                fix='use "exact_match" or "f1" for short answers, "rouge1", "rouge2" or "rougeL" for long ones',
            )
        if self.sizes.draw != "random":
            raise InputError(
                f"task {self.name!r}: sizes.draw = {self.sizes.draw!r} counts classes, and the answers are texts",
                fix='use draw = "random", or study such tasks apart',
            )
        for name, default in (("template", DEFAULT_TEMPLATE), ("embedding_template", None)):
            if getattr(self, name) != default:
                raise InputError(
                    f"task {self.name!r}: {name} does not show a task whose answers are texts",
                    fix="give completion_template instead",
                )

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None where answers are texts."""
        return None if self.answer else len(self.labels)

    @property
    def chance(self) -> float:
        """Expected score of guessing every class equally often; NaN where there are no classes."""
        return float("nan") if self.answer else 1.0 / len(self.labels)

    def shown(self, readout: ReadoutKind) -> str:
        """Return the template a readout uses.

        Raises:
            InputError: the task cannot be shown to such a readout.
        """
        if readout in WRITING:
            return self.completion_template or self._completion()
        if self.answer is not None:
            raise InputError(
                f"task {self.name!r}: its answers are texts, which the {readout} readout cannot write",
                fix="use a backbone that writes: an encoder-decoder (seq2seq) or a causal one",
            )
        if readout == "masked":
            return self.template
        return self.embedding_template or " {sep} ".join(f"{{{column}}}" for column in self.inputs)

    def read_by(self, readout: ReadoutKind | None) -> "Task":
        """Return the task as it enters the key of what a readout makes; None where it is not shown at all.

        A completion template that is not read is left out, so that giving one renames nothing made without it.
        """
        if self.completion_template is None or readout in WRITING:
            return self
        return dataclasses.replace(self, completion_template=None)

    def _completion(self) -> str:
        if self.answer is not None:
            return "\n".join(f"{{{column}}}" for column in self.inputs)
        derived = before_mask(self.template)
        if derived is None:
            raise InputError(
                f"task {self.name!r}: a text follows the mask of template {self.template!r}, so no reading of it ends "
                "where the label word begins",
                fix='give completion_template, a text that the label word continues, such as "{text} It was"',
            )
        return derived
