"""Sums of prompts: the mean of several, an average weighted by similarity, or one less another plus a third.

Rows are summed position by position, so prompts must be of one backbone, of one length, and enter at one place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from transferkit.errors import InputError
from transferkit.predictions import Entrant


@dataclass(frozen=True)
class Term:
    """A prompt in a sum.

    Attributes:
        name: what messages call it.
        backbone: whose it is.
        weight: what its rows are multiplied by.
        entrant: its rows, and where they enter.
    """

    name: str
    backbone: str
    weight: float
    entrant: Entrant


def weighted_sum(terms: Sequence[Term]) -> Entrant:
    """Return the sum of the prompts' rows times their weights [P,d], to enter where they do.

    Raises:
        InputError: there is nothing to sum, or a prompt does not go with the first; the message names it.
    """
    if not terms:
        raise InputError("a sum of 0 prompts is none", fix="name one prompt or more")
    first = terms[0]
    for term in terms:
        _check(term, first)
    vectors = [term.entrant.vectors for term in terms if term.entrant.vectors is not None]
    weights = torch.tensor([term.weight for term in terms], dtype=torch.float64, device=vectors[0].device)
    rows = torch.einsum("g,gpd->pd", weights, torch.stack(vectors).double())
    return Entrant(rows.to(vectors[0].dtype), first.entrant.placement)


def _check(term: Term, first: Term) -> None:
    rows, others = term.entrant.vectors, first.entrant.vectors
    if rows is None or others is None:
        without = term if rows is None else first
        raise InputError(
            f"prompt {without.name} has no rows of its own: a generator makes them for each example",
            fix="sum prompts that were trained without a generator",
        )
    if term.backbone != first.backbone:
        raise InputError(
            f"prompt {term.name} is one of {term.backbone!r}, and {first.name} of {first.backbone!r}",
            fix="sum prompts of one backbone",
        )
    if rows.shape != others.shape:
        found, wanted = (" × ".join(map(str, shape)) for shape in (rows.shape, others.shape))
        raise InputError(f"prompt {term.name} is {found}, and {first.name} {wanted}", fix="sum prompts of one length")
    if term.entrant.placement != first.entrant.placement:
        raise InputError(
            f"prompt {term.name} enters elsewhere ({term.entrant.placement}) than {first.name}"
            f" ({first.entrant.placement})",
            fix="sum prompts of one placement",
        )
