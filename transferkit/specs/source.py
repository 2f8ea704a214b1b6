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


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Part:
    """A prompt in a weighted sum of prompts."""

    prompt: Annotated[TrainedPrompt | ProjectedPrompt, Field(discriminator="kind")]
    weight: float = Field(allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class MixedPrompt:
    """A weighted sum of the rows of stored prompts; `transferkit.specs.mixing` makes the usual ones.

    Attributes:
        parts: what is summed, each prompt once, kept in the order of their keys so that a sum has one name.
        name: there to be read, in tables and in paths.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("name",)

    kind: Literal["mixed"] = "mixed"
    parts: tuple[Part, ...] = Field(min_length=1)
    name: str = Field(default="mixed", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")

    def __post_init__(self) -> None:
        """Bring the parts into their order; refuse a prompt that stands twice."""
        keys = [part.prompt.key for part in self.parts]
        if twice := sorted({found for found in keys if keys.count(found) > 1}):
            raise ValueError(f"prompt {', '.join(twice)} stands twice in a sum: add its weights")
        object.__setattr__(self, "parts", tuple(sorted(self.parts, key=lambda part: part.prompt.key)))


PromptSource = Annotated[
    TrainedPrompt | ProjectedPrompt | MixedPrompt | RandomPrompt | NoPrompt | Majority, Field(discriminator="kind")
]
