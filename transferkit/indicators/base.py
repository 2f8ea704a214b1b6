"""Explaining. What an indicator is: a guess at transferability from two artifacts, without scores."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from transferkit.artifacts import Neurons, Prompt
from transferkit.errors import InputError
from transferkit.shapes import FloatArray

Reads = Literal["prompt", "neurons"]
Rows = Literal["live", "all"]
Of = Literal["vectors", "change", "centred"]
OptionalArray = Literal["initial", "early"]
Side = TypeVar("Side", FloatArray, list[FloatArray])

ROUNDING = 1e-14


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

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays of a prompt that may be None elsewhere but not here."""
        ...

    def __call__(self, a: Sequence[Prompt], b: Sequence[Prompt]) -> FloatArray:
        """Return one value per source and target [n_a,n_b], higher for a better guess."""
        ...


@runtime_checkable
class NeuronIndicator(Protocol):
    """Frozen parameters, and values over two sequences of neuron sets."""

    reads: ClassVar[Reads]
    reference: ClassVar[str]

    @property
    def symmetric(self) -> bool:
        """Whether swapping source and target changes nothing."""
        ...

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays of a prompt that may be None elsewhere but not here."""
        ...

    def __call__(self, a: Sequence[Neurons], b: Sequence[Neurons]) -> FloatArray:
        """Return one value per source and target [n_a,n_b], higher for a better guess."""
        ...


Indicator = PromptIndicator | NeuronIndicator


def named(stem: str, rows: Rows, of: Of) -> str:
    """Return an indicator's name with what departs from the default spelled out."""
    return stem + ("_all_rows" if rows == "all" else "") + ("" if of == "vectors" else f"_{of}")


def needs_of(of: Of) -> tuple[str, ...]:
    """Return the arrays that comparing this form of the rows needs."""
    return ("initial",) if of == "change" else ()


def needed(prompt: Prompt, array: OptionalArray) -> FloatArray:
    """Return an array that not every prompt has.

    Raises:
        InputError: this prompt has none.
    """
    found: FloatArray | None = getattr(prompt, array)
    if found is None:
        raise InputError(
            f"a prompt's {array} rows are not known, and this indicator needs them",
            fix=f"compare prompts trained with their {array} rows kept, or use an indicator that does not need them",
        )
    return found


def rows_of(prompt: Prompt, *, rows: Rows, of: Of) -> FloatArray:
    """Return the rows an indicator compares, float64 [P',d]; centring, which takes several, is left to `stacks`.

    Su et al. 2022 compare every row; a row the backbone never reads is left out here unless asked for.
    """
    vectors = np.asarray(prompt.vectors, dtype=np.float64)
    if of == "change":
        vectors = vectors - np.asarray(needed(prompt, "initial"), dtype=np.float64)
    return vectors if rows == "all" else vectors[np.asarray(prompt.live, dtype=bool)]


def stacks(prompts: Sequence[Prompt], *, rows: Rows, of: Of) -> list[FloatArray]:
    """Return the compared rows of each prompt, one array [P',d] each.

    Raises:
        InputError: the prompts differ in width or, to be centred, in length; or they lack an array.
    """
    widths = sorted({prompt.vectors.shape[1] for prompt in prompts})
    if len(widths) > 1:
        raise InputError(f"prompts of widths {widths} cannot be compared", fix="compare prompts of one backbone")
    chosen = [rows_of(prompt, rows=rows, of=of) for prompt in prompts]
    return _centred(chosen) if of == "centred" else chosen


def flat(prompts: Sequence[Prompt], *, rows: Rows, of: Of) -> FloatArray:
    """Return the compared rows of each prompt, end to end [n,P'·d].

    Raises:
        InputError: the prompts differ in width, in length or in which rows are live, so that rows do not pair up.
    """
    chosen = stacks(prompts, rows=rows, of=of)
    if rows == "live" and any(not np.array_equal(prompt.live, prompts[0].live) for prompt in prompts[1:]):
        raise InputError(
            "prompts with different live rows cannot be compared row by row",
            fix='compare prompts of one recipe, or use an "average" indicator',
        )
    _check_lengths(chosen, "compared row by row")
    return np.array(chosen).reshape(len(prompts), -1)


def sides(read: Callable[[Sequence[Prompt]], Side], a: Sequence[Prompt], b: Sequence[Prompt]) -> tuple[Side, Side]:
    """Return what `read` makes of both sides together: one object twice where both are the same prompts."""
    if len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True)):
        whole = read(a)
        return whole, whole
    whole = read([*a, *b])
    return whole[: len(a)], whole[len(a) :]


def mirrored(values: FloatArray) -> FloatArray:
    """Return the symmetric matrix [n,n] whose upper triangle this is."""
    return np.triu(values) + np.triu(values, 1).T


def unit(rows: FloatArray) -> FloatArray:
    """Return rows [n,d] at length 1; a zero row stays zero, so that its cosine with anything is 0."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def _centred(stack: list[FloatArray]) -> list[FloatArray]:
    """Return each prompt at norm 1, less the mean of them all."""
    _check_lengths(stack, "centred together")
    scaled = unit(np.array([prompt.ravel() for prompt in stack]))
    scaled -= scaled.mean(axis=0)
    scaled[np.abs(scaled) < ROUNDING] = 0.0  # what rounding leaves of equal rows has a length and points somewhere
    return list(scaled.reshape(len(stack), *stack[0].shape))


def _check_lengths(stack: list[FloatArray], purpose: str) -> None:
    lengths = sorted({len(prompt) for prompt in stack})
    if len(lengths) > 1:
        raise InputError(
            f"prompts of different length ({lengths} rows) cannot be {purpose}",
            fix='compare prompts of one recipe, or use an "average" indicator',
        )
