"""Shelf. The specs: one frozen value per expensive thing a study asks for."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.specs.backbone import BackboneSpec, ReadoutSpec
from transferkit.specs.keys import RECIPE_VERSION, key
from transferkit.specs.recipe import Recipe
from transferkit.specs.source import PromptSource, RandomPrompt, TrainedPrompt
from transferkit.tasks.base import VALUE, Split, Task

LONGEST_NAME = 60  # of several tasks, in letters


@dataclass(frozen=True, kw_only=True, config=VALUE)
class PromptSpec:
    """A prompt trained on one task, on one backbone, from one seed."""

    kind: Literal["prompt"] = "prompt"
    backbone: BackboneSpec
    readout: ReadoutSpec
    task: Task
    seed: int = Field(ge=0)
    recipe: Recipe
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        """Leave out of the task what the readout does not read; refuse a part that grows."""
        object.__setattr__(self, "task", self.task.read_by(self.readout.kind))
        if self.backbone.partial is not None and self.recipe.growth is not None:
            raise ValueError(f"{self.backbone.name} is a part of a backbone and does not grow: leave growth out")

    @property
    def source(self) -> TrainedPrompt:
        """This prompt as something to be put before a text."""
        return TrainedPrompt(key=key(self), task=self.task.name, seed=self.seed, backbone=self.backbone.name)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class MixtureSpec:
    """One prompt trained on several tasks, which take turns, a step each (SPoT, Vu et al. 2022).

    Attributes:
        tasks: kept in the order of their names, so that a mixture has one name.
        recipe: for all steps together; it is looked at after every `evaluate_every`, on the selection splits of all.
    """

    kind: Literal["mixture"] = "mixture"
    backbone: BackboneSpec
    readout: ReadoutSpec
    tasks: tuple[Task, ...] = Field(min_length=1)
    seed: int = Field(ge=0)
    recipe: Recipe
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        """Bring the tasks into their order, without what the readout does not read."""
        ordered = sorted(self.tasks, key=lambda task: task.name)
        object.__setattr__(self, "tasks", tuple(task.read_by(self.readout.kind) for task in ordered))

    @property
    def name(self) -> str:
        """Names of the tasks, as they stand in tables and paths; of many the first ones, and how many more."""
        names = [task.name for task in self.tasks]
        shown = next((n for n in range(len(names), 1, -1) if len("+".join(names[:n])) <= LONGEST_NAME), 1)
        return "+".join([*names[:shown], *([f"{len(names) - shown}-more"] if shown < len(names) else [])])

    @property
    def parts(self) -> tuple[PromptSpec, ...]:
        """What it would be on each of its tasks alone."""
        return tuple(
            PromptSpec(backbone=self.backbone, readout=self.readout, task=task, seed=self.seed, recipe=self.recipe)
            for task in self.tasks
        )

    @property
    def source(self) -> TrainedPrompt:
        """This prompt as something to be put before a text."""
        return TrainedPrompt(key=key(self), task=self.name, seed=self.seed, backbone=self.backbone.name)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ScoreSpec:
    """What a backbone scores on a task with something in front of the text."""

    kind: Literal["score"] = "score"
    source: PromptSource
    backbone: BackboneSpec
    readout: ReadoutSpec
    task: Task
    split: Split = "report"
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        """Leave out of the task what the readout does not read."""
        object.__setattr__(self, "task", self.task.read_by(self.readout.kind))


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NeuronSite:
    """Which feed-forward numbers count as a neuron's activity, and when it is on.

    Attributes:
        tensor: before or after the activation function ("post" is what enters the down-projection).
        position: row read: the readout's answer row, or the first or last row of the text.
        threshold: a neuron is activated above it.
    """

    tensor: Literal["pre", "post"] = "post"
    position: Literal["answer", "first", "last"] = "answer"
    threshold: float = 0.0


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NeuronsSpec:
    """The neurons a prompt activates in a backbone, on the empty text (Su et al. 2022, section 4.3)."""

    kind: Literal["neurons"] = "neurons"
    source: PromptSource
    backbone: BackboneSpec
    readout: ReadoutSpec
    site: NeuronSite = NeuronSite()
    recipe_version: int = RECIPE_VERSION


@dataclass(frozen=True, kw_only=True, config=VALUE)
class WordsSpec:
    """The words of a backbone's vocabulary nearest to each row of a prompt (Lester et al. 2021, section 7).

    `n_nearest` words are kept per row.
    """

    kind: Literal["words"] = "words"
    source: PromptSource
    backbone: BackboneSpec
    readout: ReadoutSpec
    n_nearest: int = Field(default=5, ge=1)
    recipe_version: int = RECIPE_VERSION


@dataclass(frozen=True, kw_only=True, config=VALUE)
class InfluenceSpec:
    """What a prompt does to rows and answers of a backbone, block by block (Liu et al. 2022, section 5).

    Attributes:
        n_gradients: examples whose gradients are taken, the first ones of the split.
        n_folds: folds of the probes' cross-validation.
    """

    kind: Literal["influence"] = "influence"
    source: PromptSource
    backbone: BackboneSpec
    readout: ReadoutSpec
    task: Task
    split: Split = "report"
    n_gradients: int = Field(default=32, ge=1)
    n_folds: int = Field(default=5, ge=2)
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        """Leave out of the task what the readout does not read."""
        object.__setattr__(self, "task", self.task.read_by(self.readout.kind))


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ActivitySpec:
    """How much each block of a backbone does to the texts of a task's training split: what parts of it are ranked by.

    Attributes:
        source: an untrained prompt in front of the texts, as Huang et al. 2022 have it.
        n_examples: drawn with the source's seed.
    """

    kind: Literal["activity"] = "activity"
    source: RandomPrompt
    backbone: BackboneSpec
    readout: ReadoutSpec
    task: Task
    n_examples: int = Field(default=1000, ge=1)
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        """Leave out of the task what the readout does not read."""
        object.__setattr__(self, "task", self.task.read_by(self.readout.kind))


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ExamplesSpec:
    """The examples of one split of a task as drawn: hash and gold label of each, never their texts."""

    kind: Literal["examples"] = "examples"
    task: Task
    split: Split = "report"

    def __post_init__(self) -> None:
        """Leave out of the task what is for readouts alone, where that came later than the first keys."""
        object.__setattr__(self, "task", self.task.read_by(None))
