"""Sums of prompts: rows are summed position by position, scores go the usual way, what does not fit is named."""

import dataclasses

import numpy as np
import pytest
import torch
from executors.saved import save_tiny, write_study
from pydantic import ValidationError

from transferkit.artifacts import Prompt, Score
from transferkit.errors import InputError
from transferkit.groups import Group
from transferkit.predictions import Entrant
from transferkit.prompts import Term, weighted_sum
from transferkit.specs import MixedPrompt, Part, Placement, PromptSpec, Recipe, ScoreSpec, TrainedPrompt, key
from transferkit.specs.mixing import analogy, mean_prompt, weighted_prompt
from transferkit.store import Store
from transferkit.study import from_toml
from transferkit.work import Workshop

RNG = np.random.default_rng(0)
ROWS = [RNG.normal(size=(3, 32)).astype(np.float32) for _ in range(3)]
NAMED = [TrainedPrompt(key=letter * 12, task=f"task-{letter}", seed=0, backbone="tiny") for letter in "abc"]


def term(i: int, weight: float = 1.0, **fields: object) -> Term:
    entrant = Entrant(torch.from_numpy(ROWS[i]), Placement())
    return dataclasses.replace(Term(f"p{i}", "tiny", weight, entrant), **fields)


def test_rows_are_summed_position_by_position() -> None:
    made = weighted_sum([term(0, 0.5), term(1, -2.0), term(2, 1.0)])
    expected = 0.5 * ROWS[0].astype(float) - 2.0 * ROWS[1] + ROWS[2]
    assert np.abs(made.vectors.numpy() - expected).max() < 1e-6
    assert made.vectors.dtype == torch.float32
    assert made.placement == Placement()
    assert torch.equal(weighted_sum([term(1)]).vectors, torch.from_numpy(ROWS[1]))


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"backbone": "other"}, "prompt p1 is one of 'other', and p0 of 'tiny'"),
        ({"entrant": Entrant(torch.zeros(4, 32), Placement())}, "prompt p1 is 4 × 32, and p0 3 × 32"),
        ({"entrant": Entrant(torch.zeros(3, 32), Placement(where="end"))}, "prompt p1 enters elsewhere"),
        ({"entrant": Entrant(None, Placement())}, "prompt p1 has no rows of its own"),
    ],
)
def test_a_prompt_that_does_not_fit_is_named(odd: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        weighted_sum([term(0), term(1, **odd)])
    with pytest.raises(InputError, match="a sum of 0 prompts"):
        weighted_sum([])


def weights(made: MixedPrompt) -> dict[str, float]:
    return {part.prompt.key[0]: part.weight for part in made.parts}


def test_the_usual_sums() -> None:
    assert weights(mean_prompt(NAMED)) == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert weights(weighted_prompt(NAMED, [0.6, -0.5, 0.2], top_k=2)) == pytest.approx({"a": 0.75, "c": 0.25})
    assert weights(analogy(NAMED[2], NAMED[0], NAMED[1])) == {"a": -1.0, "b": 1.0, "c": 1.0}
    with pytest.raises(InputError, match=r"bbbbbbbbbbbb \(task-b, seed 0\) would be weighted by -0.5"):
        weighted_prompt(NAMED, [0.6, -0.5, 0.2])
    with pytest.raises(InputError, match="would be weighted by nan"):
        weighted_prompt(NAMED, [float("nan"), 0.5, 0.2], top_k=1)
    with pytest.raises(InputError, match="all similarities are 0"):
        weighted_prompt(NAMED, [0.0, -0.5, -0.2], top_k=1)
    with pytest.raises(InputError, match="0 similarities for 0 prompts"):
        mean_prompt([])
    with pytest.raises(InputError, match="top_k = 0"):
        weighted_prompt(NAMED, [1.0, 1.0, 1.0], top_k=0)


def test_a_sum_is_named_by_its_parts_alone() -> None:
    assert key(mean_prompt(NAMED)) == key(mean_prompt(NAMED[::-1], name="other"))
    assert key(mean_prompt(NAMED)) != key(mean_prompt(NAMED[:2]))
    with pytest.raises(ValidationError, match="aaaaaaaaaaaa stands twice"):
        MixedPrompt(parts=(Part(prompt=NAMED[0], weight=1.0), Part(prompt=NAMED[0], weight=2.0)))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, list[PromptSpec]]:
    """A store with three prompts nobody trained, the last one at another place; and the backbone's folder."""
    folder = tmp_path_factory.mktemp("sums")
    asked = from_toml(write_study(folder, save_tiny(folder / "tiny")))
    store = Store(folder / "runs")
    (model,), (task,) = asked.models, asked.resolved_tasks
    late = Placement(entry="block", insert_after=1)
    recipes = [Recipe(prompt_length=3), Recipe(prompt_length=3), Recipe(prompt_length=3, placement=late)]
    specs = [asked.prompt(model, task, seed, recipe) for seed, recipe in enumerate(recipes)]
    for spec, rows in zip(specs, ROWS, strict=True):
        store.put(spec, Prompt(rows, rows, np.ones(3, dtype=bool)))
    return store, asked.backbone_names[0], specs


def scored(kept: tuple[Store, str, list[PromptSpec]], source: object) -> ScoreSpec:
    store, folder, (prompt, *_others) = kept
    spec = ScoreSpec(source=source, backbone=prompt.backbone, readout=prompt.readout, task=prompt.task)
    Workshop(store, device="cpu").make(Group((spec,), folder, 1), lambda _n, _label: None)
    return spec


def test_a_sum_is_scored_like_any_other_source(kept: tuple[Store, str, list[PromptSpec]]) -> None:
    store, _, (one, two, late) = kept
    alone = store.get(scored(kept, one.source))
    same = scored(kept, MixedPrompt(parts=(Part(prompt=one.source, weight=1.0),), name="itself"))
    assert store.path(same).name.startswith("itself-")
    assert isinstance(alone, Score)
    assert store.get(same).metrics == alone.metrics
    mean = dataclasses.replace(two, seed=7)
    rows = (ROWS[0].astype(np.float64) + ROWS[1]) / 2
    store.put(mean, Prompt(rows.astype(np.float32), None, np.ones(3, dtype=bool)))
    by_hand = store.get(scored(kept, mean.source))
    assert store.get(scored(kept, mean_prompt([one.source, two.source]))).metrics == by_hand.metrics
    failed = scored(kept, mean_prompt([one.source, late.source], name="both"))
    assert not store.has(failed)
    assert "enters elsewhere" in store.failure(failed)
    assert key(late) in store.failure(failed)
