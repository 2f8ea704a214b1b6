"""Choosing a prompt: from answers to a few examples, or by an indicator's ranking; counted by hand and by listing."""

import dataclasses
from itertools import combinations, permutations

import numpy as np
import pytest
from explaining.handmade import matrix
from explaining.synthetic import N, SyntheticStudy, f1, fill, text_study
from scipy import stats

from transferkit.artifacts import Score
from transferkit.report.choosing_sections import choosing_section
from transferkit.results import Results
from transferkit.results.blends import ALL
from transferkit.results.choosing import SPLIT, Choosing
from transferkit.results.reading import Reading
from transferkit.statistics import choose, random_regret, regret, same_group_regret, top_k_curves, wilson
from transferkit.statistics.choosing import by_name
from transferkit.statistics.top_k import Halves, cross_fitted
from transferkit.study import Retrieval

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


def halves(first, second, share=0.5):
    return Halves(np.array(first), np.array(second), np.full(len(first), share))


def test_the_best_of_equal_sources_is_no_better_where_it_is_chosen_on_other_examples():
    """Three foreign sources each right on 70 %, 256 examples: the luckiest scores two points more, of chance alone."""
    draw = np.random.default_rng(0)
    plain, honest, oracles = [], [], []
    for _ in range(150):
        first, second = draw.binomial(128, 0.7, size=(2, 4, 4)) / 128
        transfer = matrix((first + second) / 2)
        (curve, *_others) = curves = top_k_curves(transfer, [matrix(draw.uniform(size=(4, 4)), name="guess")])
        found = cross_fitted(transfer, [matrix(np.zeros((4, 4)), name="guess")], curves, halves(first, second))
        plain.append(curve.score[2] - 0.7)
        honest.append(found.scores[0][2] - 0.7)
        oracles.append(found.oracle - 0.7)
        assert found.scores[0][0] == pytest.approx(found.scores[1][0])  # an indicator that ties all picks at random
    assert np.mean(plain) == pytest.approx(0.024, abs=0.004)
    assert np.mean(honest) == pytest.approx(0.0, abs=0.004)
    assert np.mean(oracles) == pytest.approx(0.0, abs=0.004)


def test_choosing_on_one_half_and_scoring_on_the_other_is_that_of_all_orders():
    draw = np.random.default_rng(1)
    n = 5
    first, second = np.round(draw.uniform(size=(2, n, n)), 1)  # some are equal
    transfer, guess = matrix(0.6 * first + 0.4 * second, groups="aabbb"), matrix(draw.integers(0, 3, (n, n)), name="g")
    guess = matrix(guess.values, name="g", groups="aabbb")
    curves = top_k_curves(transfer, [guess])
    found = cross_fitted(transfer, [guess], curves, halves(first, second, 0.6))

    def by_hand(guesses, allowed, k):
        means = []
        for j in range(n):
            sources = [i for i in range(n) if i != j and allowed(i, j)]
            scores = []
            for order in permutations(sources):  # each of equal guesses is as likely to be tried first
                tried = sorted(sources, key=lambda i: (-guesses[i, j], order.index(i)))[:k]
                one, other = (max(tried, key=lambda i: (half[i, j], -i)) for half in (first, second))
                scores.append(0.4 * second[one, j] + 0.6 * first[other, j])
            means.append(np.mean(scores))
        return np.mean(means)

    plain, groups = np.zeros((n, n)), "aabbb"
    for k in (1, 2, 3, 4):
        assert found.scores[0][k - 1] == pytest.approx(by_hand(guess.values, lambda i, j: True, k))
        assert found.scores[1][k - 1] == pytest.approx(by_hand(plain, lambda i, j: True, k))
        assert found.scores[2][k - 1] == pytest.approx(by_hand(plain, lambda i, j: groups[i] == groups[j], k))
    assert found.oracle == pytest.approx(by_hand(plain, lambda i, j: True, n))
    assert found.oracle < curves[0].oracle
    assert found.scores[1][0] == pytest.approx(curves[1].score[0])  # one source is not chosen by its score
    assert cross_fitted(transfer, [], [], halves(first, second)) is None


# --- results and report ----------------------------------------------------------------------------------------------
def test_the_table_scores_what_it_chose_on_other_examples(results):
    backbone = "tiny/alpha"
    is_first = np.random.default_rng([SPLIT, N]).permutation(N) < N // 2
    transfer, halved = results.transfer(backbone), []
    for half in (is_first, ~is_first):
        scores = np.full((4, 4), np.nan)
        for spec in results.study.scores():
            if spec.backbone.name == backbone and getattr(spec.source, "backbone", None) == backbone:
                said = results.store.get(spec).predicted[half]
                (gold,) = [results.store.get(e).gold[half] for e in results.study.examples() if e.task == spec.task]
                score = f1(said, gold) if spec.task.metric == "macro_f1" else (said == gold).mean()
                cell = transfer.sources.index(spec.source.task), transfer.targets.index(spec.task.name)
                scores[cell] = np.nansum([scores[cell], score / 2])  # two seeds
        halved.append(scores)
    expected = []
    for j in range(4):
        others = [i for i in range(4) if i != j]
        for half, other in (halved, halved[::-1]):
            expected.append(other[max(others, key=lambda i, half=half: half[i, j]), j])
    table = results.choosing.table(backbone).set_index(["indicator", "k"])
    oracle = table.loc["oracle", 1]
    assert oracle["best_of_k"] == pytest.approx(np.mean(expected))
    assert table.loc["random source", 3]["best_of_k"] == pytest.approx(oracle["best_of_k"])
    assert oracle["in_sample"] == pytest.approx(results.choosing.curves(backbone)[0].oracle)
    assert oracle["best_of_k"] < oracle["in_sample"]
    assert table["is_cross_fitted"].all()
    parts = choosing_section(results).parts
    assert "(chosen on one half of the examples and scored on the other, both ways round)" in parts[0].body
    assert "In-sample: sources are chosen and scored on the same examples" in parts[1].caption


def test_answers_in_words_are_halved_too(tmp_path):
    study = text_study(backbones=("tiny/alpha",), seeds=(0,))
    table = Results(study, fill(study, tmp_path)).choosing.table("tiny/alpha")
    assert table["is_cross_fitted"].all()
    assert table["best_of_k"].notna().all()


def test_without_answers_the_best_is_said_to_be_too_high(tmp_path):
    study = SyntheticStudy(backbones=("tiny/alpha",))
    results = Results(study, fill(study, tmp_path, without=lambda spec: spec.kind == "examples"))
    table = results.choosing.table("tiny/alpha")
    assert not table["is_cross_fitted"].any()
    assert table["best_of_k"].tolist() == table["in_sample"].tolist()
    said = "chosen and scored on the same examples, as answers are not known, so too high"
    text, _drawing, shown = choosing_section(results).parts
    assert said in text.body
    assert said in shown.caption


def test_an_average_of_fewer_targets_is_marked_and_never_called_the_best(tmp_path, monkeypatch):
    study = SyntheticStudy(backbones=("tiny/alpha",), seeds=(0,))
    object.__setattr__(study, "retrieval", Retrieval(indicators=("euclidean_average",), top_k=(2,)))
    store = fill(study, tmp_path)
    results = Results(study, store)
    transfer = results.transfer("tiny/alpha")
    values = np.ones((4, 4))
    values[:, 1] = [0.5, 0.5, -1.0, -1.0]  # for the second target one of the two best is not above zero
    similar = dataclasses.replace(transfer, values=values, name="euclidean_average")

    def choosing():
        return Choosing(Reading(study, store), transfer=results.transfer, candidates=lambda _: [similar])

    for one in choosing().blends():
        assert (one.indicator, one.target) != ("euclidean_average", transfer.targets[1])
        score = 0.9 if one.indicator != ALL else 0.6
        store.put(one.score, Score({"accuracy": score, "macro_f1": score}, None), meta={})
    table = choosing().table("tiny/alpha").set_index(["indicator", "k"])
    row = table.loc["euclidean_average", 2]
    assert (row["average"], row["n_averaged"], row["n_targets"]) == (pytest.approx(0.9), 3, 4)
    assert (table.loc[ALL, 3]["average"], table.loc[ALL, 3]["n_averaged"]) == (pytest.approx(0.6), 4)
    assert table.loc["euclidean_average", 1]["n_averaged"] == 0
    monkeypatch.setitem(results.__dict__, "choosing", choosing())
    text, _drawing, shown = choosing_section(results).parts
    assert f"The best average ({ALL}, k = 3, named after the fact) scores 60.0 %" in text.body
    marks = shown.frame.set_index(["indicator", "k"])["averaged"]
    assert marks["euclidean average", 2] == "only 3 of 4"
    assert marks[ALL, 3] == "4 targets"
    assert "an average of fewer targets, marked so, is not to be compared" in shown.caption
    assert "averaged" in shown.columns
