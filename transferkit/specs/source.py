"""Shelf. What is put before the text when a backbone is measured: a prompt, or what stands beside it for comparison."""

import dataclasses
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.specs.recipe import Generator, Initial, Placement, VocabularyInitial
from transferkit.tasks.base import VALUE


@dataclass(frozen=True, kw_only=True, config=VALUE)
class TrainedPrompt:
    """A prompt of the store; only its key identifies it, the rest is there to be read."""

    outside_key: ClassVar[tuple[str, ...]] = ("task", "seed", "backbone")

    kind: Literal["trained"] = "trained"
    key: str
    task: str
    seed: int
    backbone: str


@dataclass(frozen=True, kw_only=True, config=VALUE)
class RandomPrompt:
    """An initial prompt, or a generator of prompts, nobody trained: the yardstick of a trained one."""

    kind: Literal["random"] = "random"
    seed: int
    length: int = Field(ge=1)
    initial: Initial = VocabularyInitial()
    placement: Placement = Placement()
    generator: Generator | None = None

    def __post_init__(self) -> None:
        """Leave out of the key what an untrained generator does not use."""
        if self.generator is not None:
            object.__setattr__(self, "initial", VocabularyInitial())
            object.__setattr__(self, "generator", dataclasses.replace(self.generator, dropout=0.0))


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NoPrompt:
    """The backbone alone."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Majority:
    """Always the most frequent class of the training split; needs no backbone."""

    kind: Literal["majority"] = "majority"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ProjectedPrompt:
    """A prompt of another backbone, brought here by a projector; only its key identifies it.

    Attributes:
        task, seed, backbone: what the prompt was trained for, where.
        method: kind of projector.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("task", "seed", "backbone", "method")

    kind: Literal["projected"] = "projected"
    key: str
    task: str
    seed: int
    backbone: str
    method: str


PromptSource = Annotated[
    TrainedPrompt | ProjectedPrompt | RandomPrompt | NoPrompt | Majority, Field(discriminator="kind")
]
