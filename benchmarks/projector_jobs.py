"""Jobs of projectors: steps of ours and of the published loop, one pass of AdamW alone, searches in relative space."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Job, Stopwatch, Turn
from benchmarks.peers.su2022_projector import Loop
from transferkit.projectors import Relative, SharedWords, shapes
from transferkit.projectors.distance import Fit
from transferkit.projectors.nets import first_weights
from transferkit.shapes import FloatArray
from transferkit.specs import PromptNet

Form = Literal["flat", "rows"]
Step = Callable[[Tensor, Tensor], Tensor]

N_WORDS = 1000
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Spaces:
    """Two prompt spaces and what a projector between them is fitted to.

    Attributes:
        rows: of a prompt.
        source, target: numbers of a row.
        width: of the hidden layer; None takes what each form has by default.
        n_prompts: tasks with a prompt in both.
    """

    rows: int = 100
    source: int = 768
    target: int = 1024
    width: int | None = None
    n_prompts: int = 13

    def __str__(self) -> str:
        return f"{self.rows} × {self.source} → {self.rows} × {self.target}"

    def net(self, form: Form) -> PromptNet:
        """Return the projector."""
        return PromptNet(form=form, width=self.width)

    def start(self, form: Form) -> dict[str, FloatArray]:
        """Return its first weights, whose outputs begin like random words."""
        words = np.random.default_rng(0).standard_normal((N_WORDS, self.target), dtype=np.float32)
        return first_weights(self.net(form), self.rows, self.source, words, 0)

    def pairs(self, at_once: int) -> list[tuple[Tensor, Tensor]]:
        """Return the prompts of both, random, so many a step."""
        generator = torch.Generator().manual_seed(0)
        both = (
            torch.randn(self.n_prompts, self.rows, width, generator=generator) for width in (self.source, self.target)
        )
        return list(zip(*(prompts.split(at_once) for prompts in both), strict=True))


def ours(spaces: Spaces, form: Form = "flat", *, at_once: int = 1, steps: int) -> Job:
    """Return a job that times whole steps of `transferkit.projectors`; its unit is a prompt."""
    return _timed(Fit(spaces.net(form), spaces.start(form)).step, spaces, at_once, steps)


def published(spaces: Spaces, *, foreach: bool = False, at_once: int = 1, steps: int) -> Job:
    """Return a job that times whole steps of the published loop; its unit is a prompt."""
    loop = Loop(spaces.start("flat"), spaces.net("flat").learning_rate, foreach=foreach)
    return _timed(loop.step, spaces, at_once, steps)


def adamw_pass(spaces: Spaces, *, steps: int) -> Job:
    """Return a job that times a fused AdamW over as many weights, nothing else; its unit is a pass."""
    sizes = shapes(spaces.net("flat"), spaces.rows, spaces.source, spaces.target).values()
    weights = nn.Parameter(torch.randn(sum(math.prod(size) for size in sizes)))
    weights.grad = torch.randn_like(weights)
    optimizer = torch.optim.AdamW([weights], weight_decay=0.0, fused=True)

    def turn() -> Turn:
        optimizer.step()
        with Stopwatch() as watch:
            for _ in range(steps):
                optimizer.step()
        return watch.turn(steps)

    return turn


def search(spaces: Spaces, *, n_anchors: int, top_k: int, steps: int, of: int) -> Job:
    """Return a job that times the first steps of a search in relative space; its unit is a prompt of `of` steps."""
    rng = np.random.default_rng(0)
    widths = (spaces.source, spaces.target)
    embeddings = [rng.standard_normal((n_anchors, width), dtype=np.float32) for width in widths]
    words = SharedWords(tuple(map(str, range(n_anchors))), *embeddings)
    find = Relative(words, 0.0, 1.0, top_k=top_k, steps=steps)
    prompt = rng.standard_normal((spaces.rows, spaces.source), dtype=np.float32)

    def turn() -> Turn:
        with Stopwatch() as watch:
            find(prompt)
        return watch.turn(steps / of)

    return turn


def matches_published(spaces: Spaces, *, steps: int = 8) -> Job:
    """Return a job that compares the losses of ours and of the published loop, step for step from equal weights."""

    def turn() -> Turn:
        net = spaces.net("flat")
        start = spaces.start("flat")
        mine = _losses(Fit(net, start).step, spaces, steps)
        theirs = _losses(Loop(start, net.learning_rate, foreach=False).step, spaces, steps)
        worst = max(abs(a - b) / b for a, b in zip(mine, theirs, strict=True))
        if worst > TOLERANCE:
            raise AssertionError(f"the losses differ from those of the published loop by up to {worst:.1e}")
        return Turn(1, 0.0, 0.0, {"difference": worst})

    return turn


def _losses(step: Step, spaces: Spaces, steps: int) -> list[float]:
    pairs = spaces.pairs(1)
    return [step(*pairs[i % len(pairs)]).item() for i in range(steps)]


def _timed(step: Step, spaces: Spaces, at_once: int, steps: int) -> Job:
    pairs = spaces.pairs(at_once)

    def turn() -> Turn:
        step(*pairs[0])
        with Stopwatch() as watch:
            for i in range(1, steps + 1):
                step(*pairs[i % len(pairs)])
        return watch.turn(steps * at_once)

    return turn
