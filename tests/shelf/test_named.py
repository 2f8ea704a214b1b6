"""What a name on the command line means."""

from pathlib import Path

import pytest

from transferkit import catalogue, named, tasks
from transferkit.errors import InputError
from transferkit.specs import key
from transferkit.study import to_json
from transferkit.tasks.base import CatalogueData


def test_built_in_studies_are_found_and_right() -> None:
    assert {"quickstart", "smoke"} <= set(named.builtin())
    for name in named.builtin():
        asked = named.find_study(name)
        assert asked.name == name
        assert len(list(asked.specs())) > 10


def test_a_file_is_a_study_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('backbones = ["minilm-l3"]\ntasks = ["bbc_news"]\n')
    assert named.find_study(str(path)).name == "mine"


def test_unknown_studies_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown study 'quikstart'.*\n.*'quickstart'.*toml"):
        named.find_study("quikstart")
    with pytest.raises(InputError, match="no study file"):
        named.find_study("absent.toml")


def archive(task: str) -> str:
    source = tasks.find(task).source
    assert isinstance(source, CatalogueData)
    return catalogue.CORPORA[source.corpus].archive


def test_assets_of_backbones_tasks_groups_and_studies(tmp_path: Path) -> None:
    assert named.assets(["minilm-l3", "minilm-l3"]) == ["minilm-l3"]
    assert named.assets(["bbc_news"]) == [archive("bbc_news")]
    assert named.assets(["@topic"]) == list(dict.fromkeys(archive(task.name) for task in tasks.TOPIC))
    path = tmp_path / "mine.toml"
    path.write_text('backbones = ["minilm-l3"]\ntasks = ["bbc_news"]\n')
    assert named.assets([str(path), "bbc_news"]) == ["minilm-l3", archive("bbc_news")]
    assert set(named.assets(["quickstart"])) >= {"minilm-l6", "minilm-l3"}


def test_a_study_kept_by_a_store_is_a_study_too(tmp_path: Path) -> None:
    path = tmp_path / "smoke.json"
    asked = named.find_study("smoke", seeds=3)
    path.write_text(to_json(asked))
    assert [key(spec) for spec in named.find_study(str(path)).specs()] == [key(spec) for spec in asked.specs()]
    assert named.assets([str(path)]) == named.assets_of(asked) == named.assets(["smoke"])
    path.write_text('{"backbones": []}')
    with pytest.raises(InputError, match="'backbones': at least 1 backbone is needed"):
        named.find_study(str(path))
    with pytest.raises(InputError, match=r"no study file .*absent\.json"):
        named.find_study(str(tmp_path / "absent.json"))


def test_what_a_ready_backbone_was_made_from_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferkit.catalogue.cache.is_ready", lambda name, _cache: name == "minilm-l3")
    assert catalogue.missing(["minilm-l3"]) == []
    catalogue.require(["minilm-l3"])


def test_hub_tasks_have_no_asset() -> None:
    hub = [task.name for task in tasks.SU2022 if not isinstance(task.source, CatalogueData)]
    assert hub
    assert named.assets(hub) == []


def test_nothing_of_that_name() -> None:
    with pytest.raises(InputError, match=r"'bbc_new'.*\n.*'bbc_news'"):
        named.assets(["bbc_new"])
