"""The best point of a sweep: against a literal loop, and on data where it is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from transferkit.statistics import best_point


@given(
    n_points=st.integers(1, 5),
    n_seeds=st.integers(1, 3),
    metric=st.sampled_from(["accuracy", "macro_f1"]),
    seed=st.integers(0, 50),
)
def test_the_best_is_that_of_a_loop(n_points: int, n_seeds: int, metric: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, 20)
    predicted = rng.integers(0, 3, (n_points, n_seeds, 20))
    points = sorted(rng.choice(30, n_points, replace=False).tolist())
    found = best_point(
        points, predicted, gold, generator=np.random.default_rng(0), metric=metric, n_classes=3, n_resamples=40
    )
    means = []
    for each in predicted:
        if metric == "accuracy":
            means.append(np.mean([np.mean(one == gold) for one in each]))
        else:
            f1 = [f1_score(gold, one, labels=[0, 1, 2], average="macro", zero_division=0.0) for one in each]
            means.append(np.mean(f1))
    assert means[points.index(found.best)] == pytest.approx(max(means))
    assert found.low <= found.high
    assert {found.low, found.high} <= set(points)


def literal(
    points: list[int], predicted: np.ndarray, gold: np.ndarray, n_resamples: int
) -> tuple[list[int], list[int]]:
    """Return the lowest and the highest of the best points of every resample, each in order."""
    generator = np.random.default_rng(0)
    n = len(gold)
    examples = generator.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    seeds = generator.multinomial(predicted.shape[1], np.full(predicted.shape[1], 1 / predicted.shape[1]), n_resamples)
    lowest, highest = [], []
    for counts, weights in zip(examples, seeds, strict=True):
        scores = []
        for of_point in predicted:
            drawn = [w * np.repeat(one == gold, counts).mean() for one, w in zip(of_point, weights, strict=True)]
            scores.append(sum(drawn) / len(drawn))
        best = [point for point, score in zip(points, scores, strict=True) if max(scores) - score < 1e-12]
        lowest.append(best[0])
        highest.append(best[-1])
    return sorted(lowest), sorted(highest)


def test_the_interval_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 2, 40)
    predicted = np.where(rng.random((4, 3, 40)) < 0.7, gold, 1 - gold)
    found = best_point([0, 2, 4, 6], predicted, gold, generator=np.random.default_rng(0), n_resamples=200)
    lowest, highest = literal([0, 2, 4, 6], predicted, gold, 200)
    assert (found.low, found.high) == (lowest[5], highest[-6])


def test_a_clear_winner_has_a_narrow_interval_and_equals_have_a_wide_one() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 2, 300)

    def right(chance: float) -> np.ndarray:
        return np.where(rng.random((2, 300)) < chance, gold, 1 - gold)

    clear = best_point(
        [0, 1, 2], np.stack([right(0.5), right(0.9), right(0.5)]), gold, generator=np.random.default_rng(1)
    )
    assert (clear.low, clear.best, clear.high) == (1, 1, 1)
    even = best_point([0, 1, 2], np.stack([right(0.7) for _ in range(3)]), gold, generator=np.random.default_rng(1))
    assert even.high - even.low >= 1


def test_texts_have_scores_of_their_own() -> None:
    values = np.stack([np.full((2, 10), 0.2), np.full((2, 10), 0.6)])
    found = best_point([3, 5], values, None, generator=np.random.default_rng(0), metric="f1")
    assert (found.low, found.best, found.high) == (5, 5, 5)


def test_points_that_cannot_be_told_apart_span_the_interval() -> None:
    same = np.zeros((4, 3, 50), dtype=np.int64)
    found = best_point([0, 1, 2, 3], same, same[0, 0], generator=np.random.default_rng(0), n_classes=2, n_resamples=50)
    assert (found.best, found.low, found.high) == (0, 0, 3)
