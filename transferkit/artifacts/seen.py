"""Shelf. What was seen of a prompt inside a backbone: neurons it activates, words it is near to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from transferkit.artifacts.files import write_json
from transferkit.shapes import BoolArray, FloatArray


@dataclass(frozen=True)
class Neurons:
    """Which feed-forward neurons are activated: bool [L,F], packed to bits on disk."""

    kind: ClassVar[str] = "neurons"
    active: BoolArray

    def write(self, folder: Path) -> None:
        """Write `neurons.safetensors`: `bits` [L, ceil(F/8)] and the number of neurons per block."""
        arrays = {
            "bits": np.packbits(self.active, axis=1),
            "n_neurons": np.array([self.active.shape[1]], dtype=np.int64),
        }
        save_file(arrays, folder / "neurons.safetensors")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / "neurons.safetensors")
        return cls(np.unpackbits(arrays["bits"], axis=1, count=int(arrays["n_neurons"][0])).astype(bool))


@dataclass(frozen=True)
class Words:
    """What a prompt's rows are near to among the words of a vocabulary, by cosine.

    Attributes:
        nearest: the k nearest words of each row, nearest first [P][k].
        similarity: their cosines [P,k].
        began: the nearest word of each row before training [P]; None where that is not known.
        control: cosine of the nearest word of each of P random directions: what nearness is worth here [P].
    """

    kind: ClassVar[str] = "words"
    nearest: Sequence[Sequence[str]]
    similarity: FloatArray
    began: Sequence[str] | None
    control: FloatArray

    def write(self, folder: Path) -> None:
        """Write `words.json`, cosines to six digits."""
        record = {
            "nearest": [list(row) for row in self.nearest],
            "similarity": np.round(np.asarray(self.similarity, dtype=np.float64), 6).tolist(),
            "began": None if self.began is None else list(self.began),
            "control": np.round(np.asarray(self.control, dtype=np.float64), 6).tolist(),
        }
        write_json(folder / "words.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        record = json.loads((folder / "words.json").read_text())
        return cls(record["nearest"], np.array(record["similarity"]), record["began"], np.array(record["control"]))
