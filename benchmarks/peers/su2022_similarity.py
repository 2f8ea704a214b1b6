"""Similarities as the published script of Su et al. 2022 computes them: pair by pair, and row by row within a pair."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Job, Stopwatch, Turn
from transferkit.shapes import FloatArray

ROWS, WIDTH = 100, 768
SHAPE = (12, 1, 1, 3072)
N_PAIRS = 200  # pairs of neuron sets timed
COSINE = nn.CosineSimilarity(dim=0)


def euclidean_concat(a: Tensor, b: Tensor) -> float:
    """Return 1 / (1 + distance of the prompts)."""
    return float(1 / (1 + torch.norm(a - b, p="fro")))


def euclidean_average(a: Tensor, b: Tensor) -> float:
    """Return 1 / (1 + mean distance of their rows)."""
    total = torch.zeros(())
    for x, y in itertools.product(a, b):
        total += torch.norm(x - y, p=2)
    return 1 / (1 + float(total) / (len(a) * len(b)))


def cosine_concat(a: Tensor, b: Tensor) -> float:
    """Return the cosine of the prompts."""
    return float(COSINE(a.flatten(), b.flatten()))


def cosine_average(a: Tensor, b: Tensor) -> float:
    """Return the mean cosine of their rows."""
    total = torch.zeros(())
    for x, y in itertools.product(a, b):
        total += COSINE(x, y)
    return float(total) / (len(a) * len(b))


OF_PAIR: dict[str, Callable[[Tensor, Tensor], float]] = {
    "euclidean_concat": euclidean_concat,
    "euclidean_average": euclidean_average,
    "cosine_concat": cosine_concat,
    "cosine_average": cosine_average,
}


def tensor(vectors: FloatArray) -> Tensor:
    """Return rows as the script holds them."""
    return torch.from_numpy(np.asarray(vectors, dtype=np.float32))


def similarity(names: tuple[str, ...]) -> Job:
    """Return a job that times the loops on one pair of prompts; its unit is a pair."""
    a, b = torch.randn(2, ROWS, WIDTH, generator=torch.Generator().manual_seed(0))

    def turn() -> Turn:
        with Stopwatch() as watch:
            for name in names:
                OF_PAIR[name](a, b)
        return watch.turn(1)

    return turn


def overlap(n_prompts: int) -> Job:
    """Return a job that times the overlap of neuron sets, both of a pair read from disk; its unit is a pair."""
    folder = tempfile.TemporaryDirectory()
    generator = torch.Generator().manual_seed(0)
    for i in range(n_prompts):
        torch.save(torch.randn(SHAPE, generator=generator), Path(folder.name, str(i)))
    pairs = list(itertools.islice(itertools.product(range(n_prompts), repeat=2), N_PAIRS))

    def turn() -> Turn:
        with Stopwatch() as watch:
            for pair in pairs:
                a, b = (torch.load(Path(folder.name, str(i))).float().flatten() for i in pair)
                for one in (a, b):
                    one[one > 0], one[one < 0] = 1.0, 0.0
                float(COSINE(a, b))
        return watch.turn(len(pairs))

    return turn
