"""How a GGUF file of llama.cpp is read, and how a decoder's tensors in it get the names transformers knows.

A GGUF file holds a model whole: its sizes and its vocabulary as metadata, its tensors in blocks of a few bits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from transferkit.catalogue.convert.files import Weights, require_library
from transferkit.errors import StoreError

if TYPE_CHECKING:
    from gguf import ReaderTensor

BLOCK = "blk."
TABLES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
DENSE = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


@dataclass(frozen=True)
class Gguf:
    """A GGUF file.

    Attributes:
        said: metadata by key.
        tensors: tensors by name, as they are stored.
    """

    said: Mapping[str, Any]
    tensors: Mapping[str, "ReaderTensor"]

    def size(self, name: str) -> int:
        """Return a whole number that the file says of its architecture."""
        return int(self.said[f"{self.said['general.architecture']}.{name}"])

    def fraction(self, name: str) -> float:
        """Return a number that was rounded to 32 bits when the file was written, as a person would write it."""
        return float(str(np.float32(self.said[f"{self.said['general.architecture']}.{name}"])))

    def restore(self, name: str) -> np.ndarray:
        """Return a tensor without its storage in blocks, in 32 bits, as [outputs, inputs]."""
        from gguf.quants import dequantize

        return dequantize(self.tensors[name].data, self.tensors[name].tensor_type)


def read_gguf(folder: Path, architecture: str) -> Gguf:
    """Read the one GGUF file of a folder.

    Raises:
        InputError: the library `gguf` is not installed.
        StoreError: the file holds a model of another architecture.
    """
    (path,) = folder.glob("*.gguf")
    require_library([path])
    from gguf import GGUFReader

    reader = GGUFReader(path)
    said = {name: field.contents() for name, field in reader.fields.items()}
    if (found := said["general.architecture"]) != architecture:
        raise StoreError(f"{path.name} holds a model of architecture {found!r}", fix="report this")
    return Gguf(said, {tensor.name: tensor for tensor in reader.tensors})


def decoder_weights(
    gguf: Gguf, norms: Mapping[str, str], undo: Callable[[str, np.ndarray], np.ndarray]
) -> tuple[Weights, list[str]]:
    """Return the weights of a decoder in 16 bits, and the names of all it must have.

    Args:
        gguf: the file; its head is the table of word embeddings.
        norms: what a block's norms are called there → by transformers.
        undo: called with a name as transformers has it and a tensor; takes back what llama.cpp did to its values.

    Raises:
        StoreError: the file lacks a tensor, or holds one that is not known.
    """
    names = {f"{theirs}.weight": f"{ours}.weight" for theirs, ours in TABLES.items()}
    for block in range(gguf.size("block_count")):
        for theirs, ours in {**DENSE, **norms}.items():
            names[f"{BLOCK}{block}.{theirs}.weight"] = f"model.layers.{block}.{ours}.weight"
    if unknown := sorted(set(gguf.tensors) - set(names)):
        raise StoreError(f"the file of weights holds {', '.join(unknown[:3])}, which is not known", fix="report this")
    weights = {
        ours: undo(ours, gguf.restore(theirs)).astype(np.float16)
        for theirs, ours in names.items()
        if theirs in gguf.tensors
    }
    return weights, list(names.values())


def shared_config(gguf: Gguf) -> dict[str, object]:
    """Return what the configs of all decoders say alike."""
    return {
        "vocab_size": len(gguf.said["tokenizer.ggml.tokens"]),
        "hidden_size": gguf.size("embedding_length"),
        "intermediate_size": gguf.size("feed_forward_length"),
        "num_hidden_layers": gguf.size("block_count"),
        "num_attention_heads": gguf.size("attention.head_count"),
        "num_key_value_heads": gguf.size("attention.head_count_kv"),
        "max_position_embeddings": gguf.size("context_length"),
        "rms_norm_eps": gguf.fraction("attention.layer_norm_rms_epsilon"),
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": int(gguf.said["tokenizer.ggml.bos_token_id"]),
        "eos_token_id": int(gguf.said["tokenizer.ggml.eos_token_id"]),
        "pad_token_id": int(gguf.said["tokenizer.ggml.padding_token_id"]),
        "tie_word_embeddings": True,
        "dtype": "float16",
    }
