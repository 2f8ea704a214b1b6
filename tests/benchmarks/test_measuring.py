"""Jobs that go through measuring: cells of a store, and neurons."""

from pathlib import Path

import pytest

from benchmarks import cells, neurons, ours
from benchmarks.cases import Case

pytestmark = pytest.mark.filterwarnings("ignore")
CASE = Case("tiny-roberta", prompt=4, batch=2, steps=1, pool=32)


def test_an_added_cell_has_a_cost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cells, "N_TASKS", 1)
    monkeypatch.setattr(cells, "MANY", 2)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cells.added_cells()().units == 1


def test_neurons_are_read_both_ways() -> None:
    ours_turn, hooked = neurons.reading(CASE)(), neurons.hooked(CASE)()
    assert ours_turn.units == hooked.units == CASE.batch
    assert hooked.more["kb_held"] > 200 * ours_turn.more["kb_held"]


@pytest.mark.parametrize("legal", [False, True])
def test_every_example_is_scored_under_every_prompt(legal: bool) -> None:
    assert ours.evaluation(CASE, n_prompts=3, means=(20, 40), n_batches=2, legal=legal)().units == 3 * 2 * 4
