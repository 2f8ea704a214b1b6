"""What a backbone's name means, before any of its weights are read."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from executors.saved import save_tiny

from transferkit import catalogue, sources
from transferkit.errors import InputError
from transferkit.sources import describe
from transferkit.specs import BackboneSpec


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture
def local(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "mine")


def test_a_local_folder(local: Path) -> None:
    model = describe(str(local), "bfloat16")
    digest = hashlib.sha256()
    for path in sorted(path for pattern in sources.IDENTITY for path in local.glob(pattern)):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    assert model.spec == BackboneSpec(name="mine", revision=digest.hexdigest(), dtype="bfloat16")
    assert model.readout == "masked"
    assert sources.folder(str(local), model.spec) == local


def test_other_weights_are_another_backbone(local: Path) -> None:
    before = describe(str(local)).spec
    path = local / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert describe(str(local)).spec != before


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_another_tokenizer_or_config_is_another_backbone(local: Path, name: str) -> None:
    before = describe(str(local)).spec
    said = json.loads((local / name).read_text())
    if name == "config.json":
        said["layer_norm_eps"] = 0.5
    else:
        said["normalizer"] = None
    (local / name).write_text(json.dumps(said))
    assert describe(str(local)).spec != before


def test_one_folder_is_one_upstream_however_it_is_typed(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(local.parent)
    assert describe("mine").upstream == describe(str(local)).upstream


def test_sentence_encoders_bring_modules(local: Path) -> None:
    (local / "modules.json").write_text("[]")
    assert describe(str(local)).readout == "embedding"
    (local / "modules.json").unlink()
    said = json.loads((local / "config.json").read_text())
    for architectures in (["BertModel"], [], None):
        (local / "config.json").write_text(json.dumps(said | {"architectures": architectures}))
        assert describe(str(local)).readout == "embedding"


@pytest.mark.parametrize(
    ("said", "readout"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "masked"),
        ({"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "seq2seq"),
        ({"architectures": ["MT5ForConditionalGeneration"]}, "seq2seq"),
        ({"architectures": ["T5WithLMHeadModel"], "is_encoder_decoder": True}, "seq2seq"),
        ({"architectures": ["GPT2LMHeadModel"]}, "causal"),
        ({"architectures": ["LlamaForCausalLM"], "is_encoder_decoder": False}, "causal"),
        ({"architectures": ["Gemma3ForCausalLM"]}, "causal"),
        ({"architectures": ["BertModel"]}, "embedding"),
    ],
)
def test_a_config_says_how_answers_are_read(local: Path, said: dict[str, object], readout: str) -> None:
    (local / "config.json").write_text(json.dumps(said))
    assert describe(str(local)).readout == readout
    (local / "modules.json").write_text("[]")
    assert describe(str(local)).readout == "embedding"


def test_a_folder_without_weights_is_refused(local: Path) -> None:
    (local / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"no .safetensors weights.*\n.*save_pretrained"):
        describe(str(local))


def test_catalogue_names(tmp_path: Path) -> None:
    model = describe("minilm-l3")
    entry = catalogue.ENTRIES["minilm-l3"]
    assert model.spec == BackboneSpec(name="minilm-l3", revision=entry.weights_sha256)
    assert model.readout == entry.readout == "embedding"
    assert model.upstream == entry.hub_id
    with pytest.raises(InputError, match="transferkit fetch minilm-l3"):
        sources.folder("minilm-l3", model.spec, tmp_path)


@pytest.mark.parametrize("name", ["minilm-l33", "./absent", "/absent/model", "a/b/c"])
def test_a_name_without_meaning_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unknown backbone") as failure:
        describe(name)
    assert name in failure.value.problem


def test_hub_ids_go_through_the_hub(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def snapshot(name: str, *, revision: str, allow_patterns: list[str]) -> str:
        asked.append((name, revision, allow_patterns))
        return str(local)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    model = describe("org/model@v2")
    assert model.spec == BackboneSpec(name="org/model", revision="v2")
    assert (model.readout, model.upstream) == ("masked", "org/model")
    assert describe("org/model").spec.revision == "main"
    assert sources.folder("org/model@v2", model.spec) == local
    assert asked[0] == ("org/model", "v2", ["config.json", "modules.json"])
    assert "*.safetensors" in asked[-1][2]


def test_an_unreachable_hub_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(*_args: object, **_kwargs: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    with pytest.raises(InputError, match=r"'org/model': not in the local Hugging Face cache.*\n.*local folder"):
        describe("org/model")
