"""Explaining. What an indicator is: a guess at transferability from two artifacts, without scores."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from transferkit.artifacts import Neurons, Prompt
from transferkit.errors import InputError
from transferkit.shapes import FloatArray

Reads = Literal["prompt", "neurons"]
Rows = Literal["live", "all"]
Of = Literal["vectors", "change"]


@runtime_checkable
class PromptIndicator(Protocol):
    """Frozen parameters, and values over two sequences of prompts.

    `symmetric` says whether swapping source and target changes nothing; `reference` where the formula is published.
    """

    reads: ClassVar[Reads]
    symmetric: ClassVar[bool]
    reference: ClassVar[str]

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""
        ...

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return one value per source and target [n_a,n_b], higher for a better guess."""
        ...


@runtime_checkable
class NeuronIndicator(Protocol):
    """Frozen parameters, and values over two sequences of neuron sets."""

    reads: ClassVar[Reads]
    symmetric: ClassVar[bool]
    reference: ClassVar[str]

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""
        ...

    def __call__(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> FloatArray:
        """Return one value per source and target [n_a,n_b], higher for a better guess."""
        ...


Indicator = PromptIndicator | NeuronIndicator


def named(stem: str, rows: Rows, of: Of) -> str:
    """Return an indicator's name with what departs from the default spelled out."""
    return stem + ("_all_rows" if rows == "all" else "") + ("_change" if of == "change" else "")


def rows_of(prompt: Prompt, *, rows: Rows, of: Of) -> FloatArray:
    """Return the rows an indicator compares, float64 [P',d].

    Su et al. 2022 compare every row; a row the backbone never reads is left out here unless asked for.
    """
    vectors = np.asarray(prompt.vectors, dtype=np.float64)
    if of == "change":
        vectors = vectors - np.asarray(prompt.initial, dtype=np.float64)
    return vectors if rows == "all" else vectors[np.asarray(prompt.live, dtype=bool)]


def flat(prompts: Sequence[Prompt], *, rows: Rows, of: Of) -> FloatArray:
    """Return the compared rows of each prompt, end to end [n,P'·d].

    Raises:
        InputError: the prompts differ in width, in length or in which rows are live, so that rows do not pair up.
    """
    _check_widths(prompts)
    if rows == "live" and any(not np.array_equal(prompt.live, prompts[0].live) for prompt in prompts[1:]):
        raise InputError(
            "prompts with different live rows cannot be compared row by row",
            fix='compare prompts of one recipe, or use an "average" indicator',
        )
    stack = [rows_of(prompt, rows=rows, of=of).ravel() for prompt in prompts]
    if len({row.size for row in stack}) > 1:
        raise InputError(
            "prompts of different length cannot be compared row by row",
            fix='compare prompts of one recipe, or use an "average" indicator',
        )
    return np.array(stack).reshape(len(prompts), -1)


def stacks(prompts: Sequence[Prompt], *, rows: Rows, of: Of) -> list[FloatArray]:
    """Return the compared rows of each prompt, one array [P',d] each.

    Raises:
        InputError: the prompts differ in width.
    """
    _check_widths(prompts)
    return [rows_of(prompt, rows=rows, of=of) for prompt in prompts]


def _check_widths(prompts: Sequence[Prompt]) -> None:
    widths = sorted({prompt.vectors.shape[1] for prompt in prompts})
    if len(widths) > 1:
        raise InputError(f"prompts of widths {widths} cannot be compared", fix="compare prompts of one backbone")
