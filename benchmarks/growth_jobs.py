"""A backbone cut to the stages of a schedule: as views, and as copies with the neurons gathered at each growth."""

import copy
import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import nn

from benchmarks.cases import Case
from benchmarks.harness import Job, Stopwatch, Turn
from benchmarks.models import backbone
from transferkit.backbones import Backbone
from transferkit.backbones.family import Stock
from transferkit.specs import Growth

TIMES = 3  # schedules per turn
Stages = list[Sequence[nn.Module]]  # the blocks of each


def growing(case: Case, *, schedule: Growth) -> Job:
    """Return a job that makes all stages of a schedule as users have them; its unit is a schedule."""
    return _timed(case, lambda whole: [whole.partial(part).blocks for part in schedule.partials()])


def gathering(case: Case, *, schedule: Growth) -> Job:
    """Return one that copies the kept blocks and gathers their neurons for each stage.

    Huang et al. 2022 do so, behind making a stack of random weights of the new size first, which is left out here.
    """

    def make(whole: Backbone) -> Stages:
        numbers = [whole.partial(dataclasses.replace(part, width=1.0)).numbers for part in schedule.partials()]
        return [
            [_copied(whole, whole.blocks[number], part.width) for number in kept]
            for kept, part in zip(numbers, schedule.partials(), strict=True)
        ]

    return _timed(case, make)


def _timed(case: Case, make: Callable[[Backbone], Stages]) -> Job:
    whole = backbone(case.model, device=case.device)
    own = _storages(whole.blocks)

    def turn() -> Turn:
        with Stopwatch(case.device) as watch:
            for _ in range(TIMES):
                whole._ranked = None
                stages = make(whole)
        beside = {at: size for stage in stages for at, size in _storages(stage).items() if at not in own}
        return watch.turn(TIMES, mb=sum(beside.values()) / 2**20)

    return turn


def _copied(whole: Backbone, block: nn.Module, share: float) -> nn.Module:
    """Return a copy of a block with some of its neurons, at random."""
    made, paths = copy.deepcopy(block), whole.family.feed_forward(block)
    down: Stock = made.get_submodule(paths.down)
    kept = torch.randperm(down.weight.shape[1])[: int(share * down.weight.shape[1])]
    with torch.no_grad():
        down.weight = nn.Parameter(down.weight[:, kept], requires_grad=False)
        for path in paths.entering:
            up: Stock = made.get_submodule(path)
            up.weight = nn.Parameter(up.weight[kept], requires_grad=False)
            if up.bias is not None:
                up.bias = nn.Parameter(up.bias[kept], requires_grad=False)
    return made


def _storages(blocks: Sequence[nn.Module]) -> dict[int, int]:
    """Return the memory blocks hold: bytes by where it begins."""
    found = {}
    for block in blocks:
        for parameter in block.parameters():
            memory = parameter.untyped_storage()
            found[memory.data_ptr()] = memory.nbytes()
    return found
