"""Our side of the similarities: indicators between all of the same random prompts, counted in unordered pairs."""

import numpy as np

from benchmarks.harness import Job, Stopwatch, Turn
from benchmarks.peers import su2022_similarity as published
from transferkit import indicators
from transferkit.artifacts import Neurons, Prompt
from transferkit.shapes import FloatArray

ROWS, WIDTH, BLOCKS, FFN = 100, 768, 12, 3072
TOLERANCE = 1e-5
MIN_SECONDS = 0.1


def indicator(names: tuple[str, ...], n_prompts: int) -> Job:
    """Return a job that times some indicators between all prompts, one after the other; its unit is a pair."""
    chosen = [indicators.find(name) for name in names]
    sets = [neurons(n_prompts) if one.reads == "neurons" else prompts(n_prompts) for one in chosen]
    for one, given in zip(chosen, sets, strict=True):
        one(given[:4], given[:4])

    def turn() -> Turn:
        times = 0
        with Stopwatch() as watch:
            while times == 0 or (watch.elapsed() < MIN_SECONDS and times < 1000):
                for one, given in zip(chosen, sets, strict=True):
                    one(given, given)
                times += 1
        return watch.turn(times * n_prompts * (n_prompts + 1) // 2)

    return turn


def matches_published() -> Job:
    """Return a job that compares the indicators of the paper with its loops on a few pairs."""

    def turn() -> Turn:
        few = prompts(3)
        worst = 0.0
        for name, of_pair in published.OF_PAIR.items():
            ours = indicators.find(name)(few, few)
            for i, j in ((0, 0), (0, 1), (2, 1)):
                worst = max(worst, abs(ours[i, j] - of_pair(*map(published.tensor, (few[i].vectors, few[j].vectors)))))
        if worst > TOLERANCE:
            raise AssertionError(f"an indicator differs from the published loop by {worst:.1e}")
        return Turn(1, 0.0, 0.0, {"difference": worst})

    return turn


def prompts(n: int) -> list[Prompt]:
    """Return seeded random prompts with all the arrays an indicator may need."""
    rng = np.random.default_rng(0)
    live = np.ones(ROWS, dtype=bool)

    def rows() -> FloatArray:
        return rng.standard_normal((ROWS, WIDTH), dtype=np.float32)

    return [Prompt(rows(), rows(), live, early=rows()) for _ in range(n)]


def neurons(n: int) -> list[Neurons]:
    """Return seeded random sets of activated neurons."""
    rng = np.random.default_rng(0)
    return [Neurons(rng.random((BLOCKS, FFN)) < 0.3) for _ in range(n)]
