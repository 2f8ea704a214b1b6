"""Shelf. What a prompt does to the rows and answers of a backbone, example by example and block by block."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from transferkit.shapes import FloatArray

FILE = "influence.safetensors"


@dataclass(frozen=True)
class Influence:
    """What was measured of one prompt, or of no prompt, on one split. Divergences and information are in nats.

    Attributes:
        start: blocks that run without the prompt, k.
        by_example: numbers of each example: [n], or [m] where gradients are involved.
        by_block: numbers of each example behind each block that sees the prompt [L−k,n]; NaN where a block has none.
        information: what a linear probe finds of the label in the rows in front of block k and behind each later one
            [L−k+1]: entropy of the labels minus the probe's cross-entropy, cross-validated, at least 0.
        entropy: of all labels; the information leaves out classes too rare for the probe's folds.
    """

    kind: ClassVar[str] = "influence"
    start: int
    by_example: Mapping[str, FloatArray]
    by_block: Mapping[str, FloatArray]
    information: FloatArray
    entropy: float

    def write(self, folder: Path) -> None:
        """Write `influence.safetensors`: `example.NAME`, `block.NAME`, `information`, `entropy` and `start`."""
        arrays = {
            **{f"example.{name}": values for name, values in self.by_example.items()},
            **{f"block.{name}": values for name, values in self.by_block.items()},
            "information": self.information,
            "entropy": np.array([self.entropy]),
        }
        kept = {name: np.ascontiguousarray(values, dtype=np.float32) for name, values in arrays.items()}
        save_file({**kept, "start": np.array([self.start], dtype=np.int64)}, folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / FILE)

        def named(prefix: str) -> dict[str, FloatArray]:
            return {name.removeprefix(prefix): found for name, found in arrays.items() if name.startswith(prefix)}

        return cls(
            start=int(arrays["start"][0]),
            by_example=named("example."),
            by_block=named("block."),
            information=arrays["information"],
            entropy=float(arrays["entropy"][0]),
        )
