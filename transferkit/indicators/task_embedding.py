"""Explaining. How alike the mean rows of two prompts point: SPoT's task embedding (Vu et al. 2022).

SPoT compares prompts at one early step of training, the same for all tasks; `at="final"` asks whether the end of
training says the same.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from transferkit.artifacts import Prompt
from transferkit.indicators.base import Reads, Rows, named, needed, sides, stacks, unit
from transferkit.shapes import FloatArray


@dataclass(frozen=True)
class TaskEmbedding:
    """Cosine of the mean rows, at the recipe's fixed early step or of the final vectors."""

    reads: ClassVar[Reads] = "prompt"
    symmetric: ClassVar[bool] = True
    reference: ClassVar[str] = "Vu et al. 2022 (SPoT), cosine of average tokens"

    at: Literal["early", "final"] = "early"
    rows: Rows = "live"

    @property
    def name(self) -> str:
        """Name in tables."""
        return named("task_embedding" if self.at == "early" else "cosine_of_means", self.rows, "vectors")

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that must not be None."""
        return ("early",) if self.at == "early" else ()

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return the cosine of every pair [n_a,n_b]; 0 where a mean is zero."""
        first, second = sides(self._means, a, b)
        return first @ second.T

    def _means(self, prompts: Sequence[Prompt]) -> FloatArray:
        if self.at == "early":
            prompts = [dataclasses.replace(prompt, vectors=needed(prompt, "early")) for prompt in prompts]
        return unit(np.array([rows.mean(axis=0) for rows in stacks(prompts, rows=self.rows, of="vectors")]))
