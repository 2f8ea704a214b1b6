"""What is measured: a model, a prompt, and examples of random tokens whose lengths are like those of real texts.

Batches are chosen so that all variants have typical ones: of many random orders the one whose batches are padded as
orders are on average; of sorted examples buckets spread evenly over all lengths.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import norm

from benchmarks.harness import Settings
from benchmarks.models import END, MASK, N_SPECIAL, SMALLER, kind_of, vocabulary_of
from transferkit.batches import Encoded
from transferkit.shapes import IntArray

SPREAD = 0.5  # standard deviation of the logarithm of lengths
SHORTEST, LONGEST = 5, 128
TRIED = 200  # orders among which a typical one is chosen


@dataclass(frozen=True)
class Case:
    """One shape all variants of a comparison share.

    Attributes:
        model: name of a model.
        mean: mean length of the examples in tokens; 30 is like SST-2, 60 like pairs of sentences.
        prompt: prompt positions.
        batch: examples per step.
        steps: steps timed per turn; variants whose batches are alike are timed for fewer.
        pool: examples there are.
        device: where it runs.
        constant: whether every example has the mean length.
    """

    model: str
    mean: int = 30
    prompt: int = 100
    batch: int = 16
    steps: int = 6
    pool: int = 1024
    device: str = "cpu"
    constant: bool = False

    def __str__(self) -> str:
        return f"{self.model}, {self.mean} tokens, prompt {self.prompt}, batch {self.batch}"

    def under(self, settings: Settings) -> "Case":
        """Return the case as the command line asked for it: its size and its device."""
        return dataclasses.replace(self.small() if settings.quick else self, device=settings.device)

    def small(self) -> "Case":
        """Return the same at a size for trying things: one batch of 8 per turn through a tiny model."""
        batch = min(8, self.batch)
        model = SMALLER.get(self.model, self.model)
        return dataclasses.replace(
            self, model=model, prompt=min(20, self.prompt), batch=batch, steps=1, pool=16 * batch
        )


@lru_cache
def examples(case: Case, *, seed: int = 0) -> Encoded:
    """Return the pool of a case as token ids; a masked example holds its mask, a causal one answers at its end."""
    rng = np.random.default_rng(seed)
    middle = math.log(case.mean) - SPREAD**2 / 2
    quantiles = norm.ppf((rng.permutation(case.pool) + 0.5) / case.pool)
    lengths = np.clip(np.exp(middle + SPREAD * quantiles).round(), SHORTEST, LONGEST).astype(np.int64)
    if case.constant:
        lengths[:] = case.mean
    kind = kind_of(case.model)
    ids = [rng.integers(N_SPECIAL, vocabulary_of(case.model), n).tolist() for n in lengths]
    answer = np.zeros(case.pool, dtype=np.int64)
    for i, row in enumerate(ids):
        row[-1] = row[-1] if kind == "causal" else END
        if kind == "masked":
            row[-2] = MASK
        answer[i] = {"masked": len(row) - 2, "causal": len(row) - 1, "seq2seq": 0}[kind]
    return Encoded(ids, None, answer, rng.integers(0, 2, case.pool), 0, 0)


def subset(encoded: Encoded, index: IntArray) -> Encoded:
    """Return some of the examples, in this order."""
    return Encoded([encoded.ids[i] for i in index], None, encoded.answer[index], encoded.gold[index], encoded.pad_id, 0)


def split(case: Case, mean: int, n_batches: int) -> Encoded:
    """Return the examples of a task to be scored, whose buckets are spread evenly over the lengths of a full pool."""
    encoded = examples(dataclasses.replace(case, mean=mean))
    return subset(encoded, np.concatenate(bucketed(encoded, case.batch, n_batches)))


def bucketed(encoded: Encoded, batch: int, steps: int) -> list[IntArray]:
    """Return batches of examples of like length, spread evenly from the shortest to the longest."""
    order = np.argsort(encoded.lengths, kind="stable")
    n_batches = len(order) // batch
    firsts = [int((i + 0.5) * n_batches / steps) * batch for i in range(steps)]
    return [order[first : first + batch] for first in firsts]


def shuffled(encoded: Encoded, batch: int, steps: int) -> list[IntArray]:
    """Return the batches of a random order that is padded as such orders are on average."""
    n = batch * steps
    rngs = (np.random.default_rng([seed, 7]) for seed in range(TRIED))
    orders = [rng.permutation(len(encoded))[:n].reshape(steps, batch) for rng in rngs]
    return list(orders[_typical([padded(encoded, order) for order in orders])])


def typical_seed(encoded: Encoded, batches_of: Callable[[int], list[IntArray]]) -> int:
    """Return the seed whose batches are padded as those of other seeds are on average.

    Args:
        encoded: the pool.
        batches_of: seed → the batches a turn times.
    """
    return _typical([padded(encoded, batches_of(seed)) for seed in range(TRIED)])


def padded(encoded: Encoded, batches: Sequence[IntArray] | IntArray) -> float:
    """Return the mean length batches are padded to."""
    return float(np.mean([encoded.lengths[index].max() for index in batches]))


def _typical(costs: list[float]) -> int:
    return int(np.argmin(np.abs(np.array(costs) - np.mean(costs))))
