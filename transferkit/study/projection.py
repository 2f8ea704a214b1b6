"""Shelf. Prompts of one backbone brought to another, as a study file asks for it."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from transferkit import presets
from transferkit.errors import InputError, nearest
from transferkit.specs import (
    ConstantMap,
    LinearMap,
    Method,
    NearestMap,
    NormsMap,
    PromptNet,
    Recipe,
    RelativeMap,
    RotationMap,
    Tuned,
    WordsNet,
)
from transferkit.study.sweep import ANY_SEQUENCE, STRICT

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        LinearMap(),
        LinearMap(ridge=0.1),
        RotationMap(),
        NearestMap(),
        RelativeMap(),
        WordsNet(),
        PromptNet(form="flat", objective="distance"),
        PromptNet(form="rows", objective="distance"),
        PromptNet(form="flat", objective="tasks"),
        PromptNet(form="rows", objective="tasks"),
        ConstantMap(objective="distance"),
        ConstantMap(objective="tasks"),
        PromptNet(form="flat", objective="none"),
        PromptNet(form="rows", objective="none"),
        NormsMap(),
    )
}


def _named(value: object) -> object:
    """Read names among methods: "linear" stands for that kind of map with its defaults."""
    if isinstance(value, (list, tuple)):
        return tuple(_method(item) for item in value)
    return value


def _method(item: object) -> object:
    if not isinstance(item, str):
        return item
    if item not in METHODS:
        raise InputError(f"unknown projector {item!r}", fix=nearest(item, list(METHODS)))
    return METHODS[item]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Projection:
    """Prompts of a backbone of the study brought to another one, each scored on its own task there.

    Attributes:
        target: the other backbone: catalogue name, local folder or hub id.
        source: the backbone of the study whose prompts are brought; the first by default.
        tasks: the study's tasks it is about; all by default.
        train_on: the tasks whose prompts or labels projectors may see; the others are held out. Needed unless words
            alone are fitted.
        methods: kinds of projector, by name or as tables; all by default.
        recipe: how the target's own prompts are trained; the study's by default.
        own: whether the target's own prompts are trained, the yardstick; needed where distances to them are fitted.
        retrained: whether prompts are trained on the target from scratch for the share of steps that a projector tuned
            on tasks takes per task of this projection.
        seeds: seeds of the prompts that are brought; the study's by default.
        random_prompts: untrained prompts per task; as many as the study has by default.
    """

    target: str
    source: str | None = None
    tasks: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    train_on: Annotated[tuple[str, ...], ANY_SEQUENCE] = ()
    methods: Annotated[tuple[Method, ...], BeforeValidator(_named), ANY_SEQUENCE, Field(min_length=1)] = tuple(
        METHODS.values()
    )
    recipe: Annotated[Recipe | None, BeforeValidator(presets.changed)] = None
    own: bool = True
    retrained: bool = True
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...] | None, ANY_SEQUENCE] = None
    random_prompts: int | None = Field(default=None, ge=1)

    def __post_init__(self) -> None:
        """Refuse what could not be told apart, or has nothing to be fitted on.

        Raises:
            InputError: two methods of one name, or a method that lacks tasks or own prompts to learn from.
        """
        names = [method.name for method in self.methods]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(
                f"two projectors are called {twice[0]!r}", fix="study the second in a projection of its own study"
            )
        tuned = [m for m in self.methods if isinstance(m, Tuned) and m.objective == "tasks"]
        if len({(method.steps, method.evaluate_every) for method in tuned}) > 1:
            said = ", ".join(f"{method.name} {method.steps}, {method.evaluate_every}" for method in tuned)
            raise InputError(
                f"projectors tuned on tasks differ in steps or evaluate_every ({said})",
                fix="give all of them the same, or the constant prompt is no yardstick; study others apart",
            )
        for method in self.methods:
            if isinstance(method, Tuned) and method.objective != "none" and not self.train_on:
                raise InputError(
                    f"projector {method.name!r} is fitted on tasks, and train_on names none",
                    fix="add train_on = […]; the other tasks are held out",
                )
            if isinstance(method, Tuned) and method.objective == "distance" and not self.own:
                raise InputError(
                    f"projector {method.name!r} needs the target's own prompts", fix="set own = true, or leave it out"
                )
