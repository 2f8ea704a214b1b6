"""Beside both halves. Which array in a plain file is the prompt? Files of numpy, safetensors and PyTorch, one `[P,d]`.

A file that could only be read by running code stored in it is refused: object arrays of numpy, and whatever PyTorch
will not load as plain tensors (`weights_only=True`).
"""

import io
import math
import os
import pickle
import struct
import tokenize
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from transferkit.errors import InputError, StoreError
from transferkit.shapes import FloatArray

NAMES = frozenset({"prompt", "vectors", "prompt_embeddings", "best_prompt", "task_prompt"})
WRITTEN_NAME = "prompt_embeddings"  # what PEFT calls it
NUMPY = (".npy", ".npz")
SAFETENSORS = (".safetensors",)
TORCH = (".pt", ".pth", ".bin", ".pkl", ".ckpt", "")  # "": Su et al.'s files have no suffix
WRITABLE = (*NUMPY, *SAFETENSORS)
MAX_VALUES = 2**28  # a few kilobytes of PyTorch file can claim any size
MAX_DEPTH = 3  # dicts of dicts in a PyTorch file; one may even hold itself
# What numpy and PyTorch raise on damaged files, found by damaging files (tests/interop/test_arrays.py).
DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
)


def read_array(path: Path, *, name: str | None = None) -> FloatArray:
    """Read the one prompt a file holds, as float32 [P,d].

    Args:
        path: `.npy`, `.npz`, `.safetensors`, or a PyTorch file (`.pt`, `.bin`, `.pkl`, …, or without suffix).
        name: the array to take. Otherwise the one with a usual name (`NAMES`), or the only one of two axes.

    Raises:
        InputError: no such file, not readable without running code stored in it, or not one finite matrix.
    """
    found = _load(path)
    key = _choose(path, {key: stored.shape for key, stored in found.items()}, name)
    stored = found[key]
    if not stored.is_floating:
        raise InputError(f"{path}: holds {stored.dtype} values, not vectors", fix="save the prompt as float32")
    _checked_shape(path, stored.shape)  # before anything is converted
    with np.errstate(over="ignore"):
        return checked(path, stored.read())


def write_array(path: Path, vectors: FloatArray) -> None:
    """Write a prompt [P,d] as float32 `.npy`, `.npz` or `.safetensors`, whole or not at all.

    Raises:
        InputError: another suffix, or not one finite matrix.
        StoreError: the disk is full or cannot be written; a file that was there stays.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise InputError(f"{path}: cannot write {suffix or 'no suffix'!r}", fix=f"use {', '.join(WRITABLE)}")
    plain = checked(path, vectors)
    written = io.BytesIO()
    if suffix == ".npy":
        np.save(written, plain, allow_pickle=False)
    elif suffix == ".npz":
        np.savez(written, allow_pickle=False, **{WRITTEN_NAME: plain})
    else:
        written.write(save({WRITTEN_NAME: plain}))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(written.getvalue())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot be written ({error})", fix="free disk space or write elsewhere") from error


def checked(path: Path, vectors: FloatArray) -> FloatArray:
    """Return a prompt as float32 [P,d], a leading axis of one taken off.

    Raises:
        InputError: it is not one finite matrix.
    """
    shape = _checked_shape(path, vectors.shape)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is said next
        plain = np.ascontiguousarray(vectors, dtype=np.float32).reshape(shape)
    if n_wrong := int(np.count_nonzero(~np.isfinite(plain))):
        raise InputError(
            f"{path}: {n_wrong} of {plain.size} values are infinite or not a number, as float32",
            fix="train the prompt again, or leave this one out",
        )
    return plain


@dataclass(frozen=True)
class _Stored:
    """An array of a file before it is taken: nothing is converted that is not the prompt."""

    shape: tuple[int, ...]
    dtype: str
    is_floating: bool
    read: Callable[[], FloatArray]


# --- one loader per kind of file --------------------------------------------------------------------------------------
def _load(path: Path) -> dict[str, _Stored]:
    suffix = path.suffix.lower()
    if suffix not in (*WRITABLE, *TORCH):
        known = ", ".join(kind or "no suffix" for kind in (*WRITABLE, *TORCH))
        raise InputError(f"{path}: unknown kind of file {suffix!r}", fix=f"save the prompt as one of: {known}")
    if path.is_dir():
        raise InputError(f"{path} is a folder", fix="name the file in it that holds the prompt")
    if not path.is_file():
        raise InputError(f"there is no file {path}", fix="correct the path")
    try:
        with path.open("rb") as file:
            head = file.read(6)
        if suffix in SAFETENSORS:
            return _load_safetensors(path)
        return _load_numpy(path, head) if suffix in NUMPY else _load_torch(path, head)
    except (pickle.UnpicklingError, _NeedsCode) as error:
        raise InputError(
            f"{path}: holds more than plain arrays; reading it would have to run code stored in the file",
            fix="where it was made, save the bare prompt: np.save(…), or torch.save(tensor, …)",
        ) from error
    except (SafetensorError, *DAMAGED) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: cannot be read ({said})", fix="it may be damaged: copy it again") from error


class _NeedsCode(Exception):
    """A file of numpy that holds pickled objects."""


def _load_numpy(path: Path, head: bytes) -> dict[str, _Stored]:
    if head[:1] == b"\x80":  # a bare pickle
        raise _NeedsCode
    if not head.startswith((b"\x93NUMPY", b"PK")):
        raise ValueError("not a file of numpy")
    try:
        # opened here, because np.load leaves a damaged archive open
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                arrays = {"": loaded}
            else:
                with loaded:
                    arrays = {name: loaded[name] for name in loaded.files}
    except ValueError as error:
        if "Object arrays" in str(error):
            raise _NeedsCode from error
        raise
    return {
        name: _Stored(a.shape, str(a.dtype), a.dtype.kind == "f", partial(a.astype, np.float32))
        for name, a in arrays.items()
    }


def _load_safetensors(path: Path) -> dict[str, _Stored]:
    return {
        name: _Stored(
            tuple(entry["shape"]),
            entry["dtype"],
            entry["dtype"] in _FLOATS or entry["dtype"] == "BF16",
            partial(_from_bytes, entry["data"], entry["dtype"], entry["shape"]),
        )
        for name, entry in deserialize(path.read_bytes())
    }


_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def _from_bytes(data: bytes, dtype: str, shape: Sequence[int]) -> FloatArray:
    if dtype == "BF16":  # unknown to numpy: the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, _FLOATS[dtype]).astype(np.float32).reshape(shape)


def _load_torch(path: Path, head: bytes) -> dict[str, _Stored]:
    import torch

    if not (zipfile.is_zipfile(path) or head[:1] == b"\x80"):
        raise ValueError("not a file of PyTorch")
    with warnings.catch_warnings(action="ignore"):  # about the protocol of pickles it then refuses
        stored = torch.load(path, map_location="cpu", weights_only=True)

    def convert(tensor: torch.Tensor) -> FloatArray:
        return tensor.detach().to(torch.float32).numpy()

    def is_plain(tensor: torch.Tensor) -> bool:
        return tensor.layout == torch.strided and tensor.device.type == "cpu" and tensor.is_floating_point()

    tensors = {name: leaf for name, leaf in _iter_leaves(stored) if isinstance(leaf, torch.Tensor)}
    return {
        name: _Stored(tuple(t.shape), str(t.dtype), is_plain(t), partial(convert, t)) for name, t in tensors.items()
    }


def _iter_leaves(stored: object, at: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    if not isinstance(stored, Mapping):
        yield at, stored
    elif depth < MAX_DEPTH:
        for key, value in stored.items():
            if not str(key).startswith("optim"):  # Su et al.'s checkpoints hold Adam's moments, of the prompt's shape
                yield from _iter_leaves(value, f"{at}.{key}" if at else str(key), depth + 1)


# --- which one, and is it a prompt? -----------------------------------------------------------------------------------
def _choose(path: Path, shapes: Mapping[str, tuple[int, ...]], name: str | None) -> str:
    listed = ", ".join(f"{key or 'unnamed'} {list(shape)}" for key, shape in shapes.items()) or "none"
    if name is not None:
        if name in shapes:
            return name
        raise InputError(f"{path}: no array {name!r} in it; there are: {listed}", fix=f"save the prompt as {name!r}")
    usual = [key for key in shapes if NAMES & set(key.split("."))]
    flat = [key for key, shape in shapes.items() if len(_squeezed(shape)) == 2]
    for keys in (usual, flat, list(shapes)):
        if len(keys) == 1:
            return keys[0]
    raise InputError(
        f"{path}: which of its arrays is the prompt? There are: {listed}",
        fix="save the prompt alone, or name one of them 'prompt'",
    )


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[1:]) if len(shape) == 3 and shape[0] == 1 else tuple(shape)


def _checked_shape(path: Path, shape: Sequence[int]) -> tuple[int, ...]:
    squeezed = _squeezed(shape)
    if len(squeezed) != 2 or not math.prod(squeezed):
        raise InputError(
            f"{path}: a prompt has the shape [rows, width]; this has {list(shape)}", fix="save one prompt, not empty"
        )
    if math.prod(squeezed) > MAX_VALUES:
        raise InputError(f"{path}: {list(shape)} is too large for a prompt", fix="save the prompt alone")
    return squeezed
