"""Shelf. A soft prompt on disk, in files PEFT can load where it has such prompts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from transferkit.artifacts.files import Cell, read_table, write_json, write_table
from transferkit.shapes import BoolArray, FloatArray

MODEL, GENERATOR = "adapter_model.safetensors", "generator.safetensors"
PEFT_FIELDS = ("base_model_name_or_path", "num_attention_heads", "num_layers", "task_type")


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
        write_table(folder / "history.csv", self.history)
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
            write_json(folder / "adapter_config.json", config)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        arrays = load_file(folder / MODEL)
        config = folder / "adapter_config.json"
        return cls(
            vectors=arrays["prompt_embeddings"],
            initial=arrays.get("initial"),
            live=arrays["live"].astype(bool),
            history=read_table(folder / "history.csv"),
            peft={name: said[name] for name in PEFT_FIELDS} if (said := _config(config)) else None,
            early=arrays.get("early"),
            generator=load_file(generator) if (generator := folder / GENERATOR).exists() else None,
        )


def _config(path: Path) -> dict[str, str | int]:
    return json.loads(path.read_text()) if path.exists() else {}
