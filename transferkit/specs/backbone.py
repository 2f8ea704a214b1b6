"""Shelf. Which frozen language model is meant, and how an answer is read off it."""

import dataclasses
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.specs.partial import WHOLE, Partial
from transferkit.tasks.base import VALUE


@dataclass(frozen=True, kw_only=True, config=VALUE)
class BackboneSpec:
    """A frozen language model.

    Attributes:
        name: catalogue name, hub id, or the folder's name of a local model.
        revision: hub commit or tag; SHA-256 of the weights for catalogue and local models.
        dtype: arithmetic of the frozen weights; prompts are float32 whatever it is.
        partial: what is kept of it; None for all. Its name then ends with that of the part.
    """

    name: str
    revision: str
    dtype: Literal["float32", "bfloat16"] = "float32"
    partial: Partial | None = None

    @property
    def whole(self) -> "BackboneSpec":
        """The backbone it is a part of, or itself."""
        if self.partial is None:
            return self
        return dataclasses.replace(self, name=self.name.removesuffix(f"-{self.partial.name}"), partial=None)

    def cut(self, partial: Partial) -> "BackboneSpec":
        """Return a part of it; itself where all is kept.

        Raises:
            ValueError: it is a part already.
        """
        if self.partial is not None:
            raise ValueError(f"{self.name} is a part of a backbone: cut the whole")
        if partial.name == WHOLE:
            return self
        return dataclasses.replace(self, name=f"{self.name}-{partial.name}", partial=partial)


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


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Seq2seqReadout:
    """The answer is the label word most likely at the first decoder step; a text task's is what the decoder writes."""

    kind: Literal["seq2seq"] = "seq2seq"


@dataclass(frozen=True, kw_only=True, config=VALUE)
class CausalReadout:
    """The answer is the label word most likely after the last row of the text; a text task's is what follows it."""

    kind: Literal["causal"] = "causal"


ReadoutSpec = Annotated[MaskedReadout | EmbeddingReadout | Seq2seqReadout | CausalReadout, Field(discriminator="kind")]
