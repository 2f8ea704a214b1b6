"""The mean gain over tasks: against the comparison of one task, plain loops, scipy, and studies with a known truth."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from transferkit.errors import InputError
from transferkit.statistics import compare
from transferkit.statistics.mean_gain import Sides, mean_gain

N = 150


def chance(seed=0):
    return np.random.default_rng(seed)


def said(draw, gold, skills, n_classes=2):
    """Return labels [seed,n], each right with the skill of its seed."""
    right = draw.random((len(skills), len(gold))) < np.asarray(skills)[:, None]
    return np.where(right, gold, (gold + draw.integers(1, n_classes, right.shape)) % n_classes)


def sides(seed, first=(0.8, 0.7, 0.75), second=(0.6, 0.62, 0.58), n=N, metric="accuracy", n_classes=2):
    draw = chance(seed)
    gold = draw.integers(0, n_classes, n)
    return Sides(said(draw, gold, first, n_classes), said(draw, gold, second, n_classes), gold, metric, n_classes)


def scored(labels, one):
    if one.gold is None:
        return labels.mean(axis=1)
    if one.metric == "accuracy":
        return (labels == one.gold).mean(axis=1)
    classes = range(one.n_classes)
    return np.array([f1_score(one.gold, row, average="macro", labels=classes, zero_division=0) for row in labels])


def graded(seed):
    draw = chance(seed)
    return Sides(draw.random((3, N)) ** 0.5, draw.random((3, N)), None, "f1")


@pytest.mark.parametrize(
    "one",
    [sides(1, (0.8,), (0.6,)), sides(2, (0.8,), (0.6,), metric="macro_f1", n_classes=3), graded(3)],
    ids=["accuracy", "macro_f1", "texts"],
)
def test_one_task_and_seed_is_what_compare_says(one):
    one = Sides(one.first[:1], one.second[:1], one.gold, one.metric, one.n_classes)
    found = mean_gain([one], generator=chance())
    other = compare(one.first, one.second, one.gold, metric=one.metric, n_classes=one.n_classes, generator=chance(1))
    assert found.difference == pytest.approx(other.difference, abs=1e-12)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (other.examples.low, other.examples.high), abs=0.01
    )
    assert found.interval.method == "bootstrap over examples"


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_difference_is_that_of_a_plain_loop(metric):
    tasks = [sides(seed, n=60 + 20 * seed, metric=metric, n_classes=2 + seed) for seed in (1, 2)]
    tasks.append(graded(4))
    each = [np.mean([scored(one.first, one) - scored(one.second, one)]) for one in tasks]
    assert mean_gain(tasks, generator=chance(), n_resamples=50).difference == pytest.approx(np.mean(each), abs=1e-12)


def test_where_seeds_differ_much_the_interval_is_that_of_t_over_seeds():
    tasks = [sides(seed, first=(0.95, 0.6, 0.8), n=400) for seed in (1, 2)]
    seeds = np.mean([scored(one.first, one) - scored(one.second, one) for one in tasks], axis=0)
    low, high = stats.t.interval(0.95, 2, loc=seeds.mean(), scale=stats.sem(seeds))
    found = mean_gain(tasks, generator=chance()).interval
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.method == "t over 3 seeds"


def test_one_seed_serves_all_tasks_so_that_its_luck_does_not_even_out():
    """A seed that is good or bad on all tasks alike leaves the interval as wide with many tasks as with one."""
    skills = 0.5 + 0.1 * np.array([1, -1, 1, -1, 1, -1, 1, -1])
    few, many = (
        mean_gain([sides(s, skills, [0.5] * 8, n=200) for s in range(k)], generator=chance(), n_resamples=500)
        for k in (1, 8)
    )
    assert many.interval.high - many.interval.low > 0.7 * (few.interval.high - few.interval.low)


def test_the_interval_over_examples_is_that_of_a_sum_of_independent_means():
    tasks = [sides(seed, (0.8,), (0.6,), n=200) for seed in range(4)]
    each = [(one.first == one.gold)[0].astype(float) - (one.second == one.gold)[0] for one in tasks]
    error = np.sqrt(sum(np.var(d) / len(d) for d in each)) / len(tasks)
    found = mean_gain(tasks, generator=chance())
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.96 * error, rel=0.08)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_two_sides_that_are_the_same_differ_by_nothing_at_all(metric):
    tasks = [sides(seed, metric=metric, n_classes=3) for seed in range(3)]
    same = [Sides(one.first, one.first, one.gold, metric, 3) for one in tasks]
    found = mean_gain([*same, Sides(graded(1).first, graded(1).first, None, "f1")], generator=chance())
    assert (found.difference, found.interval.low, found.interval.high) == (0.0, 0.0, 0.0)
    assert not found.is_above


def test_pairs_of_seeds_matter():
    """A gain that is the same for every seed is sure, however far the seeds lie apart; shuffled seeds hide it."""
    draw = chance(5)
    gold = np.zeros(400, dtype=int)
    places = np.arange(400)
    first = np.array([(places >= k).astype(int) for k in (200, 280, 360)])
    second = np.array([(places >= k - 20).astype(int) for k in (200, 280, 360)])
    paired = mean_gain([Sides(first, second, gold)], generator=draw)
    shuffled = mean_gain([Sides(first, second[[1, 2, 0]], gold)], generator=draw)
    assert paired.difference == shuffled.difference == pytest.approx(0.05)
    assert paired.is_above
    assert not shuffled.is_above
    assert shuffled.interval.low < -0.2


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_intervals_hold_the_truth_as_often_as_they_say(n_seeds):
    """Small made-up studies of two tasks: skills vary by seed, on all tasks alike, and the true gain is known."""
    draw, missed, n_studies = chance(7), 0, 200
    for _ in range(n_studies):
        luck = draw.normal(0, 0.05, n_seeds) if n_seeds > 1 else np.zeros(1)
        tasks = []
        for base in (0.6, 0.7):
            gold = draw.integers(0, 2, 80)
            tasks.append(Sides(said(draw, gold, base + 0.1 + luck), said(draw, gold, [base] * n_seeds), gold))
        missed += mean_gain(tasks, generator=draw, n_resamples=300).interval.excludes(0.1)
    assert missed / n_studies <= 0.08


def test_sides_of_unlike_seeds_or_examples_are_refused():
    one, other = sides(1), sides(2, (0.8, 0.7), (0.6, 0.5))
    for tasks in ([], [one, other], [Sides(one.first, one.second[:2], one.gold)]):
        with pytest.raises(InputError, match="same seeds"):
            mean_gain(tasks, generator=chance())
    with pytest.raises(InputError, match="predictions for"):
        mean_gain([Sides(one.first, one.second[:, 1:], one.gold)], generator=chance())
