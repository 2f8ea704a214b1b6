"""What every converter shares: the library a format needs, and how the files that transformers loads are written."""

import importlib.util
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from transferkit.errors import InputError, StoreError

Weights = dict[str, np.ndarray]
LIBRARIES = {".onnx": "onnx", ".gguf": "gguf"}


def require_library(names: Iterable[str | Path]) -> None:
    """Check that the libraries which read files of these names are installed.

    Raises:
        InputError: one is not.
    """
    for library in sorted({LIBRARIES[suffix] for name in names if (suffix := Path(name).suffix) in LIBRARIES}):
        if importlib.util.find_spec(library) is None:
            raise InputError(
                f"the library {library} is not installed; the weights of this backbone are in its format",
                fix="pip install 'transferkit[quickstart]'",
            )


def write_weights(weights: Weights, expected: Iterable[str], path: Path) -> None:
    """Write the expected tensors, and only those, as a safetensors file.

    Raises:
        StoreError: a tensor is missing.
    """
    from safetensors.numpy import save_file

    expected = sorted(expected)
    if missing := [name for name in expected if name not in weights]:
        raise StoreError(
            f"the file of weights lacks {', '.join(missing[:3])}", fix="report this: it is not the model known"
        )
    save_file({name: np.ascontiguousarray(weights[name]) for name in expected}, path, metadata={"format": "pt"})


def write_json(record: Mapping[str, object], path: Path) -> None:
    """Write a configuration file, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def write_tokenizer(tokenizer: Mapping[str, object], path: Path) -> None:
    """Write a `tokenizer.json` without what its last user set for batches: callers cut and pad here."""
    record = {**tokenizer, "truncation": None, "padding": None}
    path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
