"""Gemma 3, its text model, from a GGUF file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from transferkit.catalogue.convert.files import write_json, write_tokenizer, write_weights
from transferkit.catalogue.convert.gguf_file import Gguf, decoder_weights, read_gguf, shared_config
from transferkit.catalogue.convert.gguf_tokenizer import sentencepiece_tokenizer, tokenizer_config

NORMS = {
    "attn_norm": "input_layernorm",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
# Of the architecture; the file does not say them.
GLOBAL_EVERY = 6
LOCAL_THETA = 10000.0


def convert_gemma3(source: Path, target: Path, needs: Mapping[str, Path]) -> None:
    """Fill `target` with a folder that `AutoModelForCausalLM` and `AutoTokenizer` load."""
    gguf = read_gguf(source, "gemma3")
    weights, names = decoder_weights(gguf, NORMS, _undo)
    write_weights(weights, names, target / "model.safetensors")
    write_json(_config(gguf), target / "config.json")
    write_json(tokenizer_config(gguf), target / "tokenizer_config.json")
    write_tokenizer(sentencepiece_tokenizer(gguf), target / "tokenizer.json")


def _undo(name: str, weight: np.ndarray) -> np.ndarray:
    """Take one from the norms' weights: transformers adds it when it runs, llama.cpp did so in the file."""
    return weight - 1 if weight.ndim == 1 else weight


def _config(gguf: Gguf) -> dict[str, object]:
    n_blocks, theta = gguf.size("block_count"), gguf.fraction("rope.freq_base")
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        **shared_config(gguf),
        "head_dim": gguf.size("attention.key_length"),
        "query_pre_attn_scalar": gguf.size("attention.key_length"),
        "hidden_activation": "gelu_pytorch_tanh",
        "sliding_window": gguf.size("attention.sliding_window"),
        "layer_types": [
            "sliding_attention" if (block + 1) % GLOBAL_EVERY else "full_attention" for block in range(n_blocks)
        ],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": theta},
            "sliding_attention": {"rope_type": "default", "rope_theta": LOCAL_THETA},
        },
    }
