"""Shelf. How much the blocks of a backbone and their neurons do to the texts of a task."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from transferkit.shapes import FloatArray

FILE = "activity.safetensors"


@dataclass(frozen=True)
class Activity:
    """What parts of a backbone are ranked by; every block under its number in the whole.

    Attributes:
        absolute: of each feed-forward neuron the mean over examples of the mean over real rows, prompt rows included,
            of the absolute of what enters the down-projection [L,F].
        signed: the same of the number itself [L,F].
        change: how far each block turns rows: the mean, taken alike, of 1 − cosine of a row before and behind it [L].
        n: examples.
    """

    kind: ClassVar[str] = "activity"
    absolute: FloatArray
    signed: FloatArray
    change: FloatArray
    n: int

    def write(self, folder: Path) -> None:
        """Write `activity.safetensors`."""
        arrays = {"absolute": self.absolute, "signed": self.signed, "change": self.change}
        kept = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
        save_file({**kept, "n": np.array([self.n], dtype=np.int64)}, folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / FILE)
        return cls(arrays["absolute"], arrays["signed"], arrays["change"], int(arrays["n"][0]))
