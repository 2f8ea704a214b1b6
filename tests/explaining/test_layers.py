"""The best point of a sweep: against a literal loop, and on data where it is known."""

from itertools import permutations

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


def literal(points: list[int], predicted: np.ndarray, gold: np.ndarray, n_resamples: int) -> list[int]:
    """Return the points no other is above by more than chance, pair by pair and resample by resample."""
    generator = np.random.default_rng(0)
    n, n_seeds = len(gold), predicted.shape[1]
    examples = generator.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    seeds = generator.multinomial(n_seeds - 1, np.full(n_seeds, 1 / n_seeds), n_resamples)
    whole = [np.mean(of_point == gold) for of_point in predicted]
    drawn = []
    for counts, weights in zip(examples, seeds, strict=True):
        scores = []
        for of_point in predicted:
            each = [w * np.repeat(one == gold, counts).mean() for one, w in zip(of_point, weights, strict=True)]
            scores.append(sum(each) / sum(weights))
        drawn.append(scores)
    pairs = list(permutations(range(len(points)), 2))
    chance = {(i, j): [s[i] - s[j] - (whole[i] - whole[j]) for s in drawn] for i, j in pairs}
    error = {pair: np.std(found) for pair, found in chance.items()}
    largest = [max(abs(chance[pair][r]) / error[pair] for pair in pairs) for r in range(n_resamples)]
    most = np.quantile(largest, 0.95)
    worse = {j for i, j in pairs if (whole[i] - whole[j]) / error[i, j] > most}
    return [point for place, point in enumerate(points) if place not in worse]


@pytest.mark.parametrize("chances", [(0.7, 0.7, 0.7, 0.7), (0.5, 0.8, 0.85, 0.6), (0.9, 0.6, 0.8, 0.5)])
def test_what_is_ruled_out_is_that_of_a_loop(chances: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 2, 80)
    predicted = np.stack([np.where(rng.random((3, 80)) < chance, gold, 1 - gold) for chance in chances])
    found = best_point([0, 2, 4, 6], predicted, gold, generator=np.random.default_rng(0), n_resamples=200)
    kept = literal([0, 2, 4, 6], predicted, gold, 200)
    assert (found.low, found.high) == (kept[0], kept[-1])


def test_a_sweep_in_which_depth_does_not_matter_seldom_loses_an_end() -> None:
    rng = np.random.default_rng(0)
    lost = 0
    for _ in range(60):
        hard, gold = rng.normal(size=128), np.zeros(128, dtype=np.int64)
        seeds = 0.1 * rng.normal(size=(6, 3, 1))  # prompts of one depth differ, too
        predicted = (hard + seeds + 0.6 * rng.normal(size=(6, 3, 128)) < -0.6).astype(np.int64)
        found = best_point(range(6), predicted, gold, generator=rng, n_resamples=300)
        lost += (found.low, found.high) != (0, 5)
    assert lost <= 7  # 3 are expected at most; 8 of 60 at a rate of 5 % have a chance of 1 %


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
