"""Beside both halves. What is found in a checkout, one by one: a prompt, a score, or something not read."""

from dataclasses import dataclass
from typing import Literal

from transferkit.shapes import BoolArray, FloatArray

Kind = Literal["prompt", "random", "projected"]


@dataclass(frozen=True)
class FoundPrompt:
    """A trained prompt.

    Attributes:
        backbone: suffix of its folder, such as `RobertaLarge`.
        task: what it was trained on.
        variant: what its folder's name says more; None for the plain folder.
        file: path below the root, with `/`.
        sha256: hash of the file.
        vectors: rows [P,d], float32.
        live: rows the backbone reads [P].
    """

    backbone: str
    task: str
    variant: str | None
    file: str
    sha256: str
    vectors: FloatArray
    live: BoolArray


@dataclass(frozen=True)
class FoundScore:
    """How well a prompt served a target.

    Attributes:
        backbone: where it was used.
        target: task it was used on.
        source_task: task it was trained on; None for a random prompt.
        source_backbone: backbone it was trained on, which may differ; None for a random prompt.
        kind: used as it was, a random prompt, or projected from another backbone.
        value: fraction in [0, 1]; see `metric_of`.
        file: path below the root, with `/`.
        sha256: hash of the file.
    """

    backbone: str
    target: str
    source_task: str | None
    source_backbone: str | None
    kind: Kind
    value: float
    file: str
    sha256: str


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not read, and why."""

    file: str
    reason: str
