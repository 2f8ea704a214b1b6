"""Networks fitted by distance find planted maps, have the paper's size, and compute what a literal loop computes."""

from collections.abc import Mapping
from math import prod
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from transferkit.errors import RunError
from transferkit.projectors import project, shapes
from transferkit.projectors.distance import Fit, fit_prompts, fit_words
from transferkit.projectors.nets import first_weights
from transferkit.shapes import FloatArray
from transferkit.specs import PromptNet, WordsNet

N, P, S, T = 5, 3, 4, 6  # prompts, rows, numbers of a row in the source and in the target
Form = Literal["flat", "rows"]
FORMS: tuple[Form, ...] = ("flat", "rows")
few = settings(max_examples=3, deadline=None)
seeds = st.integers(0, 1000)


def drawn(seed: int, *shape: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def net(form: Form = "rows", **fields: object) -> PromptNet:
    return PromptNet(form=form, **{"width": 32, "steps": 240, "learning_rate": 1e-2, **fields})


def start_of(method: PromptNet | WordsNet, seed: int = 0) -> dict[str, FloatArray]:
    return first_weights(method, P, S, 0.5 + 2 * drawn(99, 50, T), seed)


def made(method: PromptNet | WordsNet, parts: Mapping[str, FloatArray], rows: FloatArray) -> FloatArray:
    with torch.no_grad():
        return project(method, {name: torch.from_numpy(part) for name, part in parts.items()}, _tensor(rows)).numpy()


def planted(seed: int) -> tuple[FloatArray, FloatArray]:
    """Return prompts of both.

    The network ends in a layer norm, so its rows lie on an ellipsoid about the norm's bias: targets off it cannot be
    reached. Planted rows are therefore a linear map's, standardised each, times a gain and plus a shift per number.
    """
    sources = drawn(seed, N, P, S)
    mapped = sources @ drawn(seed + 1, S, T)
    standard = (mapped - mapped.mean(axis=2, keepdims=True)) / mapped.std(axis=2, keepdims=True)
    return sources, standard * (1.5 + 0.3 * drawn(seed + 2, T)) + drawn(seed + 3, T)


@pytest.mark.parametrize("form", FORMS)
@few
@given(seeds)
def test_a_planted_map_between_prompts_is_found(form: Form, seed: int) -> None:
    sources, targets = planted(seed)
    method = net(form, learning_rate=3e-2)
    start = start_of(method, seed)
    fitted, history = fit_prompts(method, start, sources, targets)
    before, after = (np.square(made(method, parts, sources) - targets).mean() for parts in (start, fitted))
    assert after < 0.01 * before
    assert [row["step"] for row in history] == list(range(12, 241, 12))
    assert history[-1]["train_loss"] < 0.02 * before


@few
@given(seeds)
def test_a_planted_map_between_words_is_found_for_new_words_too(seed: int) -> None:
    method = WordsNet(width=32, epochs=25, batch_size=20, learning_rate=1e-2)
    words, new, planted = drawn(seed, 200, S), drawn(seed + 1, 50, S), drawn(seed + 2, S, T)
    fitted, _ = fit_words(method, start_of(method), words, words @ planted)
    for rows, most in ((words, 0.01), (new, 0.02)):
        wanted = rows @ planted
        assert np.square(made(method, fitted, rows[:, None])[:, 0] - wanted).mean() < most * np.square(wanted).mean()


@given(st.tuples(*[st.integers(1, 9)] * 4))
def test_networks_have_as_many_numbers_as_the_formula_says(sizes: tuple[int, int, int, int]) -> None:
    length, source, target, width = sizes
    # Flat: P·s·h + h + h·P·t + P·t + 2t. By rows the same with P = 1.
    for form in FORMS:
        n = length if form == "flat" else 1
        method = net(form, width=width)
        expected = n * source * width + width + width * n * target + n * target + 2 * target
        assert sum(map(prod, shapes(method, length, source, target).values())) == expected
        start = first_weights(method, length, source, np.ones((2, target), dtype=np.float32), 0)
        assert sum(part.size for part in start.values()) == expected


def test_the_flat_network_of_the_paper_has_118_million_numbers() -> None:
    assert sum(map(prod, shapes(PromptNet(), 100, 768, 768).values())) == pytest.approx(118.0e6, rel=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_projected_prompt_is_the_literal_loop_s(form: Form) -> None:
    method, prompts = net(form), drawn(0, N, P, S)
    parts = {name: part + 0.1 * drawn(7, *part.shape) for name, part in start_of(method).items()}
    down, up, gain, shift = (parts[name] for name in ("down.weight", "up.weight", "norm.weight", "norm.bias"))
    expected = np.zeros((N, P, T))
    for i in range(N):
        inputs = [prompts[i].reshape(-1)] if form == "flat" else list(prompts[i])
        outputs = []
        for one in inputs:
            inner = down @ one + parts["down.bias"]
            inner = np.where(inner > 0, inner, 0.01 * inner)
            outputs.append(up @ inner + parts["up.bias"])
        for p, row in enumerate(np.concatenate(outputs).reshape(P, T)):
            expected[i, p] = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * gain + shift
    np.testing.assert_allclose(made(method, parts, prompts), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_equal_seeds_give_equal_weights(form: Form) -> None:
    method = net(form, steps=5)
    pairs = planted(0)
    first, second, other = (fit_prompts(method, start_of(method, seed), *pairs)[0] for seed in (3, 3, 4))
    for name, part in first.items():
        assert part.tobytes() == second[name].tobytes()
        assert part.shape == other[name].shape
    assert not np.array_equal(first["up.weight"], other["up.weight"])


def test_words_are_shuffled_alike_every_time() -> None:
    method = WordsNet(width=8, epochs=2, batch_size=7)
    first, second = (fit_words(method, start_of(method), drawn(0, 20, S), drawn(1, 20, T))[0] for _ in range(2))
    assert all(part.tobytes() == second[name].tobytes() for name, part in first.items())


@pytest.mark.parametrize("method", [net("flat"), net("rows"), WordsNet(width=8, learning_rate=1e-2)])
def test_steps_are_those_of_plain_autograd_without_new_memory(method: PromptNet | WordsNet) -> None:
    sources, targets = (torch.from_numpy(rows) for rows in planted(0))
    fit = Fit(method, start_of(method))
    plain = {name: torch.from_numpy(part).clone().requires_grad_() for name, part in start_of(method).items()}
    optimizer = torch.optim.AdamW(plain.values(), lr=1e-2, weight_decay=0.0)
    places = set()
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.mse_loss(project(method, plain, sources), targets)
        loss.backward()
        optimizer.step()
        torch.testing.assert_close(fit.step(sources, targets), loss.detach(), rtol=1e-4, atol=0)
        gradients = {name: part.grad for name, part in fit.parts.items() if part.grad is not None}
        assert gradients.keys() == plain.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, plain[name].grad, rtol=1e-3, atol=1e-5)
        places.add(gradients["up.weight"].data_ptr())
    assert len(places) == 1


def test_a_loss_that_is_not_finite_is_refused() -> None:
    method = net(steps=2)
    with pytest.raises(RunError, match="the loss of a projector is not finite"):
        fit_prompts(method, start_of(method), np.full((N, P, S), np.nan, dtype=np.float32), drawn(0, N, P, T))


def _tensor(rows: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(rows, dtype=np.float32))
