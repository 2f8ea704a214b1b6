"""Shelf. Prompts at several depths: in front of which block is a prompt worth most?"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError, nearest
from transferkit.specs import Generator, InfluenceSpec, NoPrompt, PromptSpec, Recipe, key
from transferkit.tasks.base import Task

STRICT = ConfigDict(extra="forbid", strict=True)
if TYPE_CHECKING:
    from transferkit.study.question import Study

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
        generator_rate: learning rate where a network makes the prompt; the recipe's by default, which suits plain
            prompts, whose rates are larger.
        influence: whether to measure as well what each prompt does to rows and answers, block by block.
    """

    insert_after: Annotated[tuple[Depth, ...], ANY_SEQUENCE, Field(min_length=1)]
    backbones: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    tasks: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    generators: Annotated[tuple[Generator, ...], ANY_SEQUENCE] = ()
    generator_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    influence: bool = True

    def __post_init__(self) -> None:
        """Refuse a point that stands twice, and two networks the report could not tell apart."""
        if len(set(self.insert_after)) < len(self.insert_after):
            raise ValueError("a number of blocks stands twice in insert_after: name each once")
        kinds = [generator.kind for generator in self.generators]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two generators are of one kind: sweep the second in a study of its own")

    def recipes(self, recipe: Recipe) -> Iterator[Recipe]:
        """Yield the recipe of every point, plain prompts first."""
        for generator in (None, *self.generators):
            for depth in self.insert_after:
                if generator is None or depth:
                    placement = dataclasses.replace(recipe.placement, entry="block", insert_after=depth)
                    rate = recipe.learning_rate if generator is None else self.generator_rate or recipe.learning_rate
                    yield dataclasses.replace(recipe, placement=placement, generator=generator, learning_rate=rate)


def swept(study: Study, sweep: Sweep) -> list[PromptSpec]:
    """Return the prompts of a sweep, by backbone, task, recipe and seed.

    Raises:
        InputError: it names a backbone or a task the study has not.
    """
    names = chosen(sweep.backbones, [model.spec.name for model in study.models], "sweep: backbones")
    wanted = chosen(sweep.tasks, [task.name for task in study.resolved_tasks], "sweep: tasks")
    models = [model for model in study.models if model.spec.name in names]
    tasks = [task for task in study.resolved_tasks if task.name in wanted]
    points = itertools.product(models, tasks, sweep.recipes(study.recipe), study.seeds)
    return [study.prompt(model, task, seed, recipe) for model, task, recipe, seed in points]


def chosen(wanted: tuple[str, ...], known: list[str], field: str) -> list[str]:
    """Return the names a part of a study is about: all of the study's where it names none.

    Raises:
        InputError: the study does not have one of them.
    """
    for name in wanted:
        if name not in known:
            raise InputError(f"{field} has {name!r}, which the study has not", fix=nearest(name, known))
    return list(wanted) or known


def influences(swept: Sequence[PromptSpec], tasks: Mapping[str, Task]) -> list[InfluenceSpec]:
    """Return what is measured of each prompt of a sweep, no prompt first, on its own task where that has classes."""
    found: dict[str, InfluenceSpec] = {}
    for spec in swept:
        if spec.task.answer is None:
            for source in (NoPrompt(), spec.source):
                asked = InfluenceSpec(
                    source=source, backbone=spec.backbone, readout=spec.readout, task=tasks[spec.task.name]
                )
                found.setdefault(key(asked), asked)
    return list(found.values())
