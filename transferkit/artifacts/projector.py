"""Shelf. A map between the prompt spaces of two backbones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from transferkit.artifacts.files import Cell, read_table, write_table
from transferkit.shapes import FloatArray

FILE = "projector.safetensors"


@dataclass(frozen=True)
class Projector:
    """What a projector needs to be used; which arrays depends on the kind (`transferkit.projectors.apply`).

    Attributes:
        arrays: weights and embeddings by name, float32.
        n_parameters: numbers that were fitted.
        history: of a trained one, a record per look: step, loss and, where it was tuned on tasks, selection scores.
    """

    kind: ClassVar[str] = "projector"
    arrays: Mapping[str, FloatArray]
    n_parameters: int
    history: Sequence[Mapping[str, Cell]] = ()

    def write(self, folder: Path) -> None:
        """Write `projector.safetensors` and `history.csv`."""
        kept = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in self.arrays.items()}
        save_file({**kept, "n_parameters": np.array([self.n_parameters], dtype=np.int64)}, folder / FILE)
        write_table(folder / "history.csv", self.history)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / FILE)
        n_parameters = int(arrays.pop("n_parameters")[0])
        return cls(arrays, n_parameters, read_table(folder / "history.csv"))
