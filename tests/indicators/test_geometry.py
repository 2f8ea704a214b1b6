import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from transferkit.artifacts import Prompt
from transferkit.errors import InputError
from transferkit.indicators import LinearCKA, OptimalAssignment, SubspaceAngle, SubspaceCoverage, TaskEmbedding
from transferkit.indicators.base import unit

ROWS, WIDTH = 5, 4
SCALED = (LinearCKA(), OptimalAssignment(), SubspaceAngle(rank=2), SubspaceCoverage(rank=2), TaskEmbedding(at="final"))


def prompt(rows, **more):
    return Prompt(rows, None, np.ones(len(rows), dtype=bool), **more)


def normal(n, rows=12, width=16, seed=0):
    return [prompt(rows) for rows in np.random.default_rng(seed).normal(size=(n, rows, width))]


def changed(stack, change):
    return [prompt(change(p.vectors)) for p in stack]


@st.composite
def stacks_of_two(draw):
    """Two prompts of whole numbers, which are often zero, equal or of low rank; and noise that makes them regular."""
    whole = draw(hnp.arrays(np.int64, (2, ROWS, WIDTH), elements=st.integers(-3, 3))).astype(np.float64)
    noise = np.random.default_rng(draw(st.integers(0, 99))).normal(size=whole.shape)
    return [prompt(rows) for rows in whole + draw(st.sampled_from([0.0, 0.3])) * noise]


def rotation(draw_seed):
    return scipy.linalg.qr(np.random.default_rng(draw_seed).normal(size=(WIDTH, WIDTH)))[0]


def hsic(k, ell):
    """HSIC_1 of Song et al. 2012, equation 5, word by word."""
    n = len(k)
    k, ell = k - np.diag(np.diag(k)), ell - np.diag(np.diag(ell))
    one = np.ones(n)
    last = 2 / (n - 2) * one @ k @ ell @ one
    return (np.trace(k @ ell) + (one @ k @ one) * (one @ ell @ one) / ((n - 1) * (n - 2)) - last) / (n * (n - 3))


def test_cka_is_a_ratio_of_unbiased_hsic():
    stack = normal(3)
    grams = [p.vectors @ p.vectors.T for p in stack]
    expected = [[hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m)) for m in grams] for k in grams]
    np.testing.assert_allclose(LinearCKA()(stack, stack), expected, rtol=1e-10)


def test_cka_of_unrelated_prompts_is_zero_on_average():
    values = LinearCKA()(normal(40), normal(40, seed=1))
    assert abs(values.mean()) < 0.01


def test_cka_needs_four_rows_and_rows_that_pair_up():
    few = normal(2, rows=3)
    with pytest.raises(InputError, match="3 rows"):
        LinearCKA()(few, few)
    with pytest.raises(InputError, match="live rows"):
        LinearCKA()(normal(1), normal(1, rows=13))


@settings(max_examples=30, deadline=None)
@given(stack=stacks_of_two(), seed=st.integers(0, 9))
def test_cka_ignores_rotation_and_shift(stack, seed):
    turned = changed(stack, lambda rows: rows @ rotation(seed) + 7.0)
    np.testing.assert_allclose(LinearCKA()(stack, turned), LinearCKA()(stack, stack), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(stack=stacks_of_two())
def test_assignment_is_the_best_of_all_matchings(stack):
    found = OptimalAssignment()(stack, stack)
    for i, j in itertools.product(range(2), repeat=2):
        cosines = unit(stack[i].vectors) @ unit(stack[j].vectors).T
        best = max(cosines[range(ROWS), order].mean() for order in itertools.permutations(range(ROWS)))
        assert found[i, j] == pytest.approx(best, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(stack=stacks_of_two(), order=st.permutations(range(ROWS)))
def test_assignment_and_subspaces_ignore_the_order_of_rows(stack, order):
    turned = changed(stack, lambda rows: rows[list(order)])
    np.testing.assert_allclose(OptimalAssignment()(stack, turned), OptimalAssignment()(stack, stack), atol=1e-6)
    whole = SubspaceAngle(rank=WIDTH)
    np.testing.assert_allclose(whole(stack, turned), whole(stack, stack), atol=1e-6)


def test_assignment_of_unequal_lengths_matches_the_shorter():
    long, short = normal(1), normal(1, rows=4)
    short[0].vectors[:] = long[0].vectors[[7, 2, 9, 0]]
    assert OptimalAssignment()(long, short)[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("rank", [1, 3, 10])
def test_angles_equal_scipys(rank):
    stack = normal(3)
    bases = [np.linalg.svd(p.vectors)[2][:rank].T for p in stack]
    expected = [[np.cos(scipy.linalg.subspace_angles(x, y)).mean() for y in bases] for x in bases]
    np.testing.assert_allclose(SubspaceAngle(rank=rank)(stack, stack), expected, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(stack=stacks_of_two(), seed=st.integers(0, 9))
def test_angles_ignore_the_basis(stack, seed):
    mix = np.random.default_rng(seed).normal(size=(ROWS, ROWS)) + 3 * np.eye(ROWS)
    whole = SubspaceAngle(rank=WIDTH)
    mixed = changed(stack, lambda rows: mix @ rows)
    np.testing.assert_allclose(whole(mixed, mixed), whole(stack, stack), atol=1e-5)
    turned = changed(stack, lambda rows: rows @ rotation(seed))
    np.testing.assert_allclose(whole(turned, turned), whole(stack, stack), atol=1e-5)


def test_rows_that_span_little_give_a_smaller_subspace():
    line = prompt(np.outer([1.0, 2.0, -1.0, 0.0, 3.0], [1.0, 0.0, 1.0, 0.0]))
    plane = prompt(np.eye(5, 4)[[0, 2, 0, 2, 0]])
    zero = prompt(np.zeros((5, 4)))
    np.testing.assert_allclose(SubspaceAngle()([line], [line, plane, zero]), [[1.0, 1.0, 0.0]], atol=1e-7)
    found = SubspaceCoverage()([line, plane], [line, plane, zero])
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.0], [1.0, 1.0, 0.0]], atol=1e-6)


def test_coverage_is_the_norm_of_the_projection():
    stack = normal(3)
    found = SubspaceCoverage(rank=3)(stack, stack)
    for i, j in itertools.product(range(3), repeat=2):
        basis = np.linalg.svd(stack[i].vectors)[2][:3]
        inside = stack[j].vectors @ basis.T @ basis
        assert found[i, j] == pytest.approx((inside**2).sum() / (stack[j].vectors ** 2).sum(), rel=1e-5)


def test_names_carry_the_rank():
    assert SubspaceAngle(rank=3, rows="all").name == "subspace_angle_3_all_rows"
    assert SubspaceCoverage(rank=5).name == "subspace_coverage_5"


@pytest.mark.parametrize("indicator", SCALED, ids=lambda i: i.name)
@settings(max_examples=20, deadline=None)
@given(stack=stacks_of_two(), factor=st.sampled_from([0.125, 3.0, 1024.0]))
def test_length_does_not_matter(indicator, stack, factor):
    longer = changed(stack, lambda rows: factor * rows)
    np.testing.assert_allclose(np.diag(indicator(stack, longer)), np.diag(indicator(stack, stack)), atol=1e-5)


def test_task_embedding_is_the_cosine_of_mean_rows():
    draw = np.random.default_rng(0)
    early, final = draw.normal(size=(2, 3, 6, 8))
    live = np.arange(6) > 0
    stack = [Prompt(last, None, live, early=first) for first, last in zip(early, final, strict=True)]
    for indicator, rows in ((TaskEmbedding(), early), (TaskEmbedding(at="final"), final)):
        means = rows[:, 1:].mean(axis=1)
        expected = [[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in means] for x in means]
        np.testing.assert_allclose(indicator(stack, stack), expected)
