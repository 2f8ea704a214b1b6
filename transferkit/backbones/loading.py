"""How a model's files become a module: head, dtype and pooling decided once, and nothing reported that was meant."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from transferkit.backbones.families import family_of
from transferkit.backbones.family import Stock
from transferkit.errors import InputError
from transferkit.sources import Dtype, ReadoutKind

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Device = Literal["auto", "cpu", "cuda"]
Pooling = Literal["mean", "first"]


def load_files(
    folder: Path, *, name: str, readout: ReadoutKind, dtype: Dtype, device: Device
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model and the tokenizer of a folder.

    Args:
        folder: what `save_pretrained` wrote.
        name: how messages call it.
        readout: "masked" loads the vocabulary head, "embedding" leaves it on disk.
        dtype: arithmetic of the weights, whatever the file holds.
        device: "auto" takes a GPU when there is one.

    Raises:
        InputError: the architecture is not supported, or the head is not in the files.
    """
    model_type = AutoConfig.from_pretrained(folder).model_type
    family_of(model_type)
    with _hushed():
        model = _masked(folder, dtype, name) if readout == "masked" else _headless(folder, dtype, model_type)
        tokenizer = tokenizer_of(folder)
    where = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    return model.to(where), tokenizer


@dataclass(frozen=True)
class Shape:
    """What a config says of a backbone's size.

    Attributes:
        n_blocks: blocks, L.
        width: width of a row, d.
        capacity: rows that fit at the embeddings; None where there is no limit.
    """

    n_blocks: int
    width: int
    capacity: int | None


def shape_of(folder: Path) -> Shape:
    """Return a backbone's size without reading its weights.

    Raises:
        InputError: the architecture is not supported.
    """
    config = AutoConfig.from_pretrained(folder)
    return Shape(config.num_hidden_layers, config.hidden_size, family_of(config.model_type).capacity(config))


def tokenizer_of(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a folder.

    Texts are cut to our own limit, which counts the prompt; the tokenizer's warning about its own would mislead.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = sys.maxsize
    return tokenizer


def pooling_of(folder: Path) -> Pooling:
    """Return the rows a sentence vector is made of, as the model's own files say; the mean where they do not."""
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    said = json.loads(path.read_text())
    return "first" if said.get("pooling_mode_cls_token") or said.get("pooling_mode") == "cls" else "mean"


def _headless(folder: Path, dtype: Dtype, model_type: str) -> Stock:
    # A pooler that is not in the file would be newly initialised; nobody reads it.
    options = {} if model_type == "distilbert" else {"add_pooling_layer": False}
    return AutoModel.from_pretrained(folder, dtype=DTYPES[dtype], **options)


def _masked(folder: Path, dtype: Dtype, name: str) -> Stock:
    model, report = AutoModelForMaskedLM.from_pretrained(folder, dtype=DTYPES[dtype], output_loading_info=True)
    if lacking := sorted(report["missing_keys"]):
        raise InputError(
            f"backbone {name!r} has no masked-language-model head in its files ({lacking[0]} is missing)",
            fix='use readout = "embedding"',
        )
    return model


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep a loader from reporting weights nobody asked for: missing ones are checked here, unused ones are meant."""
    level = logging.get_verbosity()
    shows_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shows_bars:
            logging.enable_progress_bar()
