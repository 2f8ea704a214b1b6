"""suggest: stored prompts ranked by a few labelled examples; nothing is written, no model is loaded for bad input."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from executors.saved import TAILS, contents, save_tiny, write_study
from toy_writing import WRITING

import transferkit as tk
from transferkit import interop
from transferkit.advice import few, sentences
from transferkit.artifacts import Projector, Prompt
from transferkit.batches import encode
from transferkit.candidates import find_candidates, find_task
from transferkit.errors import InputError
from transferkit.examples import load, text_hash
from transferkit.lineage import KINDS, Lineage
from transferkit.predictions import class_scores, metrics_of
from transferkit.readouts import make_readout
from transferkit.sources import describe
from transferkit.specs import (
    ConstantMap,
    Generator,
    Lesson,
    MaskedReadout,
    Placement,
    ProjectedInitial,
    ProjectedSpec,
    ProjectorSpec,
    PromptInitial,
    PromptNet,
    PromptSpec,
    Recipe,
    Seq2seqReadout,
    TrainedPrompt,
    key,
)
from transferkit.statistics import Choice, Comparison, Interval
from transferkit.store import Store
from transferkit.study import from_toml, to_json
from transferkit.suggesting import draw
from transferkit.supplies import Supplies
from transferkit.tasks.base import Answer, Label, LocalData, Sizes, Task

LATE = Placement(entry="block", insert_after=2)
NAMES = ("toy", "other", "third")


def fill(store: Store, folder: Path) -> list[PromptSpec]:
    """Put prompts nobody trained into a store: three tasks, two seeds, and a late one of the last task."""
    (model,) = from_toml(folder / "study.toml").models
    (toy,) = from_toml(folder / "study.toml").resolved_tasks
    recipes = {name: Recipe(prompt_length=3) for name in NAMES}
    specs = [
        PromptSpec(
            backbone=model.spec,
            readout=MaskedReadout(),
            task=dataclasses.replace(toy, name=name),
            seed=seed,
            recipe=recipe,
        )
        for name, recipe in recipes.items()
        for seed in (0, 1)
    ]
    specs.append(dataclasses.replace(specs[-1], recipe=Recipe(prompt_length=3, placement=LATE)))
    put(store, specs)
    return specs


def put(store: Store, specs: list[Any], width: int = 32) -> None:
    for i, spec in enumerate(specs):
        rows = 0.5 * np.random.default_rng(i).normal(size=(3, width)).astype(np.float32)
        store.put(spec, Prompt(rows, rows, np.ones(3, dtype=bool)))


@pytest.fixture
def kept(here: Path) -> Store:
    store = Store(here / "runs")
    fill(store, here)
    asked = from_toml("study.toml")
    store.write_file(store.root / "studies" / "study.json", to_json(asked))
    return store


def times(store: Store) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(store.root.rglob("*"))}


def test_prompts_are_ranked_by_what_they_answer(kept: Store) -> None:
    found = tk.suggest("toy", kept, n_examples=12, seed=3)
    candidates = find_candidates(kept)
    task = find_task("toy", candidates)
    few = draw(load(task)["train"], task, 12, 3)
    backbone = tk.Backbone.load(candidates.backbone, readout="masked", device="cpu")
    readout, supplies = make_readout(MaskedReadout(), backbone, task), Supplies(kept, device="cpu")
    assert len(found.table) == len(candidates.prompts) == 7
    for prompt in candidates.prompts:
        entrant = supplies.entrant(prompt.source, backbone, task)
        room = 3 if prompt.placement == Placement() else 0
        encoded = encode(few, task, backbone, "masked", room=room)
        (scores,) = class_scores(backbone, readout, encoded, [entrant], batch_size=5)
        own = metrics_of(task, few.gold, scores)
        (row,) = found.table[found.table["key"] == prompt.key].to_dict("records")
        assert row["score"] == pytest.approx(own["accuracy"])
        assert row["loss"] == pytest.approx(own["loss"], rel=1e-4)
        assert row["relation"] == ("own" if prompt.task == "toy" else "")
        assert row["how"] == ("block 2" if prompt.placement == LATE else "")
    ordered = [(-score, loss) for score, loss in zip(found.table["score"], found.table["loss"], strict=True)]
    assert ordered == sorted(ordered)
    assert found.table["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert found.table["p_best"].sum() == pytest.approx(1.0)
    assert found.table["may_be_best"][0]
    assert found.baselines["name"].tolist() == ["no prompt", "majority"]
    most = np.bincount(load(task)["train"].gold).argmax()
    assert found.baselines["score"][1] == pytest.approx((few.gold == most).mean())
    again = tk.suggest("toy", kept, n_examples=12, seed=3)
    assert again.to_json() == found.to_json()


def test_the_verb_shows_ranks_and_says_how_sure_it_is(kept: Store, tool: Callable[..., Any]) -> None:
    before, dated = contents(kept.root), times(kept)
    done = tool("suggest", "toy", "--examples", 16, "--top", 3, "--device", "cpu")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split()[:5] == ["rank", "key", "task", "seed", "how"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert lines[4].split()[:2] == ["no", "prompt"]
    assert lines[5].split()[0] == "majority"
    said = "\n".join(lines[6:])
    assert "(accuracy) on 16 examples of toy (95 %:" in said
    assert "best of all 7 with probability" in said
    assert "On the same examples: no prompt" in said
    assert "Trained on toy itself, perhaps on these very examples: 2 of the prompts." in said
    assert (contents(kept.root), times(kept)) == (before, dated)  # nothing is written

    done = tool("suggest", "toy", "--examples", 16, "--foreign", "--json", "--top", 2, "--device", "cpu")
    record = json.loads(done.out)
    assert (record["task"], record["n_examples"], record["n_prompts"]) == ("toy", 16, 5)
    assert len(record["prompts"]) == 2
    assert not any(row["task"] == "toy" for row in record["prompts"])
    assert not any("itself" in line for line in record["sentences"])


def told(scores: list[float], majority: float, alone: float, *, beats_nothing: bool) -> str:
    """What is said of some prompts beside no prompt."""
    table = pd.DataFrame({"key": list("abc")[: len(scores)], "task": "t", "seed": 0, "how": "", "relation": ""})
    table = table.assign(alike="", saw="t")
    table = table.assign(score=scores, low=0.1, high=0.9, p_best=1 / len(scores), may_be_best=True, n_needed=np.nan)
    baselines = pd.DataFrame({"name": ["no prompt", "majority"], "score": [alone, majority]})
    by = scores[0] - alone
    gain = Comparison(by, Interval(by - 0.05, by + 0.05, "t"), None, None, 0.1)
    choice = Choice(*[np.zeros(len(scores))] * 7, optimism=0.02, interval="Wilson, 9 examples")
    lines = sentences(tk.tasks.find("sst2"), table, baselines, choice, gain, n_examples=9, beats_nothing=beats_nothing)
    return "\n".join(lines)


def test_the_first_is_compared_with_no_prompt_as_the_best_of_all_tried() -> None:
    said = told([0.8, 0.7], 0.5, 0.6, beats_nothing=True)
    assert "by +20.0 points (95 % for it alone: +15.0 points to +25.0 points)" in said
    assert "which is more than chance, 2 having been tried." in said
    assert "most frequent class" not in said
    assert "it is about 2.0 points too high" in said
    assert "not more than chance can do, 2 having" in told([0.8, 0.7], 0.5, 0.74, beats_nothing=False)
    assert "so it does harm. No prompt here is better than always saying the most" in told(
        [0.4], 0.5, 0.6, beats_nothing=False
    )


def test_a_task_of_a_file(kept: Store, tool: Callable[..., Any]) -> None:
    mine = Path("mine")
    mine.mkdir()
    write_study(mine, Path("../tiny"), tasks=("other",))
    path = mine / "study.toml"
    path.write_text(path.read_text().replace("[task.other", "[task.mine"))
    done = tool("suggest", "mine", "--file", path, "--examples", 8, "--json", "--device", "cpu")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["n_prompts"] == 7
    assert {row["relation"] for row in record["prompts"]} == {""}


def test_examples_are_of_the_training_split_and_of_every_class_its_share(here: Path) -> None:
    (task,) = from_toml("study.toml").resolved_tasks
    splits = load(task)
    few = draw(splits["train"], task, 12, 0)
    hashes = {name: {text_hash(text) for text in split.texts} for name, split in splits.items()}
    drawn = {text_hash(text) for text in few.texts}
    assert len(drawn) == 12
    assert drawn <= hashes["train"]
    assert not drawn & (hashes["report"] | hashes["selection"])
    share = 12 * np.bincount(splits["train"].gold) / len(splits["train"].gold)
    assert (np.abs(np.bincount(few.gold) - share) < 1).all()
    assert draw(splits["train"], task, 12, 0).texts == few.texts
    assert draw(splits["train"], task, 12, 1).texts != few.texts
    whole = draw(splits["train"], task, 32, 5)
    assert sorted(whole.texts) == sorted(splits["train"].texts)


@pytest.mark.usefixtures("no_model")
def test_bad_input_is_said_before_a_model_is_loaded(kept: Store, tool: Callable[..., Any]) -> None:
    for line, problem, fix in (
        (("toi",), "there is no task 'toi'", "known: "),
        (("toy", "--store", "nowhere"), "nowhere is no store", "transferkit quickstart"),
        (("toy", "--examples", 3), "examples = 3 are too few to tell prompts apart on 'toy'", "choose 8 or more"),
        (("toy", "--examples", 40), "examples = 40, but the training split of 'toy' has 32", "choose 32 or fewer"),
        (("toy", "--backbone", "tinny"), "unknown backbone 'tinny'", "known: "),
        (("toy", "--backbone", "minilm-l6"), "backbone = 'minilm-l6': runs holds no prompts of it", "of tiny"),
        (("mine", "--file", "study.toml"), "study.toml has no task 'mine'", "known: toy"),
        (("sst2x",), "there is no task 'sst2x'", "did you mean 'sst2'?"),
        (
            ("vader_amazon", "--cache", "empty"),
            "vadersentiment has not been fetched",
            "transferkit fetch vadersentiment --cache empty",
        ),
    ):
        done = tool("suggest", *line)
        assert done.code == 2, done.err
        assert problem in done.err
        assert fix in done.err.split("→")[1]
    with pytest.raises(InputError, match="seed = -1"):
        tk.suggest("toy", kept, seed=-1)


@pytest.mark.usefixtures("no_model")
def test_a_store_of_two_backbones_asks_which(kept: Store, here: Path, tool: Callable[..., Any]) -> None:
    save_tiny(here / "second", "distilbert", seed=1)
    (model,) = from_toml(write_study(here, Path("second"))).models
    spec = next(spec for spec in kept.specs("prompt") if isinstance(spec, PromptSpec))
    put(kept, [dataclasses.replace(spec, backbone=model.spec)])
    done = tool("suggest", "toy")
    assert done.code == 2
    assert "runs holds prompts of 2 backbones, and none is named" in done.err
    assert "add --backbone NAME, of second, tiny" in done.err
    assert len(find_candidates(kept, "tiny").prompts) == 7
    (other,) = find_candidates(kept, "second").prompts
    assert other.spec.backbone == model.spec
    (here / "tiny").rename(here / "away")
    with pytest.raises(InputError, match="is not where it was, or has changed"):
        find_candidates(kept, "tiny")


def test_only_own_prompts_and_none(here: Path) -> None:
    store = Store(here / "bare")
    with pytest.raises(InputError, match="bare holds no prompts"):
        find_candidates(store)
    spec, *_rest = fill(Store(here / "runs"), here)
    put(store, [spec])
    with pytest.raises(InputError, match="foreign = true leaves none of the 1 prompts"):
        tk.suggest("toy", store, backbone="tiny", foreign=True)
    alone = tk.suggest("toy", store, backbone="tiny", n_examples=8, device="cpu")
    assert "There is no other prompt to choose." in alone.sentences
    assert alone.table["p_best"].tolist() == [1.0]


def test_projected_and_imported_prompts_take_part_where_their_place_is_known(kept: Store, here: Path) -> None:
    (model,) = from_toml("study.toml").models
    source = TrainedPrompt(key="0" * 12, task="far", seed=4, backbone="elsewhere")
    projected = ProjectedSpec(backbone=model.spec, projector="1" * 12, method="linear", prompt=source, placement=LATE)
    put(kept, [projected])
    rows = np.random.default_rng(9).normal(size=(5, 32)).astype(np.float32)
    interop.write_peft(here / "adapter", rows, backbone="tiny", task_type="FEATURE_EXTRACTION")
    np.save(here / "array.npy", rows + 1)
    interop.write_peft(here / "narrow", rows[:, :16], backbone="tiny", task_type="FEATURE_EXTRACTION")
    peft = interop.import_prompt(here / "adapter", kept, task="theirs", backbone="tiny")
    for name in ("array.npy", "narrow"):
        interop.import_prompt(here / name, kept, task="theirs", backbone="tiny")
    found = tk.suggest("toy", kept, backbone="tiny", n_examples=8, device="cpu")
    how = dict(zip(found.table["key"], found.table["how"], strict=True))
    assert how[key(projected)] == "linear from elsewhere, block 2"
    assert how[key(peft)] == "imported from adapter"
    assert len(how) == 9
    assert any(
        "Left out: 2 imported, which are of another width, or enter who knows where." in line
        for line in found.sentences
    )


@dataclasses.dataclass
class Crossed:
    """Prompts beside those of `fill` that have others among their forebears."""

    projected: ProjectedSpec  # of other, by a projector fitted on toy
    started: PromptSpec  # of other, trained on from toy's
    twice: PromptSpec  # of third, trained on from the projected one
    orphan: PromptSpec  # of third, trained on from one that is gone
    constants: list[ProjectedSpec]  # of toy, other and far, whatever they say; fitted on third


def cross(store: Store) -> Crossed:
    plain = {(s.task.name, s.seed): s for s in store.specs("prompt") if s.recipe.placement == Placement()}
    toy, other, third = (plain[name, 0] for name in NAMES)
    away = dataclasses.replace(toy.backbone, name="away")
    sources = [dataclasses.replace(one, backbone=away) for one in (toy, other, third)]
    far = dataclasses.replace(toy, backbone=away, task=dataclasses.replace(toy.task, name="far"))
    put(store, [*sources, far])
    made = []
    for method, taught in ((PromptNet(), toy), (ConstantMap(), third)):
        lesson = Lesson(task=taught.task, source=key(dataclasses.replace(taught, backbone=away)), target=key(taught))
        made.append(ProjectorSpec(backbone=toy.backbone, source_backbone=away, method=method, lessons=(lesson,)))
        store.put(made[-1], Projector({"w": np.zeros(2, dtype=np.float32)}, 2))

    def bring(projector: ProjectorSpec, prompt: PromptSpec) -> ProjectedSpec:
        name = projector.method.name
        return ProjectedSpec(backbone=toy.backbone, projector=key(projector), method=name, prompt=prompt.source)

    def begun(spec: PromptSpec, initial: PromptInitial | ProjectedInitial) -> PromptSpec:
        return dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, initial=initial))

    projected = bring(made[0], sources[1])
    found = Crossed(
        projected=projected,
        started=begun(other, PromptInitial(key=key(toy))),
        twice=begun(third, ProjectedInitial(key=key(projected))),
        orphan=begun(third, PromptInitial(key="0" * 12)),
        constants=[bring(made[1], one) for one in (sources[0], sources[1], far)],
    )
    rows = np.random.default_rng(50).normal(size=(5, 3, 32)).astype(np.float32)
    each = [found.projected, found.started, found.twice, found.orphan]
    for spec, array in [*zip(each, rows, strict=False), *((one, rows[4]) for one in found.constants)]:
        store.put(spec, Prompt(array, None, np.ones(3, dtype=bool)))
    return found


def test_the_lineage_of_a_prompt(kept: Store) -> None:
    found = cross(kept)
    lineage = Lineage(spec for kind in KINDS for spec in kept.specs(kind))
    seen = {name: lineage.origins(getattr(found, name)) for name in ("projected", "started", "twice", "orphan")}
    assert {name: sorted(one.tasks) for name, one in seen.items()} == {
        "projected": ["other", "toy"],
        "started": ["other", "toy"],
        "twice": ["other", "third", "toy"],
        "orphan": ["third"],
    }
    assert [name for name, one in seen.items() if not one.is_whole] == ["orphan"]
    for one in found.constants:  # nothing of the prompt that was put in is in what comes out
        assert lineage.origins(one).tasks == {"third"}
    begun = lineage.words([found.started, found.twice, found.orphan])
    assert begun[key(found.started)] == f"from toy ({found.started.recipe.initial.key[:8]})"
    projector = f"({key(found.projected)[:8]}, flat_distance from away)"
    assert begun[key(found.twice)] == f"from other {projector}"
    assert begun[key(found.orphan)] == "from a prompt that is gone (00000000)"


def test_prompts_that_saw_the_task_on_the_way_are_not_foreign(kept: Store) -> None:
    found = cross(kept)
    among = tk.suggest("toy", kept, backbone="tiny", n_examples=8, device="cpu")
    relation = dict(zip(among.table["key"], among.table["relation"], strict=True))
    assert [relation[key(one)] for one in (found.projected, found.started, found.twice)] == ["saw this task"] * 3
    assert relation[key(found.orphan)] == "may have seen it"
    assert list(relation.values()).count("own") == 2
    said = "\n".join(among.sentences)
    assert (
        "Saw toy on the way, being made of something that was (a prompt of it, or a projector fitted on it): 3" in said
    )
    assert "May have seen toy on the way, being made of something the store no longer has: 1 of the prompts" in said

    foreign = tk.suggest("toy", kept, backbone="tiny", n_examples=8, foreign=True, device="cpu")
    assert set(foreign.table["key"]) == {name for name, what in relation.items() if not what}
    assert set(foreign.table["relation"]) == {""}
    (line,) = [line for line in foreign.sentences if line.startswith("Left out, as not foreign to toy: ")]
    assert "2 trained on it; 3 made of something that was (" in line
    assert line.endswith("; 1 made of something the store no longer has.")
    seen = tk.suggest("third", kept, backbone="tiny", n_examples=8, foreign=True, device="cpu")
    assert not set(seen.table["key"]) & {key(one) for one in (*found.constants, found.twice, found.orphan)}


def test_prompts_of_the_same_rows_are_one(kept: Store) -> None:
    constants = cross(kept).constants
    found = tk.suggest("toy", kept, backbone="tiny", n_examples=8, device="cpu")
    assert len(found.table) == 7 + 4 + 1
    (row,) = found.table[found.table["alike"] != ""].to_dict("records")
    assert {row["key"], *row["alike"].split(", ")} == {key(one) for one in constants}
    assert (row["task"], row["how"], row["saw"]) == ("far + other + toy", "constant_distance from away", "third")
    assert row["relation"] == ""  # it stands for toy's too, and nothing of toy is in it
    (line,) = [line for line in found.sentences if "hold the same rows" in line]
    assert line == (
        f"3 prompts hold the same rows and are tried as one, {row['key']} (constant_distance from away):"
        " of far, other, toy."
    )
    assert "best of all 12 with probability" in "\n".join(found.sentences)


def test_a_copy_has_seen_what_its_original_saw(kept: Store, here: Path) -> None:
    toy = next(spec for spec in kept.specs("prompt") if spec.task.name == "toy")
    interop.write_peft(here / "copy", kept.get(toy).vectors, backbone="tiny", task_type="FEATURE_EXTRACTION")
    copy = interop.import_prompt(here / "copy", kept, task="theirs", backbone="tiny")
    found = tk.suggest("toy", kept, backbone="tiny", n_examples=8, foreign=True, device="cpu")
    assert not {key(toy), key(copy)} & set(found.table["key"])
    assert few("a + b + c") == "a + b + c"
    assert few("a + b + c + d") == "a + b and 2 more"


@pytest.mark.usefixtures("no_model")
def test_two_backbones_of_one_name_are_told_apart_by_their_revision(kept: Store, tool: Callable[..., Any]) -> None:
    spec = next(spec for spec in kept.specs("prompt") if isinstance(spec, PromptSpec))
    put(kept, [dataclasses.replace(spec, backbone=dataclasses.replace(spec.backbone, revision="f00d" * 16))])
    names = sorted([f"tiny@{spec.backbone.revision[:12]}", "tiny@f00df00df00d"])
    done = tool("suggest", "toy", "--backbone", "tiny")
    assert done.code == 2
    assert "backbone = 'tiny': runs holds prompts of 2 models of this name" in done.err
    fix = done.err.split("→")[1]
    assert all(f"--backbone {name}" in fix for name in names)
    assert f"add --backbone NAME, of {', '.join(names)}" in tool("suggest", "toy").err
    found = find_candidates(kept, f"tiny@{spec.backbone.revision[:12]}")
    assert (found.spec, len(found.prompts)) == (spec.backbone, 7)
    assert (
        "'tiny' of the stored prompts is not where it was"
        in tool("suggest", "toy", "--backbone", "tiny@f00df00df00d").err
    )


def test_a_generator_takes_part(here: Path) -> None:
    (model,) = from_toml("study.toml").models
    (toy,) = from_toml("study.toml").resolved_tasks
    recipe = Recipe(prompt_length=2, placement=LATE, generator=Generator(kind="max_pool", width=4))
    spec = PromptSpec(backbone=model.spec, readout=MaskedReadout(), task=toy, seed=0, recipe=recipe)
    draw_ = np.random.default_rng(0)
    weights = {n: draw_.normal(size=shape).astype(np.float32) for n, shape in recipe.generator.shapes(2, 32).items()}
    store = Store(here / "generated")
    store.put(spec, Prompt(np.zeros((2, 32), dtype=np.float32), None, np.ones(2, dtype=bool), generator=weights))
    found = tk.suggest("toy", store, backbone="tiny", n_examples=8, device="cpu")
    assert found.table["how"].tolist() == ["block 2, max pool"]


def test_answers_in_words_are_ranked_by_their_own_metric(here: Path) -> None:
    save_tiny(here / "writer", "t5-v1.1")
    lines = [
        json.dumps({"question": f"really {tail} {i}", "context": "the film was good", "answer": ["good", "a"]})
        for i in range(4)
        for tail in TAILS
    ]
    Path("asked.jsonl").write_text("\n".join(lines) + "\n")
    task = dataclasses.replace(
        WRITING,
        name="writing",
        source=LocalData(train="asked.jsonl", sha256="0"),
        answer=Answer(column="answer", max_new_tokens=3),
        sizes=Sizes(train=20),
    )
    specs = [
        PromptSpec(
            backbone=describe("writer").spec,
            readout=Seq2seqReadout(),
            task=task,
            seed=seed,
            recipe=Recipe(prompt_length=3),
        )
        for seed in (0, 1)
    ]
    store = Store(here / "written")
    put(store, specs)
    found = tk.suggest(task, store, backbone="writer", n_examples=8, device="cpu")
    assert found.metric == "f1"
    assert found.baselines["name"].tolist() == ["no prompt"]
    assert found.table["score"].between(0, 1).all()
    assert np.isfinite(found.table["loss"]).all()


def test_labels_that_do_not_suit_the_backbone_are_refused(kept: Store, no_model: None) -> None:
    labels = (Label(value="a", word="good", description="x"), Label(value="b", word="unheard-of", description="y"))
    task = Task(name="odd", source=LocalData(train="reviews.csv", sha256="0"), labels=labels)
    with pytest.raises(InputError, match="label word 'unheard-of'"):
        tk.suggest(task, kept)
