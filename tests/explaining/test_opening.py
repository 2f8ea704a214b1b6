"""From a folder to results: a store with one question or several, a checkout, or neither."""

import dataclasses

import numpy as np
import pytest
from interop.checkouts import score_of, unhurried, vectors_of, write_square

from transferkit import interop, named
from transferkit.errors import InputError
from transferkit.opening import kept_questions, open_results
from transferkit.store import Store
from transferkit.study import to_json


@pytest.fixture(autouse=True)
def quick_disk():
    with unhurried():
        yield


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "kept")


def keep_study(store, name):
    study = dataclasses.replace(named.find_study("smoke"), name=name)
    store.write_file(store.root / "studies" / f"{name}.json", to_json(study))
    return study


def keep_prompt(store, folder):
    np.save(folder / "one.npy", vectors_of("IMDB", "one"))
    interop.import_prompt(folder / "one.npy", store, task="IMDB", backbone="b")


def test_a_store_with_one_study(store):
    study = keep_study(store, "first")
    for results in (open_results(store.root), open_results(str(store.root), "first")):
        assert list(results.study.specs()) == list(study.specs())
        assert (results.study.name, results.study.seeds) == ("first", study.seeds)
        assert results.store.root == store.root
        assert len(results.missing()) == len(list(study.specs()))
    with pytest.raises(InputError, match="holds nothing called 'frist'\n  → did you mean 'first'"):
        open_results(store.root, "frist")


def test_a_store_with_several_needs_a_name(store, tmp_path):
    for name in ("first", "second"):
        keep_study(store, name)
    keep_prompt(store, tmp_path)
    assert list(kept_questions(store)) == ["imported", "first", "second"]
    with pytest.raises(
        InputError, match=r"kept holds 3 studies\n  → name one: open_results\(.*, NAME\), of imported, first, second"
    ):
        open_results(store.root)
    with pytest.raises(InputError, match="holds nothing called 'secnd'\n  → did you mean 'second'"):
        open_results(store.root, "secnd")
    assert open_results(store.root, "second").study.name == "second"
    assert open_results(store.root, "imported").study == interop.find_collection("imported", store)


def test_a_store_with_a_collection(store, tmp_path):
    keep_prompt(store, tmp_path)
    results = open_results(store.root)
    assert results.is_imported
    assert [spec.task.name for spec in results.prompt_specs()] == ["IMDB"]


def test_a_store_that_holds_nothing(store):
    store.write_index()
    with pytest.raises(InputError, match="kept holds neither a filled study nor a collection\n  → transferkit train"):
        open_results(store.root)


def test_a_checkout_goes_into_a_store(store, tmp_path):
    root = tmp_path / "both" / "Prompt-Transferability-1.0"
    write_square(root, "T5Small")
    for folder in (root, root.parent):
        results = open_results(folder, store=store.root)
        assert results.backbones == ("T5Small",)
        assert results.transfer().to_frame().loc["IMDB", "MNLI"] == score_of("IMDB", "MNLI", "T5Small")
    assert open_results(store.root, "su2022").study == results.study


def test_neither_store_nor_checkout(tmp_path):
    (tmp_path / "other").mkdir()
    for folder in (tmp_path / "other", tmp_path / "absent"):
        with pytest.raises(
            InputError, match=f"{folder.name} is neither a store nor a checkout\n  → fill a store first"
        ):
            open_results(folder, store=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
