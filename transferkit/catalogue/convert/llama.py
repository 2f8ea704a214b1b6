"""SmolLM2, or another Llama with a byte-level vocabulary, from a GGUF file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from transferkit.catalogue.convert.files import write_json, write_tokenizer, write_weights
from transferkit.catalogue.convert.gguf_file import Gguf, decoder_weights, read_gguf, shared_config
from transferkit.catalogue.convert.gguf_tokenizer import byte_level_tokenizer, tokenizer_config

NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}


def convert_llama(source: Path, target: Path, needs: Mapping[str, Path]) -> None:
    """Fill `target` with a folder that `AutoModelForCausalLM` and `AutoTokenizer` load."""
    gguf = read_gguf(source, "llama")
    heads = {"q_proj": gguf.size("attention.head_count"), "k_proj": gguf.size("attention.head_count_kv")}

    def undo(name: str, weight: np.ndarray) -> np.ndarray:
        n_heads = heads.get(name.split(".")[-2])
        return weight if n_heads is None else _in_halves(weight, n_heads)

    weights, names = decoder_weights(gguf, NORMS, undo)
    write_weights(weights, names, target / "model.safetensors")
    write_json(_config(gguf), target / "config.json")
    write_json(tokenizer_config(gguf), target / "tokenizer_config.json")
    write_tokenizer(byte_level_tokenizer(gguf), target / "tokenizer.json")


def _in_halves(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Put the rows of every head back: llama.cpp rotates neighbours, transformers the two halves of a head."""
    pairs = weight.reshape(n_heads, -1, 2, weight.shape[1])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def _config(gguf: Gguf) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **shared_config(gguf),
        "head_dim": gguf.size("rope.dimension_count"),
        "hidden_act": "silu",
        "mlp_bias": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": gguf.fraction("rope.freq_base")},
    }
