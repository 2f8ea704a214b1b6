"""paraphrase-MiniLM-L3-v2 from an ONNX file: a BERT without pooler, with the tokenizer of MiniLM-L6.

Embeddings, norms and biases keep their names in the file; dense weights are anonymous constants of MatMul nodes, stored
transposed, and known by the path of the node.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from transferkit.catalogue.convert.files import Weights, write_json, write_weights
from transferkit.catalogue.convert.onnx_graph import Graph, read_graph

SOURCE = "paraphrase-MiniLM-L3-v2.onnx"
PREFIX = "model.0.auto_model."
DENSE = re.compile(r"auto_model/(encoder/layer\.\d+/.+)/MatMul$")
N_BLOCKS = 3
FROM_MINILM_L6 = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "1_Pooling/config.json",
)

CONFIG: dict[str, object] = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": N_BLOCKS,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "dtype": "float32",
}


def convert_minilm_l3(source: Path, target: Path, needs: Mapping[str, Path]) -> None:
    """Fill `target` with a folder that `AutoModel` and sentence encoders' tools read."""
    write_weights(_read_weights(read_graph(source / SOURCE)), _iter_names(), target / "model.safetensors")
    write_json(CONFIG, target / "config.json")
    write_json({"max_seq_length": 128, "do_lower_case": False}, target / "sentence_bert_config.json")
    for name in FROM_MINILM_L6:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(needs["minilm-l6"] / name, target / name)


def _read_weights(graph: Graph) -> Weights:
    weights = {name.removeprefix(PREFIX): value for name, value in graph.constants.items() if name.startswith(PREFIX)}
    for node in graph.nodes:
        if node.op_type == "MatMul" and node.input[1] in graph.constants and (path := DENSE.search(node.name)):
            weights[path[1].replace("/", ".") + ".weight"] = graph.constants[node.input[1]].T
    return weights


def _iter_names() -> Iterator[str]:
    for table in ("word", "position", "token_type"):
        yield f"embeddings.{table}_embeddings.weight"
    modules = ["embeddings.LayerNorm"]
    for block in range(N_BLOCKS):
        modules += [f"encoder.layer.{block}.attention.self.{part}" for part in ("query", "key", "value")]
        modules += [f"encoder.layer.{block}.attention.output.{part}" for part in ("dense", "LayerNorm")]
        modules += [
            f"encoder.layer.{block}.{part}" for part in ("intermediate.dense", "output.dense", "output.LayerNorm")
        ]
    for module in modules:
        yield f"{module}.weight"
        yield f"{module}.bias"
