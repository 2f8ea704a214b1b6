import dataclasses

import numpy as np
import pytest

from transferkit.artifacts import Neurons, Prompt
from transferkit.errors import InputError
from transferkit.indicators import (
    BASELINES,
    EMBEDDING,
    GEOMETRY,
    INDICATORS,
    NEURON,
    VARIANTS,
    NeuronIndicator,
    PromptIndicator,
)

EVERY = pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.name)
NEEDY = [(i, array) for i in INDICATORS for array in i.needs]


def artifacts(indicator, n=6, seed=0):
    draw = np.random.default_rng(seed)
    if indicator.reads == "neurons":
        return [Neurons(draw.random((6, 50)) < draw.uniform(0.3, 0.7)) for _ in range(n)]
    arrays = draw.normal(size=(n, 3, 12, 16)).astype(np.float32)
    live = np.arange(12) > 0
    return [Prompt(vectors, initial, live, early=early) for vectors, initial, early in arrays]


@EVERY
def test_shape_finite_and_symmetric_exactly_where_declared(indicator):
    assert isinstance(indicator, PromptIndicator if indicator.reads == "prompt" else NeuronIndicator)
    stack = artifacts(indicator)
    values = indicator(stack, stack)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert np.allclose(values, values.T, atol=1e-12) == indicator.symmetric
    assert indicator(stack[:2], stack[:3]).shape == (2, 3)


@EVERY
def test_the_shortcut_for_the_same_prompts_on_both_sides_changes_nothing(indicator):
    stack = artifacts(indicator)
    copies = [dataclasses.replace(item) for item in stack]
    np.testing.assert_allclose(indicator(stack, stack), indicator(stack, copies), atol=1e-6)


@EVERY
def test_zero_vectors_and_equal_rows_stay_finite(indicator):
    stack = artifacts(indicator)
    if indicator.reads == "prompt":
        zero = np.zeros((12, 16), dtype=np.float32)
        same = np.tile(stack[1].vectors[:1], (12, 1))
        stack = [stack[0], *(Prompt(rows, rows, stack[0].live, early=rows) for rows in (zero, same))]
    assert np.isfinite(indicator(stack, stack)).all()


@pytest.mark.parametrize(("indicator", "array"), NEEDY, ids=lambda part: getattr(part, "name", part))
def test_a_missing_array_is_named(indicator, array):
    stack = artifacts(indicator)
    lacking = [*stack[:2], dataclasses.replace(stack[2], **{array: None})]
    with pytest.raises(InputError, match=f"{array} rows are not known"):
        indicator(stack, lacking)


@EVERY
def test_what_is_not_needed_may_be_missing(indicator):
    stack = artifacts(indicator)
    if indicator.reads == "prompt":
        absent = dict.fromkeys({"initial", "early"} - set(indicator.needs))
        stack = [dataclasses.replace(prompt, **absent) for prompt in stack]
    assert indicator(stack, stack).shape == (6, 6)


def test_registry():
    assert INDICATORS == (*EMBEDDING, *NEURON, *VARIANTS, *GEOMETRY, *BASELINES)
    assert [i.name for i in GEOMETRY] == [
        "linear_cka",
        "optimal_assignment",
        "subspace_angle",
        "subspace_coverage",
        "cosine_of_means",
        "task_embedding",
    ]
    assert {array for _, array in NEEDY} == {"initial", "early"}
