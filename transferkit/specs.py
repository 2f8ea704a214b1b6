"""Shelf. What is asked: frozen values that name everything expensive, and the key each one hashes to.

A spec is canonicalised to JSON (sorted keys, fields at their default left out, so that a field added later does not
rename what is already on disk) and hashed. Changing a default is therefore forbidden: bump `RECIPE_VERSION` instead.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from transferkit.tasks.base import VALUE, Split, Task

RECIPE_VERSION = 1  # bumped when our arithmetic changes, so that old artifacts keep their meaning
KEY_DIGITS = 12
ALWAYS_IN_KEY = ("kind", "recipe_version")


# --- backbones and readouts ------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True, config=VALUE)
class BackboneSpec:
    """A frozen language model.

    Attributes:
        name: catalogue name, hub id, or the folder's name of a local model.
        revision: hub commit or tag; SHA-256 of the weights for catalogue and local models.
        dtype: arithmetic of the frozen weights; prompts are float32 whatever it is.
    """

    name: str
    revision: str
    dtype: Literal["float32", "bfloat16"] = "float32"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class MaskedReadout:
    """The answer is the label word most likely at the mask token."""

    kind: Literal["masked"] = "masked"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class EmbeddingReadout:
    """The answer is the label description nearest to the pooled text.

    Attributes:
        scale: factor on the cosines before the softmax.
        pooling: rows pooled over; "auto" follows the model's own files (mean where they say nothing).
    """

    kind: Literal["embedding"] = "embedding"
    scale: float = Field(default=20.0, gt=0, allow_inf_nan=False)
    pooling: Literal["auto", "mean", "first"] = "auto"


ReadoutSpec = Annotated[MaskedReadout | EmbeddingReadout, Field(discriminator="kind")]


# --- initial prompts -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True, config=VALUE)
class UniformInitial:
    """Rows drawn from U[low, high] (Lester et al. 2021, section 3.2, uses ± 0.5)."""

    kind: Literal["uniform"] = "uniform"
    low: float = Field(default=-0.5, allow_inf_nan=False)
    high: float = Field(default=0.5, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NormalInitial:
    """Rows drawn from N(0, std²) (Su et al. 2022 use the backbone's initializer range, 0.02)."""

    kind: Literal["normal"] = "normal"
    std: float = Field(default=0.02, ge=0, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class VocabularyInitial:
    """Embeddings of words drawn without replacement from the most frequent ones (Lester et al. 2021, section 3.2)."""

    kind: Literal["vocabulary"] = "vocabulary"
    population: int = Field(default=5000, ge=1)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class LabelWordsInitial:
    """One row per label word, mean over its pieces; further rows from the frequent vocabulary."""

    kind: Literal["label_words"] = "label_words"
    population: int = Field(default=5000, ge=1)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class TextInitial:
    """Embeddings of a text's tokens; further rows from the frequent vocabulary."""

    kind: Literal["text"] = "text"
    text: str = Field(min_length=1)
    population: int = Field(default=5000, ge=1)


@dataclass(frozen=True, kw_only=True, config=VALUE)
class PromptInitial:
    """Another prompt of the store, by key (transfer as initialisation)."""

    kind: Literal["prompt"] = "prompt"
    key: str


Initial = Annotated[
    UniformInitial | NormalInitial | VocabularyInitial | LabelWordsInitial | TextInitial | PromptInitial,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Placement:
    """Where a prompt enters (ARCHITECTURE, "Where a prompt enters").

    Attributes:
        where: before the text, after its first token, or after its last real token.
        insert_after: number of blocks that run without the prompt.
        entry: "words" sends the rows through the embedding module like tokens (insert_after 0 only; what PEFT does);
            "block" joins them directly in front of block `insert_after`.
    """

    where: Literal["front", "after_first", "end"] = "front"
    insert_after: int = Field(default=0, ge=0)
    entry: Literal["words", "block"] = "words"

    def __post_init__(self) -> None:
        """Refuse a word-level prompt above the embeddings."""
        if self.entry == "words" and self.insert_after:
            raise ValueError('insert_after > 0 needs entry = "block": above the embeddings there are no words')


# --- recipe ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True, config=VALUE)
class Recipe:
    """How a prompt is trained. Steps are optimiser steps; `patience` counts evaluations without improvement."""

    prompt_length: int = Field(default=20, ge=1)
    initial: Initial = VocabularyInitial()
    placement: Placement = Placement()
    optimizer: Literal["adamw", "adafactor"] = "adamw"
    learning_rate: float = Field(default=0.005, gt=0, le=1e30)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    clip_norm: float | None = Field(default=1.0, gt=0, allow_inf_nan=False)
    batch_size: int = Field(default=16, ge=1)
    steps: int = Field(default=1000, ge=1)
    evaluate_every: int = Field(default=50, ge=1)
    patience: int | None = Field(default=None, ge=1)
    select: Literal["best", "last"] = "best"
    backbone_dropout: bool = False


# --- what is put before the text -------------------------------------------------------------------------------------
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
    """An initial prompt nobody trained: the yardstick of a trained one."""

    kind: Literal["random"] = "random"
    seed: int
    length: int = Field(ge=1)
    initial: Initial = VocabularyInitial()
    placement: Placement = Placement()


@dataclass(frozen=True, kw_only=True, config=VALUE)
class NoPrompt:
    """The backbone alone."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Majority:
    """Always the most frequent class of the training split; needs no backbone."""

    kind: Literal["majority"] = "majority"


PromptSource = Annotated[TrainedPrompt | RandomPrompt | NoPrompt | Majority, Field(discriminator="kind")]


# --- the specs: one per expensive thing ------------------------------------------------------------------------------
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
class ExamplesSpec:
    """The examples of one split of a task as drawn: hash and gold label of each, never their texts."""

    kind: Literal["examples"] = "examples"
    task: Task
    split: Split = "report"


Spec = Annotated[PromptSpec | ScoreSpec | NeuronsSpec | ExamplesSpec, Field(discriminator="kind")]
_SPEC: TypeAdapter[Any] = TypeAdapter(Spec)


def canonical(value: object) -> object:
    """Return a spec as plain JSON values, without fields at their default and without fields outside its key."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        outside = getattr(value, "outside_key", ())
        return {
            field.name: canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in outside
            and (field.name in ALWAYS_IN_KEY or getattr(value, field.name) != _default(value, field.name))
        }
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): canonical(item) for name, item in value.items()}
    return value


def _default(value: object, name: str) -> object:
    """Return a field's default as pydantic keeps it; a sentinel when it has none."""
    info = value.__pydantic_fields__[name]  # type: ignore[attr-defined]
    return object() if info.is_required() else info.get_default(call_default_factory=True)


def key(spec: object) -> str:
    """Return the name of a spec: the first 12 hex digits of the SHA-256 of its canonical JSON."""
    text = json.dumps(canonical(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def to_json(spec: Spec) -> str:
    """Return the whole spec, defaults written out, as readable JSON."""
    return json.dumps(_SPEC.dump_python(spec, mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> Spec:
    """Read what `to_json` wrote.

    Raises:
        pydantic.ValidationError: the text is no spec of this version.
    """
    return _SPEC.validate_json(text)
