"""Library optimisers used rightly, and the learning rate by step."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from prompts.toy_training import toy_recipe
from torch import nn

from transferkit.prompts.optimizers import make_optimizer, rate_factor
from transferkit.specs import Recipe


def unfactored_adafactor(start: torch.Tensor, gradients: list[torch.Tensor], rate: float, decay: float) -> torch.Tensor:
    """Shazeer and Stern 2018, algorithm 4 without factoring, relative step or parameter scaling."""
    rows, second = start.clone().double(), torch.zeros_like(start).double()
    for step, gradient in enumerate(gradients, 1):
        g = gradient.double()
        beta = 1.0 - step**-0.8
        second = beta * second + (1 - beta) * (g**2 + 1e-30)
        update = g / second.sqrt()
        update = update / max(1.0, update.square().mean().sqrt().item())
        rows = rows - decay * rate * rows - rate * update
    return rows


def adamw(start: torch.Tensor, gradients: list[torch.Tensor], rate: float, decay: float) -> torch.Tensor:
    """Loshchilov and Hutter 2019, algorithm 2."""
    rows, first, second = start.clone().double(), torch.zeros_like(start).double(), torch.zeros_like(start).double()
    for step, gradient in enumerate(gradients, 1):
        g = gradient.double()
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
        update = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        rows = rows - rate * decay * rows - rate * update
    return rows


@pytest.mark.parametrize(("name", "reference"), [("adafactor", unfactored_adafactor), ("adamw", adamw)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_update_is_that_of_the_paper(name: str, reference: object, decay: float) -> None:
    torch.manual_seed(0)
    start = torch.randn(12)
    gradients = [torch.randn(12) * 10.0 ** (i - 2) for i in range(5)]
    vectors = nn.Parameter(start.clone())
    optimizer = make_optimizer(vectors, toy_recipe(optimizer=name, learning_rate=0.3, weight_decay=decay))
    for gradient in gradients:
        vectors.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(vectors.detach().double(), reference(start, gradients, 0.3, decay), rtol=1e-5, atol=1e-5)


def test_adafactor_is_not_factored() -> None:
    vectors = nn.Parameter(torch.zeros(12))
    optimizer = make_optimizer(vectors, toy_recipe(optimizer="adafactor"))
    vectors.grad = torch.ones(12)
    optimizer.step()
    assert optimizer.state[vectors]["exp_avg_sq"].shape == (12,)
    assert "exp_avg_sq_row" not in optimizer.state[vectors]


def factors(**fields: object) -> list[float]:
    recipe = toy_recipe(**fields)
    return [rate_factor(step, recipe) for step in range(recipe.steps)]


def test_schedules_by_hand() -> None:
    assert factors(steps=4) == [1.0] * 4
    assert factors(steps=4, schedule="linear") == [1.0, 0.75, 0.5, 0.25]
    assert factors(steps=4, schedule="cosine") == pytest.approx([1.0, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2])
    assert factors(steps=6, warmup_steps=2, schedule="linear") == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    assert factors(steps=3, warmup_steps=5) == pytest.approx([0.2, 0.4, 0.6])


RECIPES = st.builds(
    toy_recipe,
    steps=st.integers(1, 50),
    warmup_steps=st.integers(0, 60),
    schedule=st.sampled_from(["linear", "cosine", "constant"]),
)


@given(RECIPES)
def test_rates_rise_then_never_rise_again_and_are_never_zero(recipe: Recipe) -> None:
    found = [rate_factor(step, recipe) for step in range(recipe.steps)]
    assert all(0.0 < factor <= 1.0 for factor in found)
    top = min(recipe.warmup_steps, recipe.steps)
    assert found[:top] == sorted(found[:top])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert not math.isnan(sum(found))
