"""Closed forms recover what was planted, equal scipy's and each other, and say what cannot be fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from transferkit.errors import InputError
from transferkit.projectors import fit_linear, fit_procrustes

WIDTHS = st.tuples(st.integers(2, 8), st.integers(2, 8))


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@settings(max_examples=25, deadline=None)
@given(WIDTHS, st.integers(0, 1000))
def test_a_planted_linear_map_is_recovered(widths: tuple[int, int], seed: int) -> None:
    planted = drawn(seed, *widths)
    words, rows = drawn(seed + 1, 30, widths[0]), drawn(seed + 2, 4, widths[0])
    np.testing.assert_allclose(fit_linear(words, words @ planted)(rows), rows @ planted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n_words", [5, 40])
def test_a_map_of_words_and_combinations_of_words_are_one(n_words: int) -> None:
    """v2v-lin ≡ lin-comb (Lester et al. 2022), also where there are fewer words than numbers in a row."""
    source, target, prompt = drawn(0, n_words, 12), drawn(1, n_words, 7), drawn(2, 3, 12)
    combinations = np.linalg.lstsq(source.T, prompt.T, rcond=None)[0]
    np.testing.assert_allclose(fit_linear(source, target)(prompt), combinations.T @ target, rtol=1e-6, atol=1e-9)


def test_ridge_equals_the_normal_equations() -> None:
    source, target = drawn(0, 30, 6), drawn(1, 30, 4)
    strength = 0.3 * np.mean(np.linalg.svd(source, compute_uv=False) ** 2)
    expected = np.linalg.solve(source.T @ source + strength * np.eye(6), source.T @ target)
    np.testing.assert_allclose(fit_linear(source, target, ridge=0.3).weight, expected, rtol=1e-9)


def test_a_rotation_is_scipy_s() -> None:
    source, target = drawn(0, 30, 6), drawn(1, 30, 6)
    turn, size = orthogonal_procrustes(source, target)
    found = fit_procrustes(source, target, centre=False, scale=False)
    np.testing.assert_allclose(found.weight, turn, atol=1e-10)
    scaled = fit_procrustes(source, target, centre=False)
    np.testing.assert_allclose(scaled.weight, turn * size / np.square(source).sum(), atol=1e-10)


@pytest.mark.parametrize("width", [5, 8])
def test_a_planted_rotation_with_shift_and_scale_is_recovered(width: int) -> None:
    turn = np.linalg.qr(drawn(0, 8, 8))[0][:5, :width]
    turn = turn if width == 8 else np.linalg.qr(turn)[0]
    source, shift = drawn(1, 30, 5), drawn(2, width)
    found = fit_procrustes(source, 2.5 * source @ turn + shift)
    rows = drawn(3, 4, 5)
    np.testing.assert_allclose(found(rows), 2.5 * rows @ turn + shift, rtol=1e-9)


@pytest.mark.parametrize("widths", [(5, 8), (8, 5)])
def test_between_widths_the_map_stays_orthonormal(widths: tuple[int, int]) -> None:
    weight = fit_procrustes(drawn(0, 30, widths[0]), drawn(1, 30, widths[1]), scale=False).weight
    small = weight @ weight.T if widths[0] < widths[1] else weight.T @ weight
    np.testing.assert_allclose(small, np.eye(min(widths)), atol=1e-10)


@pytest.mark.parametrize("fit", [fit_linear, fit_procrustes])
def test_rows_that_are_no_pairs_are_refused(fit: object) -> None:
    with pytest.raises(InputError, match="4 rows of the source and 5 of the target cannot be paired"):
        fit(drawn(0, 4, 3), drawn(1, 5, 3))
