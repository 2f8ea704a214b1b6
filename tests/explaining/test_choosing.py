"""Choosing a prompt: from answers to a few examples, or by an indicator's ranking; counted by hand and by listing."""

from itertools import combinations

import numpy as np
import pytest
from explaining.handmade import matrix
from scipy import stats

from transferkit.statistics import choose, random_regret, regret, same_group_regret, top_k_curves, wilson
from transferkit.statistics.choosing import by_name

SCORES = [[0.9, 0.2, 0.6], [0.4, 0.8, 0.3], [0.8, 0.1, 0.7]]  # best foreign: t2, t0, t0


def answers(accuracies, n, seed=0):
    """Right answers are 1; each prompt is right with a probability of its own, independently."""
    return (np.random.default_rng(seed).uniform(size=(len(accuracies), n)) < np.array(accuracies)[:, None]).astype(int)


def chosen(said, losses=None, seed=0, **more):
    gold = np.ones(said.shape[1], dtype=int)
    losses = np.zeros(len(said)) if losses is None else np.array(losses)
    return choose(said, gold, losses, generator=np.random.default_rng(seed), **more)


def test_order_is_by_score_then_by_cross_entropy():
    said = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0]])
    found = chosen(said, losses=[0.1, 0.9, 0.3, 0.2])
    assert found.order.tolist() == [2, 1, 0, 3]
    assert found.scores.tolist() == [0.5, 0.75, 0.75, 0.0]
    assert (found.low[0], found.high[0]) == (wilson(2, 4).low, wilson(2, 4).high)
    assert found.interval == "Wilson, 4 examples"


def test_probabilities_are_those_of_all_resamples():
    said = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]])
    wins = np.zeros(3)
    for drawn in np.ndindex(3, 3, 3):
        scores = said[:, list(drawn)].sum(1)
        wins += (scores == scores.max()) / (scores == scores.max()).sum()
    found = chosen(said, n_resamples=40_000)
    assert found.probability == pytest.approx(wins / 27, abs=0.01)
    assert found.probability.sum() == pytest.approx(1.0)
    assert by_name(found.probability, ["a", "b", "a"]) == pytest.approx(
        {"a": (wins[0] + wins[2]) / 27, "b": wins[1] / 27}, abs=0.02
    )


def test_equal_prompts_share_and_none_is_ruled_out():
    said = np.repeat(answers([0.7], 32), 3, axis=0)
    found = chosen(said)
    assert found.probability == pytest.approx([1 / 3] * 3)
    assert found.may_be_best.all()
    assert np.isnan(found.n_needed).all()
    assert found.optimism == pytest.approx(0.0, abs=0.01)


def test_a_clear_winner_rules_the_others_out():
    said = np.array([[1] * 40, [1] * 20 + [0] * 20, [0] * 40])
    found = chosen(said)
    assert found.may_be_best.tolist() == [True, False, False]
    assert found.probability.tolist() == [1.0, 0.0, 0.0]
    assert (found.n_needed[1:] == 40).all()  # those there are


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_best_stays_in_at_least_as_often_as_promised(metric):
    """All equally good, the hardest case; and one that is better."""
    equal = better = 0
    for seed in range(60):
        said = answers([0.7] * 8, 48, seed)
        gold = np.arange(48) % 2
        said = np.where(said, gold, 1 - gold)
        found = choose(
            said,
            gold,
            np.zeros(8),
            generator=np.random.default_rng(seed),
            metric=metric,
            n_classes=2,
            n_resamples=200,
        )
        equal += found.may_be_best[0]
        if metric == "accuracy":
            better += chosen(answers([0.8, *[0.7] * 7], 48, seed), seed=seed, n_resamples=200).may_be_best[0]
    assert equal >= 54
    assert metric == "macro_f1" or better >= 58


def test_the_number_of_examples_needed_is_about_right():
    said = np.ones((3, 60), dtype=int)
    said[0, :15] = said[1, 10:30] = said[2, 20:50] = 0
    found = chosen(said)
    second = found.order[1]
    needed = int(found.n_needed[second])
    assert 120 < needed < 3000
    assert found.may_be_best[second]
    enough, too_few = (np.tile(said, (1, round(share * needed / 60))) for share in (1.3, 0.6))  # equal differences
    assert not chosen(enough).may_be_best[second]
    assert chosen(too_few).may_be_best[second]


def test_the_first_of_many_equal_ones_is_too_high_by_what_is_said():
    excess, said_so = [], []
    for seed in range(60):
        said = answers([0.7] * 10, 40, seed)
        found = chosen(said, seed=seed, n_resamples=300)
        excess.append(found.scores.max() - 0.7)
        said_so.append(found.optimism)
    assert np.mean(said_so) == pytest.approx(np.mean(excess), rel=0.45)
    assert np.mean(said_so) > 0.03


def test_answers_in_words_are_compared_by_their_own_scores():
    values = np.random.default_rng(0).uniform(size=(3, 20))
    found = choose(values, None, np.zeros(3), generator=np.random.default_rng(0))
    assert found.scores == pytest.approx(values.mean(1))
    low, high = stats.t.interval(0.95, 19, loc=values[0].mean(), scale=stats.sem(values[0]))
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))


def test_the_best_of_the_first_k_is_that_of_all_choices():
    guess = [[9, 1, 2], [1, 9, 1], [2, 2, 9]]  # picks t2, t2, t0
    indicator, random, same = top_k_curves(matrix(SCORES, groups="aab"), [matrix(guess, name="guess", groups="aab")])
    assert indicator.k.tolist() == [1, 2]
    assert indicator.score == pytest.approx([(0.8 + 0.1 + 0.6) / 3, (0.8 + 0.2 + 0.6) / 3])
    assert indicator.oracle == pytest.approx((0.8 + 0.2 + 0.6) / 3)
    picks = [np.mean([max(pick) for pick in combinations(own, 1)]) for own in ([0.4, 0.8], [0.2, 0.1], [0.6, 0.3])]
    assert random.score == pytest.approx([np.mean(picks), indicator.oracle])
    assert (same.n_targets, random.n_targets) == (2, 3)


def test_curves_are_the_regrets_at_every_k():
    draw = np.random.default_rng(0)
    transfer, guess = (matrix(draw.uniform(size=(6, 6)), groups="aabbcc", name=name) for name in "tg")
    found = top_k_curves(transfer, [guess])
    assert [curve.name for curve in found] == ["g", "random source", "random source of the same group"]
    for i in range(5):
        assert found[0].k[i] == i + 1
        assert found[0].regret[i] == regret(transfer, guess, k=i + 1).regret
        assert found[1].regret[i] == random_regret(transfer, k=i + 1).regret
        assert found[2].hits[i] == same_group_regret(transfer, k=i + 1).hits
    assert found[0].regret[-1] == pytest.approx(0.0)
    assert found[0].score[-1] == pytest.approx(found[0].oracle)
    assert (np.diff(found[1].score) > 0).all()


def test_no_target_no_curve():
    assert top_k_curves(matrix(np.zeros((3, 3))), [matrix(np.ones((3, 3)))]) == []
