"""A spec is its name: what enters a key, what does not, and what is refused at the door."""

import dataclasses
import hashlib
import json
import random
import string
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from transferkit import presets, specs
from transferkit.specs import (
    BackboneSpec,
    CausalReadout,
    EmbeddingReadout,
    ExamplesSpec,
    ImportedPromptSpec,
    ImportedScoreSpec,
    ImportedTask,
    InfluenceSpec,
    LabelWordsInitial,
    Majority,
    MaskedReadout,
    MixedPrompt,
    NeuronSite,
    NeuronsSpec,
    NoPrompt,
    NormalInitial,
    Origin,
    Part,
    Partial,
    Placement,
    ProjectedPrompt,
    PromptInitial,
    PromptSpec,
    RandomPrompt,
    Recipe,
    ScoreSpec,
    Seq2seqReadout,
    Spec,
    TextInitial,
    TrainedPrompt,
    UniformInitial,
    UnseenPrompt,
    VocabularyInitial,
    activity_of,
    canonical,
    from_json,
    key,
    on_part,
    to_json,
)
from transferkit.tasks.base import Answer, CatalogueData, HubData, Label, LocalData, Sizes, Task

GOLDEN = Path(__file__).parents[1] / "golden" / "keys.json"

BACKBONE = BackboneSpec(name="org/tiny", revision="0123")
LABELS = (
    Label(value="0", word="bad", description="a bad one"),
    Label(value="1", word="good", description="a good one"),
)
LOCAL = Task(name="own", source=LocalData(train="a.csv", sha256="aa"), labels=LABELS)
PAIR = Task(
    name="pair",
    source=HubData(dataset="org/set", config="mnli", train="train", report="validation_matched"),
    inputs=("premise", "hypothesis"),
    template="{premise} {mask} {sep} {hypothesis}",
    labels=(*LABELS, Label(value="2", word="nice", description="Ünïcode ✓")),
    metric="macro_f1",
)
SHIPPED = Task(name="shipped", source=CatalogueData(corpus="reviews", sha256="bb"), labels=LABELS, sizes=Sizes(train=9))
WRITTEN = Task(
    name="written",
    source=HubData(dataset="org/set"),
    inputs=("question", "context"),
    answer=Answer(max_new_tokens=20),
    completion_template="{context} {question}",
    metric="f1",
)
TRAINED = TrainedPrompt(key="0" * 12, task="own", seed=3, backbone="org/tiny")


def prompt_spec(recipe: Recipe, task: Task = LOCAL, readout: specs.ReadoutSpec | None = None) -> PromptSpec:
    return PromptSpec(backbone=BACKBONE, readout=readout or MaskedReadout(), task=task, seed=0, recipe=recipe)


def score_spec(source: specs.PromptSource, **fields: object) -> ScoreSpec:
    return ScoreSpec(**{"source": source, "backbone": BACKBONE, "readout": EmbeddingReadout(), "task": LOCAL} | fields)


SAMPLES: dict[str, Spec] = {
    "prompt_default": prompt_spec(Recipe()),
    **{f"prompt_{name}": prompt_spec(recipe) for name, recipe in presets.PRESETS.items()},
    "prompt_text": prompt_spec(Recipe(initial=TextInitial(text="Wie gut ist das?"))),
    "prompt_other": prompt_spec(Recipe(initial=PromptInitial(key="f" * 12), clip_norm=None, patience=3)),
    "prompt_late": prompt_spec(Recipe(placement=Placement(where="end", insert_after=2, entry="block")), PAIR),
    "prompt_on_a_part": on_part(prompt_spec(Recipe()), Partial(depth=0.5, width=0.25)),
    "activity": activity_of(prompt_spec(presets.fpt2022_both)),
    "score_none": score_spec(NoPrompt()),
    "score_majority": score_spec(Majority(), task=SHIPPED),
    "score_random": score_spec(RandomPrompt(seed=1000, length=5, initial=UniformInitial()), task=PAIR),
    "score_trained": score_spec(TRAINED, split="selection"),
    "score_first": score_spec(TRAINED, readout=EmbeddingReadout(pooling="first", scale=10.0)),
    "score_mixed": score_spec(
        MixedPrompt(
            name="mean",
            parts=(
                Part(prompt=TRAINED, weight=0.5),
                Part(prompt=dataclasses.replace(TRAINED, key="1" * 12), weight=0.5),
                Part(
                    prompt=ProjectedPrompt(key="2" * 12, task="own", seed=0, backbone="other", method="linear"),
                    weight=-1.0,
                ),
            ),
        )
    ),
    "neurons": NeuronsSpec(source=TRAINED, backbone=BACKBONE, readout=MaskedReadout()),
    "neurons_pre": NeuronsSpec(
        source=RandomPrompt(seed=1, length=2, initial=LabelWordsInitial()),
        backbone=dataclasses.replace(BACKBONE, dtype="bfloat16"),
        readout=EmbeddingReadout(),
        site=NeuronSite(tensor="pre", position="last", threshold=0.5),
    ),
    "examples": ExamplesSpec(task=SHIPPED),
    "examples_train": ExamplesSpec(task=PAIR, split="train"),
    "examples_few_shot": ExamplesSpec(
        task=dataclasses.replace(PAIR, sizes=Sizes(train=100, selection=1000, draw="proportional"), split_seed=13)
    ),
    "prompt_text_task": prompt_spec(Recipe(), WRITTEN, Seq2seqReadout()),
    "score_text_task": score_spec(
        RandomPrompt(seed=1, length=5, placement=Placement(entry="block", visibility="everywhere")),
        readout=CausalReadout(),
        task=WRITTEN,
    ),
    "influence_none": InfluenceSpec(source=NoPrompt(), backbone=BACKBONE, readout=MaskedReadout(), task=LOCAL),
    "influence": InfluenceSpec(
        source=TRAINED, backbone=BACKBONE, readout=EmbeddingReadout(), task=PAIR, n_gradients=8, n_folds=3
    ),
}


def test_keys_are_those_on_everybodys_disk(regen: bool) -> None:
    found = {name: key(spec) for name, spec in SAMPLES.items()}
    if regen:
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(GOLDEN.read_text())


def test_a_key_is_the_hash_of_the_canonical_json() -> None:
    spec = ExamplesSpec(task=dataclasses.replace(LOCAL, group="elsewhere"))
    text = (
        '{"kind":"examples","task":{"labels":['
        '{"description":"a bad one","value":"0","word":"bad"},{"description":"a good one","value":"1","word":"good"}],'
        '"name":"own","source":{"kind":"local","sha256":"aa"}}}'
    )
    assert key(spec) == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_all_samples_have_their_own_key() -> None:
    keys = [key(spec) for spec in SAMPLES.values()]
    # Two presets that say the same thing would be one recipe; none does.
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", SAMPLES)
def test_json_round_trip(name: str) -> None:
    spec = SAMPLES[name]
    assert from_json(to_json(spec)) == spec
    assert key(from_json(to_json(spec))) == key(spec)
    assert to_json(from_json(to_json(spec))) == to_json(spec)


@pytest.mark.parametrize("name", SAMPLES)
def test_order_of_fields_and_left_out_defaults_do_not_matter(name: str) -> None:
    spec = SAMPLES[name]
    rng = random.Random(name)

    def shuffled(value: object) -> object:
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            return {field: shuffled(item) for field, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert key(from_json(json.dumps(shuffled(json.loads(to_json(spec)))))) == key(spec)


@pytest.mark.parametrize("name", [name for name, spec in SAMPLES.items() if "source" not in canonical(spec)])
def test_a_spec_can_be_read_from_its_canonical_form(name: str) -> None:
    """Fields added later are missing from old files; what is missing has its default."""
    spec = SAMPLES[name]
    whole = json.loads(to_json(spec))
    short = canonical(spec)
    short["task"]["source"] = whole["task"]["source"]
    read = from_json(json.dumps(short))
    assert key(read) == key(spec)
    assert dataclasses.replace(read, task=spec.task) == spec


@pytest.mark.parametrize(
    "fields",
    [
        {"metric": "exact_match"},
        {"completion_template": None},
        {"completion_template": "{question} {context}"},
        {"answer": Answer()},
        {"answer": Answer(max_new_tokens=20, kind="free")},
        {"answer": Answer(max_new_tokens=20, column="reply")},
    ],
)
def test_what_is_asked_of_texts_enters_the_key(fields: dict[str, object]) -> None:
    keys = {
        key(score_spec(NoPrompt(), readout=CausalReadout(), task=task))
        for task in (dataclasses.replace(WRITTEN, **fields), WRITTEN)
    }
    assert len(keys) == 2


def test_readouts_have_keys_of_their_own() -> None:
    readouts = (MaskedReadout(), EmbeddingReadout(), Seq2seqReadout(), CausalReadout())
    assert len({key(score_spec(NoPrompt(), readout=readout)) for readout in readouts}) == 4


def test_a_completion_template_enters_the_key_where_it_is_read() -> None:
    shown = dataclasses.replace(LOCAL, completion_template="{text} It was")
    assert key(ExamplesSpec(task=shown)) == key(ExamplesSpec(task=LOCAL))
    assert "completion_template" not in canonical(LOCAL)
    for readout, is_read in ((MaskedReadout(), False), (EmbeddingReadout(), False), (CausalReadout(), True)):
        for make in (score_spec, lambda source, **fields: dataclasses.replace(prompt_spec(Recipe()), **fields)):
            keys = {key(make(NoPrompt(), readout=readout, task=task)) for task in (shown, LOCAL)}
            assert len(keys) == 1 + is_read
    assert "answer" not in canonical(LOCAL)


def test_how_examples_are_drawn_enters_the_key_where_it_is_said() -> None:
    few = dataclasses.replace(LOCAL, sizes=Sizes(train=100))
    assert canonical(few)["sizes"] == {"train": 100}
    drawn = {
        draw: dataclasses.replace(few, sizes=Sizes(train=100, draw=draw))
        for draw in ("random", "proportional", "per_class")
    }
    assert canonical(drawn["proportional"])["sizes"] == {"draw": "proportional", "train": 100}
    assert len({key(ExamplesSpec(task=task)) for task in drawn.values()}) == 3
    assert key(ExamplesSpec(task=drawn["random"])) == key(ExamplesSpec(task=few))


def test_int_and_float_are_one_number() -> None:
    assert key(prompt_spec(Recipe(learning_rate=1))) == key(prompt_spec(Recipe(learning_rate=1.0)))
    one = to_json(prompt_spec(Recipe(initial=NormalInitial(std=2.0)))).replace("2.0", "2")
    assert key(from_json(one)) == key(prompt_spec(Recipe(initial=NormalInitial(std=2.0))))


def test_fields_outside_the_key() -> None:
    assert key(score_spec(TRAINED)) == key(
        score_spec(TrainedPrompt(key=TRAINED.key, task="else", seed=9, backbone="other"))
    )
    elsewhere = LocalData(train="/else/b.csv", report=None, sha256="aa")
    moved = dataclasses.replace(LOCAL, source=elsewhere, group="other")
    assert key(ExamplesSpec(task=moved)) == key(ExamplesSpec(task=LOCAL))


OTHER: dict[str, object] = {
    "dtype": "bfloat16",
    "draw": "per_class",
    "split": "selection",
    "metric": "macro_f1",
    "where": "end",
    "entry": "block",
    "visibility": "everywhere",
    "optimizer": "adafactor",
    "schedule": "linear",
    "select": "last",
    "pooling": "mean",
    "tensor": "pre",
    "position": "first",
    "config": "else",
    "report_sha256": "cc",
    "embedding_template": "or so",
    "patience": 7,
    "clip_norm": 0.25,
    "train": 17,
    "report": 19,
    "selection": 23,
    "blocks": "nested",
    "neurons": "first",
}


SHARES = ("dropout", "shares", "depth", "width")


def _others(name: str, value: object) -> Iterator[object]:
    """Yield changed values of a field: itself changed, or any one thing inside it."""
    if dataclasses.is_dataclass(value):
        yield from (dataclasses.replace(value, **{field: changed}) for field, changed in _leaves(value))
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        yield from (
            (*value[:i], changed, *value[i + 1 :]) for i, item in enumerate(value) for changed in _others("", item)
        )
        yield tuple(reversed(value))
    elif isinstance(value, bool):
        yield not value
    elif name in SHARES and not isinstance(value, int):  # at most 1, and of a schedule in rising order
        yield tuple(share / 2 for share in value) if isinstance(value, tuple) else value / 2
    elif isinstance(value, (int, float)):
        yield value + 1
    elif isinstance(value, tuple):
        yield tuple(reversed(value))
    elif name in OTHER and not (isinstance(value, str) and name in ("train", "report")):
        yield "reset" if value == "carried" else OTHER[name]
    elif isinstance(value, str):
        yield value + "x"


def _leaves(value: object) -> Iterator[tuple[str, object]]:
    outside = getattr(value, "outside_key", ())
    for field in dataclasses.fields(value):
        if field.name in ("kind", *outside) or (field.name == "insert_after" and value.entry == "words"):
            continue
        if (field.name == "entry" and value.insert_after) or (field.name == "draw" and value.train is None):
            continue
        if field.name in ("labels", "template", "embedding_template", "completion_template", "metric") and getattr(
            value, "answer", None
        ):
            continue
        yield from ((field.name, other) for other in _others(field.name, getattr(value, field.name)))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_other_field_enters_the_key(name: str) -> None:
    spec = SAMPLES[name]
    n_changes = 0
    for field, changed in _leaves(spec):
        other = dataclasses.replace(spec, **{field: changed})
        if other == spec:
            continue
        n_changes += 1
        assert key(other) != key(spec), (field, changed)
    assert n_changes > 5


RECIPES = st.builds(
    Recipe,
    prompt_length=st.integers(1, 3),
    initial=st.one_of(
        st.builds(UniformInitial, low=st.sampled_from([-0.5, -1.0])),
        st.builds(NormalInitial, std=st.sampled_from([0.02, 1.0])),
        st.builds(VocabularyInitial, population=st.sampled_from([5000, 10])),
        st.builds(LabelWordsInitial, population=st.sampled_from([5000, 10])),
        st.builds(TextInitial, text=st.text(string.printable + "äß✓", min_size=1, max_size=3)),
        st.builds(PromptInitial, key=st.sampled_from(["a", "b"])),
    ),
    learning_rate=st.sampled_from([0.005, 1, 1.0, 0.3]),
    clip_norm=st.sampled_from([None, 1.0, 1, 0.5]),
    patience=st.sampled_from([None, 1]),
    backbone_dropout=st.booleans(),
)


@given(RECIPES, RECIPES)
def test_equal_keys_if_and_only_if_equal_specs(one: Recipe, other: Recipe) -> None:
    assert (key(prompt_spec(one)) == key(prompt_spec(other))) == (one == other)
    assert from_json(to_json(prompt_spec(one))) == prompt_spec(one)


@pytest.mark.parametrize(
    "fields",
    [
        {"learning_rate": "1e-3"},
        {"learning_rate": True},
        {"learning_rate": 0.0},
        {"steps": True},
        {"steps": 2.0},
        {"steps": 0},
        {"backbone_dropout": 1},
        {"clip_norm": 0.0},
        {"optimizer": "sgd"},
        {"initial": {"kind": "zeros"}},
        {"lerning_rate": 0.1},
    ],
)
def test_recipes_are_strict(fields: dict[str, object]) -> None:
    with pytest.raises((ValidationError, TypeError)):
        Recipe(**fields)
    record = json.loads(to_json(prompt_spec(Recipe())))
    record["recipe"] |= fields
    with pytest.raises(ValidationError):
        from_json(json.dumps(record))


def test_a_word_level_prompt_above_the_embeddings_is_refused() -> None:
    with pytest.raises(ValidationError, match="block"):
        Placement(insert_after=1)


def test_specs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LOCAL.name = "other"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_have_no_key(value: float) -> None:
    with pytest.raises(ValueError, match=r"JSON|finite"):
        key(NeuronsSpec(source=TRAINED, backbone=BACKBONE, readout=MaskedReadout(), site=NeuronSite(threshold=value)))


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "prompt"}', '{"kind": "other"}', "[]"])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        from_json(text)


def test_imported_specs_round_trip_and_are_named_by_their_bytes() -> None:
    origin = Origin(collection="su2022", file="task_prompt_emb/a/task_prompt", sha256="1" * 64)
    backbone = BackboneSpec(name="Roberta", revision="published")
    spec = ImportedPromptSpec(origin=origin, backbone=backbone, task=ImportedTask(name="SST2", n_classes=2))
    score = ImportedScoreSpec(
        origin=origin,
        backbone=backbone,
        source=UnseenPrompt(task="SST2", backbone="Bert"),
        task=ImportedTask(name="squad", metric="bleu_like"),
    )
    for one in (spec, score):
        assert from_json(to_json(one)) == one
    moved = dataclasses.replace(spec, origin=dataclasses.replace(origin, file="elsewhere"))
    assert key(moved) == key(spec)
    assert key(dataclasses.replace(spec, origin=dataclasses.replace(origin, sha256="2" * 64))) != key(spec)
    assert (spec.task.chance, np.isnan(score.task.chance)) == (0.5, True)
