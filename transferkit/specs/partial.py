"""Shelf. Partial backbones, and the schedules by which they grow while a prompt is trained (Huang et al. 2022, FPT)."""

import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from transferkit.tasks.base import VALUE

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Blocks = Literal["even", "nested", "first", "changing"]
Neurons = Literal["active", "signed", "first", "random"]
QUARTERS = (0.25, 0.5, 0.75)  # of blocks or neurons: their stages
N_MEASURED = 1000  # examples, as theirs
WHOLE = "whole"
RANKED: tuple[str, ...] = ("changing", "active", "signed")  # what is measured before it can be chosen


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Partial:
    """A shallower or narrower backbone: some of its blocks, some of their feed-forward neurons.

    The first block of a stack is always kept. Neurons keep their order of rank, so those of a narrower backbone are
    among those of a wider one.

    Attributes:
        depth: share of the blocks that are kept; of an encoder-decoder, of either half.
        width: share of the feed-forward neurons of each block that are kept.
        blocks: which: "even", evenly spaced from the first to the last (theirs); "nested", spaced alike but each choice
            part of the next larger one; "first", the lowest; "changing", those that turn rows most.
        neurons: which: "active", largest mean absolute activity (theirs); "signed", largest mean activity; "first";
            "random", one draw for each block, the same for all tasks and seeds.
        decoder: whether an encoder-decoder's decoder is cut as well; theirs is whole where answers are single words.
        above: so many blocks are left as they are, below the prompt.
        activity: key of the measurement blocks or neurons are ranked by; None where none is needed.
    """

    depth: Share = 1.0
    width: Share = 1.0
    blocks: Blocks = "even"
    neurons: Neurons = "active"
    decoder: bool = True
    above: int = Field(default=0, ge=0)
    activity: str | None = None

    def __post_init__(self) -> None:
        """Leave out of the key what chooses nothing: how blocks are chosen where all are kept, and neurons likewise."""
        if self.depth == 1:
            object.__setattr__(self, "blocks", "even")
        if self.width == 1:
            object.__setattr__(self, "neurons", "active")
        if self.depth == self.width == 1:
            for field, value in (("decoder", True), ("above", 0), ("activity", None)):
                object.__setattr__(self, field, value)

    @property
    def is_ranked(self) -> bool:
        """Whether it takes a measurement to know what is kept."""
        return (self.depth < 1 and self.blocks in RANKED) or (self.width < 1 and self.neurons in RANKED)

    @property
    def name(self) -> str:
        """Name in tables and paths: d50 half the blocks, w25 a quarter of the neurons."""
        parts = []
        if self.depth < 1:
            parts.append(f"d{_percent(self.depth)}{'' if self.blocks == 'even' else f'-{self.blocks}'}")
        if self.width < 1:
            parts.append(f"w{_percent(self.width)}{'' if self.neurons == 'active' else f'-{self.neurons}'}")
        parts += [] if self.decoder else ["encoder"]
        parts += [f"above{self.above}"] if self.above else []
        return "-".join(parts) or WHOLE


@dataclass(frozen=True, kw_only=True, config=VALUE)
class Growth:
    """A growth schedule: a prompt is trained on ever larger partial backbones, and on the whole one in the end.

    Huang et al. 2022 give the stages 20, 20, 20 and 40 % of the steps. The backbone grows at the first step behind a
    stage; the prompt goes on as it is. Checkpoints are chosen among those of the whole backbone alone.

    Attributes:
        shares: of the steps, one for each partial backbone; what is left of 1 is for the whole one.
        depth, width: shares of blocks and neurons kept in each stage; left out, all are.
        blocks, neurons, decoder: as of `Partial`.
        optimizer: whether what the optimiser remembers is "carried" across a growth (theirs) or "reset".
        n_examples: of the training split, over which activity is measured where something is ranked by it.
    """

    shares: tuple[Share, ...] = (0.2, 0.2, 0.2)
    depth: tuple[Share, ...] = ()
    width: tuple[Share, ...] = ()
    blocks: Blocks = "even"
    neurons: Neurons = "active"
    decoder: bool = True
    optimizer: Literal["carried", "reset"] = "carried"
    n_examples: int = Field(default=N_MEASURED, ge=1)

    def __post_init__(self) -> None:
        """Refuse a schedule that does not hold together; leave out of the key what chooses nothing."""
        if not self.depth and not self.width:
            raise ValueError("a growth schedule needs depth = […], width = […] or both")
        for field, sizes in (("depth", self.depth), ("width", self.width)):
            _refuse(field, sizes, len(self.shares))
            if set(sizes) == {1.0}:
                object.__setattr__(self, field, ())
        if any(part.name == WHOLE for part in self.partials()):
            raise ValueError("a stage keeps everything: leave it out, the steps that are left are the whole backbone's")
        if sum(self.shares) > 1 - 1e-9:
            raise ValueError(f"shares sum to {sum(self.shares):g}: leave some steps for the whole backbone")
        idle = {"blocks": not self.depth, "neurons": not self.width}
        idle["n_examples"] = not any(part.is_ranked for part in self.partials())
        for field, default in (("blocks", "even"), ("neurons", "active"), ("n_examples", N_MEASURED)):
            if idle[field]:
                object.__setattr__(self, field, default)

    @property
    def name(self) -> str:
        """What is cut: depth, width, or both; with what is out of the ordinary."""
        cut = "both" if self.depth and self.width else "depth" if self.depth else "width"
        rules = [] if self.blocks == "even" or not self.depth else [self.blocks]
        rules += [] if self.neurons == "active" or not self.width else [self.neurons]
        rules += [] if self.decoder else ["encoder"]
        rules += ["reset"] if self.optimizer == "reset" else []
        return "-".join([cut, *rules])

    @property
    def details(self) -> str:
        """Sizes and shares of the stages, which tell schedules of one name apart: 50+75-in-30+30."""
        sizes = "-".join("+".join(map(_percent, of)) for of in (self.depth, self.width) if of)
        return f"{sizes}-in-{'+'.join(map(_percent, self.shares))}"

    def partials(self, above: int = 0) -> tuple[Partial, ...]:
        """Return the partial backbone of each stage, blocks below the prompt left whole, before anything is ranked."""
        n = len(self.shares)
        return tuple(
            Partial(
                depth=depth, width=width, blocks=self.blocks, neurons=self.neurons, decoder=self.decoder, above=above
            )
            for depth, width in zip(self.depth or (1.0,) * n, self.width or (1.0,) * n, strict=True)
        )

    def has_idle_stage(self, steps: int) -> bool:
        """Tell whether a stage, that of the whole backbone included, gets none of so many steps."""
        return any(end <= begin for begin, end in itertools.pairwise((0, *self.ends(steps), steps)))

    def ends(self, steps: int) -> tuple[int, ...]:
        """Return the step behind which each partial stage ends, of so many steps in all."""
        return tuple(math.floor(share * steps + 0.5) for share in _sums(self.shares))


def _refuse(field: str, sizes: Sequence[float], n_stages: int) -> None:
    if list(sizes) != sorted(sizes):
        raise ValueError(f"{field} = {list(sizes)} shrinks: write ever larger shares")
    if sizes and len(sizes) != n_stages:
        raise ValueError(
            f"{field} has stages: {len(sizes)}, but shares has {n_stages}: name as many"
            " (shares = [0.2, 0.2, 0.2] unless given)"
        )


def _sums(shares: Sequence[float]) -> list[float]:
    return [math.fsum(shares[: i + 1]) for i in range(len(shares))]


def _percent(share: float) -> str:
    return f"{100 * share:.6g}"
