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
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from transferkit.backbones.families import family_of
from transferkit.backbones.family import Stack, Stock
from transferkit.errors import InputError
from transferkit.flops import Dimensions
from transferkit.sources import Dtype, ReadoutKind

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

STACKS: dict[ReadoutKind, Stack] = {
    "masked": "encoder",
    "embedding": "encoder",
    "seq2seq": "encoder-decoder",
    "causal": "decoder",
}
POOLED = ("bert", "roberta", "xlm-roberta", "mpnet")
HEADS = {"masked": AutoModelForMaskedLM, "seq2seq": AutoModelForSeq2SeqLM, "causal": AutoModelForCausalLM}

Device = Literal["auto", "cpu", "cuda"]
Pooling = Literal["mean", "first"]


def load_files(
    folder: Path, *, name: str, readout: ReadoutKind, dtype: Dtype, device: Device
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model and the tokenizer of a folder.

    Args:
        folder: what `save_pretrained` wrote.
        name: how messages call it.
        readout: "embedding" leaves the vocabulary head on disk, all others load it.
        dtype: arithmetic of the weights, whatever the file holds.
        device: "auto" takes a GPU when there is one.

    Raises:
        InputError: the architecture is not supported, or the head is not in the files.
    """
    config = AutoConfig.from_pretrained(folder)
    check_readout(readout, family_of(config).stack, name)
    with _hushed():
        headless = readout == "embedding"
        model = _headless(folder, dtype, config.model_type) if headless else _with_head(folder, dtype, name, readout)
        tokenizer = tokenizer_of(folder)
    return model.to(resolve_device(device)), tokenizer


def resolve_device(device: Device) -> Literal["cpu", "cuda"]:
    """Return where a backbone will lie.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device = 'cuda', but torch finds no GPU here", fix="use device = 'cpu', or 'auto'")
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_readout(readout: ReadoutKind, stack: Stack, name: str) -> None:
    """Make sure a readout suits a backbone.

    Raises:
        InputError: it reads another kind of stack.
    """
    wanted = STACKS[readout]
    if stack != wanted:
        fits = next(kind for kind, served in STACKS.items() if served == stack)
        raise InputError(
            f"readout = {readout!r} reads {_article(wanted)} model, but backbone {name!r} is {_article(stack)} one",
            fix=f'use readout = "{fits}", or "auto"',
        )


def _article(stack: Stack) -> str:
    return f"{'a' if stack == 'decoder' else 'an'} {stack}"


@dataclass(frozen=True)
class Shape:
    """What a config says of a backbone's size.

    Attributes:
        n_blocks: blocks, L; those of an encoder and a decoder together.
        width: width of a row, d.
        n_neurons: feed-forward neurons of a block.
        capacity: rows that fit at the embeddings; None where there is no limit.
        stack: whether it is an encoder, a decoder, or one behind the other.
        n_encoder: blocks that see both ways.
        window: the farthest row a local block sees; None where all see all.
    """

    n_blocks: int
    width: int
    n_neurons: int
    capacity: int | None
    stack: Stack
    n_encoder: int
    window: int | None

    @classmethod
    def of(cls, config: PreTrainedConfig) -> "Shape":
        """Return what a config says.

        Raises:
            InputError: the architecture is not supported.
        """
        family = family_of(config)
        n_more = config.num_decoder_layers if family.stack == "encoder-decoder" else 0
        return cls(
            n_blocks=config.num_hidden_layers + n_more,
            width=config.hidden_size,
            n_neurons=Dimensions.from_config(config.to_dict()).ffn,
            capacity=family.capacity(config),
            stack=family.stack,
            n_encoder=0 if family.stack == "decoder" else config.num_hidden_layers,
            window=family.window(config),
        )


def shape_of(folder: Path) -> Shape:
    """Return a backbone's size without reading its weights.

    Raises:
        InputError: the architecture is not supported.
    """
    return Shape.of(AutoConfig.from_pretrained(folder))


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
    options = {"add_pooling_layer": False} if model_type in POOLED else {}
    return AutoModel.from_pretrained(folder, dtype=DTYPES[dtype], **options)


def _with_head(folder: Path, dtype: Dtype, name: str, readout: ReadoutKind) -> Stock:
    model, report = HEADS[readout].from_pretrained(folder, dtype=DTYPES[dtype], output_loading_info=True)
    if lacking := sorted(report["missing_keys"]):
        raise InputError(
            f"backbone {name!r} has no language-model head in its files ({lacking[0]} is missing)",
            fix='use readout = "embedding"' if readout == "masked" else "save the model with its head",
        )
    _check_tying(folder, model, name)
    return model


def _check_tying(folder: Path, model: Stock, name: str) -> None:
    # transformers ties a T5 whose file lacks either table, whatever the config says; it would then say nothing.
    apart = json.loads((folder / "config.json").read_text()).get("tie_word_embeddings") is False
    if apart and model.get_output_embeddings().weight is model.get_input_embeddings().weight:
        raise InputError(
            f"backbone {name!r}: its head is not its word embeddings, says its config, but its files hold one table",
            fix="save the model with both, or say tie_word_embeddings = true in config.json",
        )


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
