"""Shelf. Prompts at several depths: in front of which block is a prompt worth most?"""

import dataclasses
from collections.abc import Iterator
from typing import Annotated

from pydantic import ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError, nearest
from transferkit.specs import Generator, Recipe

STRICT = ConfigDict(extra="forbid", strict=True)
ANY_SEQUENCE = Strict(False)  # Python callers may pass a list or a range where a file holds an array
Depth = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sweep:
    """The study's recipe with the prompt in front of one block after the other, each scored on its own task alone.

    Attributes:
        insert_after: numbers of blocks that run without the prompt, one for each point.
        backbones: the study's backbones it is about; all by default.
        tasks: the study's tasks it is about; all by default.
        generators: networks that make prompts, each swept beside the plain prompt, except in front of block 0.
    """

    insert_after: Annotated[tuple[Depth, ...], ANY_SEQUENCE, Field(min_length=1)]
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    tasks: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    generators: Annotated[tuple[Generator, ...], ANY_SEQUENCE] = ()

    def __post_init__(self) -> None:
        """Refuse a point that stands twice."""
        if len(set(self.insert_after)) < len(self.insert_after):
            raise ValueError("a number of blocks stands twice in insert_after: name each once")

    def recipes(self, recipe: Recipe) -> Iterator[Recipe]:
        """Yield the recipe of every point, plain prompts first."""
        for generator in (None, *self.generators):
            for depth in self.insert_after:
                if generator is None or depth:
                    placement = dataclasses.replace(recipe.placement, entry="block", insert_after=depth)
                    yield dataclasses.replace(recipe, placement=placement, generator=generator)


def chosen(wanted: tuple[str, ...], known: list[str], field: str) -> list[str]:
    """Return the names a sweep is about: all of the study's where it names none.

    Raises:
        InputError: the study does not have one of them.
    """
    for name in wanted:
        if name not in known:
            raise InputError(f"sweep: {field} has {name!r}, which the study has not", fix=nearest(name, known))
    return list(wanted) or known
