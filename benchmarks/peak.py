"""The machine's rate of matrix products, at the shapes of one encoder block: what everything else is held against."""

from typing import Literal

import torch
from torch.nn import functional as F

from benchmarks.cases import Case
from benchmarks.harness import BF16_PEAK, FP32_PEAK, Job, Stopwatch, Turn, Variant
from benchmarks.models import dimensions
from transferkit.flops import Dimensions

SECONDS = 0.3  # a turn's length, about


def peaks(case: Case) -> list[Variant]:
    """Return the two variants that measure it; bf16 counts where the second is fast enough."""
    options = {"of": dimensions(case.model), "rows": case.batch * (case.prompt + case.mean), "device": case.device}
    return [
        Variant(FP32_PEAK, products, {**options, "dtype": "float32"}),
        Variant(BF16_PEAK, products, {**options, "dtype": "bfloat16"}, dtype="bfloat16"),
    ]


def products(of: Dimensions, *, rows: int, device: str, dtype: Literal["float32", "bfloat16"]) -> Job:
    """Return a job that times the linear maps of one block; its unit is 10⁹ operations."""
    wanted = getattr(torch, dtype)
    shapes = [*[(of.width, of.width)] * 4, (of.width, of.ffn), (of.ffn, of.width)]
    weights = [torch.randn(out, into, device=device).mul_(0.02).to(wanted) for into, out in shapes]
    inputs = [torch.randn(rows, into, device=device).to(wanted) for into, _ in shapes]
    work = sum(2 * rows * into * out for into, out in shapes) / 1e9

    def block() -> None:
        for x, weight in zip(inputs, weights, strict=True):
            F.linear(x, weight)

    with Stopwatch(device) as watch:
        block()
    with Stopwatch(device) as watch:
        block()
    times = max(1, round(SECONDS / max(watch.wall_s, 1e-6)))

    @torch.no_grad()
    def turn() -> Turn:
        with Stopwatch(device) as watch:
            for _ in range(times):
                block()
        return watch.turn(times * work)

    return turn
