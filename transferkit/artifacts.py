"""Shelf. What is kept: arrays in, files out, one folder per artifact.

Each artifact holds what its spec asked for and nothing that depends on when or where it was made; time, host and
versions go to `meta.json`, which the store writes beside it and leaves out of its manifest.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from transferkit.errors import StoreError
from transferkit.shapes import BoolArray, FloatArray, IntArray
from transferkit.specs import (
    ExamplesSpec,
    ImportedPromptSpec,
    ImportedScoreSpec,
    NeuronsSpec,
    PromptSpec,
    ScoreSpec,
    Spec,
    WordsSpec,
)

MODEL, GENERATOR = "adapter_model.safetensors", "generator.safetensors"
PEFT_FIELDS = ("base_model_name_or_path", "num_attention_heads", "num_layers", "task_type")
Cell = float | int | str | None


@dataclass(frozen=True)
class Prompt:
    """A soft prompt.

    Attributes:
        vectors: trained rows [P,d], float32.
        initial: the rows training began from, P0 [P,d]; None where they are not known.
        live: rows the backbone really reads [P].
        history: one record per evaluation: step, train_loss, selection_score, selection_loss, prompt_norm, …
        peft: what PEFT must know of the backbone (its id, layers, heads, and its word for the kind of head, without
            which it is an encoder's); None when PEFT has no such kind of prompt.
        early: the rows at the recipe's fixed early step [P,d]; None where none were kept.
        generator: weights of the network that makes each example's rows; None for a plain prompt. All rows above are
            then means over the selection split of what it makes.
    """

    kind: ClassVar[str] = "prompt"
    vectors: FloatArray
    initial: FloatArray | None
    live: BoolArray
    history: Sequence[Mapping[str, Cell]] = ()
    peft: Mapping[str, str | int] | None = None
    early: FloatArray | None = None
    generator: Mapping[str, FloatArray] | None = None

    def write(self, folder: Path) -> None:
        """Write `adapter_model.safetensors`, `history.csv`, any generator and, where PEFT can read it, its config."""
        rows = {"prompt_embeddings": self.vectors, "initial": self.initial, "early": self.early}
        arrays = {n: np.ascontiguousarray(array, dtype=np.float32) for n, array in rows.items() if array is not None}
        save_file({**arrays, "live": np.ascontiguousarray(self.live, dtype=np.uint8)}, folder / MODEL)
        if self.generator is not None:
            weights = {name: np.ascontiguousarray(part, dtype=np.float32) for name, part in self.generator.items()}
            save_file(weights, folder / GENERATOR)
        _write_table(folder / "history.csv", self.history)
        if self.peft is not None:
            config = {
                "task_type": "FEATURE_EXTRACTION",
                **self.peft,
                "inference_mode": True,
                "num_transformer_submodules": 1,
                "num_virtual_tokens": len(self.vectors),
                "peft_type": "PROMPT_TUNING",
                "token_dim": self.vectors.shape[1],
            }
            _write_json(folder / "adapter_config.json", config)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / MODEL)
        config = folder / "adapter_config.json"
        return cls(
            vectors=arrays["prompt_embeddings"],
            initial=arrays.get("initial"),
            live=arrays["live"].astype(bool),
            history=_read_table(folder / "history.csv"),
            peft={name: said[name] for name in PEFT_FIELDS} if (said := _config(config)) else None,
            early=arrays.get("early"),
            generator=load_file(generator) if (generator := folder / GENERATOR).exists() else None,
        )


@dataclass(frozen=True)
class Score:
    """How often a backbone was right on a task, example by example.

    Attributes:
        metrics: fractions by name: the task's metric, others of its kind, the mean cross-entropy `loss` where there is
            one, and `legal`, the share of answers that are possible ones, where the backbone could say anything.
        predicted: predicted label of each example of the split, as an index into the task's labels [n]; None where
            answers are texts, or only the score came down to us.
        n_truncated: examples whose text was cut to fit.
        values: where answers are texts, each metric example by example [n]; the texts themselves are not kept.
    """

    kind: ClassVar[str] = "score"
    metrics: Mapping[str, float]
    predicted: IntArray | None
    n_truncated: int = 0
    values: Mapping[str, FloatArray] | None = None

    @property
    def n(self) -> int:
        """Number of examples; 0 where it is not known."""
        if self.predicted is not None:
            return len(self.predicted)
        return next((len(values) for values in self.values.values()), 0) if self.values else 0

    def write(self, folder: Path) -> None:
        """Write `score.json`."""
        record: dict[str, object] = {
            "metrics": dict(self.metrics),
            "n": self.n,
            "n_truncated": self.n_truncated,
            "predicted": None if self.predicted is None else [int(label) for label in self.predicted],
        }
        if self.values is not None:
            record["values"] = {name: [float(value) for value in values] for name, values in self.values.items()}
        _write_json(folder / "score.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        record = json.loads((folder / "score.json").read_text())
        predicted = None if record["predicted"] is None else np.asarray(record["predicted"], dtype=np.int64)
        kept = record.get("values")
        values = None if kept is None else {name: np.asarray(of, dtype=np.float64) for name, of in kept.items()}
        return cls(record["metrics"], predicted, record["n_truncated"], values)


@dataclass(frozen=True)
class Neurons:
    """Which feed-forward neurons are activated: bool [L,F], packed to bits on disk."""

    kind: ClassVar[str] = "neurons"
    active: BoolArray

    def write(self, folder: Path) -> None:
        """Write `neurons.safetensors`: `bits` [L, ceil(F/8)] and the number of neurons per block."""
        arrays = {
            "bits": np.packbits(self.active, axis=1),
            "n_neurons": np.array([self.active.shape[1]], dtype=np.int64),
        }
        save_file(arrays, folder / "neurons.safetensors")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / "neurons.safetensors")
        return cls(np.unpackbits(arrays["bits"], axis=1, count=int(arrays["n_neurons"][0])).astype(bool))


@dataclass(frozen=True)
class Words:
    """What a prompt's rows are near to among the words of a vocabulary, by cosine.

    Attributes:
        nearest: the k nearest words of each row, nearest first [P][k].
        similarity: their cosines [P,k].
        began: the nearest word of each row before training [P]; None where that is not known.
        control: cosine of the nearest word of each of P random directions: what nearness is worth here [P].
    """

    kind: ClassVar[str] = "words"
    nearest: Sequence[Sequence[str]]
    similarity: FloatArray
    began: Sequence[str] | None
    control: FloatArray

    def write(self, folder: Path) -> None:
        """Write `words.json`, cosines to six digits."""
        record = {
            "nearest": [list(row) for row in self.nearest],
            "similarity": np.round(np.asarray(self.similarity, dtype=np.float64), 6).tolist(),
            "began": None if self.began is None else list(self.began),
            "control": np.round(np.asarray(self.control, dtype=np.float64), 6).tolist(),
        }
        _write_json(folder / "words.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        record = json.loads((folder / "words.json").read_text())
        return cls(record["nearest"], np.array(record["similarity"]), record["began"], np.array(record["control"]))


@dataclass(frozen=True)
class Examples:
    """The examples of one split, without their texts.

    Attributes:
        gold: index of the right label [n].
        hashes: 16 hex digits per example, equal for equal texts whatever the task: shows overlap of two tasks.
        notes: what drawing the split found, such as training examples dropped because the report split holds them.
    """

    kind: ClassVar[str] = "examples"
    gold: IntArray
    hashes: Sequence[str]
    notes: Mapping[str, int] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write `examples.json`."""
        record = {"gold": [int(g) for g in self.gold], "hashes": list(self.hashes), "notes": dict(self.notes)}
        _write_json(folder / "examples.json", record)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        record = json.loads((folder / "examples.json").read_text())
        return cls(np.asarray(record["gold"], dtype=np.int64), record["hashes"], record["notes"])


Artifact = Prompt | Score | Neurons | Words | Examples
_KINDS: dict[type[Spec], type[Artifact]] = {  # type: ignore[valid-type]
    PromptSpec: Prompt,
    ScoreSpec: Score,
    NeuronsSpec: Neurons,
    WordsSpec: Words,
    ExamplesSpec: Examples,
    ImportedPromptSpec: Prompt,
    ImportedScoreSpec: Score,
}


def kind_of(spec: Spec) -> type[Artifact]:
    """Return the class of artifact a spec asks for."""
    return _KINDS[type(spec)]


def read(spec: Spec, folder: Path) -> Artifact:
    """Read the artifact of a spec from its folder.

    Raises:
        StoreError: a file is missing or is not what its name says.
    """
    try:
        return kind_of(spec).read(folder)
    except (OSError, KeyError, ValueError) as error:
        raise StoreError(
            f"{folder}: cannot be read ({error})", fix=f"remove the folder and run the same command again: {folder}"
        ) from error


def _config(path: Path) -> dict[str, str | int]:
    return json.loads(path.read_text()) if path.exists() else {}


def _write_json(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _write_table(path: Path, rows: Sequence[Mapping[str, Cell]]) -> None:
    names = list(rows[0]) if rows else []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _read_table(path: Path) -> list[dict[str, Cell]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: _number(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def _number(cell: str) -> Cell:
    if cell == "":
        return None
    for parse in (int, float):
        try:
            return parse(cell)
        except ValueError:
            continue
    return cell
