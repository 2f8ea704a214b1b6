"""Does the order of places matter? Equal to a loop over every order, and honest where tasks repeat each other."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from transferkit.statistics import order_p


@pytest.mark.parametrize("seed", range(5))
def test_p_is_that_of_a_loop_over_every_order(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(3, 5)) + 0.3 * np.arange(5)
    values[1, 2] = values[1, 3]  # a tie

    def mean_rho(order: tuple[int, ...]) -> float:
        return np.mean([spearmanr(order, task).statistic for task in values])

    found = np.array([mean_rho(order) for order in permutations(range(5))])
    observed = mean_rho(tuple(range(5)))
    sides = np.mean(found >= observed - 1e-9), np.mean(found <= observed + 1e-9)
    assert order_p(values) == pytest.approx(min(1.0, 2 * min(sides)))


def test_tasks_that_repeat_each_other_prove_nothing_new() -> None:
    values = np.array([[1.0, 3.0, 4.0, 5.0, 2.0]])  # up and down again: rho = 0.3
    assert order_p(values) == order_p(np.tile(values, (9, 1))) > 0.5


def test_the_best_order_of_all_has_the_smallest_p() -> None:
    assert order_p(np.arange(5.0)[None]) == pytest.approx(2 / 120)
    assert order_p(-np.arange(5.0)[None]) == pytest.approx(2 / 120)


def test_many_places_are_drawn_and_the_same_again() -> None:
    values = np.arange(12.0)[None]
    assert order_p(values, n_orders=499) == order_p(values, n_orders=499) == pytest.approx(2 / 500)


def test_equal_values_have_no_order() -> None:
    assert order_p(np.ones((2, 5))) == 1.0
    rising = np.arange(5.0)[None]
    assert order_p(np.concatenate([np.ones((1, 5)), rising])) == order_p(rising)
