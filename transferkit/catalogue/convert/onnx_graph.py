"""How weights are read out of an ONNX file: named constants, and anonymous ones known by the node that uses them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferkit.catalogue.convert.files import Weights, require_library

if TYPE_CHECKING:
    from onnx import NodeProto

STORED = "_quantized"


@dataclass(frozen=True)
class Graph:
    """The constants of an ONNX graph by name, de-quantised ones under the name of their node's output."""

    constants: Weights
    nodes: tuple["NodeProto", ...]

    def restore(self, name: str) -> np.ndarray:
        """Return a constant that lies there as three: NAME_quantized, NAME_scale and NAME_zero_point."""
        base = name.removesuffix(STORED)
        return _restored(*(self.constants[base + part] for part in (STORED, "_scale", "_zero_point")))


def read_graph(path: Path) -> Graph:
    """Read an ONNX file and undo 8-bit storage: (q − zero point) · scale.

    Raises:
        InputError: the library `onnx` is not installed.
    """
    require_library([path])
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


def _dequantise(node: "NodeProto", constants: Weights) -> np.ndarray:
    stored, scale, *zero = (constants[name] for name in node.input)
    offset = zero[0] if zero else np.zeros_like(scale)
    if scale.size > 1:  # one scale for each slice along an axis
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = [-1 if dimension == axis else 1 for dimension in range(stored.ndim)]
        scale, offset = scale.reshape(shape), offset.reshape(shape)
    return _restored(stored, scale, offset)


def _restored(stored: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    return (stored.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
