"""Flan-T5-small (T5 v1.1) from two 8-bit ONNX files, an encoder and a decoder with its vocabulary head.

Norms, word embeddings and position biases keep their names; dense weights are anonymous constants of MatMulInteger
nodes, stored transposed, and known by the path of the node.

T5 v1.1 does not tie its head to the word embeddings. The config must say so and the file must hold both tables: else
transformers would tie them, and every answer would be empty.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from transferkit.catalogue.convert.files import Weights, write_json, write_tokenizer, write_weights
from transferkit.catalogue.convert.onnx_graph import STORED, Graph, read_graph

SIDES = {"encoder": "enc.", "decoder": "m.decoder."}  # what each file calls itself
WORDS = "m.shared.weight" + STORED
BIAS = "relative_attention_bias.weight"
DENSE = re.compile(r"/(block\.\d+/layer\.\d+/\w+/\w+)/MatMul_quant$")
HEAD = "lm_head"
N_BLOCKS = 8

CONFIG: dict[str, object] = {
    "architectures": ["T5ForConditionalGeneration"],
    "model_type": "t5",
    "is_encoder_decoder": True,
    "vocab_size": 32128,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": N_BLOCKS,
    "num_decoder_layers": N_BLOCKS,
    "num_heads": 6,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "feed_forward_proj": "gated-gelu",
    "layer_norm_epsilon": 1e-6,
    "dropout_rate": 0.1,
    "initializer_factor": 1.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "tie_word_embeddings": False,
    "dtype": "float16",
}

TOKENIZER_CONFIG: dict[str, object] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "model_max_length": 512,
    "model_input_names": ["input_ids", "attention_mask"],  # the model takes no token_type_ids
}


def convert_flan_t5(source: Path, target: Path, needs: Mapping[str, Path]) -> None:
    """Fill `target` with a folder that `AutoModelForSeq2SeqLM` and `AutoTokenizer` load."""
    weights: Weights = {}
    for side in SIDES:
        weights |= _read_side(read_graph(source / f"{side}.onnx"), side)
    write_weights(weights, _iter_names(), target / "model.safetensors")
    write_json(CONFIG, target / "config.json")
    write_json(TOKENIZER_CONFIG, target / "tokenizer_config.json")
    write_tokenizer(json.loads((source / "tokenizer.json").read_text(encoding="utf-8")), target / "tokenizer.json")


def _read_side(graph: Graph, side: str) -> Weights:
    weights: Weights = {}
    for name in graph.constants:
        ours = name.replace(SIDES[side], f"{side}.", 1)
        if name == WORDS:
            weights["shared.weight"] = graph.restore(name)
        elif name.endswith(BIAS + STORED):
            weights[ours.removesuffix(STORED)] = graph.restore(name)
        elif name.endswith("layer_norm.weight"):
            weights[ours] = graph.constants[name]
    for node in graph.nodes:
        if node.op_type != "MatMulInteger" or node.input[1] not in graph.constants:
            continue
        if path := DENSE.search(node.name):
            weights[f"{side}.{path[1].replace('/', '.')}.weight"] = graph.restore(node.input[1]).T
        elif f"/{HEAD}/" in node.name:
            weights[f"{HEAD}.weight"] = graph.restore(node.input[1]).T
    return {name: value.astype(np.float16) for name, value in weights.items()}


def _iter_names() -> Iterator[str]:
    yield "shared.weight"
    yield f"{HEAD}.weight"
    for side, attentions in (("encoder", ["SelfAttention"]), ("decoder", ["SelfAttention", "EncDecAttention"])):
        yield f"{side}.final_layer_norm.weight"
        yield f"{side}.block.0.layer.0.SelfAttention.{BIAS}"
        for block in range(N_BLOCKS):
            for layer in range(len(attentions) + 1):
                yield f"{side}.block.{block}.layer.{layer}.layer_norm.weight"
            for layer, attention in enumerate(attentions):
                for part in "qkvo":
                    yield f"{side}.block.{block}.layer.{layer}.{attention}.{part}.weight"
            for part in ("wi_0", "wi_1", "wo"):
                yield f"{side}.block.{block}.layer.{len(attentions)}.DenseReluDense.{part}.weight"
