"""A probe's information equals a loop over folds, is nothing where there is none, and is never more than there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from transferkit.measures.probes import label_entropy, task_information


def labelled(n: int, n_classes: int, seed: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Return features [n,40] of which some move with the label, and labels."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, n_classes, n)
    shown = np.eye(n_classes)[gold] @ random.normal(size=(n_classes, 40))
    return (strength * shown + random.normal(size=(n, 40))).astype(np.float32), gold


def by_hand(rows: np.ndarray, gold: np.ndarray, n_folds: int) -> float:
    """Return what a loop over folds and held-out examples finds, not cut at 0."""
    surprise = []
    for fit, held in StratifiedKFold(n_folds, shuffle=True, random_state=0).split(rows, gold):
        scaler = StandardScaler().fit(rows[fit])
        probe = LogisticRegression(C=0.01, max_iter=500).fit(scaler.transform(rows[fit]), gold[fit])
        chances = probe.predict_proba(scaler.transform(rows[held]))
        surprise += [-np.log(each[list(probe.classes_).index(g)]) for each, g in zip(chances, gold[held], strict=True)]
    return entropy(np.bincount(gold)) - np.mean(surprise)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_entropy_of_labels_is_that_of_scipy(gold: list[int]) -> None:
    assert label_entropy(np.array(gold)) == pytest.approx(entropy(np.bincount(gold)), abs=1e-12)


@pytest.mark.parametrize(("n_classes", "n_folds", "strength"), [(2, 5, 1.0), (3, 4, 0.7), (4, 2, 0.5)])
def test_information_is_that_of_a_loop_over_folds(n_classes: int, n_folds: int, strength: float) -> None:
    rows, gold = labelled(60, n_classes, 0, strength)
    expected = by_hand(rows, gold, n_folds)
    assert expected > 0.05
    assert task_information(rows, gold, n_folds=n_folds) == pytest.approx(expected, rel=1e-4)


def test_noise_tells_nothing() -> None:
    found = [task_information(*labelled(120, 2, seed, 0.0), n_folds=5) for seed in range(5)]
    assert max(found) < 0.03


def test_what_separates_classes_tells_almost_all() -> None:
    gold = np.arange(120) % 3
    rows = np.eye(3)[gold].repeat(200, axis=1)
    found = task_information(rows, gold, n_folds=5)
    assert 0.95 * np.log(3) < found < np.log(3)


def test_rows_that_are_all_alike_tell_nothing() -> None:
    gold = np.arange(40) % 2
    assert task_information(np.ones((40, 8)), gold, n_folds=5) == pytest.approx(0, abs=1e-6)


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 3), st.integers(0, 99), st.sampled_from([0.0, 0.3, 3.0, 100.0]))
def test_information_lies_between_nothing_and_the_entropy(n_classes: int, seed: int, strength: float) -> None:
    rows, gold = labelled(30, n_classes, seed, strength)
    assert 0 <= task_information(rows, gold, n_folds=2) <= label_entropy(gold)


def test_a_class_with_fewer_examples_than_folds_is_left_out() -> None:
    rows, gold = labelled(40, 2, 0, 2.0)
    more, rare = np.concatenate([rows, 50 * rows[:2]]), np.concatenate([gold, [2, 2]])
    found = task_information(more, rare, n_folds=3)
    assert found == task_information(rows, gold, n_folds=3) == pytest.approx(by_hand(rows, gold, 3), rel=1e-4)
    assert task_information(more, rare, n_folds=2) != found


def test_where_fewer_than_two_classes_are_left_there_is_no_number() -> None:
    rows = np.random.default_rng(0).normal(size=(10, 4))
    assert np.isnan(task_information(rows, np.zeros(10, dtype=int), n_folds=3))
    assert np.isnan(task_information(rows, np.array([0] * 8 + [1] * 2), n_folds=3))
