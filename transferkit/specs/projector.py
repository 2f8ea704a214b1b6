"""Shelf. Maps between the prompt spaces of two backbones, and the prompts they make.

What a map is fitted on says what it costs to have: words both vocabularies know, prompts trained for the same tasks on
both backbones, or the labels of some tasks on the target (Su et al. 2022, section 5; Lester et al. 2022).
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.specs.backbone import BackboneSpec, ReadoutSpec
from transferkit.specs.keys import RECIPE_VERSION, key
from transferkit.specs.recipe import Placement, Recipe
from transferkit.specs.source import ProjectedPrompt, TrainedPrompt
from transferkit.tasks.base import VALUE, Task

Objective = Literal["distance", "tasks"]


@dataclass(frozen=True, kw_only=True, config=VALUE)
class LinearMap:
    """Least squares between the embeddings of shared words (v2v-lin and lin-comb of Lester et al. 2022, which are one).

    Attributes:
        ridge: shrinkage, in units of the mean squared singular value of the source's words.
        skip: the most frequent shared words are passed over, so many.
        most: and so many at most are taken after them.
    """

    kind: Literal["linear"] = "linear"
    ridge: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    skip: int = Field(default=1000, ge=0)
    most: int = Field(default=4000, ge=2)

    @property
    def name(self) -> str:
        """Name in tables and paths."""
        return "linear" if not self.ridge else "ridge"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class RotationMap:
    """Orthogonal Procrustes between the embeddings of shared words, with shift and scale; fields as of `LinearMap`."""

    kind: Literal["procrustes"] = "procrustes"
    skip: int = Field(default=1000, ge=0)
    most: int = Field(default=4000, ge=2)
    name: ClassVar[str] = "procrustes"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NearestMap:
    """Each row becomes the target's embedding of the shared word it is nearest to; fields as of `LinearMap`."""

    kind: Literal["nearest"] = "nearest"
    skip: int = Field(default=0, ge=0)
    most: int = Field(default=50_000, ge=2)
    name: ClassVar[str] = "nearest"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class RelativeMap:
    """Rows of the target as near to its words as the source's row is to the same words of its own (Wu et al. 2024).

    Attributes:
        top_k: anchors that count for a row, those it is most like.
        steps, learning_rate: of the search for the target's rows (Adam).
        skip, most: as of `LinearMap`. Deviation: as many anchors as count, where the paper takes every shared word and
            lets 8,192 of them count; then all count, and the search is an order of magnitude faster.
    """

    kind: Literal["relative"] = "relative"
    top_k: int = Field(default=8192, ge=1)
    steps: int = Field(default=2000, ge=1)
    learning_rate: float = Field(default=5e-3, gt=0, allow_inf_nan=False)
    skip: int = Field(default=0, ge=0)
    most: int = Field(default=8192, ge=2)
    name: ClassVar[str] = "relative"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class WordsNet:
    """A two-layer network between the embeddings of shared words (v2v-nn of Lester et al. 2022).

    Attributes:
        width: of its hidden layer; four times the target's by default, as theirs.
        epochs, batch_size, learning_rate: of its training (Adam, mean squared error).
        skip, most: as of `LinearMap`.
    """

    kind: Literal["words_net"] = "words_net"
    width: int | None = Field(default=None, ge=1)
    epochs: int = Field(default=25, ge=1)
    batch_size: int = Field(default=50, ge=1)
    learning_rate: float = Field(default=3e-4, gt=0, allow_inf_nan=False)
    skip: int = Field(default=1000, ge=0)
    most: int = Field(default=4000, ge=2)
    name: ClassVar[str] = "words_net"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class PromptNet:
    """A two-layer network between prompts (Su et al. 2022, section 5): linear, LeakyReLU, linear, layer norm.

    Deviation: the layer norm begins at mean and spread of the target's word embeddings, not at 0 and 1, so that what an
    untrained one makes lies where the target's rows lie.

    Attributes:
        form: "flat" maps a whole prompt at once (theirs); "rows" each row alone, with far fewer numbers.
        objective: "distance" asks for the target's own prompts of the same tasks (their loss A), "tasks" for low loss
            on the tasks with the target frozen (their loss B); "none" leaves it untrained, a yardstick.
        width: of the hidden layer; by default 768 where whole prompts are mapped, as theirs, and 384 for single rows.
        steps, learning_rate: of its training (AdamW without decay).
        evaluate_every: steps between looks at the selection splits, where the best weights are chosen ("tasks" only).
    """

    kind: Literal["prompt_net"] = "prompt_net"
    form: Literal["flat", "rows"] = "flat"
    objective: Objective | Literal["none"] = "distance"
    width: int | None = Field(default=None, ge=1)
    steps: int = Field(default=500, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    evaluate_every: int = Field(default=50, ge=1)

    @property
    def name(self) -> str:
        """Name in tables and paths."""
        return f"{self.form}_{'random' if self.objective == 'none' else self.objective}"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ConstantMap:
    """One prompt whatever the source says: what a projector that has collapsed amounts to, and so its yardstick.

    Attributes:
        objective: "distance" is the mean of the target's own prompts of the tasks it is fitted on; "tasks" a prompt
            tuned on all of these tasks at once, as a projector is.
        steps, evaluate_every: as of `PromptNet`, for "tasks".
        learning_rate: likewise; by default that of the target's own prompts, for this is one of them.
    """

    kind: Literal["constant"] = "constant"
    objective: Objective = "distance"
    steps: int = Field(default=500, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    evaluate_every: int = Field(default=50, ge=1)

    @property
    def name(self) -> str:
        """Name in tables and paths."""
        return f"constant_{self.objective}"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NormsMap:
    """Random directions with the source's row norms, in units of the mean norm of a word: do directions matter?"""

    kind: Literal["norms"] = "norms"
    name: ClassVar[str] = "norms"


Method = Annotated[
    LinearMap | RotationMap | NearestMap | RelativeMap | WordsNet | PromptNet | ConstantMap | NormsMap,
    Field(discriminator="kind"),
]
Tuned = PromptNet | ConstantMap  # what may be fitted on prompts or tasks


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Lesson:
    """What a projector sees of one task.

    Attributes:
        task: the task.
        source: key of the source backbone's prompt.
        target: key of the target's own; None where only the labels are used.
    """

    task: Task
    source: str
    target: str | None = None


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ProjectorSpec:
    """A map from prompts of one backbone to prompts of another.

    Attributes:
        backbone: the target, where its prompts are used.
        source_backbone: where prompts come from.
        method: the kind of map, and how it is fitted.
        lessons: the tasks it is fitted on; empty where words serve, or nothing.
        readout: how the target answers; None unless it is tuned on tasks.
        recipe: how it is tuned on tasks: prompt length, placement, batches; None elsewhere.
        seed: of its first weights and of the order of batches.
    """

    kind: Literal["projector"] = "projector"
    backbone: BackboneSpec
    source_backbone: BackboneSpec
    method: Method
    lessons: tuple[Lesson, ...] = ()
    readout: ReadoutSpec | None = None
    recipe: Recipe | None = None
    seed: int = Field(default=0, ge=0)
    recipe_version: int = RECIPE_VERSION

    def __post_init__(self) -> None:
        """Leave out of the tasks what the readout does not read."""
        kind = None if self.readout is None else self.readout.kind
        read = tuple(Lesson(task=one.task.read_by(kind), source=one.source, target=one.target) for one in self.lessons)
        object.__setattr__(self, "lessons", read)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ProjectedSpec:
    """A prompt that a projector made for its target.

    Attributes:
        backbone: the target.
        projector: key of the projector; `method` is there to be read.
        prompt: the source backbone's prompt.
        placement: where it enters the target.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("method",)

    kind: Literal["projected"] = "projected"
    backbone: BackboneSpec
    projector: str
    method: str
    prompt: TrainedPrompt
    placement: Placement = Placement()
    recipe_version: int = RECIPE_VERSION

    @property
    def source(self) -> ProjectedPrompt:
        """This prompt as something to be put before the text."""
        made_for = self.prompt
        return ProjectedPrompt(
            key=key(self), task=made_for.task, seed=made_for.seed, backbone=made_for.backbone, method=self.method
        )
