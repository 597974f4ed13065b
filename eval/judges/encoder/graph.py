"""A BERT as an ONNX graph for onnxruntime: in int8, or in float32 where a processor would round int8 away.

One text at a time, of any length and without padding: what is said of a text never depends on the texts beside it,
and attention needs no mask. Matrices are int8 with one scale a row; what they are multiplied with is rounded to 8
bits as it comes. A layer norm is spelled as mean and root mean square, which onnxruntime computes several times as
fast as its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from eval.judges.encoder.base import EMBEDDINGS, MATRICES, Packed, Shape, Tensors

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

IDS, TYPES, HIDDEN = "ids", "types", "hidden"
# Of what ONNX itself lacks.
_MICROSOFT: Final = "com.microsoft"
_OPSET, _IR_VERSION = 17, 8
_EPSILON: Final = 1e-12
_QUERY, _KEY, _VALUE, _OUT, _WIDEN, _NARROW = MATRICES


def graph_of(tensors: Tensors, shape: Shape, *, int8: bool) -> bytes:
    """The graph as an ONNX file: from ``ids`` and ``types``, int64 (1, tokens), to ``hidden`` (1, tokens, width)."""
    return _Graph(tensors, shape, int8).bytes()


class _Graph:
    def __init__(self, tensors: Tensors, shape: Shape, int8: bool) -> None:
        self._tensors, self._shape, self._int8 = tensors, shape, int8
        self._nodes: list[NodeProto] = []
        self._held: dict[str, TensorProto] = {}

    def bytes(self) -> bytes:
        from onnx import TensorProto, helper

        x = self._embedded()
        for layer in range(self._shape.layers):
            x = self._layer(x, f"encoder.layer.{layer}.")
        self._node("Identity", [x], HIDDEN)
        both = [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"]) for name in (IDS, TYPES)]
        out = helper.make_tensor_value_info(HIDDEN, TensorProto.FLOAT, [1, "tokens", self._shape.width])
        graph = helper.make_graph(self._nodes, "encoder", both, [out], list(self._held.values()))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="blind-refusal")
        return bytes(model.SerializeToString())

    def _embedded(self) -> str:
        """The sum of a token's word, place and type."""
        # The places are 0, 1, …, one less than there are tokens.
        for name, value in (("zero", 0), ("one", 1)):
            self._hold(name, np.array(value, np.int64))
        self._hold("of_row", np.array([1], np.int64))
        self._node("Shape", [IDS], "shape")
        self._node("Gather", ["shape", "one"], "tokens")
        self._node("Range", ["zero", "tokens", "one"], "places")
        self._hold("in_front", np.array([0], np.int64))
        self._node("Unsqueeze", ["places", "in_front"], "rows")
        found = [self._rows(name, at) for name, at in zip(EMBEDDINGS, (IDS, "rows", TYPES), strict=True)]
        words, places, types = found
        self._node("Add", [words, places], "words_and_places")
        self._node("Add", ["words_and_places", types], "embedded")
        return self._norm("embedded", "embeddings.LayerNorm")

    def _rows(self, name: str, at: str) -> str:
        """The rows of a table of embeddings at some places."""
        table = self._tensors[f"embeddings.{name}_embeddings.weight"]
        if not (self._int8 and isinstance(table, Packed)):
            self._hold(f"{name}_table", _floats(table))
            return self._node("Gather", [f"{name}_table", at], f"{name}_rows")
        self._hold(f"{name}_steps", table.steps)
        self._hold(f"{name}_scale", table.scale[:, None])
        self._node("Gather", [f"{name}_steps", at], f"{name}_as_steps")
        self._node("Gather", [f"{name}_scale", at], f"{name}_scales")
        self._node("Cast", [f"{name}_as_steps"], f"{name}_as_floats", to=1)
        return self._node("Mul", [f"{name}_as_floats", f"{name}_scales"], f"{name}_rows")

    def _layer(self, x: str, place: str) -> str:
        query, key, value = (self._dense(x, place + name) for name in (_QUERY, _KEY, _VALUE))
        heads = self._shape.heads
        self._node("MultiHeadAttention", [query, key, value], f"{place}seen", domain=_MICROSOFT, num_heads=heads)
        self._node("Add", [self._dense(f"{place}seen", place + _OUT), x], f"{place}with_seen")
        x = self._norm(f"{place}with_seen", f"{place}attention.output.LayerNorm")
        wide = self._node("Gelu", [self._dense(x, place + _WIDEN)], f"{place}wide", domain=_MICROSOFT)
        self._node("Add", [self._dense(wide, place + _NARROW), x], f"{place}with_wide")
        return self._norm(f"{place}with_wide", f"{place}output.LayerNorm")

    def _dense(self, x: str, name: str) -> str:
        """``x @ weight.T + bias``."""
        matrix, bias = self._tensors[f"{name}.weight"], f"{name}.bias"
        self._hold(bias, _floats(self._tensors[bias]))
        if self._int8 and isinstance(matrix, Packed):
            self._hold(f"{name}.steps", np.ascontiguousarray(matrix.steps.T))
            self._hold(f"{name}.scale", matrix.scale)
            inputs = [x, f"{name}.steps", f"{name}.scale", "", bias]
            return self._node("DynamicQuantizeMatMul", inputs, f"{name}.out", domain=_MICROSOFT)
        self._hold(f"{name}.weight", np.ascontiguousarray(_floats(matrix).T))
        self._node("MatMul", [x, f"{name}.weight"], f"{name}.product")
        return self._node("Add", [f"{name}.product", bias], f"{name}.out")

    def _norm(self, x: str, name: str) -> str:
        for part in ("weight", "bias"):
            self._hold(f"{name}.{part}", _floats(self._tensors[f"{name}.{part}"]))
        self._node("ReduceMean", [x], f"{name}.mean", axes=[-1], keepdims=1)
        self._node("Sub", [x, f"{name}.mean"], f"{name}.centred")
        # Not of ONNX's own operators, and yet in its name space.
        inputs = [f"{name}.centred", f"{name}.weight"]
        self._node("SimplifiedLayerNormalization", inputs, f"{name}.scaled", axis=-1, epsilon=_EPSILON)
        return self._node("Add", [f"{name}.scaled", f"{name}.bias"], f"{name}.out")

    def _hold(self, name: str, array: NDArray[np.generic]) -> None:
        from onnx import numpy_helper

        self._held[name] = numpy_helper.from_array(array, name)

    def _node(self, operator: str, inputs: list[str], output: str, **settings: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, [output], **settings))
        return output


def _floats(tensor: Packed | NDArray[np.float32]) -> NDArray[np.float32]:
    return tensor.floats() if isinstance(tensor, Packed) else tensor.astype(np.float32)
