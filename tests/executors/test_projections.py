"""A study with projections, from tiny backbones of two widths to its scores: all made, only once, and rightly."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from executors.saved import contents, save_tiny, write_study
from tiny import make_tiny

from transferkit.artifacts import Projector, Prompt
from transferkit.errors import InputError
from transferkit.groups import training_groups
from transferkit.projectors import use
from transferkit.results import Results
from transferkit.run import fill
from transferkit.specs import (
    ConstantMap,
    LabelWordsInitial,
    ProjectedInitial,
    ProjectedPrompt,
    PromptInitial,
    RandomPrompt,
    Recipe,
    TrainedPrompt,
    key,
)
from transferkit.store import Store
from transferkit.study import METHODS, Initialisation, Study, crossing, from_json, from_toml, to_json

HEAD = """
neurons = false
nearest_words = 0
initialisation = {{ projected = ["linear"] }}

[[projections]]
target = "{target}"
train_on = ["toy"]
methods = [
    {{ kind = "linear", skip = 0 }}, {{ kind = "procrustes", skip = 0 }}, "nearest",
    {{ kind = "relative", steps = 5 }}, {{ kind = "words_net", skip = 0, width = 8, epochs = 2 }},
    {{ kind = "prompt_net", form = "flat", objective = "distance", width = 8, steps = 20 }},
    {{ kind = "prompt_net", form = "rows", objective = "tasks", width = 8, steps = 6, evaluate_every = 3 }},
    "constant_distance", {{ kind = "constant", objective = "tasks", steps = 6, evaluate_every = 3 }},
    "flat_random", "norms",
]
"""


def narrow(folder: Path) -> Path:
    """Save a tiny backbone of half the width."""
    config = make_tiny("bert").config
    config.hidden_size = 16
    torch.manual_seed(3)
    type(make_tiny("bert").model)(config).save_pretrained(folder)
    make_tiny("bert").tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("models")
    target = save_tiny(folder / "wide", "distilbert", seed=1)
    head = HEAD.format(target=target)
    return from_toml(write_study(folder, narrow(folder / "narrow"), head=head, tasks=("toy", "other")))


@pytest.fixture(scope="module")
def store(asked: Study, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    outcome = fill(asked, store)
    assert outcome.failed == ()
    return store


def test_everything_is_made_once(asked: Study, store: Store) -> None:
    assert fill(asked, store).n_made == 0
    assert Results(asked, store).missing() == []
    (found,) = asked.crossings
    n_methods, n_tasks = 11, 2
    assert len(found.projected) == n_methods * n_tasks
    assert len(found.own) == len(found.retrained) == n_tasks
    assert {spec.recipe.steps for spec in found.retrained} == {3}  # six steps, two tasks
    assert not list((store.root / "scratch").iterdir())
    assert store.verify() == {}


def test_steps_are_made_in_their_order_and_equal_byte_for_byte(asked: Study, store: Store, tmp_path: Path) -> None:
    (asks,) = asked.projections
    few = [method for method in asks.methods if method.name in {"words_net", "rows_tasks", "norms"}]
    only = dataclasses.replace(asked, projections=[dataclasses.replace(asks, methods=few)], initialisation=None)
    again = Store(tmp_path / "runs")
    assert fill(only, again, stages=("train",)).failed == ()
    assert not (again.root / "projectors").exists()
    assert fill(only, again, stages=("project",)).failed == ()
    assert len(list(again.specs("projector"))) == 3
    assert not (again.root / "scores").exists()
    first, second = contents(store.root), contents(again.root)
    made = {name: data for name, data in second.items() if name.startswith(("projectors", "prompts"))}
    assert made == {name: first[name] for name in made}


def test_projected_prompts_are_what_their_projector_makes_of_the_source(asked: Study, store: Store) -> None:
    (found,) = asked.crossings
    projectors = {key(spec): spec for spec in found.projectors}
    sources = {key(spec): spec for spec in found.brought}
    for spec in found.projected:
        projector, source = store.get(projectors[spec.projector]), store.get(sources[spec.prompt.key])
        assert isinstance(projector, Projector)
        assert isinstance(source, Prompt)
        made = store.get(spec).vectors
        assert made.shape == (3, 32)
        np.testing.assert_array_equal(made, use(projectors[spec.projector], projector, source.vectors))


def test_constants_are_the_same_for_every_task_and_networks_not(asked: Study, store: Store) -> None:
    (found,) = asked.crossings
    made = {(spec.method, spec.prompt.task): store.get(spec).vectors for spec in found.projected}
    own = {spec.task.name: store.get(spec).vectors for spec in found.own}
    np.testing.assert_allclose(made["constant_distance", "other"], own["toy"], rtol=1e-6)  # of one task, the mean
    for method in ("constant_distance", "constant_tasks"):
        np.testing.assert_array_equal(made[method, "toy"], made[method, "other"])
    for method in ("linear", "flat_distance", "rows_tasks", "norms"):
        assert np.abs(made[method, "toy"] - made[method, "other"]).max() > 1e-3


def test_norms_are_carried_over_in_units_of_a_word(asked: Study, store: Store) -> None:
    (found,) = asked.crossings
    spec = next(spec for spec in found.projected if spec.method == "norms")
    source = store.get(next(one for one in found.brought if key(one) == spec.prompt.key))
    made, given = (np.linalg.norm(prompt.vectors, axis=1) for prompt in (store.get(spec), source))
    np.testing.assert_allclose(made / given, made[0] / given[0], rtol=1e-5)


def test_scores_are_of_projected_prompts_on_their_own_tasks_beside_baselines(asked: Study, store: Store) -> None:
    (found,) = asked.crossings
    projected = [spec for spec in found.scores if isinstance(spec.source, ProjectedPrompt)]
    assert all(spec.source.task == spec.task.name for spec in projected)
    assert {spec.source.method for spec in projected} == {method.name for method in found.methods}
    kinds = [type(spec.source) for spec in found.scores if spec.task.name == "toy"]
    assert kinds.count(RandomPrompt) == 1
    assert kinds.count(TrainedPrompt) == 2  # own and retrained
    assert all(store.get(spec).n == 20 for spec in found.scores)


def test_a_projector_is_tuned_on_the_tasks_it_may_see_alone(asked: Study) -> None:
    (found,) = asked.crossings
    for spec in found.projectors:
        assert {lesson.task.name for lesson in spec.lessons} <= {"toy"}
        for lesson in spec.lessons:
            assert lesson.task.template  # whole as the target reads it


def test_a_constant_prompt_is_tuned_as_the_own_ones_are_and_networks_as_is_said_of_them() -> None:
    recipe = Recipe(optimizer="adafactor", weight_decay=0.1, learning_rate=0.3, initial=LabelWordsInitial())
    network, constant = (crossing._tuning(recipe, METHODS[name]) for name in ("rows_tasks", "constant_tasks"))
    assert (network.optimizer, network.weight_decay, network.learning_rate) == ("adamw", 0.0, 0.001)
    assert (constant.optimizer, constant.weight_decay, constant.learning_rate) == ("adafactor", 0.1, 0.3)
    assert constant.initial == LabelWordsInitial()
    assert constant.steps == network.steps == 500


def test_training_goes_on_from_prompts_of_the_same_and_of_another_backbone(asked: Study, store: Store) -> None:
    starts = {(start.how, start.source, start.prompt.task.name): start for start in asked.starts()}
    assert set(starts) == {
        ("trained", "toy", "other"),
        ("trained", "other", "toy"),
        ("linear", "toy", "toy"),
        ("linear", "other", "other"),
    }
    for (how, source, _), start in starts.items():
        initial = start.prompt.recipe.initial
        assert isinstance(initial, PromptInitial if how == "trained" else ProjectedInitial)
        begun = next(spec for spec in store.specs("prompt") if key(spec) == initial.key)
        np.testing.assert_array_equal(store.get(start.prompt).initial, store.get(begun).vectors)
        assert getattr(begun, "prompt", getattr(begun, "source", None)).task == source
        assert dataclasses.replace(start.prompt.recipe, initial=start.plain.recipe.initial) == start.plain.recipe


def test_the_study_survives_json(asked: Study) -> None:
    read = from_json(to_json(asked))
    assert [key(spec) for spec in read.specs()] == [key(spec) for spec in asked.specs()]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_on": ["else"]}, "projections: train_on has 'else', which the study has not"),
        ({"source": "wide"}, "projections: source has 'wide'"),
        ({"recipe": {"prompt_length": 9}}, "prompts of 3 rows are brought"),
        ({"seeds": [5]}, r"projection: seeds has 5.*\n.*choose among \(0,\)"),
        ({"target": "narrow"}, "its target is 'narrow', where the prompts come from"),
        (
            {"recipe": {"prompt_length": 3, "initial": {"kind": "prompt", "key": "abc"}}},
            "initial prompt 'abc' is not in",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_loaded(
    asked: Study, change: dict[str, object], said: str, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(asked, projections=[dataclasses.replace(asked.projections[0], **change)])
    with pytest.raises(InputError, match=said):
        fill(wrong, Store(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({"sources": ["toy"], "targets": ["toy"]}, "make no pair"),
        ({"projected": ["nearest"]}, "no projection trains the target's own"),
    ],
)
def test_starts_that_would_come_to_nothing_are_refused(asked: Study, start: dict[str, object], said: str) -> None:
    (asks,) = asked.projections
    bare = dataclasses.replace(asks, own=False, methods=["nearest"])
    wrong = dataclasses.replace(asked, projections=[bare], initialisation=Initialisation(**start))
    with pytest.raises(InputError, match=said):
        wrong.starts()


def test_a_generator_begins_from_no_prompt(asked: Study) -> None:
    recipe = {"placement": {"entry": "block", "insert_after": 1}, "generator": {"kind": "bottleneck", "width": 4}}
    wrong = dataclasses.replace(asked, recipe=recipe, projections=[], initialisation=Initialisation())
    with pytest.raises(InputError, match="a generator makes each text's prompt"):
        wrong.starts()


def test_a_start_never_shares_a_pass_with_what_it_begins_from(asked: Study, store: Store) -> None:
    """Also where the recipe itself begins from a stored prompt, and in steps small enough to share a pass."""
    first = asked.prompts()[0]
    recipe = dataclasses.replace(asked.recipe, initial=PromptInitial(key=key(first)), batch_size=2)
    again = dataclasses.replace(asked, recipe=recipe, projections=[], initialisation=Initialisation())
    groups = training_groups(again.every_prompt(), "cuda")
    for group in groups:
        inside = {key(spec) for spec in group}
        assert not any(spec.recipe.initial.key in inside for spec in group)
    assert max(len(group) for group in groups) > 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_on": []}, "'flat_distance' is fitted on tasks, and train_on names none"),
        ({"own": False}, "'flat_distance' needs the target's own prompts"),
        ({"methods": ["linear", METHODS["linear"]]}, "two projectors are called 'linear'"),
        ({"methods": ["linaer"]}, "unknown projector 'linaer'.*\n.*linear"),
        (
            {"methods": [METHODS["rows_tasks"], ConstantMap(objective="tasks", steps=6)]},
            r"differ in steps or evaluate_every \(rows_tasks 500, 50, constant_tasks 6, 50\)",
        ),
    ],
)
def test_a_projection_that_makes_no_sense_is_refused(asked: Study, change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        dataclasses.replace(asked.projections[0], **change)
