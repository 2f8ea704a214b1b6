"""How many examples the splits of a task hold, and how they are drawn."""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from transferkit.errors import InputError

VALUE = ConfigDict(extra="forbid", strict=True)
Draw = Literal["random", "proportional", "per_class"]


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Sizes:
    """How many examples each split holds at most; None means all there are.

    The selection split is cut from the training part, never from the report part.

    Attributes:
        train: examples to train on.
        selection: examples to choose checkpoints by.
        report: examples to report on.
        draw: "random" takes what comes. The others hold exactly what is asked, of each class: "proportional" `train`
            and `selection` in all, in proportion to the classes of the training part, the last class taking what
            rounding down leaves; "per_class" as many of every class. The report split is the same with each.
    """

    train: int | None = Field(default=None, ge=1)
    selection: int | None = Field(default=500, ge=1)
    report: int | None = Field(default=None, ge=1)
    draw: Draw = "random"

    def __post_init__(self) -> None:
        """Check that there is a number to draw.

        Raises:
            InputError: a drawn split has no size.
        """
        for field, size in (("train", self.train), ("selection", self.selection)):
            if self.draw != "random" and size is None:
                raise InputError(
                    f"sizes: draw = {self.draw!r} needs a number, and {field} has none",
                    fix=f"give sizes.{field}, or leave draw out",
                )
