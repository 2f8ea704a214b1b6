import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferkit.artifacts import Prompt
from transferkit.errors import InputError
from transferkit.indicators import (
    BASELINES,
    BY_NAME,
    EMBEDDING,
    INDICATORS,
    VARIANTS,
    CosineAverage,
    CosineConcat,
    EuclideanAverage,
    EuclideanConcat,
    NormProxy,
    find,
)

FORMULAS = (*EMBEDDING, *VARIANTS, *BASELINES, NormProxy(of="change"), NormProxy(of="centred"))
NUMBERS = st.floats(-8, 8, width=32).map(lambda v: round(v, 3))


def cosine(x, y):
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norms) if norms else 0.0


def loop(name, a, b):
    """The formulas as they stand in the paper, one pair of rows at a time."""
    pairs = list(itertools.product(a, b))
    if name == "euclidean_concat":
        return 1 / (1 + np.sqrt(sum(float((x - y) ** 2) for x, y in zip(a.ravel(), b.ravel(), strict=True))))
    if name == "euclidean_average":
        return 1 / (1 + sum(float(np.linalg.norm(x - y)) for x, y in pairs) / len(pairs))
    if name == "cosine_concat":
        return cosine(a.ravel(), b.ravel())
    if name == "cosine_average":
        return sum(cosine(x, y) for x, y in pairs) / len(pairs)
    return -np.sqrt((a**2).sum() + (b**2).sum())


def stem(name):
    return name.removesuffix("_change").removesuffix("_centred").removesuffix("_all_rows")


def compared(prompts, indicator):
    """The rows an indicator compares, spelled out."""
    chosen = []
    for prompt in prompts:
        rows = prompt.vectors.astype(np.float64)
        if indicator.of == "change":
            rows = rows - prompt.initial
        chosen.append(rows if indicator.rows == "all" else rows[prompt.live])
    if indicator.of == "centred":
        chosen = [rows / (np.linalg.norm(rows) or 1.0) for rows in chosen]
        mean = sum(chosen) / len(chosen)
        chosen = [np.where(np.abs(rows - mean) < 1e-14, 0.0, rows - mean) for rows in chosen]
    return chosen


@st.composite
def prompts(draw):
    n, rows, width = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 4))
    stack = draw(hnp.arrays(np.float64, (n, 2, rows, width), elements=NUMBERS))
    live = np.arange(rows) > draw(st.integers(0, 1)) - 1
    return [Prompt(vectors.astype(np.float32), initial.astype(np.float32), live) for vectors, initial in stack]


@pytest.mark.parametrize("indicator", FORMULAS, ids=lambda i: i.name)
@settings(max_examples=12, deadline=None)
@given(a=prompts(), data=st.data())
def test_closed_form_equals_double_loop(indicator, a, data):
    b = a[: data.draw(st.integers(1, len(a)))]
    found = indicator(a, b)
    rows = compared([*a, *b], indicator)
    expected = [[loop(stem(indicator.name), x, y) for y in rows[len(a) :]] for x in rows[: len(a)]]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def near_identical(draw):
    start = draw.normal(size=(20, 64))
    return [start + 1e-4 * draw.normal(size=start.shape) for _ in range(4)]


def huge(draw):
    return [2000 / 8 * draw.normal(size=(20, 64)) for _ in range(4)]


def places(draw, noise):
    """Two places far from each other, each with prompts whose rows lie close together."""
    return [
        place + noise * draw.normal(size=(20, 64))
        for place in 2000 / 8 * draw.normal(size=(2, 1, 64))
        for _ in range(2)
    ]


def coinciding(draw):
    return places(draw, 1e-3)


def close(draw):
    return places(draw, 0.3)


def one_start(draw):
    start = 2000 / 8 * draw.normal(size=(20, 64))
    return [start + draw.normal(size=start.shape) for _ in range(4)]


@pytest.mark.parametrize("make", [near_identical, huge, coinciding, close, one_start])
@pytest.mark.parametrize("indicator", EMBEDDING, ids=lambda i: i.name)
def test_cancellation_does_not_show(indicator, make):
    arrays = [rows.astype(np.float32) for rows in make(np.random.default_rng(0))]
    stack = [Prompt(rows, None, np.ones(20, bool)) for rows in (*arrays, arrays[0])]
    rows = compared(stack, indicator)
    expected = [[loop(indicator.name, x, y) for y in rows] for x in rows]
    np.testing.assert_allclose(indicator(stack, stack), expected, rtol=1e-5, atol=1e-5)
    distances = 1 / np.array(expected) - 1
    if indicator.name == "euclidean_average":
        np.testing.assert_allclose(1 / indicator(stack, stack) - 1, distances, rtol=1e-5)


def test_many_prompts_of_unequal_lengths_fill_several_tiles():
    draw = np.random.default_rng(0)
    stack = [Prompt(draw.normal(size=(n, 16)), None, np.ones(n, bool)) for n in draw.integers(60, 120, size=40)]
    found = EuclideanAverage()(stack, stack)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, EuclideanAverage()(stack, [*stack[1:], stack[0]])[:, np.r_[39, :39]], rtol=1e-6)
    for i, j in ((0, 0), (3, 39), (25, 30), (39, 1)):
        assert found[i, j] == pytest.approx(loop("euclidean_average", stack[i].vectors, stack[j].vectors), rel=1e-6)


def random_prompts(n=3, rows=5, width=7, seed=0):
    draw = np.random.default_rng(seed)
    live = np.arange(rows) > 0
    return [Prompt(draw.normal(size=(rows, width)), draw.normal(size=(rows, width)), live) for _ in range(n)]


def test_concat_forms_are_one_with_themselves_and_average_forms_are_not():
    stack = random_prompts()
    for indicator in (EuclideanConcat(), CosineConcat()):
        np.testing.assert_allclose(np.diag(indicator(stack, stack)), 1.0, atol=1e-12)
    for indicator in (EuclideanAverage(), CosineAverage()):
        assert (np.diag(indicator(stack, stack)) < 0.99).all()


def test_average_forms_ignore_the_order_of_rows():
    stack = random_prompts()
    turned = [Prompt(p.vectors[[0, 3, 2, 1, 4]], p.initial, p.live) for p in stack]
    for indicator in (EuclideanAverage(), CosineAverage(), NormProxy()):
        np.testing.assert_allclose(indicator(stack, turned), indicator(stack, stack))
    assert not np.allclose(CosineConcat()(stack, turned), CosineConcat()(stack, stack))


def test_cosines_ignore_length_and_the_row_nobody_reads():
    stack = random_prompts()
    longer = [Prompt(3 * p.vectors, p.initial, p.live) for p in stack]
    moved = [Prompt(p.vectors + 100 * ~p.live[:, None], p.initial, p.live) for p in stack]
    for indicator in (CosineConcat(), CosineAverage()):
        np.testing.assert_allclose(indicator(stack, longer), indicator(stack, stack))
        np.testing.assert_allclose(indicator(stack, moved), indicator(stack, stack))
    assert not np.allclose(CosineConcat(rows="all")(stack, moved), CosineConcat(rows="all")(stack, stack))


def test_widths_and_live_rows_must_fit():
    a, b = random_prompts(1), random_prompts(1, width=6)
    with pytest.raises(InputError, match="widths"):
        CosineAverage()(a, b)
    with pytest.raises(InputError, match="live rows"):
        CosineConcat()(a, [Prompt(a[0].vectors, a[0].initial, np.ones(5, bool))])
    with pytest.raises(InputError, match="length"):
        CosineConcat(rows="all")(a, random_prompts(1, rows=4))
    assert CosineAverage()(a, random_prompts(1, rows=4)).shape == (1, 1)


def test_centring_is_blind_to_length_and_to_what_all_prompts_share():
    stack = random_prompts()
    longer = [Prompt(factor * p.vectors, None, p.live) for factor, p in zip((1, 3, 9), stack, strict=True)]
    centred = CosineConcat(of="centred")
    np.testing.assert_allclose(centred(stack, stack), centred(longer, longer))
    scaled = np.array([p.vectors[1:].ravel() / np.linalg.norm(p.vectors[1:]) for p in stack])
    scaled -= scaled.mean(axis=0)
    np.testing.assert_allclose(centred(stack, stack), cosines(scaled))
    with pytest.raises(InputError, match="centred together"):
        CosineAverage(of="centred")(stack, random_prompts(1, rows=4))


def cosines(rows):
    return np.array([[cosine(x, y) for y in rows] for x in rows])


def test_names():
    assert CosineConcat(rows="all", of="centred").name == "cosine_concat_all_rows_centred"
    assert CosineConcat(rows="all").name == "cosine_concat_all_rows"
    assert EuclideanAverage(of="change").name == "euclidean_average_change"
    assert find("cosine_average") == CosineAverage()
    assert len(BY_NAME) == len(INDICATORS)
    with pytest.raises(InputError, match="did you mean 'cosine_concat'"):
        find("cosine_concatt")
