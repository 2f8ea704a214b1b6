"""A study is a question: what a file may say, what is refused and how, and which specs answer it."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from executors.saved import save_tiny, write_reviews

from transferkit import presets, tasks
from transferkit.errors import InputError
from transferkit.own_task import OwnTask
from transferkit.sources import describe
from transferkit.specs import (
    CausalReadout,
    EmbeddingReadout,
    ExamplesSpec,
    Majority,
    MaskedReadout,
    NeuronSite,
    NeuronsSpec,
    NoPrompt,
    NormalInitial,
    Placement,
    PromptSpec,
    RandomPrompt,
    Recipe,
    ScoreSpec,
    Seq2seqReadout,
    TrainedPrompt,
    VocabularyInitial,
    key,
)
from transferkit.study import RANDOM_SEED, Study, from_json, from_table, from_toml, to_json
from transferkit.tasks.base import Answer, Label, LocalData, Sizes, Task

HEAD = 'backbones = ["tiny"]\n'
OWN = """
[task.reviews]
data = "reviews.csv"
labels = { pos = "a good film", neg = "a bad film" }
"""
BUG = {"strict": True}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").symlink_to(tiny_folder)
    write_reviews(tmp_path / "reviews.csv")
    return tmp_path


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny-bert")


def read(text: str) -> Study:
    Path("asked.toml").write_text(text)
    return from_toml("asked.toml")


def writer(here: Path, architecture: str, name: str = "writer") -> str:
    """A folder that says it is a model of some architecture; nothing here reads its weights."""
    folder = here / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / "model.safetensors").write_text(architecture)
    return name


def kinds(asked: Study) -> Counter[str]:
    return Counter(spec.kind for spec in asked.specs())


# --- files -----------------------------------------------------------------------------------------------------------
def test_own_task_in_five_lines(here: Path) -> None:
    asked = read(HEAD + OWN)
    assert asked.name == "asked"
    (task,) = asked.resolved_tasks
    assert task.labels == (
        Label(value="pos", word="pos", description="a good film"),
        Label(value="neg", word="neg", description="a bad film"),
    )
    assert task.template == "{text} It was {mask}."
    assert task.inputs == ("text",)
    assert task.group == "own"
    assert task.source.sha256 == hashlib.sha256((here / "reviews.csv").read_bytes()).hexdigest()
    assert task.source.report is None
    assert asked.recipe == presets.default
    assert asked.neurons == NeuronSite()


def test_everything_a_file_may_say(here: Path) -> None:
    (here / "held.csv").write_text("a,b,gold\nx,y,1\n")
    asked = read(
        HEAD
        + """
        name = "all.of-it"
        seeds = [3, 1]
        readout = "embedding"
        scale = 10
        dtype = "bfloat16"
        max_tokens = 40
        random_prompts = 2
        across_backbones = true
        sizes = { train = 8, selection = 4, report = 2, draw = "per_class" }
        split_seed = 13
        neurons = { tensor = "pre", threshold = 1 }
        recipe = { preset = "lester2021", steps = 7, clip_norm = 2, initial = { kind = "normal", std = 1 } }
        tasks = ["rotten_tomatoes"]
        [task.pairs]
        data = "reviews.csv"
        report = "held.csv"
        text = ["a", "b"]
        label = "gold"
        template = "{a} {mask} {sep} {b}"
        metric = "macro_f1"
        group = "nli"
        [task.pairs.labels]
        0 = { word = "no" }
        1 = { word = "yes", description = "they agree" }
        """
    )
    assert asked.name == "all.of-it"
    assert asked.seeds == (3, 1)
    assert asked.recipe == dataclasses.replace(
        presets.lester2021,
        steps=7,
        clip_norm=2.0,
        initial=NormalInitial(std=1.0),
    )
    assert asked.neurons == NeuronSite(tensor="pre", threshold=1.0)
    assert asked.readout_of(asked.models[0]) == EmbeddingReadout(scale=10.0)
    assert asked.models[0].spec.dtype == "bfloat16"
    named, own = asked.resolved_tasks
    cut = {"sizes": asked.sizes, "max_tokens": 40, "split_seed": 13}
    assert named == dataclasses.replace(tasks.find("rotten_tomatoes"), **cut)
    assert own.sizes == Sizes(train=8, selection=4, report=2, draw="per_class")
    assert own.split_seed == 13
    assert own.max_tokens == 40
    assert own.labels[0] == Label(value="0", word="no", description="no")
    assert own.labels[1] == Label(value="1", word="yes", description="they agree")
    assert own.source.report_sha256 == hashlib.sha256((here / "held.csv").read_bytes()).hexdigest()
    assert (own.metric, own.group, own.inputs, own.label) == ("macro_f1", "nli", ("a", "b"), "gold")


def test_own_task_whose_answers_are_texts(here: Path) -> None:
    writer(here, "T5ForConditionalGeneration")
    (here / "asked.jsonl").write_text('{"q": "who", "c": "Ann", "a": ["Ann"]}\n')
    asked = read(
        """
        backbones = ["writer"]
        [task.mine]
        data = "asked.jsonl"
        text = ["q", "c"]
        answer = { column = "a", max_new_tokens = 8 }
        [task.other]
        data = "asked.jsonl"
        text = "c"
        answer = { column = "a", kind = "free", beams = 4 }
        metric = "rouge1"
        completion_template = "summarize: {c}"
        """
    )
    mine, other = asked.resolved_tasks
    assert mine.answer == Answer(column="a", max_new_tokens=8)
    assert (mine.metric, mine.labels, mine.inputs) == ("f1", (), ("q", "c"))
    assert mine.shown("seq2seq") == "{q}\n{c}"
    assert other.answer == Answer(column="a", kind="free", beams=4)
    assert (other.metric, other.shown("seq2seq")) == ("rouge1", "summarize: {c}")
    assert OwnTask(data="asked.jsonl", answer=Answer(kind="free")).task("t", here).metric == "rougeL"
    assert [key(spec) for spec in from_json(to_json(asked)).specs()] == [key(spec) for spec in asked.specs()]


def test_data_lie_beside_the_study_wherever_one_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "asked.toml").write_text(HEAD + OWN)
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    (task,) = from_toml("../asked.toml").resolved_tasks
    assert Path(task.source.train).samefile(here / "reviews.csv")
    monkeypatch.chdir(here)
    (same,) = from_toml("asked.toml").resolved_tasks
    assert key(ExamplesSpec(task=task)) == key(ExamplesSpec(task=same))


def test_other_bytes_are_another_task(here: Path) -> None:
    before = key(read(HEAD + OWN).examples()[0])
    write_reviews(here / "reviews.csv", 3)
    assert key(read(HEAD + OWN).examples()[0]) != before


def test_python_and_file_are_one_study() -> None:
    recipe = "recipe = { preset = 'su2022', steps = 3000 }\n"
    asked = read(HEAD + 'seeds = [0, 1, 2]\ntasks = ["@review-sentiment", "bbc_news"]\n' + recipe + OWN)
    same = Study(
        name="asked",
        backbones=["tiny"],
        tasks=[*(task.name for task in tasks.REVIEW_SENTIMENT), "bbc_news"],
        task={"reviews": OwnTask(data="reviews.csv", labels={"pos": "a good film", "neg": "a bad film"})},
        seeds=range(3),
        recipe={"preset": "su2022", "steps": 3000},
    )
    assert [key(spec) for spec in same.specs()] == [key(spec) for spec in asked.specs()]
    values = dataclasses.replace(same, tasks=tuple(same.resolved_tasks), task={})
    assert list(values.specs()) == list(same.specs())


def test_json_round_trip() -> None:
    asked = read(HEAD + 'tasks = ["bbc_news"]\nseeds = [2]\n' + OWN)
    again = from_json(to_json(asked))
    assert [key(spec) for spec in again.specs()] == [key(spec) for spec in asked.specs()]
    assert to_json(again) == to_json(asked)
    without = dataclasses.replace(asked, neurons=None)
    assert not from_json(to_json(without)).neurons


def test_json_of_a_study_is_plain_values() -> None:
    record = json.loads(to_json(read(HEAD + 'tasks = ["bbc_news"]\n' + OWN)))
    assert [task["name"] for task in record["tasks"]] == ["bbc_news", "reviews"]
    assert record["task"] == {}
    assert [Path(name).name for name in record["backbones"]] == ["tiny"]


# --- what is refused -------------------------------------------------------------------------------------------------
TASK = '[task.reviews]\ndata = "reviews.csv"\n'
LABELS = 'labels = { pos = "a good film", neg = "a bad film" }\n'


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        (HEAD + "seedz = [1]" + OWN, "unknown field 'seedz'", "'seeds'"),
        (HEAD + "sizes = { trian = 3 }" + OWN, "unknown field 'sizes.trian'", "'train'"),
        (HEAD + 'neurons = { tensr = "pre" }' + OWN, "unknown field 'neurons.tensr'", "'tensor'"),
        (HEAD + "recipe = { lerning_rate = 1 }" + OWN, "unknown field 'recipe.lerning_rate'", "'learning_rate'"),
        (HEAD + TASK + LABELS + 'templat = "x"', "unknown field 'task.reviews.templat'", "'template'"),
        (HEAD + 'recipe = { preset = "su202" }' + OWN, "unknown preset 'su202'", "'su2022'"),
        (HEAD + 'tasks = ["rotten_tomatos"]', "no task 'rotten_tomatos'", "'rotten_tomatoes'"),
        (HEAD + 'tasks = ["@sentimen"]', "'@sentimen'", "'@sentiment'"),
        ('backbones = ["minilm-l7"]' + OWN, "unknown backbone 'minilm-l7'", "'minilm-l"),
        (HEAD + "zzzzzz = 1" + OWN, "unknown field 'zzzzzz'", "known: across_backbones, "),
        (OWN, "'backbones' is missing", "add backbones"),
        (HEAD + TASK, "'task.reviews.labels' is missing", "add labels"),
        ("backbones = []" + OWN, "'backbones'", "backbones"),
        ('backbones = "tiny"' + OWN, "'backbones': Input should be a valid array; got 'tiny'", "backbones"),
        (HEAD, "names no task", "[task.NAME]"),
        (HEAD + "seeds = [true]" + OWN, "'seeds.0': Input should be a valid integer; got True", "seeds.0"),
        (HEAD + "seeds = []" + OWN, "'seeds'", "seeds"),
        (HEAD + 'recipe = { learning_rate = "1e-3" }' + OWN, "'recipe.learning_rate'", "recipe.learning_rate"),
        (
            HEAD + "recipe = { steps = 0 }" + OWN,
            "'recipe.steps': Input should be greater than or equal to 1; got 0",
            "",
        ),
        (HEAD + "recipe = { placement = { insert_after = 2 } }" + OWN, 'entry = "block"', "recipe.placement"),
        (
            HEAD + 'recipe = { initial = { kind = "zeros" } }' + OWN,
            "'uniform', 'normal', 'vocabulary'",
            "recipe.initial",
        ),
        (HEAD + "sizes = { train = 0 }" + OWN, "'sizes.train'", ""),
        (HEAD + 'sizes = { drow = "random" }' + OWN, "unknown field 'sizes.drow'", "'draw'"),
        (HEAD + 'sizes = { train = 9, draw = "balanced" }' + OWN, "'proportional' or 'per_class'; got 'balanced'", ""),
        (
            HEAD + 'sizes = { draw = "per_class" }' + OWN,
            "draw = 'per_class' needs a number, and train has none",
            "train",
        ),
        (
            HEAD + 'tasks = ["squad_nyt"]\nsizes = { train = 9, draw = "per_class" }',
            "task 'squad_nyt': sizes.draw = 'per_class' counts classes, and the answers are texts",
            'draw = "random"',
        ),
        (HEAD + "split_seed = -1" + OWN, "'split_seed'", ""),
        (HEAD + "split_sed = 13" + OWN, "unknown field 'split_sed'", "'split_seed'"),
        (HEAD + "random_prompts = 0" + OWN, "'random_prompts'", ""),
        (HEAD + 'dtype = "fp16"' + OWN, "'float32' or 'bfloat16'; got 'fp16'", ""),
        (HEAD + 'name = "a b"' + OWN, "'name'", ""),
        (HEAD + TASK.replace("reviews.csv", "absent.csv") + LABELS, "task 'reviews': no file", "CSV, JSONL or Parquet"),
        (HEAD + TASK + LABELS + 'template = "{text}"', "needs {mask} exactly once", "It was {mask}"),
        (HEAD + TASK + LABELS + 'template = "so {mask}"', "does not show the column 'text'", "{text}"),
        ("backbones = [", "not TOML", "correct the line"),
        (HEAD + TASK + 'answer = { colum = "a" }', "unknown field 'task.reviews.answer.colum'", "'column'"),
        (HEAD + TASK + 'answer = { kind = "long" }', "'task.reviews.answer.kind'", ""),
        (HEAD + TASK + 'answer = {}\nmetric = "accuracy"', "metric = 'accuracy' counts classes", '"exact_match"'),
        (HEAD + TASK + LABELS + "answer = {}", "labels and answer are both given", "drop labels"),
        (HEAD + TASK + LABELS + 'metric = "rouge"', "'task.reviews.metric'", ""),
        (HEAD + TASK + LABELS + 'completion_template = "so"', "completion_template 'so' does not show", "{text}"),
        (HEAD + TASK + "answer = {}", "backbone 'tiny-bert': task 'reviews': its answers are texts", "causal"),
        (HEAD + 'readout = "causal"' + OWN, "'tiny-bert' is a backbone for 'masked'", "drop readout"),
        (HEAD + 'readout = "prefix"' + OWN, "'masked', 'embedding', 'seq2seq' or 'causal'", ""),
    ],
)
def test_a_wrong_file_is_refused_with_field_value_and_fix(text: str, problem: str, fix: str) -> None:
    with pytest.raises(InputError) as failure:
        list(read(text).specs())
    assert problem in failure.value.problem
    assert fix in failure.value.fix
    assert "errors.pydantic.dev" not in str(failure.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(HEAD + "seeds = [-1]" + OWN, "seed", id="negative seed: raw ValidationError"),
        pytest.param(HEAD + "max_tokens = 4" + OWN, "max_tokens", id="max_tokens below 8: raw ValidationError"),
        pytest.param(HEAD + TASK + 'labels = { pos = "x" }', "labels", id="one label: raw ValidationError"),
        pytest.param(
            HEAD + '[task."a b"]\ndata = "reviews.csv"\n' + LABELS, "a b", id="task name: raw ValidationError"
        ),
        pytest.param(HEAD + TASK + LABELS + 'text = ["a", "b", "c"]', "text", id="three columns: raw ValidationError"),
        pytest.param(HEAD + "name = 2024-01-01" + OWN, "name", id="a TOML date: TypeError of json.dumps"),
        pytest.param(
            HEAD + "recipe = { learning_rate = inf }" + OWN, "learning_rate", id="infinite rate: raw ValueError"
        ),
        pytest.param(HEAD + "readout = 'embedding'\nscale = nan" + OWN, "scale", id="scale nan: raw ValueError"),
        pytest.param(
            HEAD + TASK + 'labels = { pos = { wrod = "x" }, neg = "y" }', "wrod", id="unknown label key ignored"
        ),
        pytest.param(HEAD + TASK + LABELS + 'template = "{text} {foo} {mask}"', "foo", id="unknown placeholder kept"),
        pytest.param(
            HEAD + TASK + LABELS + 'template = "{text} {sep} a {sep} {mask}"',
            "sep",
            id="two {sep}: the rest is dropped",
        ),
        pytest.param(HEAD + "seeds = [0, 0]" + OWN, "seeds", id="a seed twice: trained twice"),
        pytest.param('backbones = ["tiny", "tiny"]' + OWN, "backbones", id="a backbone twice: everything twice"),
        pytest.param(HEAD + 'folder = "/"' + OWN, "folder", id="an inner field is accepted and ignored"),
        pytest.param(
            HEAD + 'tasks = ["bbc_news"]\n' + OWN.replace("reviews]", "bbc_news]"),
            "bbc_news",
            id="own task hides a named",
        ),
    ],
)
def test_wrong_files_that_are_not_refused_well(text: str, problem: str) -> None:
    with pytest.raises(InputError) as failure:
        [key(spec) for spec in read(text).specs()]
    assert problem in failure.value.problem


def test_a_file_that_is_not_utf8_is_refused(here: Path) -> None:
    (here / "asked.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(InputError):
        from_toml("asked.toml")


def test_a_nested_field_is_suggested_from_its_own_kind() -> None:
    with pytest.raises(InputError, match="popultion") as failure:
        read(HEAD + 'recipe = { initial = { kind = "vocabulary", popultion = 5 } }' + OWN)
    assert "population" in failure.value.fix


def test_a_misspelt_required_field_is_suggested() -> None:
    with pytest.raises(InputError) as failure:
        read(HEAD + '[task.reviews]\ndat = "reviews.csv"\n' + LABELS)
    assert "task.reviews.dat" in failure.value.problem
    assert "'data'" in failure.value.fix


def test_a_file_can_leave_neurons_out() -> None:
    assert read(HEAD + "neurons = false" + OWN).neuron_sets() == []


def test_words_are_looked_up_where_prompts_stand_among_words() -> None:
    asked = Study(backbones=["tiny"], tasks=["bbc_news"], nearest_words=3)
    assert [spec.n_nearest for spec in asked.words()] == [3]
    late = Recipe(placement=Placement(entry="block"))
    assert dataclasses.replace(asked, recipe=late).words() == dataclasses.replace(asked, nearest_words=0).words() == []


def test_an_early_step_that_never_comes_is_refused() -> None:
    with pytest.raises(InputError, match=r"early_step = 5 comes after the last of 4 steps"):
        read(HEAD + "recipe = { steps = 4, early_step = 5 }" + OWN)


def test_no_such_file() -> None:
    with pytest.raises(InputError, match=r"no study file absent\.toml"):
        from_toml("absent.toml")


def test_python_callers_meet_the_same_strictness() -> None:
    with pytest.raises(ValueError, match="seeds"):
        Study(backbones=["tiny"], tasks=["bbc_news"], seeds=["0"])
    with pytest.raises(InputError, match="learning_rate"):
        Study(backbones=["tiny"], tasks=["bbc_news"], recipe={"lerning_rate": 1.0})


# --- specs -----------------------------------------------------------------------------------------------------------
def test_one_backbone_two_tasks_three_seeds() -> None:
    asked = Study(backbones=["tiny"], tasks=["bbc_news", "rotten_tomatoes"], seeds=range(3), random_prompts=2)
    n_sources = 1 + 1 + 2 + 2 * 3  # none, majority, random, trained
    assert kinds(asked) == {"prompt": 6, "score": 2 * n_sources, "neurons": 2 + 6, "words": 6, "examples": 2}
    assert all(isinstance(spec, PromptSpec) and spec.readout == MaskedReadout() for spec in asked.prompts())
    (model,) = asked.models
    none, majority, *others = asked.sources(model)
    assert (none, majority) == (NoPrompt(), Majority())
    assert [source.seed for source in others[:2]] == [RANDOM_SEED, RANDOM_SEED + 1]
    assert {source.key for source in others[2:]} == {key(spec) for spec in asked.prompts()}
    assert len({key(spec) for spec in asked.specs()}) == sum(kinds(asked).values())


def test_random_prompts_begin_as_trained_ones_would() -> None:
    recipe = Recipe(prompt_length=7, initial=VocabularyInitial(population=9), placement=Placement(where="end"))
    asked = Study(backbones=["tiny"], tasks=["bbc_news"], recipe=recipe, random_prompts=1)
    (random,) = [source for source in asked.sources(asked.models[0]) if isinstance(source, RandomPrompt)]
    assert (random.length, random.initial, random.placement) == (7, recipe.initial, recipe.placement)


def test_across_backbones(here: Path) -> None:
    other = save_tiny(here / "second", seed=1)
    asked = Study(backbones=["tiny", str(other)], tasks=["bbc_news"], seeds=[0, 1], random_prompts=1)
    n_own, n_all = 3 + 2, 3 + 4
    assert kinds(asked) == {"prompt": 4, "score": 2 * n_own, "neurons": 2 * 3, "words": 4, "examples": 1}
    across = dataclasses.replace(asked, across_backbones=True)
    assert kinds(across) == {"prompt": 4, "score": 2 * n_all, "neurons": 2 * 3, "words": 4, "examples": 1}
    assert {key(s) for s in asked.specs()} <= {key(s) for s in across.specs()}
    for spec in across.specs():
        if isinstance(spec, NeuronsSpec) and isinstance(spec.source, TrainedPrompt):
            assert spec.source.backbone == spec.backbone.name
    foreign = [
        spec
        for spec in across.scores()
        if isinstance(spec, ScoreSpec)
        and isinstance(spec.source, TrainedPrompt)
        and spec.source.backbone != spec.backbone.name
    ]
    assert len(foreign) == 4


def test_neurons_may_be_left_out() -> None:
    assert kinds(Study(backbones=["tiny"], tasks=["bbc_news"], neurons=None))["neurons"] == 0


def test_a_study_may_set_the_data_seed_of_all_its_tasks() -> None:
    mine = dataclasses.replace(tasks.find("bbc_news"), name="mine", split_seed=5)
    asked = Study(backbones=["tiny"], tasks=["rotten_tomatoes", mine], limit=10)
    assert [task.split_seed for task in asked.resolved_tasks] == [0, 5]
    drawn = {seed: dataclasses.replace(asked, split_seed=seed) for seed in (0, 13, 21)}
    assert [task.split_seed for task in drawn[13].scored_tasks] == [13, 13]
    assert len({key(spec) for other in drawn.values() for spec in other.prompts()}) == 2 * 3
    assert from_json(to_json(drawn[13])).resolved_tasks == drawn[13].resolved_tasks
    assert key(drawn[0].prompts()[0]) == key(asked.prompts()[0])


def test_a_task_named_twice_is_there_once() -> None:
    asked = Study(backbones=["tiny"], tasks=["rotten_tomatoes", "@review-sentiment", "rotten_tomatoes"])
    assert [task.name for task in asked.resolved_tasks] == [task.name for task in tasks.REVIEW_SENTIMENT]


def test_own_tasks_can_be_values() -> None:
    mine = Task(name="mine", source=tasks.find("bbc_news").source, labels=tasks.find("bbc_news").labels)
    assert [task.name for task in Study(backbones=["tiny"], tasks=[mine, "bbc_news"]).resolved_tasks] == [
        "mine",
        "bbc_news",
    ]


def test_readout_follows_the_models_own_files(here: Path, tiny_folder: Path) -> None:
    assert describe("tiny").readout == "masked"
    encoder = here / "encoder"
    encoder.mkdir()
    for path in tiny_folder.iterdir():
        (encoder / path.name).symlink_to(path)
    (encoder / "modules.json").write_text("[]")
    asked = Study(backbones=["tiny", "encoder"], tasks=["bbc_news"], scale=5.0)
    assert [asked.readout_of(model) for model in asked.models] == [MaskedReadout(), EmbeddingReadout(scale=5.0)]
    forced = dataclasses.replace(asked, readout="masked")
    assert [forced.readout_of(model) for model in forced.models] == [MaskedReadout(), MaskedReadout()]


def test_backbones_that_write_have_readouts_of_their_own(here: Path) -> None:
    names = [writer(here, "T5ForConditionalGeneration", "t5"), writer(here, "GPT2LMHeadModel", "gpt")]
    asked = Study(backbones=["tiny", *names], tasks=["rotten_tomatoes"])
    assert [asked.readout_of(model) for model in asked.models] == [MaskedReadout(), Seq2seqReadout(), CausalReadout()]
    assert len({key(spec) for spec in asked.prompts()}) == 3
    causal = Study(backbones=["gpt"], tasks=["rotten_tomatoes"], readout="causal")
    assert [spec.readout for spec in causal.prompts()] == [CausalReadout()]
    for readout, backbone in (("masked", "gpt"), ("seq2seq", "gpt"), ("causal", "t5"), ("embedding", "t5")):
        with pytest.raises(InputError, match=f"readout = '{readout}', but '{backbone}' is a backbone for"):
            Study(backbones=[backbone], tasks=["rotten_tomatoes"], readout=readout).prompts()


def test_texts_have_no_majority_and_may_stand_beside_classes(here: Path) -> None:
    asked = Study(backbones=[writer(here, "LlamaForCausalLM")], tasks=["bbc_news", "squad_nyt"], random_prompts=2)
    n_sources = 1 + 2 + 2  # none, random, trained
    assert kinds(asked)["score"] == n_sources + (n_sources + 1)
    majority = [spec.task.name for spec in asked.scores() if isinstance(spec.source, Majority)]
    assert majority == ["bbc_news"]
    assert Majority() in asked.sources(asked.models[0])
    assert Majority() not in asked.sources(asked.models[0], tasks.find("squad_nyt"))


@pytest.mark.parametrize("name", ["tiny", "encoder"])
def test_texts_need_a_backbone_that_writes(here: Path, tiny_folder: Path, name: str) -> None:
    (here / "encoder").mkdir()
    for path in tiny_folder.iterdir():
        (here / "encoder" / path.name).symlink_to(path)
    (here / "encoder/modules.json").write_text("[]")
    with pytest.raises(InputError, match=r"task 'squad_nyt': its answers are texts") as failure:
        Study(backbones=[name], tasks=["bbc_news", "squad_nyt"]).prompts()
    assert f"backbone '{Path(name).resolve().name}'" in failure.value.problem
    assert "seq2seq" in failure.value.fix


def test_a_template_that_cannot_be_continued_is_refused_with_its_backbone(here: Path) -> None:
    labels = tasks.find("rotten_tomatoes").labels
    source = LocalData(train="x.csv", sha256="0")
    mine = Task(name="mine", source=source, labels=labels, template="{mask}: {text}")
    with pytest.raises(InputError, match="backbone 'writer': task 'mine'") as failure:
        Study(backbones=[writer(here, "GPT2LMHeadModel")], tasks=[mine]).scores()
    assert "completion_template" in failure.value.fix


def test_asking_needs_no_torch(here: Path) -> None:
    (here / "asked.toml").write_text(HEAD + OWN)
    code = (
        "import sys; from transferkit.study import from_toml, to_json; from transferkit.store import Store;"
        "s = from_toml('asked.toml'); to_json(s); print(sum(not Store('runs').has(x) for x in s.specs()));"
        "print(sorted({'torch', 'transformers', 'datasets', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == ["13", "[]"]


def test_from_table_takes_plain_values() -> None:
    asked = from_table({"backbones": ["tiny"], "tasks": ["bbc_news"], "seeds": [4]})
    assert asked.seeds == (4,)
    assert json.loads(to_json(asked))["seeds"] == [4]
