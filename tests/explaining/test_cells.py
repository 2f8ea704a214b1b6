import numpy as np
import pytest
from scipy import stats

from transferkit.errors import InputError
from transferkit.statistics import cell_test, compare, false_discovery, mcnemar, verdicts

ACCURACY = {"metric": "accuracy", "n_classes": 2}


def answers(draw, gold, skills):
    return np.array([np.where(draw.random(len(gold)) < skill, gold, 1 - gold) for skill in skills])


def test_single_prompts_are_compared_by_mcnemar():
    draw = np.random.default_rng(0)
    gold = draw.integers(0, 2, 300)
    first, second = answers(draw, gold, (0.8, 0.7))
    found = cell_test(first, second, gold, **ACCURACY, generator=np.random.default_rng(1))
    interval = compare(first, second, gold, **ACCURACY, generator=np.random.default_rng(1), n_resamples=2000).examples
    assert found.p == mcnemar(first == gold, second == gold)
    assert (found.low, found.high) == (interval.low, interval.high)
    assert found.difference == pytest.approx((first == gold).mean() - (second == gold).mean())
    assert found.method == "McNemar; paired bootstrap over 300 examples"


def test_bootstrap_p_comes_near_to_mcnemar_for_draws_that_agree():
    """Two equal draws are one side's answers, but no single prompt: the bootstrap answers the same question."""
    draw = np.random.default_rng(3)
    gold = draw.integers(0, 2, 1000)
    first, second = answers(draw, gold, (0.74, 0.70))
    exact = mcnemar(first == gold, second == gold)
    found = cell_test(first, [second, second], gold, **ACCURACY, generator=np.random.default_rng(1), n_resamples=8000)
    assert found.method == "paired bootstrap over 1000 examples"
    assert found.p == pytest.approx(exact, abs=0.02)


def test_seeds_that_differ_much_claim_little():
    draw = np.random.default_rng(0)
    gold = draw.integers(0, 2, 2000)
    apart, second = answers(draw, gold, (0.5, 0.65)), answers(draw, gold, (0.5,))
    found = cell_test(apart, second, gold, **ACCURACY, generator=np.random.default_rng(1))
    over_seeds = stats.ttest_1samp((apart == gold).mean(axis=1) - (second == gold).mean(), 0.0).pvalue
    assert found.p == pytest.approx(over_seeds)
    assert found.p > cell_test(apart[1:], second, gold, **ACCURACY, generator=np.random.default_rng(1)).p
    assert (found.low < 0 < found.high, found.method) == (True, "t over 2 seeds")
    alike = np.repeat(apart[1:], 2, axis=0)
    assert cell_test(alike, second, gold, **ACCURACY, generator=np.random.default_rng(1)).p < 0.01


@pytest.mark.parametrize("n_seeds", [1, 2, 3])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_p_claims_no_more_than_the_interval(n_seeds, metric):
    draw = np.random.default_rng(n_seeds)
    gold = draw.integers(0, 2, 150)
    for skill in np.linspace(0.5, 0.75, 12):
        first, second = answers(draw, gold, [skill] * n_seeds), answers(draw, gold, (0.55, 0.6))
        found = cell_test(first, second, gold, metric=metric, n_classes=2, generator=draw, n_resamples=500)
        assert 0 < found.p <= 1
        assert found.low <= found.difference <= found.high
        if found.p < 0.05:
            assert found.low > 0 or found.high < 0


@pytest.mark.parametrize("n_seeds", [1, 4])
def test_p_is_not_too_small_under_the_null(n_seeds):
    draw = np.random.default_rng(7)
    ps = []
    for _ in range(200):
        gold = draw.integers(0, 2, 200)
        first, second = answers(draw, gold, [0.7] * n_seeds), answers(draw, gold, (0.7, 0.7))
        ps.append(cell_test(first, second, gold, **ACCURACY, generator=draw, n_resamples=200).p)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(ps) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 200)
    if n_seeds == 1:  # several seeds take the largest of three, and so claim less
        assert np.mean(np.array(ps) <= 0.2) >= 0.1


def test_the_same_answers_do_not_differ():
    gold = np.array([0, 1] * 20)
    for rows in (1, 2):
        found = cell_test(np.tile(gold, (rows, 1)), gold, gold, **ACCURACY, generator=np.random.default_rng(0))
        assert (found.difference, found.p) == (0.0, 1.0)
    with pytest.raises(InputError, match="predictions for"):
        cell_test(gold, gold[1:], gold, **ACCURACY, generator=np.random.default_rng(0))


def test_false_discovery_by_hand():
    p = np.array([[0.01, np.nan], [0.04, 0.03], [0.5, np.nan]])
    # sorted: .01 × 4/1, .03 × 4/2, .04 × 4/3, .5 × 4/4, each no more than what follows
    np.testing.assert_allclose(false_discovery(p), [[0.04, np.nan], [0.16 / 3, 0.16 / 3], [0.5, np.nan]])
    assert np.isnan(false_discovery(np.full((2, 2), np.nan))).all()
    assert false_discovery(np.array([])).shape == (0,)


def test_verdicts():
    q = np.array([[0.01, 0.01, 0.2], [np.nan, 0.01, 0.01]])
    difference = np.array([[0.1, -0.1, 0.1], [0.1, np.nan, 0.0]])
    assert verdicts(q, difference).tolist() == [["transfers", "harms", "neutral"], ["", "", "neutral"]]
    assert verdicts(q, difference, 0.3)[0, 2] == "transfers"


def test_prompts_that_differ_on_both_sides_widen_the_claim() -> None:
    """Welch's t test over prompts, as scipy has it, wherever it claims less than the examples do."""
    draw = np.random.default_rng(3)
    gold = draw.integers(0, 2, 400)
    first = np.array([np.where(draw.random(400) < right, gold, 1 - gold) for right in (0.8, 0.82, 0.78)])
    second = np.array([np.where(draw.random(400) < right, gold, 1 - gold) for right in (0.3, 0.5, 0.75)])
    found = cell_test(first, second, gold, metric="accuracy", n_classes=2, generator=draw, n_resamples=400)
    scores = [(side == gold).mean(axis=1) for side in (first, second)]
    welch = stats.ttest_ind(*scores, equal_var=False)
    assert found.p == pytest.approx(welch.pvalue)
    low, high = welch.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    single = cell_test(first[:1], second, gold, metric="accuracy", n_classes=2, generator=draw, n_resamples=400)
    assert single.p == pytest.approx(stats.ttest_1samp(scores[0][0] - scores[1], 0.0).pvalue)
