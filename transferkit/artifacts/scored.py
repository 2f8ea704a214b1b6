"""Shelf. How often a backbone was right, and the examples it was asked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from transferkit.artifacts.files import write_json
from transferkit.shapes import FloatArray, IntArray


@dataclass(frozen=True)
class Score:
    """How often a backbone was right on a task, example by example.

    Attributes:
        metrics: fractions by name: the task's metric, others of its kind, the mean cross-entropy `loss` where there is
            one, and `legal`, the share of answers that are possible ones, where the backbone could say anything.
        predicted: predicted label of each example of the split, as an index into the task's labels [n]; None where
            answers are texts, or only the score came down to us.
        n_truncated: examples whose text was cut to fit.
        values: where answers are texts, each metric example by example [n]; the texts themselves are not kept.
    """

    kind: ClassVar[str] = "score"
    metrics: Mapping[str, float]
    predicted: IntArray | None
    n_truncated: int = 0
    values: Mapping[str, FloatArray] | None = None

    @property
    def n(self) -> int:
        """Number of examples; 0 where it is not known."""
        if self.predicted is not None:
            return len(self.predicted)
        return next((len(values) for values in self.values.values()), 0) if self.values else 0

    def write(self, folder: Path) -> None:
        """Write `score.json`."""
        record: dict[str, object] = {
            "metrics": dict(self.metrics),
            "n": self.n,
            "n_truncated": self.n_truncated,
            "predicted": None if self.predicted is None else [int(label) for label in self.predicted],
        }
        if self.values is not None:
            record["values"] = {name: [float(value) for value in values] for name, values in self.values.items()}
        write_json(folder / "score.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        record = json.loads((folder / "score.json").read_text())
        predicted = None if record["predicted"] is None else np.asarray(record["predicted"], dtype=np.int64)
        kept = record.get("values")
        values = None if kept is None else {name: np.asarray(of, dtype=np.float64) for name, of in kept.items()}
        return cls(record["metrics"], predicted, record["n_truncated"], values)


@dataclass(frozen=True)
class Examples:
    """The examples of one split, without their texts.

    Attributes:
        gold: index of the right label [n].
        hashes: 16 hex digits per example, equal for equal texts whatever the task: shows overlap of two tasks.
        notes: what drawing the split found, such as training examples dropped because the report split holds them.
    """

    kind: ClassVar[str] = "examples"
    gold: IntArray
    hashes: Sequence[str]
    notes: Mapping[str, int] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write `examples.json`."""
        record = {"gold": [int(g) for g in self.gold], "hashes": list(self.hashes), "notes": dict(self.notes)}
        write_json(folder / "examples.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        record = json.loads((folder / "examples.json").read_text())
        return cls(np.asarray(record["gold"], dtype=np.int64), record["hashes"], record["notes"])
