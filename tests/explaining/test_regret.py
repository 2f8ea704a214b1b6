from itertools import combinations, product

import numpy as np
import pytest
from explaining.handmade import matrix, with_holes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferkit.errors import InputError
from transferkit.statistics import random_regret, regret, same_group_regret

SCORES = [[0.9, 0.2, 0.6], [0.4, 0.8, 0.3], [0.8, 0.1, 0.7]]  # best foreign: t2, t0, t0


def by_listing(transfer, indicator, k):
    """Every choice of k sources that a ranking with ties allows, each as likely."""
    lost, hits, n = [], 0.0, len(transfer)
    for j in range(n):
        sources = [i for i in range(n) if i != j]
        best = max(transfer[i, j] for i in sources)
        if best <= 0:
            continue
        allowed = [
            chosen
            for chosen in combinations(sources, min(k, n - 1))
            if all(indicator[i, j] >= indicator[o, j] for i, o in product(chosen, set(sources) - set(chosen)))
        ]
        lost.append(np.mean([(best - max(transfer[i, j] for i in chosen)) / best for chosen in allowed]))
        hits += np.mean([any(transfer[i, j] == best for i in chosen) for chosen in allowed])
    return np.mean(lost), hits, len(lost)


@settings(max_examples=60, deadline=None)
@given(
    x=arrays(float, (5, 5), elements=st.sampled_from([0.0, 0.2, 0.5, 0.9])),
    y=arrays(float, (5, 5), elements=st.sampled_from([0.0, 1.0, 2.0])),
    k=st.integers(1, 6),
)
def test_expectation_under_ties_is_that_of_all_choices(x, y, k):
    if not (x - np.diag(np.diag(x))).any():
        assert regret(matrix(x), matrix(y), k=k) is None
        return
    found = regret(matrix(x), matrix(y), k=k)
    assert (found.regret, found.hits, found.n_targets) == pytest.approx(by_listing(x, y, k))


def test_by_hand():
    guess = [[9, 1, 2], [1, 9, 1], [2, 2, 9]]  # picks t2, t2, t0
    found = regret(matrix(SCORES), matrix(guess), k=1)
    assert found.regret == pytest.approx((0 + 0.5 + 0) / 3)
    assert (found.k, found.hits, found.n_targets) == (1, 2.0, 3)
    assert regret(matrix(SCORES), matrix(guess), k=2).regret == 0.0
    chance = random_regret(matrix(SCORES), k=1)
    assert chance.regret == pytest.approx((0.25 + 0.25 + 0.25) / 3)
    assert chance.hits == pytest.approx(1.5)
    assert regret(matrix(SCORES), matrix(np.ones((3, 3))), k=1) == chance


def test_same_group_sources_are_drawn_from_those_there_are():
    transfer = matrix(SCORES, groups="aab")
    found = same_group_regret(transfer, k=1)  # t1 for t0, t0 for t1, none for t2
    assert found.regret == pytest.approx((0.5 + 0) / 2)
    assert (found.hits, found.n_targets) == (1.0, 2)
    assert same_group_regret(transfer, k=5).regret == found.regret
    assert same_group_regret(matrix(SCORES, groups="abc"), k=1) is None


def test_missing_cells_are_no_candidates():
    guess = matrix([[9, 1, 2], [1, 9, 1], [2, 2, 9]])
    assert regret(with_holes(matrix(SCORES), ((1,), (0,))), guess, k=1).n_targets == 2
    assert regret(matrix(SCORES), with_holes(guess, np.s_[0]), k=1).n_targets == 1
    assert random_regret(with_holes(matrix(SCORES), np.s_[0:2]), k=1) is None


def test_something_must_be_tried():
    with pytest.raises(InputError, match="k=0"):
        random_regret(matrix(SCORES), k=0)
