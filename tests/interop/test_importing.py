"""Checkouts and single prompts become ordinary artifacts: with an origin, once, and with what is missing named."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from interop.checkouts import (
    BROKEN,
    HOLE,
    ODD,
    SCORED,
    TASKS,
    VARIANT,
    WITHOUT_RANDOM,
    P,
    random_of,
    score_of,
    tasks_of,
    unhurried,
    vectors_of,
    write_checkout,
    write_prompt,
    write_score,
    write_square,
    written,
)

from transferkit.artifacts import Prompt
from transferkit.collection import Collection, from_json, to_json
from transferkit.errors import InputError
from transferkit.indicators import EMBEDDING
from transferkit.interop import (
    export_prompt,
    find_collection,
    import_checkout,
    import_prompt,
    read_array,
    read_peft,
    read_prompt,
    write_peft,
)
from transferkit.results import Results
from transferkit.specs import RandomPrompt, TrainedPrompt, UnseenPrompt, key
from transferkit.store import Store


@pytest.fixture(scope="module", autouse=True)
def quick_disk():
    with unhurried():
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_checkout(tmp_path_factory.mktemp("made-up") / "Prompt-Transferability-1.0")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def collection(root, store):
    return import_checkout(root, store)


@pytest.fixture(scope="module")
def results(collection, store):
    return Results(collection, store, n_resamples=100)


def files_of(store):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in store.root.glob("*/**/*") if path.is_file()}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sha256_of_rows(vectors):
    return hashlib.sha256(f"{vectors.shape}".encode() + vectors.astype(np.float32).tobytes()).hexdigest()


# --- a checkout -------------------------------------------------------------------------------------------------------
def test_every_prompt_is_an_artifact_with_its_origin(root, store, collection):
    assert len(collection.prompts()) == 4 + 4 + 4 + 5 + 3
    for spec in collection.prompts():
        task, backbone = spec.task.name, spec.backbone.name
        assert spec.origin.collection == "su2022"
        assert spec.origin.file == f"task_prompt_emb/{task}Prompt{backbone}/task_prompt"
        assert spec.origin.sha256 == sha256(root / spec.origin.file)
        prompt = store.get(spec)
        assert np.array_equal(prompt.vectors, vectors_of(task, backbone))
        assert prompt.initial is None
        assert prompt.live.tolist() == [not backbone.startswith(("Roberta", "Bert")), *[True] * (P - 1)]
        assert store.meta(spec)["file"] == spec.origin.file


def test_every_score_is_the_number_of_its_file(root, store, collection):
    there = [spec for spec in collection.scores() if spec.origin.sha256]
    files = {path.relative_to(root).as_posix() for path in (root / "result").rglob("*.json")}
    broken = f"result/{BROKEN[1]}PromptRoberta/result_{BROKEN[0]}PromptRoberta.json"
    assert {spec.origin.file for spec in there} == files - {broken}
    for spec in there:
        score = store.get(spec)
        assert score.metrics == {spec.task.metric: written(root, spec.origin.file)}
        assert score.predicted is None
        assert spec.origin.sha256 == sha256(root / spec.origin.file)


def test_sources_are_told_apart(collection):
    found = {(s.origin.file.split("/")[1:][0], s.origin.file.rpartition("/")[2]): s.source for s in collection.scores()}
    here = "IMDBPromptRoberta"
    prompts = {(spec.backbone.name, spec.task.name): key(spec) for spec in collection.prompts()}
    own = TrainedPrompt(key=prompts["Roberta", "IMDB"], task="IMDB", seed=0, backbone="Roberta")
    assert found[here, "result_IMDBPromptRoberta.json"] == own
    assert found[here, "result_IMDBPromptBert.json"].key == prompts["Bert", "IMDB"]
    assert found[here, "result_IMDBPromptT5XXL.json"] == UnseenPrompt(task="IMDB", backbone="T5XXL")
    projected = UnseenPrompt(task="IMDB", backbone="T5", projected=True)
    assert found[here, "result_model_transfer_IMDBPromptT5.json"] == projected
    assert isinstance(found[here, "result_random.json"], RandomPrompt)
    unread = found["IMDBPromptT5Small", f"result_{ODD}PromptT5Small.json"]
    assert unread == UnseenPrompt(task=ODD, backbone="T5Small")


def test_what_is_not_there_is_named(store, collection, results):
    absent = [spec for spec in collection.scores() if not spec.origin.sha256]
    assert {(spec.source.task, spec.task.name) for spec in absent} == {HOLE, BROKEN}
    assert not any(store.has(spec) for spec in absent)
    assert sorted(map(key, results.missing())) == sorted(map(key, absent))
    counts = results.inventory().set_index("kind").loc["imported score"]
    assert (counts["missing"], counts["asked"] - counts["there"]) == (2, 2)
    matrix = results.transfer("Roberta")
    missing = np.argwhere(matrix.states == "missing")
    assert {(matrix.sources[i], matrix.targets[j]) for i, j in missing} == {HOLE, BROKEN}
    assert results.transfer("RobertaLarge").is_measured.all()


def test_what_was_passed_over_is_listed(collection):
    assert {one.file for one in collection.skipped} == {
        f"result/{BROKEN[1]}PromptRoberta/result_{BROKEN[0]}PromptRoberta.json",
        f"task_prompt_emb/{ODD}PromptT5Small/task_prompt",
        f"task_prompt_emb/{VARIANT}",
    }
    assert all(one.reason for one in collection.skipped)
    assert collection.notes == (
        "Roberta: 2 of 16 cells of the matrix are missing",
        f"T5Small: targets without a prompt: {ODD}",
        "Bert: prompts, but no scores",
    )


def test_importing_again_changes_nothing(root, store, collection):
    before = files_of(store)
    index = (store.root / "index.csv").read_text()
    assert import_checkout(root.parent, store) == collection
    after = files_of(store)
    kept = {path for path in before if path.parent.name != "collections"}
    assert {path: before[path] for path in kept} == {path: after[path] for path in kept}
    assert {path: text for path, (_, text) in before.items()} == {path: text for path, (_, text) in after.items()}
    assert (store.root / "index.csv").read_text() == index


def test_the_store_is_sound_and_lists_everything(store, collection):
    assert store.verify() == {}
    there = {key(spec) for spec in collection.specs() if store.has(spec)}
    assert {key(spec) for spec in store.specs()} == there
    lines = (store.root / "index.csv").read_text().splitlines()
    assert {line.partition(",")[0] for line in lines[1:]} == there


def test_a_collection_survives_json(collection, store):
    assert from_json(to_json(collection)) == collection
    assert find_collection("su2022", store) == collection
    assert find_collection("other", store) is None
    again = from_json(to_json(Collection(name="bare", title="Nothing")))
    assert list(again.specs()) == []
    for nothing in (again.neuron_sets(), again.words(), again.examples()):
        assert nothing == ()


def test_a_variant_is_taken_when_chosen(root, store, tmp_path):
    chosen = import_checkout(root, Store(tmp_path), prompts=(VARIANT,))
    spec = next(s for s in chosen.prompts() if (s.backbone.name, s.task.name) == ("RobertaLarge", "IMDB"))
    assert spec.origin.file == f"task_prompt_emb/{VARIANT}/task_prompt"
    assert np.array_equal(Store(tmp_path).get(spec).vectors, vectors_of("IMDB", "RobertaLarge", extra="125"))
    assert f"task_prompt_emb/{VARIANT}/task_prompt: a variant of IMDB's prompt (125)" in chosen.notes
    assert not store.has(spec)


def test_names_that_cannot_be_a_task_are_passed_over(tmp_path):
    root = tmp_path / "c"
    write_square(root, "T5Small")
    write_prompt(root, "my taskPromptT5Small", vectors_of("x", "T5Small"))
    write_score(root, "my taskPromptT5Small", "IMDBPromptT5Small", 0.5)
    write_score(root, "IMDBPromptT5Small", "a+bPromptT5Small", 0.5)
    found = import_checkout(root, Store(tmp_path / "kept"))
    assert len(found.prompts()) == 4
    assert {one.file: one.reason.partition(",")[0].partition(" with")[0] for one in found.skipped} == {
        "task_prompt_emb/my taskPromptT5Small": "its name is not {TASK}Prompt{BACKBONE}",
        "task_prompt_emb/my taskPromptT5Small/task_prompt": "a file outside the folders of prompts",
        "result/my taskPromptT5Small": "its name is not {TARGET}Prompt{BACKBONE}",
        "result/IMDBPromptT5Small/result_a+bPromptT5Small.json": (
            "its name is not result_{SOURCE}Prompt{BACKBONE}.json"
        ),
    }


def test_a_prompt_of_one_dead_row_is_passed_over(tmp_path):
    root = tmp_path / "c"
    write_square(root, "Roberta")
    for task in TASKS:
        write_prompt(root, f"{task}PromptRoberta", vectors_of(task, "Roberta", rows=1))
    found = import_checkout(root, Store(tmp_path / "kept"))
    assert found.prompts() == ()
    assert {one.reason for one in found.skipped} == {"its only row is one the backbone never reads"}


def test_an_empty_checkout_is_refused(tmp_path):
    for name in ("task_prompt_emb", "result"):
        (tmp_path / "c" / name).mkdir(parents=True)
    with pytest.raises(InputError, match="c holds neither a prompt nor a score\n"):
        import_checkout(tmp_path / "c", Store(tmp_path / "kept"))
    (tmp_path / "c/result/notes.txt").touch()
    with pytest.raises(InputError, match=r"nor a score; result/notes\.txt: a file outside the folders of results"):
        import_checkout(tmp_path / "c", Store(tmp_path / "kept"))
    assert not (tmp_path / "kept").exists()
    with pytest.raises(InputError, match="no task_prompt_emb beside a result"):
        import_checkout(tmp_path / "c/result", Store(tmp_path / "kept"))


# --- what results make of it ------------------------------------------------------------------------------------------
def test_backbones_with_scores_come_first(results):
    assert results.backbones == (*SCORED, "Bert")
    assert results.transfer().is_measured.any()
    assert results.is_imported


def test_every_backbone_has_its_own_tasks(results):
    for backbone in (*SCORED, "Bert"):
        matrix = results.transfer(backbone)
        assert matrix.sources == matrix.targets
        assert sorted(matrix.sources) == sorted(tasks_of(backbone))
        assert list(matrix.source_groups) == sorted(matrix.source_groups)
    assert not results.transfer("Bert").is_measured.any()
    matrix = results.transfer("T5")
    expected = [[score_of(source, target, "T5") for target in matrix.targets] for source in matrix.sources]
    np.testing.assert_allclose(matrix.values, expected)
    assert dict(zip(matrix.targets, results.random("T5"), strict=True)) == {
        task: pytest.approx(random_of(task, "T5")) for task in tasks_of("T5")
    }


def test_a_generation_task_has_its_own_metric(collection, results):
    (squad,) = {spec.task.name: spec.task for spec in collection.scores() if spec.task.name == "squad"}.values()
    assert (squad.metric, squad.group, squad.n_classes) == ("bleu_like", "qa", None)
    assert np.isnan(squad.chance)
    assert results.baselines("T5").set_index("task")["chance"].isna().tolist() == [False, False, True, False, False]
    metrics = results.task_table().set_index("task")["metric"]
    assert metrics["squad"] == "bleu_like"
    assert set(metrics.drop("squad")) == {"accuracy"}


def test_agreement_is_there_in_spite_of_a_hole(results):
    table = results.agreements("Roberta").query("grouping == 'all' and form != 'chance_corrected'")
    four = table[table["indicator"].isin([indicator.name for indicator in EMBEDDING])]
    assert len(four) == 2 * 2 * 4
    assert four["rho"].between(-1, 1).all()
    assert (four["p"].between(0, 1) & (four["p"] > 0)).all()
    counts = dict(four.groupby("diagonal")["n_cells"].unique().explode())
    assert counts == {"with": 14, "without": 10}


def test_a_prompt_that_was_not_read_leaves_a_hole_in_similarity_alone(results):
    assert results.transfer("T5Small").is_measured.all()
    matrix = results.indicator(EMBEDDING[0], "T5Small")
    odd = matrix.sources.index(ODD)
    assert not matrix.is_measured[odd].any()
    assert not matrix.is_measured[:, odd].any()
    assert np.count_nonzero(matrix.is_measured) == 9


def test_without_random_prompts_nothing_is_corrected_for_chance(results):
    corrected = results.chance_corrected(WITHOUT_RANDOM)
    assert corrected.count("missing") == 16
    table = results.agreements(WITHOUT_RANDOM).query("form == 'chance_corrected'")
    assert len(table) >= 6 * 4
    assert table["rho"].isna().all()
    assert table["p"].isna().all()
    assert (table["n_cells"] == 0).all()
    own = results.own_scores(WITHOUT_RANDOM)
    assert (own["best_baseline"] == "chance").all()
    np.testing.assert_allclose(own["difference"], own["score"] - own["chance"])
    assert results.agreements(WITHOUT_RANDOM).query("form == 'relative' and grouping == 'all'")["rho"].notna().any()


def test_prompts_of_other_backbones_stand_beside_own_and_random(results):
    table = results.foreign_prompts("Roberta").set_index(["target", "source_backbone", "how"])
    assert set(table.index) == {
        (task, *how)
        for task in ("IMDB", "snli")
        for how in (("Bert", "as it is"), ("T5XXL", "as it is"), ("T5", "projected"))
    }
    for (target, origin, _), row in table.iterrows():
        assert row["score"] == {"Bert": 0.51, "T5XXL": 0.52, "T5": 0.61}[origin]
        assert row["own"] == pytest.approx(score_of(target, target, "Roberta"))
        assert row["random"] == pytest.approx(random_of(target, "Roberta"))
    assert results.foreign_prompts("T5").empty


# --- one prompt -------------------------------------------------------------------------------------------------------
ONE, OTHER = vectors_of("IMDB", "one"), vectors_of("IMDB", "other")


@pytest.fixture
def kept(tmp_path):
    return Store(tmp_path / "kept")


@pytest.fixture
def array(tmp_path):
    np.save(tmp_path / "one.npy", ONE)
    return tmp_path / "one.npy"


def test_an_array_file(array, kept):
    spec = import_prompt(array, kept, task="IMDB", backbone="org/model-1")
    assert (spec.origin.collection, spec.origin.file, spec.origin.sha256) == ("array", "one.npy", sha256_of_rows(ONE))
    assert (spec.backbone.name, spec.task.name, spec.task.group, spec.seed) == ("org/model-1", "IMDB", "IMDB", 0)
    prompt = kept.get(spec)
    assert np.array_equal(prompt.vectors, ONE)
    assert prompt.live.all()
    assert find_collection("imported", kept).prompts() == (spec,)
    assert kept.verify() == {}


def test_a_known_task_keeps_its_group_and_classes(array, kept):
    spec = import_prompt(array, kept, task="sst2", backbone="b")
    assert (spec.task.group, spec.task.n_classes) == ("sentiment", 2)


def test_a_peft_folder_says_its_backbone(tmp_path, kept):
    write_peft(tmp_path / "saved", ONE, backbone="google-t5/t5-base", task_type="SEQ_2_SEQ_LM")
    spec = import_prompt(tmp_path / "saved", kept, task="IMDB")
    assert (spec.origin.collection, spec.backbone.name) == ("peft", "google-t5/t5-base")
    assert spec.origin.sha256 == sha256_of_rows(ONE)
    assert np.array_equal(kept.get(spec).vectors, ONE)
    assert import_prompt(tmp_path / "saved", kept, task="IMDB", backbone="mine").backbone.name == "mine"


def test_a_peft_folder_may_name_a_folder(tmp_path, kept):
    write_peft(tmp_path / "saved", ONE, backbone="/models/mine/", task_type="SEQ_2_SEQ_LM")
    spec = import_prompt(tmp_path / "saved", kept, task="IMDB")
    assert kept.path(spec).parts[-3:-1] == ("mine", "IMDB")


def test_the_same_file_twice_is_one_prompt(array, kept, tmp_path):
    first = import_prompt(array, kept, task="IMDB", backbone="b")
    before = files_of(kept)
    copy = shutil.copy(array, tmp_path / "copy.npy")
    assert import_prompt(array, kept, task="IMDB", backbone="b") == first
    assert import_prompt(copy, kept, task="IMDB", backbone="b") == first
    assert files_of(kept) == before


def test_the_same_rows_in_another_format_are_one_prompt(array, kept, tmp_path):
    first = import_prompt(array, kept, task="IMDB", backbone="b")
    before = files_of(kept)
    export_prompt(PROMPT, tmp_path / "one.safetensors", backbone="b")
    write_peft(tmp_path / "saved", ONE, backbone="b", task_type="SEQ_CLS")
    np.save(tmp_path / "wide.npy", np.asfortranarray(ONE, dtype=np.float64))
    for name in ("one.safetensors", "saved", "wide.npy"):
        assert import_prompt(tmp_path / name, kept, task="IMDB", backbone="b") == first
    assert find_collection("imported", kept).prompts() == (first,)
    assert files_of(kept) == before


def test_the_same_numbers_in_another_shape_are_another_prompt(array, kept, tmp_path):
    np.save(tmp_path / "turned.npy", ONE.reshape(ONE.shape[::-1]))
    assert read_prompt(tmp_path / "turned.npy")[2] != read_prompt(array)[2]
    specs = [import_prompt(path, kept, task="IMDB", backbone="b") for path in (array, tmp_path / "turned.npy")]
    assert [spec.seed for spec in specs] == [0, 1]


def test_unknown_tasks_share_no_group(array, kept):
    specs = [import_prompt(array, kept, task=task, backbone="b") for task in ("one", "two")]
    assert [spec.task.group for spec in specs] == ["one", "two"]


def test_a_prompt_that_was_removed_is_put_again(array, kept):
    spec = import_prompt(array, kept, task="IMDB", backbone="b")
    shutil.rmtree(kept.path(spec))
    assert import_prompt(array, kept, task="IMDB", backbone="b") == spec
    assert kept.has(spec)
    assert find_collection("imported", kept).prompts() == (spec,)


def test_prompts_of_one_task_are_told_apart_by_seed(array, kept, tmp_path):
    np.savez(tmp_path / "other.npz", prompt=OTHER)
    specs = [import_prompt(path, kept, task="IMDB", backbone="b") for path in (array, tmp_path / "other.npz")]
    specs.append(import_prompt(array, kept, task="MNLI", backbone="b"))
    specs.append(import_prompt(array, kept, task="IMDB", backbone="c"))
    assert [spec.seed for spec in specs] == [0, 1, 0, 0]
    assert len(set(map(key, specs))) == 4
    assert find_collection("imported", kept).prompts() == tuple(specs)
    both = Results(find_collection("imported", kept), kept)
    assert both.seeds == (0, 1)
    assert both.indicator(EMBEDDING[2], "b").is_measured.all()


@pytest.mark.parametrize("backbone", [None, "", "/", "..", "."])
def test_a_prompt_needs_a_backbone(array, kept, backbone):
    with pytest.raises(InputError, match="add --backbone NAME"):
        import_prompt(array, kept, task="IMDB", backbone=backbone)
    assert not kept.root.exists()


@pytest.mark.parametrize("task", ["", "my task", "../up", "a/b", "_x"])
def test_a_prompt_needs_a_task_with_a_plain_name(array, kept, task):
    with pytest.raises(InputError, match="cannot name a task\n  → use letters, digits"):
        import_prompt(array, kept, task=task, backbone="b")
    assert not kept.root.exists()


def test_files_that_are_no_prompt(tmp_path, kept):
    (tmp_path / "bare").mkdir()
    np.save(tmp_path / "flat.npy", np.ones(3))
    torch.save({"prompt": Path("x")}, tmp_path / "code.pt")
    for name, said in (
        ("absent.npy", "no file or folder"),
        ("bare", r"no adapter_config\.json"),
        ("flat.npy", r"a prompt has the shape \[rows, width\]; this has \[3\]"),
        ("code.pt", "run code stored in the file"),
    ):
        with pytest.raises(InputError, match=said):
            import_prompt(tmp_path / name, kept, task="IMDB", backbone="b")
    assert not kept.root.exists()


# --- and back to files ------------------------------------------------------------------------------------------------
PROMPT = Prompt(ONE, None, np.arange(P) > 0)


@pytest.mark.parametrize("name", ["p.npy", "p.npz", "p.safetensors", "P.NPY"])
def test_arrays_come_back(tmp_path, name):
    export_prompt(PROMPT, tmp_path / name, backbone="b")
    vectors, said, digest = read_prompt(tmp_path / name)
    assert np.array_equal(vectors, ONE)
    assert said is None
    assert digest == sha256_of_rows(ONE)


def test_peft_folders_come_back(tmp_path, kept):
    export_prompt(PROMPT, tmp_path / "v1.0", backbone="org/model")
    found = read_peft(tmp_path / "v1.0")
    assert np.array_equal(found.vectors, ONE)
    assert (found.backbone, found.task_type, found.dropped_rows) == ("org/model", "FEATURE_EXTRACTION", 0)
    again = kept.get(import_prompt(tmp_path / "v1.0", kept, task="IMDB"))
    export_prompt(again, tmp_path / "again", backbone="org/model", task_type="SEQ_CLS")
    assert np.array_equal(read_peft(tmp_path / "again").vectors, ONE)
    assert read_peft(tmp_path / "again").task_type == "SEQ_CLS"
    with pytest.raises(InputError, match="already there and not empty"):
        export_prompt(again, tmp_path / "again", backbone="org/model")


def test_what_peft_must_know_is_passed_on(tmp_path):
    facts = {"base_model_name_or_path": "hub/id", "num_layers": 4, "num_attention_heads": 2}
    export_prompt(dataclasses.replace(PROMPT, peft=facts), tmp_path / "saved", backbone="short-name")
    config = json.loads((tmp_path / "saved/adapter_config.json").read_text())
    assert {name: config[name] for name in facts} == facts


@pytest.mark.parametrize("name", ["p.pt", "p.bin", "p.PTH", "p.txt", "p.npyy", "p.safetensor"])
def test_other_kinds_of_file_are_not_written(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot write '\.\w+'"):
        export_prompt(PROMPT, tmp_path / name, backbone="b")
    assert list(tmp_path.iterdir()) == []


def test_an_imported_prompt_comes_back_as_it_was(root, store, collection, tmp_path):
    for spec in collection.prompts()[:3]:
        export_prompt(store.get(spec), tmp_path / f"{key(spec)}.npy", backbone=spec.backbone.name)
        assert np.array_equal(read_array(tmp_path / f"{key(spec)}.npy"), read_array(root / spec.origin.file))
