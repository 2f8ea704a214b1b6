"""Dead training is said; healthy training is not."""

import math

import pytest

from transferkit.artifacts import Cell
from transferkit.prompts import find_alarms

FIRST = {"step": 0, "train_loss": None, "prompt_norm": 2.0, "gradient_norm": None}
LAST = {"step": 50, "train_loss": 0.3, "prompt_norm": 3.0, "gradient_norm": 0.5}


def alarms(*, n_classes: int = 2, predicted: int = 2, **last: Cell) -> list[str]:
    return find_alarms([FIRST, {**LAST, **last}], n_classes=n_classes, predicted_classes=predicted)


def test_a_healthy_run_raises_none() -> None:
    assert alarms() == []


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({"predicted": 1}, "constant predictions"),
        ({"gradient_norm": 9e-8}, "vanishing gradient: norm 9.0e-08"),
        ({"gradient_norm": 0.0}, "vanishing gradient"),
        ({"train_loss": math.log(2)}, "training loss 0.693 is not below ln 2"),
        ({"train_loss": 1.0, "n_classes": 3}, None),
        ({"train_loss": 1.2, "n_classes": 3}, "not below ln 3"),
        ({"prompt_norm": 40.0}, None),
        ({"prompt_norm": 40.1}, "norm blow-up: 2.0 → 40.1"),
        ({"gradient_norm": None, "train_loss": None}, None),
    ],
)
def test_each_alarm(last: dict[str, Cell], said: str | None) -> None:
    found = alarms(**last)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_all_at_once() -> None:
    assert len(alarms(predicted=1, gradient_norm=0.0, train_loss=5.0, prompt_norm=1e9)) == 4
