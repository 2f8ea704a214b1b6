"""Dead training is said; healthy training is not."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tiny import make_tiny
from torch import Tensor

from transferkit.artifacts import Cell
from transferkit.backbones import Backbone
from transferkit.batches import Batch, Encoded
from transferkit.prompts import Sight, find_alarms
from transferkit.readouts import Readout
from transferkit.specs import Placement

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


# --- local attention --------------------------------------------------------------------------------------------------
LENGTH = 9


@dataclass(frozen=True)
class Given(Readout):
    """Reads the rows a split names, or all rows, and makes nothing of them."""

    backbone: Backbone
    reads_all: bool = False

    def rows(self, batch: Batch) -> Tensor:
        if self.reads_all:
            return torch.arange(batch.ids.shape[1]).expand(batch.ids.shape)
        return batch.answer.unsqueeze(1)

    def scores(self, hidden: Tensor, batch: Batch) -> Tensor:
        return hidden.sum(-1)

    def gold(self, batch: Batch) -> Tensor:
        return batch.gold


def texts(*answers: int, lengths: tuple[int, ...] | None = None) -> Encoded:
    ids = [list(range(5, 5 + length)) for length in lengths or (LENGTH,) * len(answers)]
    return Encoded(ids, None, np.array(answers), np.zeros(len(answers), dtype=np.int64), 0, 0)


@pytest.fixture(scope="module")
def local() -> Backbone:
    """Blocks 1 and 3 of 0 … 3 see three rows either way."""
    return make_tiny("modernbert", spread=2.0)


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        (Placement(), (1, 0.5, 1, 0.5)),
        (Placement(entry="block", insert_after=2), (1, 0.5)),
        (Placement(entry="block", insert_after=3), (0.5,)),
        (Placement(where="after_first"), (1, 0.75, 1, 0.75)),
        (Placement(where="end"), (1, 0.25, 1, 0.25)),
        (Placement(visibility="everywhere"), (1, 1, 1, 1)),
    ],
)
def test_sight_counts_answer_rows_that_see_the_prompt(local: Backbone, placement: Placement, expected: tuple) -> None:
    sight = Sight.of(local, Given(local), texts(0, 2, 3, 8), placement)
    assert sight == Sight(shares=expected, window=3)


def test_sight_counts_no_padding_where_all_rows_are_read(local: Backbone) -> None:
    split = texts(0, 0, lengths=(9, 1))
    assert Sight.of(local, Given(local, reads_all=True), split, Placement()).shares == (1, 0.4, 1, 0.4)


def test_everything_is_in_sight_without_local_attention(tiny_bert: Backbone) -> None:
    split = texts(0, 8)
    assert Sight.of(tiny_bert, Given(tiny_bert), split, Placement()) == Sight((1.0,) * 4, None)
    late = Placement(entry="block", insert_after=3)
    assert Sight.of(tiny_bert, Given(tiny_bert), split, late) == Sight((1.0,), None)


@pytest.mark.parametrize("where", ["front", "after_first", "end"])
@pytest.mark.parametrize("row", range(LENGTH))
def test_a_row_in_sight_is_moved_by_the_prompt(local: Backbone, where: str, row: int) -> None:
    placement = Placement(entry="block", insert_after=3, where=where)
    split = texts(row)
    batch, at = split.batch(np.arange(1)), torch.tensor([[row]])
    torch.manual_seed(0)
    prompt = torch.randn(4, local.width)
    ends = [local.finish(local.enter(batch, rows, placement), at) for rows in (prompt, -prompt)]
    (share,) = Sight.of(local, Given(local), split, placement).shares
    assert bool((ends[0] != ends[1]).any()) == (share == 1)


def test_an_answer_out_of_reach_is_said_with_what_to_do() -> None:
    healthy = Sight((1.0, 0.96, 0.96), 64)
    far = Sight((1.0, 0.63, 0.63, 1.0), 64)
    known = {"n_classes": 2, "predicted_classes": 2}
    assert find_alarms([FIRST, LAST], **known, sight=healthy) == []
    (said,) = find_alarms([FIRST, LAST], **known, sight=far)
    assert said.startswith("2 of 4 blocks see the prompt only within 64 tokens: there 37 % of the training texts'")
    assert 'visibility = "everywhere"' in said
