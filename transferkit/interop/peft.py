"""Beside both halves. Prompts as PEFT keeps them: a folder with `adapter_config.json` and one tensor of weights.

PEFT stores prompts of encoder-decoder models doubled (rows for both stacks, only the first half is read) unless told
`num_transformer_submodules` 1, which is what we write.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from transferkit.errors import InputError, StoreError, nearest
from transferkit.interop.arrays import checked, read_array
from transferkit.shapes import FloatArray

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
TENSOR = "prompt_embeddings"
READABLE = ("PROMPT_TUNING", "P_TUNING")  # p-tuning saves what its encoder gave, in the same form
TASK_TYPES = ("CAUSAL_LM", "FEATURE_EXTRACTION", "QUESTION_ANS", "SEQ_2_SEQ_LM", "SEQ_CLS", "TOKEN_CLS")


@dataclass(frozen=True)
class PeftPrompt:
    """A prompt read from a PEFT folder.

    Attributes:
        vectors: the rows the model reads [P,d], float32.
        backbone: the model it was trained on, as the config names it.
        task_type: PEFT's word for the head it was trained with.
        dropped_rows: rows stored for the decoder, which no model reads.
    """

    vectors: FloatArray
    backbone: str | None
    task_type: str | None
    dropped_rows: int


def read_peft(folder: Path) -> PeftPrompt:
    """Read a word-level prompt saved by PEFT.

    Raises:
        InputError: not such a folder, another kind of adapter, or config and weights disagree.
    """
    config = _read_config(folder)
    kind = config.get("peft_type")
    if kind not in READABLE:
        raise InputError(
            f"{folder}: a PEFT adapter of type {kind!r} is not one prompt [P,d] at the input",
            fix=f"supported: {', '.join(READABLE)}; prefixes in every block, LoRA and the like cannot be read",
        )
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise InputError(f"{folder}: no {' or '.join(WEIGHTS)}", fix="copy the whole folder PEFT saved")
    stored = read_array(weights, name=TENSOR)
    n_rows, width = stored.shape
    n_live = config.get("num_virtual_tokens")
    n_copies = config.get("num_transformer_submodules")
    copies = (1, 2) if n_copies is None else (n_copies,)
    if type(n_live) is not int or n_live < 1 or n_rows not in [n_live * n for n in copies if type(n) is int]:
        raise InputError(
            f"{folder}: {n_rows} rows are stored, but num_virtual_tokens is {n_live!r} and num_transformer_submodules "
            f"{n_copies!r}",
            fix=f"correct {CONFIG}",
        )
    if config.get("token_dim", width) not in (width, None):
        raise InputError(
            f"{folder}: rows are {width} wide, but token_dim is {config['token_dim']!r}",
            fix=f"correct token_dim in {CONFIG}",
        )
    return PeftPrompt(
        vectors=np.ascontiguousarray(stored[:n_live]),
        backbone=_text(config.get("base_model_name_or_path")),
        task_type=_text(config.get("task_type")),
        dropped_rows=n_rows - n_live,
    )


def write_peft(
    folder: Path,
    vectors: FloatArray,
    *,
    backbone: str,
    task_type: str,
    n_layers: int | None = None,
    n_heads: int | None = None,
) -> None:
    """Write a word-level prompt [P,d] as a folder `PeftModel.from_pretrained` loads, whole or not at all.

    Args:
        folder: new, or empty.
        vectors: the prompt.
        backbone: hub id or folder of the model, for the config.
        task_type: one of `TASK_TYPES`; FEATURE_EXTRACTION for masked language models.
        n_layers: blocks of the model; None lets PEFT look.
        n_heads: attention heads of the model; None lets PEFT look.

    Raises:
        InputError: the folder is in use, the task type unknown, or the prompt not one finite matrix.
        StoreError: the disk is full or cannot be written.
    """
    if task_type not in TASK_TYPES:
        raise InputError(f"unknown PEFT task type {task_type!r}", fix=nearest(task_type, list(TASK_TYPES)))
    plain = checked(folder, vectors)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is already there and not empty", fix="name a new folder, or remove this one")
    known = {"num_attention_heads": n_heads, "num_layers": n_layers}
    config = {
        "base_model_name_or_path": backbone,
        **{name: value for name, value in known.items() if value is not None},
        "inference_mode": True,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": len(plain),
        "peft_type": "PROMPT_TUNING",
        "task_type": task_type,
        "token_dim": plain.shape[1],
    }
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        unfinished.mkdir(parents=True)
        (unfinished / WEIGHTS[0]).write_bytes(save({TENSOR: plain}))
        (unfinished / CONFIG).write_text(json.dumps(config, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
        unfinished.replace(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise StoreError(f"{folder}: cannot be written ({error})", fix="free disk space or write elsewhere") from error


def _read_config(folder: Path) -> dict[str, object]:
    path = folder / CONFIG
    if not path.is_file():
        inner = sorted(folder.glob(f"*/{CONFIG}")) if folder.is_dir() else []
        fix = f"did you mean {inner[0].parent}?" if inner else "name the folder PEFT's save_pretrained wrote"
        raise InputError(f"{folder}: no {CONFIG}", fix=fix)
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})", fix="copy the folder again") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: holds no fields", fix="copy the folder again")
    return config


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
