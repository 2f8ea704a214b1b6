import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferkit.artifacts import Prompt
from transferkit.errors import InputError
from transferkit.indicators import (
    BY_NAME,
    INDICATORS,
    CosineAverage,
    CosineConcat,
    EuclideanAverage,
    EuclideanConcat,
    NormProxy,
    PromptIndicator,
    find,
)

PROMPT_INDICATORS = [i for i in INDICATORS if i.reads == "prompt"]
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
    return name.removesuffix("_change").removesuffix("_all_rows")


@st.composite
def prompts(draw):
    n, rows, width = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 4))
    stack = draw(hnp.arrays(np.float64, (n, 2, rows, width), elements=NUMBERS))
    live = np.arange(rows) > draw(st.integers(0, 1)) - 1
    return [Prompt(vectors.astype(np.float32), initial.astype(np.float32), live) for vectors, initial in stack]


@pytest.mark.parametrize("indicator", PROMPT_INDICATORS, ids=lambda i: i.name)
@settings(max_examples=25, deadline=None)
@given(a=prompts(), data=st.data())
def test_closed_form_equals_double_loop(indicator, a, data):
    b = a[: data.draw(st.integers(1, len(a)))]
    found = indicator(a, b)
    assert found.shape == (len(a), len(b))
    for i, first in enumerate(a):
        for j, second in enumerate(b):
            chosen = []
            for prompt in (first, second):
                rows = prompt.vectors - prompt.initial if indicator.of == "change" else prompt.vectors
                rows = rows if indicator.rows == "all" else rows[prompt.live]
                chosen.append(rows.astype(np.float64))
            assert found[i, j] == pytest.approx(loop(stem(indicator.name), *chosen), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("indicator", PROMPT_INDICATORS, ids=lambda i: i.name)
@settings(max_examples=15, deadline=None)
@given(stack=prompts())
def test_symmetric_where_declared(indicator, stack):
    assert isinstance(indicator, PromptIndicator)
    values = indicator(stack, stack)
    assert np.isfinite(values).all()
    if indicator.symmetric:
        np.testing.assert_allclose(values, values.T, atol=1e-7)


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


def test_names():
    assert CosineConcat(rows="all").name == "cosine_concat_all_rows"
    assert EuclideanAverage(of="change").name == "euclidean_average_change"
    assert find("cosine_average") == CosineAverage()
    assert len(BY_NAME) == len(INDICATORS)
    with pytest.raises(InputError, match="did you mean 'cosine_concat'"):
        find("cosine_concatt")
