"""DistilBERT cased from an 8-bit ONNX file, with a masked-LM head fitted on that body.

The file is a tagger; its head is dropped. Embedding tables and dense weights stand behind DequantizeLinear nodes. The
head (`distilbert_mlm_head.safetensors`, half precision) shares the word embeddings as its decoder.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from transferkit.catalogue.convert.files import Weights, write_json, write_tokenizer, write_weights
from transferkit.catalogue.convert.onnx_graph import Graph, read_graph

SOURCE = "tagger.onnx"
HEAD = Path(__file__).with_name("distilbert_mlm_head.safetensors")
HEAD_NAMES = (
    "vocab_transform.weight",
    "vocab_transform.bias",
    "vocab_layer_norm.weight",
    "vocab_layer_norm.bias",
    "vocab_projector.bias",
)
DENSE = re.compile(r"(transformer/layer\.\d+/(?:attention|ffn)/\w+)/MatMul$")
TABLE = re.compile(r"(?:word|position)_embeddings")
N_BLOCKS = 6

CONFIG: dict[str, object] = {
    "architectures": ["DistilBertForMaskedLM"],
    "model_type": "distilbert",
    "vocab_size": 28996,
    "dim": 768,
    "n_layers": N_BLOCKS,
    "n_heads": 12,
    "hidden_dim": 3072,
    "activation": "gelu",
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "max_position_embeddings": 512,
    "sinusoidal_pos_embds": False,
    "initializer_range": 0.02,
    "pad_token_id": 0,
    "tie_word_embeddings": True,
    "dtype": "float32",
}

TOKENIZER_CONFIG: dict[str, object] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "do_lower_case": False,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
    "model_max_length": 512,
    "model_input_names": ["input_ids", "attention_mask"],  # the model takes no token_type_ids
}


def convert_distilbert(source: Path, target: Path, needs: Mapping[str, Path]) -> None:
    """Fill `target` with a folder that `AutoModelForMaskedLM` and `AutoTokenizer` load."""
    weights = {f"distilbert.{name}": value for name, value in _read_body(read_graph(source / SOURCE)).items()}
    weights |= _read_head()
    write_weights(weights, (*_iter_body_names(), *HEAD_NAMES), target / "model.safetensors")
    write_json(CONFIG, target / "config.json")
    write_json(TOKENIZER_CONFIG, target / "tokenizer_config.json")
    write_tokenizer(json.loads((source / "tokenizer.json").read_text(encoding="utf-8")), target / "tokenizer.json")


def _read_body(graph: Graph) -> Weights:
    weights = {name.removeprefix("distilbert."): value for name, value in graph.constants.items()}
    for node in graph.nodes:
        if node.op_type == "MatMul" and node.input[1] in graph.constants and (path := DENSE.search(node.name)):
            weights[path[1].replace("/", ".") + ".weight"] = graph.constants[node.input[1]].T
        elif node.op_type == "Gather" and node.input[0] in graph.constants and (path := TABLE.search(node.name)):
            weights[f"embeddings.{path[0]}.weight"] = graph.constants[node.input[0]]
    return weights


def _read_head() -> Weights:
    from safetensors.numpy import load_file

    return {name: value.astype(np.float32) for name, value in load_file(HEAD).items()}


def _iter_body_names() -> Iterator[str]:
    modules = ["embeddings.LayerNorm"]
    for block in range(N_BLOCKS):
        parts = [f"attention.{part}_lin" for part in ("q", "k", "v", "out")] + ["ffn.lin1", "ffn.lin2"]
        modules += [f"transformer.layer.{block}.{part}" for part in (*parts, "sa_layer_norm", "output_layer_norm")]
    for table in ("word", "position"):
        yield f"distilbert.embeddings.{table}_embeddings.weight"
    for module in modules:
        yield f"distilbert.{module}.weight"
        yield f"distilbert.{module}.bias"
