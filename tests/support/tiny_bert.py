"""A BERT small enough to be reckoned by hand, and numpy's own reckoning of it."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from eval.judges.encoder.base import MATRICES, Packed, Shape, Tensors, names_of
from eval.judges.encoder.reader import packed
from eval.judges.encoder.windows import CLS, SEP

Floats = NDArray[np.floating[Any]]

_PLAIN: Final = ("yes", "no", "bus", "##es", "to", "ask", ".")
WORDS: Final = ("[UNK]", *(f"[{n}]" for n in range(CLS - 1)), "[CLS]", "[SEP]", *_PLAIN)
TINY: Final = Shape(layers=2, width=16, heads=2, inner=32, positions=64, words=len(WORDS))
assert (WORDS[CLS], WORDS[SEP]) == ("[CLS]", "[SEP]")


def tiny_tensors(seed: int = 0, shape: Shape = TINY) -> Tensors:
    """Random tensors, the matrices as bytes."""
    random = np.random.default_rng(seed)
    found: dict[str, Packed | NDArray[np.float32]] = {}
    for name, size in names_of(shape).items():
        values = random.normal(0, 0.3, size).astype(np.float32)
        if "LayerNorm.weight" in name:
            values += 1
        found[name] = packed(values) if len(size) == 2 and "token_type" not in name else values
    return found


def hidden_of(tensors: Tensors, shape: Shape, ids: list[int], types: list[int], *, int8: bool) -> Floats:
    """The last hidden states, shape (tokens, width), in float64; with ``int8`` what is multiplied is rounded first."""

    def floats(name: str) -> Floats:
        found = tensors[name]
        return (found.floats() if isinstance(found, Packed) else found).astype(np.float64)

    def dense(x: Floats, name: str) -> Floats:
        return (rounded(x) if int8 else x) @ floats(f"{name}.weight").T + floats(f"{name}.bias")

    def norm(x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return centred / size * floats(f"{name}.weight") + floats(f"{name}.bias")

    def split(x: Floats) -> Floats:
        return x.reshape(len(x), shape.heads, -1).transpose(1, 0, 2)

    query_name, key_name, value_name, out, widen, narrow = MATRICES
    x = floats("embeddings.word_embeddings.weight")[ids] + floats("embeddings.position_embeddings.weight")[: len(ids)]
    x = norm(x + floats("embeddings.token_type_embeddings.weight")[types], "embeddings.LayerNorm")
    for layer in range(shape.layers):
        place = f"encoder.layer.{layer}."
        query, key, value = (split(dense(x, place + name)) for name in (query_name, key_name, value_name))
        weight = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[2]))
        seen = (weight / weight.sum(axis=2, keepdims=True)) @ value
        x = norm(dense(seen.transpose(1, 0, 2).reshape(x.shape), place + out) + x, f"{place}attention.output.LayerNorm")
        wide = dense(x, place + widen)
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(dense(wide, place + narrow) + x, f"{place}output.LayerNorm")
    return x


def rounded(x: Floats) -> Floats:
    """Values as 256 even steps between the least and the greatest, zero being one of them."""
    low, high = np.float32(min(0, x.min())), np.float32(max(0, x.max()))
    step = (high - low) / np.float32(255)
    zero = np.rint(-low / step)
    return np.asarray((np.clip(np.rint(x / step) + zero, 0, 255) - zero) * step)
