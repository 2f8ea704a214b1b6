"""Shelf. What a backbone's name means: a catalogue entry, a local folder, or a model of the Hugging Face hub.

Nothing is downloaded from the catalogue here; a hub id follows Hugging Face's own cache and offline rules.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transferkit import catalogue
from transferkit.errors import InputError, nearest
from transferkit.specs import BackboneSpec
from transferkit.tasks.base import ReadoutKind

Dtype = Literal["float32", "bfloat16"]
# A local model is its weights, its config and its tokenizer: each of them may change a number.
IDENTITY = (
    "*.safetensors",
    "config.json",
    "1_Pooling/config.json",
    "tokenizer*.json",
    "vocab.*",
    "merges.txt",
    "*.model",
)
ARCHITECTURES: dict[str, ReadoutKind] = {
    "ForMaskedLM": "masked",
    "ForConditionalGeneration": "seq2seq",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
}
CONFIG_FILES = ("config.json", "modules.json")


@dataclass(frozen=True)
class Model:
    """A backbone by name, before any of its weights are read.

    Attributes:
        spec: what enters keys.
        readout: the readout its own files ask for.
        upstream: hub id that PEFT folders name.
    """

    spec: BackboneSpec
    readout: ReadoutKind
    upstream: str


def describe(name: str, dtype: Dtype = "float32") -> Model:
    """Return what a backbone's name means.

    Args:
        name: a catalogue name, a local folder, or a hub id with an optional `@revision`.
        dtype: arithmetic of its weights.

    Raises:
        InputError: the name means nothing here.
    """
    if name in catalogue.ENTRIES and catalogue.ENTRIES[name].kind == "backbone":
        entry = catalogue.ENTRIES[name]
        spec = BackboneSpec(name=name, revision=str(entry.weights_sha256), dtype=dtype)
        return Model(spec, entry.readout or "embedding", entry.hub_id or name)
    if (Path(name) / "config.json").is_file():
        folder = Path(name).resolve()
        spec = BackboneSpec(name=folder.name, revision=_weights_digest(folder), dtype=dtype)
        return Model(spec, _readout(folder), folder.name)
    if name.count("/") == 1 and not name.startswith((".", "/")):
        hub_id, _, revision = name.partition("@")
        spec = BackboneSpec(name=hub_id, revision=revision or "main", dtype=dtype)
        return Model(spec, _readout(_hub_folder(spec, CONFIG_FILES)), hub_id)
    known = [entry.name for entry in catalogue.ENTRIES.values() if entry.kind == "backbone"]
    raise InputError(
        f"unknown backbone {name!r}", fix=f"{nearest(name, known)} A folder with config.json or a hub id will do too."
    )


def folder(name: str, spec: BackboneSpec, cache: Path | None = None) -> Path:
    """Return the local folder of a backbone's files.

    Raises:
        InputError: its files are not here; the message says how to get them.
        StoreError: the catalogue's files were altered.
    """
    if name in catalogue.ENTRIES:
        return catalogue.folder(name, cache)
    if (Path(name) / "config.json").is_file():
        return Path(name)
    return _hub_folder(spec, None)


def _readout(place: Path) -> ReadoutKind:
    """Sentence encoders bring `modules.json`; a language model says in its config how it was trained to answer."""
    if (place / "modules.json").is_file():
        return "embedding"
    config = json.loads((place / "config.json").read_text())
    if config.get("is_encoder_decoder"):  # the first T5 models call themselves T5WithLMHeadModel
        return "seq2seq"
    for name in config.get("architectures") or []:
        for ending, readout in ARCHITECTURES.items():
            if str(name).endswith(ending):
                return readout
    return "embedding"


def _weights_digest(place: Path) -> str:
    if not list(place.glob("*.safetensors")):
        raise InputError(
            f"{place}: no .safetensors weights", fix="save the model with save_pretrained, which writes them"
        )
    digest = hashlib.sha256()
    for path in sorted(path for pattern in IDENTITY for path in place.glob(pattern)):
        digest.update(path.relative_to(place).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _hub_folder(spec: BackboneSpec, only: tuple[str, ...] | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    weights = ("*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*")
    try:
        return Path(snapshot_download(spec.name, revision=spec.revision, allow_patterns=list(only or weights)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"backbone {spec.name!r}: not in the local Hugging Face cache and not reachable ({type(error).__name__})",
            fix="check the id and the network, or use a catalogue backbone or a local folder",
        ) from error
