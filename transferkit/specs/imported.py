"""Shelf. What other people made: prompts and scores that came as files, named by what those files hold.

An imported artifact is an ordinary one: same store, same files, same analyses. Its spec says where it came from instead
of how to make it again.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.specs.backbone import BackboneSpec
from transferkit.specs.keys import RECIPE_VERSION
from transferkit.specs.source import Majority, NoPrompt, RandomPrompt, TrainedPrompt
from transferkit.tasks.base import VALUE


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Origin:
    """Where an imported artifact comes from.

    Attributes:
        collection: who made it or in which format it came: "su2022", "lester2021", "peft", "array".
        file: its path within the collection; there to be read, the bytes identify it.
        sha256: digest of the file, of a single prompt its rows; empty for a file that should be there and is not.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("file",)

    collection: str
    file: str
    sha256: str


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ImportedTask:
    """What is known of a task whose examples stayed with those who used it.

    Attributes:
        name: the name used in tables and in paths.
        group: block of tasks expected to transfer to each other.
        metric: name of the score.
        n_classes: number of classes; None where answers are texts, or it is not known.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("group", "n_classes")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
    group: str = "imported"
    metric: str = "accuracy"
    n_classes: int | None = Field(default=None, ge=2)

    @property
    def chance(self) -> float:
        """Expected score of guessing every class equally often; NaN where there are no classes."""
        return 1.0 / self.n_classes if self.n_classes else float("nan")


@dataclass(frozen=True, kw_only=True, config=VALUE)
class UnseenPrompt:
    """A prompt that was measured elsewhere and is not at hand.

    Attributes:
        task: where it was trained; `backbone` on which model.
        projected: whether a projector brought it to the backbone it is used on.
    """

    kind: Literal["unseen"] = "unseen"
    task: str
    backbone: str
    projected: bool = False


ImportedSource = Annotated[
    TrainedPrompt | RandomPrompt | NoPrompt | Majority | UnseenPrompt, Field(discriminator="kind")
]


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ImportedPromptSpec:
    """A prompt that came as a file. `seed` only tells prompts of one task apart: the real one is not known."""

    kind: Literal["imported_prompt"] = "imported_prompt"
    origin: Origin
    backbone: BackboneSpec
    task: ImportedTask
    seed: int = Field(default=0, ge=0)
    recipe_version: int = RECIPE_VERSION


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ImportedScoreSpec:
    """A score that came as a file."""

    kind: Literal["imported_score"] = "imported_score"
    origin: Origin
    source: ImportedSource
    backbone: BackboneSpec
    task: ImportedTask
    recipe_version: int = RECIPE_VERSION
