"""The encoder at work: requests and answers in, a row of scores for each out, by onnxruntime on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from eval.judges.encoder.base import Packed, Shape, Tensors, tokenizer
from eval.judges.encoder.graph import HIDDEN, IDS, TYPES, graph_of
from eval.judges.encoder.windows import Settings, Window, windows

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]
# Of a longer text so much is cut into tokens at either end, and what lies between is not read.
LONGEST_END: Final = 100_000
# How many threads read; by default as many as there are processors for this process.
THREADS: Final = "OMP_NUM_THREADS"
_REQUESTS: Final = 4096


@dataclass(frozen=True, eq=False)
class Head:
    """Scores of an answer from its vector: ``weight`` (scores, 3 * width), ``bias`` (scores,)."""

    weight: Floats
    bias: Floats


class Reader:
    """Reads answers with a tuned BERT. What it says of one depends on no other, nor on how many threads read."""

    def __init__(self, tensors: Tensors, shape: Shape, head: Head, words: tuple[str, ...], settings: Settings) -> None:
        self._session = session_of(graph_of(tensors, shape, int8=keeps_int8()))
        self._head, self._settings = head, settings
        self._cut = tokenizer(words)
        self._request = lru_cache(_REQUESTS)(self._tokens)

    def scores(
        self, exchanges: Sequence[tuple[str, str]], enough: Callable[[int, Floats], bool] = lambda _at, _scores: False
    ) -> Floats:
        """What the heads say of each (request, answer), shape (items, scores).

        ``enough`` is told an item's number and its scores by the first window; of those to which it says yes the other
        windows are not read.
        """
        found = np.zeros((len(exchanges), len(self._head.bias)), np.float32)

        def read(at: int) -> None:
            request, answer = exchanges[at]
            first, *others = windows(self._request(request), self._tokens(answer), self._settings)
            means = [self._pooled(first)]
            found[at] = self._scores(means)
            if others and not enough(at, found[at]):
                found[at] = self._scores([*means, *map(self._pooled, others)])

        if (count := min(threads(), len(exchanges))) > 1:
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(read, range(len(exchanges))))
        else:
            for at in range(len(exchanges)):
                read(at)
        return found

    def _scores(self, means: Sequence[Floats]) -> Floats:
        """By the first window's vector, then the mean and the greatest of all windows' vectors."""
        found = np.stack(means)
        # One at a time: products of several rows at once differ in their last digits.
        vector = np.concatenate([found[0], found.mean(axis=0), found.max(axis=0)])
        return np.asarray(self._head.weight @ vector + self._head.bias)

    def _pooled(self, window: Window) -> Floats:
        fed = {name: np.array([values], np.int64) for name, values in ((IDS, window.ids), (TYPES, window.types))}
        hidden = self._session.run([HIDDEN], fed)[0][0]
        return np.asarray(hidden[np.array(window.pooled)].mean(axis=0))

    def _tokens(self, text: str) -> list[int]:
        if len(text) > 2 * LONGEST_END:
            text = f"{text[:LONGEST_END]} {text[-LONGEST_END:]}"
        # Half of a surrogate pair is no text.
        plain = text.encode("utf-8", "replace").decode() if not text.isascii() else text
        return list(self._cut.encode(plain, add_special_tokens=False).ids)


def threads() -> int:
    """How many threads read at once."""
    told = os.environ.get(THREADS, "").partition(",")[0]
    if told.isdecimal() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def session_of(graph: bytes) -> InferenceSession:
    """The graph, ready to be run by the thread that calls it."""
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    # Each text is read by one thread; several are read at once.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@lru_cache(1)
def keeps_int8() -> bool:
    """Whether this processor adds up products of bytes without cutting them off at 16 bits, as some older ones do."""
    from onnx import TensorProto, helper, numpy_helper

    width = 64
    held = [
        numpy_helper.from_array(np.full((width, width), 127, np.int8), "steps"),
        numpy_helper.from_array(np.ones(width, np.float32), "scale"),
    ]
    node = helper.make_node("DynamicQuantizeMatMul", ["x", "steps", "scale"], ["y"], domain="com.microsoft")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width]) for name in ("x", "y")]
    graph = helper.make_graph([node], "probe", ends[:1], ends[1:], held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    said = session_of(model.SerializeToString()).run(["y"], {"x": np.ones((1, width), np.float32)})[0]
    return bool(np.allclose(said, 127 * width))


def packed(matrix: NDArray[np.floating[Any]]) -> Packed:
    """A matrix as signed bytes: the greatest of each row becomes 127."""
    scale = np.maximum(np.abs(matrix).max(axis=1) / 127, 1e-12).astype(np.float32)
    return Packed(np.rint(matrix / scale[:, None]).astype(np.int8), scale)
