"""How weights are read out of an ONNX file: named constants, and anonymous ones known by the node that uses them."""

import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferkit.errors import InputError, StoreError

if TYPE_CHECKING:
    from onnx import NodeProto

Weights = dict[str, np.ndarray]


def require_onnx() -> None:
    """Check that the library `onnx` is installed.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec("onnx") is None:
        raise InputError(
            "the library onnx is not installed; the weights of this backbone are in its format",
            fix="pip install 'transferkit[quickstart]'",
        )


@dataclass(frozen=True)
class Graph:
    """The constants of an ONNX graph by name, de-quantised ones under the name of their node's output."""

    constants: Weights
    nodes: tuple["NodeProto", ...]


def read_graph(path: Path) -> Graph:
    """Read an ONNX file and undo 8-bit storage: (q − zero point) · scale."""
    require_onnx()
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    dequantised = {
        node.output[0]: _dequantise(node, constants)
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    return Graph({**constants, **dequantised}, tuple(graph.node))


def write_weights(weights: Weights, expected: Iterable[str], path: Path) -> None:
    """Write the expected tensors, and only those, as a safetensors file.

    Raises:
        StoreError: a tensor is missing.
    """
    from safetensors.numpy import save_file

    expected = sorted(expected)
    if missing := [name for name in expected if name not in weights]:
        raise StoreError(
            f"the file of weights lacks {', '.join(missing[:3])}", fix="report this: it is not the model known"
        )
    save_file({name: np.ascontiguousarray(weights[name]) for name in expected}, path, metadata={"format": "pt"})


def write_json(record: dict[str, object], path: Path) -> None:
    """Write a configuration file, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _dequantise(node: "NodeProto", constants: Weights) -> np.ndarray:
    stored, scale, *zero = (constants[name].astype(np.float32) for name in node.input)
    offset = zero[0] if zero else np.zeros_like(scale)
    if scale.size > 1:  # one scale for each slice along an axis
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = [-1 if dimension == axis else 1 for dimension in range(stored.ndim)]
        scale, offset = scale.reshape(shape), offset.reshape(shape)
    return (stored - offset) * scale
