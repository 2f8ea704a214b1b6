"""Studies whose backbones grow: what a file may say of [growth], what is refused, which specs follow, their keys."""

import dataclasses
import hashlib
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from transferkit.errors import InputError
from transferkit.results import Results
from transferkit.specs import (
    ActivitySpec,
    BackboneSpec,
    Growth,
    MaskedReadout,
    NoPrompt,
    NormalInitial,
    Partial,
    Placement,
    PromptInitial,
    PromptSpec,
    RandomPrompt,
    Recipe,
    ScoreSpec,
    TextInitial,
    activity_of,
    canonical,
    key,
    stages_of,
)
from transferkit.specs import from_json as spec_from_json
from transferkit.specs import to_json as spec_to_json
from transferkit.specs.partial import RANKED
from transferkit.store import Store
from transferkit.study import RANDOM_SEED, Growing, Study, from_json, from_toml, to_json
from transferkit.tasks.base import Label, LocalData, Task

QUARTERS = (0.25, 0.5, 0.75)
HEAD = 'backbones = ["tiny"]\ntasks = ["bbc_news", "rotten_tomatoes"]\n'
LABELS = (
    Label(value="0", word="bad", description="a bad one"),
    Label(value="1", word="good", description="a good one"),
)
TASKS = tuple(
    Task(name=name, source=LocalData(train="none.csv", sha256=name), labels=LABELS) for name in ("films", "shops")
)
WHOLE = BackboneSpec(name="org/tiny", revision="0123")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that says it is a model, twice; nothing here reads its weights."""
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"architectures": ["BertForMaskedLM"]}')
        (tmp_path / name / "model.safetensors").write_text(name)
    return tmp_path


def read(text: str) -> Study:
    Path("asked.toml").write_text(HEAD + text)
    return from_toml("asked.toml")


def study(*schedules: Growth, **fields: object) -> Study:
    """Two tasks and two seeds, small; `shorter`, `parts` and the like go to [growth]."""
    of_growth = {name: fields.pop(name) for name in ("shorter", "parts", "backbones_of", "tasks_of") if name in fields}
    renamed = {name.removesuffix("_of"): value for name, value in of_growth.items()}
    asked = Growing(**renamed, **({"schedules": schedules} if schedules else {}))
    small = {"neurons": None, "nearest_words": 0, "random_prompts": 1, "seeds": (0, 1)}
    recipe = Recipe(prompt_length=3, steps=20, evaluate_every=2)
    return Study(**{"backbones": ["tiny"], "tasks": TASKS, "recipe": recipe, "growth": asked} | small | fields)


def prompt(recipe: Recipe | None = None, backbone: BackboneSpec = WHOLE, *, seed: int = 0) -> PromptSpec:
    return PromptSpec(
        backbone=backbone, readout=MaskedReadout(), task=TASKS[0], seed=seed, recipe=recipe or Recipe(steps=20)
    )


# --- files ------------------------------------------------------------------------------------------------------------
def test_the_schedules_are_the_paper_s_unless_others_are_named() -> None:
    asked = read("[growth]").growth
    assert asked == Growing()
    assert [schedule.name for schedule in asked.schedules] == ["depth", "width", "both"]
    assert {schedule.shares for schedule in asked.schedules} == {(0.2, 0.2, 0.2)}
    assert [(one.depth, one.width) for one in asked.schedules] == [
        (QUARTERS, ()),
        ((), QUARTERS),
        (QUARTERS, QUARTERS),
    ]
    rules = {(one.blocks, one.neurons, one.decoder, one.optimizer, one.n_examples) for one in asked.schedules}
    assert rules == {("even", "active", True, "carried", 1000)}
    assert (asked.shorter, asked.parts, asked.backbones, asked.tasks) == ((), True, (), ())
    assert read("").growth is None
    assert read("").growing is None


def test_everything_a_file_may_say_of_growth() -> None:
    asked = read(
        """
        recipe = { steps = 40 }
        [growth]
        shorter = [0.5, 0.75]
        parts = false
        backbones = ["tiny"]
        tasks = ["bbc_news"]
        schedules = [
            { shares = [0.5], depth = [0.4], blocks = "changing", decoder = false, optimizer = "reset", n_examples=7 },
            { shares = [0.25, 0.25], width = [0.5, 0.5], neurons = "signed", n_examples = 7 },
        ]
        """
    )
    first, second = asked.growth.schedules
    assert first == Growth(
        shares=(0.5,), depth=(0.4,), blocks="changing", decoder=False, optimizer="reset", n_examples=7
    )
    assert second == Growth(shares=(0.25, 0.25), width=(0.5, 0.5), neurons="signed", n_examples=7)
    assert asked.growth == Growing(
        schedules=[first, second], shorter=[0.5, 0.75], parts=False, backbones=["tiny"], tasks=["bbc_news"]
    )
    assert (first.name, second.name) == ("depth-changing-encoder-reset", "width-signed")


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("[growth]\nshedules = []", "unknown field 'growth.shedules'", "'schedules'"),
        ("[growth]\nseeds = [1]", "unknown field 'growth.seeds'", "is a field of the study, not of [growth]"),
        ("[growth]\nschedules = [{ dept = [0.5] }]", "unknown field 'growth.schedules.0.dept'", "'depth'"),
        ("[growth]\nschedules = []", "at least 1 schedule is needed", "growth.schedules"),
        ("[growth]\nschedules = [{}]", "needs depth = […], width = […] or both", "growth.schedules.0"),
        ("[growth]\nschedules = [{ shares = [0.5] }]", "needs depth = […], width = […] or both", ""),
        (
            "[growth]\nschedules = [{ depth = [0.25] }]",
            "depth has stages: 1, but shares has 3: name as many",
            "growth.schedules.0",
        ),
        (
            "[growth]\nschedules = [{ depth = [0.2, 0.4, 0.6], width = [0.2, 0.4] }]",
            "width has stages: 2, but shares has 3: name as many",
            "",
        ),
        ("[growth]\nschedules = [{ width = [0.5, 0.4, 0.6] }]", "width = [0.5, 0.4, 0.6] shrinks", ""),
        ("[growth]\nschedules = [{ depth = [0.5], shares = [1.0] }]", "shares sum to 1: leave some steps", ""),
        ("[growth]\nschedules = [{ depth = [0.2, 0.5], shares = [0.75, 0.5] }]", "shares sum to 1.25", ""),
        ("[growth]\nschedules = [{ depth = [0.5], shares = [0.0] }]", "'growth.schedules.0.shares.0'", ""),
        ("[growth]\nschedules = [{ depth = [0.0, 0.5, 0.6] }]", "'growth.schedules.0.depth.0'", ""),
        ("[growth]\nschedules = [{ width = [0.2, 0.5, 1.1] }]", "'growth.schedules.0.width.2'", ""),
        (
            '[growth]\nschedules = [{ depth = [0.2, 0.5, 0.6], blocks = "evn" }]',
            "'even', 'nested', 'first' or 'changing'; got 'evn'",
            "",
        ),
        ("[growth]\nshorter = [1.0]", "'growth.shorter.0'", ""),
        ("[growth]\nshorter = [0.0]", "'growth.shorter.0'", ""),
        (
            "[growth]\nschedules = [{ depth = [0.2, 0.5, 0.6] }, { depth = [0.2, 0.5, 0.6] }]",
            "schedule depth-20+50+60-in-20+20+20 stands twice: name each once",
            "'growth'",
        ),
        ("recipe = { growth = { depth = [0.25] } }", "'recipe.growth': depth has stages: 1, but shares has 3", ""),
        ("[growth]\nschedules = [{ depth = [0.25, 0.5, 1] }]", "a stage keeps everything: leave it out", ""),
        (
            "[growth]\nschedules = [{ shares = [0.5], depth = [1.0], width = [1.0], decoder = false }]",
            "a stage keeps everything: leave it out",
            "growth.schedules.0",
        ),
        (
            "recipe = { steps = 20 }\n[growth]\nshorter = [0.5, 0.98]",
            "has a share that is all 20 steps",
            "smaller shares",
        ),
        (
            "recipe = { steps = 1 }\n[growth]\nshorter = [0.1]",
            "growth: of steps = 1 a stage of shares = [0.2, 0.2, 0.2] gets none",
            "raise steps",
        ),
        (
            "recipe = { growth = { depth = [0.2, 0.5, 0.6] } }\n[growth]",
            "the study's recipe grows itself",
            "leave growth out of the recipe",
        ),
        ('[growth]\nbackbones = ["tin"]', "growth: backbones has 'tin', which the study has not", "'tiny'"),
        ('[growth]\ntasks = ["bbc_new"]', "growth: tasks has 'bbc_new', which the study has not", "'bbc_news'"),
    ],
)
def test_a_wrong_growth_is_refused_with_field_value_and_fix(text: str, problem: str, fix: str) -> None:
    with pytest.raises(InputError) as failure:
        list(read(text).specs())
    assert problem in failure.value.problem
    assert fix in failure.value.fix
    assert "errors.pydantic.dev" not in str(failure.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("recipe = { steps = 3 }\n[growth]", "of steps = 3 a stage of shares = [0.2, 0.2, 0.2] gets none"),
        (
            "[growth]\nschedules = [{ width = [0.5], shares = [0.5], n_examples=5 }, { width=[0.6], shares=[0.5] }]",
            "schedules measure activity on [5, 1000] examples",
        ),
    ],
)
def test_what_the_recipe_does_not_bear_is_refused_like_anything_else(text: str, problem: str) -> None:
    with pytest.raises(InputError) as failure:
        list(read(text).specs())
    assert problem in failure.value.problem
    assert "errors.pydantic.dev" not in str(failure.value)


def test_a_stage_without_steps_is_refused_where_it_stands() -> None:
    with pytest.raises(InputError, match="of 3 steps a stage gets none"):
        read("recipe = { steps = 3, growth = { depth = [0.25, 0.5, 0.75] } }")
    for steps, shares in ((2, (0.2, 0.2)), (10, (0.04,)), (3, (0.9,))):
        with pytest.raises(ValidationError, match=f"of {steps} steps a stage gets none"):
            Recipe(steps=steps, growth=Growth(shares=shares, depth=(0.5,) * len(shares)))
    assert Recipe(steps=3, growth=Growth(shares=(0.4, 0.3), depth=(0.5, 0.5))).growth.ends(3) == (1, 2)


def test_schedules_are_told_apart_by_what_they_cut_or_else_by_their_sizes() -> None:
    others = (Growth(depth=(0.1, 0.25, 0.5)), Growth(shares=(0.6,), depth=(0.5,)), Growth(width=QUARTERS))
    asked = Growing(schedules=(Growth(depth=QUARTERS), *others))
    wanted = ("depth-25+50+75-in-20+20+20", "depth-10+25+50-in-20+20+20", "depth-50-in-60", "width")
    assert asked.names == wanted
    found = study(*asked.schedules).growing
    assert found is not None
    assert tuple(dict.fromkeys(one.schedule for one in found.grown)) == wanted
    assert {one.schedule for one in found.on_parts} == set(wanted)
    with pytest.raises(ValidationError, match=r"schedule depth-10.* stands twice"):
        Growing(schedules=(*others, others[0]))


def test_a_shorter_run_keeps_no_rows_of_a_step_it_does_not_have() -> None:
    asked = read("recipe = { steps = 60, early_step = 50 }\n[growth]\nshorter = [0.5, 0.9]")
    assert {spec.recipe.steps: spec.recipe.early_step for spec in asked.growing.shorter} == {30: None, 54: 50}


# --- specs ------------------------------------------------------------------------------------------------------------
def test_specs_come_once_and_are_those_of_the_question() -> None:
    shares = (0.3, 0.3)
    asked = study(Growth(shares=shares, depth=(0.25, 0.5)), Growth(shares=shares, width=(0.25, 0.5)), shorter=(0.5,))
    found = list(asked.specs())
    assert len({key(spec) for spec in found}) == len(found)
    runs, ways, parts = 2 * 2, 2, 4
    kinds = Counter(spec.kind for spec in found)
    assert kinds["prompt"] == runs * (1 + ways + 1 + parts)
    # on the whole: grown, shorter, and each part's; each part on both parts of its schedule; plain and none on a part
    own = runs * (ways + 1 + parts) + runs * parts * 2 + runs * parts
    bare = 2 * parts
    baselines = 2 * (3 + runs)  # on each task none, majority, a random one, and the plain prompts of both
    assert kinds["score"] == own + bare + baselines
    assert kinds["activity"] == 2  # one a task: neurons are ranked
    prompts = {key(spec) for spec in asked.every_prompt()}
    assert prompts == {key(spec) for spec in found if isinstance(spec, PromptSpec)}
    everything = {key(spec) for spec in dataclasses.replace(asked, growth=None).specs()}
    assert everything < {key(spec) for spec in found}


def test_a_grown_prompt_differs_from_its_twin_in_growth_alone() -> None:
    asked = study(shorter=(0.5, 0.72))
    found = asked.growing
    assert len(found.grown) == 3 * len(found.plain) == 12
    assert found.plain == tuple(asked.prompts())
    for one in found.grown:
        recipe = dataclasses.replace(one.prompt.recipe, growth=None)
        assert dataclasses.replace(one.prompt, recipe=recipe) == one.plain
        assert one.schedule == one.prompt.recipe.growth.name
    assert [spec.recipe.steps for spec in found.shorter] == [10, 14] * 4
    for spec in found.shorter:
        assert dataclasses.replace(spec, recipe=asked.recipe) in found.plain


def test_equal_numbers_of_steps_are_asked_once() -> None:
    """Of 20 steps 48 % and 52 % are ten, as half of them is, and 1 % is the one step there must be."""
    found = study(shorter=(0.5, 0.48, 0.52, 0.01, 0.97)).growing
    assert [spec.recipe.steps for spec in found.shorter] == [10, 1, 19] * 4
    assert len({key(spec) for spec in found.shorter}) == 12


@pytest.mark.parametrize("share", [0.976, 0.99, 0.999])
def test_a_share_that_is_all_steps_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="has a share that is all 20 steps"):
        study(shorter=(share,)).growing  # noqa: B018 (looked at, it is worked out)


def test_parts_are_those_of_the_stages_and_have_plain_recipes() -> None:
    found = study().growing
    assert len(found.on_parts) == 3 * len(found.grown)
    by_name = {name: set() for name in ("depth", "width", "both")}
    for one in found.on_parts:
        assert one.prompt.recipe == one.plain.recipe
        assert one.prompt.backbone.whole == one.plain.backbone
        assert (one.prompt.task, one.prompt.seed) == (one.plain.task, one.plain.seed)
        by_name[one.schedule].add(one.prompt.backbone.name)
    assert by_name == {
        "depth": {"tiny-d25", "tiny-d50", "tiny-d75"},
        "width": {"tiny-w25", "tiny-w50", "tiny-w75"},
        "both": {"tiny-d25-w25", "tiny-d50-w50", "tiny-d75-w75"},
    }
    assert study(parts=False).growing.on_parts == ()
    stages = {(one.plain, part) for one in found.grown for _, part in stages_of(one.prompt)}
    assert {(one.plain, one.prompt.backbone.partial) for one in found.on_parts} == stages


def test_scores_are_asked_on_the_parts_of_one_s_own_schedule_and_task() -> None:
    asked = study(Growth(shares=(0.3, 0.3), depth=(0.25, 0.5)), Growth(shares=(0.3,), depth=(0.75,), blocks="first"))
    scored = {(score.source.key, score.backbone.name): score for score in trained(asked.growing.scores)}
    for one in asked.growing.on_parts:
        own = {"tiny-d25", "tiny-d50"} if one.schedule == "depth" else {"tiny-d75-first"}
        assert {name for source, name in scored if source == key(one.prompt)} == own | {"tiny"}
        assert (key(one.plain), one.prompt.backbone.name) in scored
        assert scored[key(one.prompt), "tiny"].task == one.prompt.task
    bare = [score for score in asked.growing.scores if isinstance(score.source, NoPrompt)]
    assert sorted((score.task.name, score.backbone.name) for score in bare) == sorted(
        itertools.product(("films", "shops"), ("tiny-d25", "tiny-d50", "tiny-d75-first"))
    )


def trained(scores: list[ScoreSpec]) -> list[ScoreSpec]:
    return [score for score in scores if not isinstance(score.source, NoPrompt)]


def test_a_trial_scores_few_examples_of_parts_too() -> None:
    asked = study(limit=7)
    assert {score.task.sizes.report for score in asked.growing.scores} == {7}
    assert {one.prompt.task.sizes.report for one in asked.growing.on_parts} == {None}


def test_growth_is_about_the_backbones_and_tasks_it_names() -> None:
    asked = study(backbones=["tiny", "second"], backbones_of=("second",), tasks_of=("shops",))
    specs = [*asked.growing.plain, *asked.growing.prompts]
    assert {(spec.task.name, spec.backbone.whole.name) for spec in specs} == {("shops", "second")}
    assert len(asked.prompts()) == 8
    assert len(asked.growing.plain) == 2


RULES = [
    (Growth(depth=QUARTERS), False),
    (Growth(depth=QUARTERS, blocks="nested"), False),
    (Growth(depth=QUARTERS, blocks="first"), False),
    (Growth(depth=QUARTERS, blocks="changing"), True),
    (Growth(depth=QUARTERS, neurons="active"), False),
    (Growth(width=QUARTERS), True),
    (Growth(width=QUARTERS, neurons="signed"), True),
    (Growth(width=QUARTERS, neurons="first"), False),
    (Growth(width=QUARTERS, neurons="random"), False),
    (Growth(width=QUARTERS, neurons="first", blocks="changing"), False),
    (Growth(depth=QUARTERS, width=QUARTERS, neurons="random"), False),
    (Growth(depth=(1.0, 1.0, 1.0), blocks="changing", width=QUARTERS, neurons="first"), False),
]


@pytest.mark.parametrize(("growth", "is_ranked"), RULES, ids=lambda value: getattr(value, "name", None))
def test_activity_is_measured_exactly_where_something_is_ranked(growth: Growth, is_ranked: bool) -> None:
    asked = study(growth)
    found = [spec for spec in asked.specs() if isinstance(spec, ActivitySpec)]
    assert [spec.task.name for spec in found] == (["films", "shops"] if is_ranked else [])
    own = {spec.task.name: key(spec) for spec in found}
    for one in asked.growing.on_parts:
        assert one.prompt.backbone.partial.activity == own.get(one.prompt.task.name)
    for spec in found:
        assert (spec.source.seed, spec.source.length, spec.backbone) == (RANDOM_SEED, 3, asked.models[0].spec)
        assert spec.n_examples == growth.n_examples


def test_a_recipe_that_grows_needs_its_measurement_as_well() -> None:
    recipe = Recipe(steps=20, growth=Growth(width=QUARTERS, n_examples=9))
    asked = study(recipe=recipe, growth=None)
    assert asked.growing is None
    found = [spec for spec in asked.specs() if isinstance(spec, ActivitySpec)]
    assert [(spec.task.name, spec.n_examples) for spec in found] == [("films", 9), ("shops", 9)]


@pytest.mark.parametrize("initial", [NormalInitial(std=0.5), TextInitial(text="so good"), PromptInitial(key="f" * 12)])
def test_what_is_measured_does_not_depend_on_where_prompts_begin(initial: object) -> None:
    placement = Placement(entry="block", insert_after=1)
    recipe = Recipe(
        prompt_length=4, steps=20, initial=initial, placement=placement, growth=Growth(width=QUARTERS, blocks="first")
    )
    asked = activity_of(prompt(recipe))
    assert asked.source == RandomPrompt(seed=RANDOM_SEED, length=4, placement=placement)
    assert activity_of(prompt(recipe, seed=5)) == asked
    assert {part.above for _, part in stages_of(prompt(recipe))} == {1}
    assert {part.activity for _, part in stages_of(prompt(recipe))} == {key(asked)}
    assert activity_of(prompt()) is None
    assert stages_of(prompt()) == ()


def test_the_inventory_counts_what_was_measured(tmp_path: Path) -> None:
    table = Results(study(Growth(width=QUARTERS)), Store(tmp_path / "none")).inventory().set_index("kind")
    assert table.loc["activity", "asked"] == 2


def test_a_study_with_growth_survives_json(here: Path) -> None:
    schedules = (Growth(shares=(0.3,), depth=(0.5,), blocks="changing"), Growth(width=QUARTERS, optimizer="reset"))
    for asked in (study(), study(*schedules, shorter=(0.5,), tasks_of=("films",), parts=False), read("[growth]")):
        again = from_json(to_json(asked))
        assert again.growth == asked.growth
        assert to_json(again) == to_json(asked)
        assert [key(spec) for spec in again.specs()] == [key(spec) for spec in asked.specs()]


def test_every_spec_survives_json() -> None:
    for spec in study(Growth(shares=(0.3,), depth=(0.5,), width=(0.5,), blocks="changing")).specs():
        assert spec_from_json(spec_to_json(spec)) == spec


# --- keys -------------------------------------------------------------------------------------------------------------
def test_keys_of_before_there_was_growth_stay() -> None:
    spec = prompt(Recipe(steps=20, learning_rate=0.3))
    record = canonical(spec)
    assert record["recipe"] == {"learning_rate": 0.3, "steps": 20}
    assert record["backbone"] == {"name": "org/tiny", "revision": "0123"}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert "growth" not in text
    assert "partial" not in text
    assert key(spec) == hashlib.sha256(text.encode()).hexdigest()[:12]
    old = json.loads(spec_to_json(spec))
    assert old["recipe"].pop("growth", "absent") is None
    assert old["backbone"].pop("partial", "absent") is None
    assert spec_from_json(json.dumps(old)) == spec
    assert key(spec_from_json(json.dumps(old))) == key(spec)
    explicit = prompt(
        Recipe(steps=20, learning_rate=0.3, growth=None),
        BackboneSpec(name="org/tiny", revision="0123", partial=None),
    )
    assert key(explicit) == key(spec)


def test_what_grows_and_what_is_cut_have_keys_of_their_own() -> None:
    growths = [
        None,
        Growth(depth=QUARTERS),
        Growth(width=QUARTERS),
        Growth(depth=QUARTERS, width=QUARTERS),
        Growth(depth=(0.25, 0.5, 0.7)),
        Growth(depth=QUARTERS, shares=(0.2, 0.2, 0.3)),
        Growth(depth=QUARTERS, blocks="nested"),
        Growth(width=QUARTERS, neurons="random"),
        Growth(width=QUARTERS, n_examples=10),
        Growth(depth=QUARTERS, decoder=False),
        Growth(depth=QUARTERS, optimizer="reset"),
    ]
    keys = {key(prompt(Recipe(steps=20, growth=growth))) for growth in growths}
    assert len(keys) == len(growths)
    parts = [
        None,
        Partial(depth=0.5),
        Partial(width=0.5),
        Partial(width=0.5, activity="a"),
        Partial(depth=0.5, above=1),
    ]
    cut = [WHOLE if part is None else WHOLE.cut(part) for part in parts]
    assert len({key(prompt(backbone=backbone)) for backbone in cut}) == len(parts)


# --- parts ------------------------------------------------------------------------------------------------------------
SHARES = st.integers(1, 100).map(lambda hundredths: hundredths / 100)
PARTIALS = st.builds(
    Partial,
    depth=SHARES,
    width=SHARES,
    blocks=st.sampled_from(["even", "nested", "first", "changing"]),
    neurons=st.sampled_from(["active", "signed", "first", "random"]),
    decoder=st.booleans(),
    above=st.integers(0, 3),
    activity=st.sampled_from([None, "0" * 12]),
)


@settings(deadline=None, max_examples=100)
@given(part=PARTIALS, name=st.sampled_from(["tiny", "org/tiny", "tiny-d50", "d50-whole", "tiny-w25-whole"]))
def test_a_part_knows_its_whole(part: Partial, name: str) -> None:
    whole = BackboneSpec(name=name, revision="0123", dtype="bfloat16")
    cut = whole.cut(part)
    assert cut.whole == whole
    assert whole.whole == whole
    if part.depth == part.width == 1:
        assert cut is whole
        return
    assert cut.name == f"{name}-{part.name}"
    assert (cut.revision, cut.dtype, cut.partial) == (whole.revision, whole.dtype, part)
    for other in (part, Partial(depth=0.5), Partial()):
        with pytest.raises(ValueError, match=f"{cut.name} is a part of a backbone: cut the whole"):
            cut.cut(other)


@settings(deadline=None, max_examples=200)
@given(one=PARTIALS, other=PARTIALS)
def test_two_parts_have_one_name_exactly_where_they_are_one_but_for_the_measurement(
    one: Partial, other: Partial
) -> None:
    same = dataclasses.replace(one, activity=None) == dataclasses.replace(other, activity=None)
    assert (one.name == other.name) == same
    assert (key(one) == key(other)) == (one == other)


def test_names_of_all_rules_are_unique() -> None:
    rules = itertools.product(
        (0.5, 1.0),
        (0.25, 1.0),
        ("even", "nested", "first", "changing"),
        ("active", "signed", "first", "random"),
        (True, False),
        (0, 1),
    )
    parts = {
        Partial(depth=depth, width=width, blocks=blocks, neurons=neurons, decoder=decoder, above=above)
        for depth, width, blocks, neurons, decoder, above in rules
    }
    assert len(parts) == (4 * 4 + 4 + 4) * 4 + 1  # all of it is one, whatever the decoder and the blocks below
    assert len({part.name for part in parts}) == len(parts)
    assert Partial().name == "whole"
    assert Partial(depth=0.5, blocks="nested", width=0.125, neurons="first", decoder=False, above=2).name == (
        "d50-nested-w12.5-first-encoder-above2"
    )


def test_how_something_is_chosen_is_left_out_where_all_of_it_is_kept() -> None:
    for blocks in ("even", "nested", "first", "changing"):
        assert Partial(width=0.5, blocks=blocks) == Partial(width=0.5)
        assert key(Partial(width=0.5, blocks=blocks)) == key(Partial(width=0.5))
    for neurons in ("active", "signed", "first", "random"):
        assert Partial(depth=0.5, neurons=neurons) == Partial(depth=0.5)
        assert canonical(Partial(depth=0.5, neurons=neurons)) == {"depth": 0.5}
    assert Partial(depth=0.5, blocks="first") != Partial(depth=0.5)


@pytest.mark.parametrize(
    "fields",
    [{"decoder": False}, {"above": 2}, {"activity": "0" * 12}, {"blocks": "first", "decoder": False, "above": 1}],
)
def test_where_all_is_kept_nothing_else_matters(fields: dict[str, object]) -> None:
    assert Partial(**fields) == Partial()
    assert canonical(Partial(**fields)) == {}
    assert WHOLE.cut(Partial(**fields)) is WHOLE
    assert Partial(depth=0.5, **fields) != Partial(depth=0.5)
    assert Partial(width=0.5, **fields) != Partial(width=0.5)


@settings(deadline=None, max_examples=100)
@given(part=PARTIALS)
def test_a_measurement_is_needed_exactly_where_what_is_cut_is_ranked(part: Partial) -> None:
    by_depth = part.depth < 1 and part.blocks == "changing"
    by_width = part.width < 1 and part.neurons in ("active", "signed")
    assert part.is_ranked == (by_depth or by_width)
    assert set(RANKED) == {"changing", "active", "signed"}


@pytest.mark.parametrize(
    "fields",
    [
        {"depth": 0.0},
        {"depth": 1.01},
        {"width": -0.5},
        {"width": float("nan")},
        {"depth": float("inf")},
        {"blocks": "odd"},
        {"neurons": "changing"},
        {"above": -1},
        {"deep": 0.5},
    ],
)
def test_what_is_no_part_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises((ValidationError, TypeError)):
        Partial(**fields)


# --- schedules --------------------------------------------------------------------------------------------------------
@settings(deadline=None, max_examples=100)
@given(twentieths=st.lists(st.integers(1, 4), min_size=1, max_size=5), steps=st.integers(1, 1000))
def test_stages_end_at_the_nearest_step_to_their_shares(twentieths: list[int], steps: int) -> None:
    shares = tuple(n / 20 for n in twentieths[:4])
    ends = Growth(shares=shares, depth=(0.5,) * len(shares)).ends(steps)
    for end, done in zip(ends, itertools.accumulate(twentieths), strict=False):
        assert isinstance(end, int)
        assert abs(20 * end - done * steps) <= 10  # half a step, in whole numbers
    assert sorted(ends) == list(ends)


def test_ends_of_the_paper_s_schedule() -> None:
    paper = Growth(depth=QUARTERS)
    assert paper.ends(30_000) == (6_000, 12_000, 18_000)
    assert paper.ends(15_000) == (3_000, 6_000, 9_000)
    assert paper.ends(60) == (12, 24, 36)
    assert Growth(shares=(0.1,) * 9, depth=(0.5,) * 9).ends(1000) == tuple(range(100, 1000, 100))


def test_what_a_schedule_does_not_cut_by_is_left_out_of_it() -> None:
    for neurons in ("active", "signed", "first", "random"):
        assert Growth(depth=QUARTERS, neurons=neurons) == Growth(depth=QUARTERS)
        assert canonical(Growth(depth=QUARTERS, neurons=neurons)) == {"depth": list(QUARTERS)}
    for blocks in ("even", "nested", "first", "changing"):
        assert Growth(width=QUARTERS, blocks=blocks) == Growth(width=QUARTERS)
        assert key(Growth(width=QUARTERS, blocks=blocks)) == key(Growth(width=QUARTERS))
    both = Growth(depth=QUARTERS, width=QUARTERS, blocks="nested", neurons="first")
    assert (both.blocks, both.neurons) == ("nested", "first")


@pytest.mark.parametrize(
    "sizes",
    [
        {"depth": (0.25, 1.0)},
        {"width": (1.0, 1.0)},
        {"depth": (0.5, 1.0), "width": (0.5, 1.0)},
        {"depth": (0.5, 1.0), "decoder": False},
    ],
)
def test_a_stage_that_keeps_everything_is_refused(sizes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a stage keeps everything: leave it out, the steps that are left are"):
        Growth(shares=(0.3, 0.3), **sizes)
    assert Growth(shares=(0.3, 0.3), depth=(0.5, 1.0), width=(0.25, 0.5)).partials()[1] == Partial(width=0.5)


def test_parts_of_a_schedule_are_its_stages() -> None:
    both = Growth(depth=QUARTERS, width=(0.5, 0.5, 1.0), blocks="first", neurons="random", decoder=False)
    assert [(part.depth, part.width) for part in both.partials()] == [(0.25, 0.5), (0.5, 0.5), (0.75, 1.0)]
    assert [part.name for part in both.partials(above=2)] == [
        "d25-first-w50-random-encoder-above2",
        "d50-first-w50-random-encoder-above2",
        "d75-first-encoder-above2",
    ]
    assert [part.name for part in Growth(width=QUARTERS).partials()] == ["w25", "w50", "w75"]


@pytest.mark.parametrize(
    ("growth", "name"),
    [
        (Growth(depth=QUARTERS), "depth"),
        (Growth(depth=QUARTERS, neurons="random"), "depth"),
        (Growth(width=QUARTERS, blocks="nested"), "width"),
        (Growth(depth=QUARTERS, width=QUARTERS), "both"),
        (Growth(depth=QUARTERS, width=QUARTERS, blocks="nested", neurons="first"), "both-nested-first"),
        (Growth(width=QUARTERS, decoder=False, optimizer="reset"), "width-encoder-reset"),
    ],
)
def test_schedules_are_named_for_what_they_cut(growth: Growth, name: str) -> None:
    assert growth.name == name
