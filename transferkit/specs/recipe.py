"""Shelf. How a prompt begins, where it enters, and how it is trained."""

import math
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.specs.partial import Growth
from transferkit.tasks.base import VALUE


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


@dataclass(frozen=True, kw_only=True, config=VALUE)
class ProjectedInitial:
    """A prompt that a projector brought from another backbone, by key."""

    kind: Literal["projected"] = "projected"
    key: str


Initial = Annotated[
    UniformInitial
    | NormalInitial
    | VocabularyInitial
    | LabelWordsInitial
    | TextInitial
    | PromptInitial
    | ProjectedInitial,
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
        visibility: whom the rows serve in a backbone whose attention is local: "window", the text rows in whose window
            they stand, as the backbone was trained; "everywhere", every text row. Elsewhere both are the same.
    """

    where: Literal["front", "after_first", "end"] = "front"
    insert_after: int = Field(default=0, ge=0)
    entry: Literal["words", "block"] = "words"
    visibility: Literal["window", "everywhere"] = "window"

    def __post_init__(self) -> None:
        """Refuse a word-level prompt above the embeddings."""
        if self.entry == "words" and self.insert_after:
            raise ValueError('insert_after > 0 needs entry = "block": above the embeddings there are no words')


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Generator:
    """A network that makes each example's prompt of its own rows below the prompt (Liu et al. 2022, section 3.2).

    Two linear maps with a ReLU between them, and biases. It begins at PyTorch's default; a recipe's `initial` rows are
    not used.

    Attributes:
        kind: "bottleneck" (the paper's naive generator) reads one row that sums the text up: the first of an encoder,
            the last of another stack. "average_pool" and "max_pool" read all real rows, pooled to the prompt's length
            between the maps.
        width: of the bottleneck, m.
        dropout: probability that a number of the prompt is dropped while training.
    """

    kind: Literal["bottleneck", "average_pool", "max_pool"]
    width: int = Field(default=256, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def shapes(self, length: int, d: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight for prompts [length,d]."""
        out = length * d if self.kind == "bottleneck" else d
        return {
            "down.weight": (self.width, d),
            "down.bias": (self.width,),
            "up.weight": (out, self.width),
            "up.bias": (out,),
        }

    def n_parameters(self, length: int, d: int) -> int:
        """Return how many numbers are trained: dm + m + mPd + Pd, or dm + m + md + d where rows are pooled."""
        return sum(math.prod(shape) for shape in self.shapes(length, d).values())


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Recipe:
    """How a prompt is trained. Steps are optimiser steps; `patience` counts evaluations without improvement.

    The rows at `early_step` are kept beside the best ones: at one fixed step for all tasks, they are the task
    embedding of Vu et al. 2022, section 4.1. With a `generator`, what is trained is a network that makes the rows.
    Weight decay is decoupled (AdamW) and leaves a generator's biases alone. With `growth`, the first steps are taken on
    partial backbones, of whose blocks those below the prompt are left whole.
    """

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
    early_step: int | None = Field(default=None, ge=1)
    generator: Generator | None = None
    growth: Growth | None = None

    def __post_init__(self) -> None:
        """Refuse an early step that never comes, and a generator with nothing below it to read.

        A generator uses no initial rows, so none enter the key.
        """
        if self.generator is not None:
            object.__setattr__(self, "initial", VocabularyInitial())
        if self.generator is not None and not self.placement.insert_after:
            raise ValueError(
                'a generator reads rows of the blocks below the prompt: set placement = { entry = "block",'
                " insert_after = 1 } or deeper"
            )
        if self.early_step is not None and self.early_step > self.steps:
            raise ValueError(f"early_step = {self.early_step} comes after the last of {self.steps} steps")
        if self.growth is not None and self.growth.has_idle_stage(self.steps):
            raise ValueError(f"growth: of {self.steps} steps a stage gets none: raise steps, or its share")
