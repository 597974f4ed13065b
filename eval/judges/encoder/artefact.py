"""What is ours of the encoder: tuned tensors, heads and the combination in one file, a manifest beside it.

Both may come from strangers (``--judge encoder:REPO@REV``). They are read as numbers and as JSON, their sizes are
limited, and every name and shape is looked at before anything is reckoned with it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from dataset_builder.errors import DataError, Problem
from eval.judges.encoder.base import MATRICES, MINILM, PACKAGE, SHA256, Packed, Shape, Tensors, names_of
from eval.judges.encoder.combining import Combination
from eval.judges.encoder.reader import Head, packed
from eval.judges.encoder.windows import Settings

WEIGHTS, MANIFEST, HELDOUT = "encoder_weights.npz", "encoder_manifest.json", "encoder_heldout.npz"
# The folder of the encoder that comes with this installation.
SHIPPED: Final = Path(__file__).parent
VERSION: Final = 1
LARGEST_WEIGHTS: Final = 64 * 1024 * 1024
LARGEST_MANIFEST: Final = 1024 * 1024
# Of one array in it, however well it is compressed: that of all words is the largest.
_LARGEST_ARRAY: Final = 64 * 1024 * 1024
_MOST_TOKENS: Final = 400
SCORES: Final = 5
_SCALE: Final = ".scale"
_HEAD: Final = ("head_weight", "head_bias")

Arrays = Mapping[str, NDArray[Any]]


class Piece(msgspec.Struct, frozen=True):
    """A file by its size and hash."""

    sha256: str
    bytes: int


class Base(msgspec.Struct, frozen=True):
    """The package of the base's weights, and the hash of its file."""

    package: str
    sha256: str


class Windows(msgspec.Struct, frozen=True):
    """How much is read, as ``windows.Settings`` has it."""

    request_first: int
    request_last: int
    answer: int
    run: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge needs of the manifest.

    ``words`` is the rubric of the embedded judge with which the combination was fitted, ``least_firm`` a part of it.
    """

    version: int
    words: str
    weights: Piece
    base: Base
    windows: Windows
    least_firm: float = 0.0


@dataclass(frozen=True, eq=False)
class Artefact:
    """An encoder, ready to be built.

    ``rubric`` is how verdicts name it, ``words`` that of the embedded judge with which it goes.
    """

    tensors: Tensors
    head: Head
    combination: Combination
    settings: Settings
    rubric: str
    words: str
    shape: Shape = MINILM


def rubric_of(data: bytes) -> str:
    """The name of packed weights, as verdicts carry it."""
    return f"encoder-{hashlib.sha256(data).hexdigest()[:12]}"


def shipped_rubric() -> str | None:
    """The name of the weights of this installation; None where it comes without."""
    try:
        return f"encoder-{_manifest((SHIPPED / MANIFEST).read_bytes()).weights.sha256[:12]}"
    except FileNotFoundError:
        return None


def pack(tuned: Arrays, arrays: Arrays) -> bytes:
    """Tuned tensors (floats, by Hugging Face's names) and heads and combination as a file: the same for the same."""
    held: dict[str, NDArray[Any]] = {}
    for name, tensor in tuned.items():
        if _is_matrix(name):
            found = packed(tensor)
            held[name], held[name + _SCALE] = found.steps, found.scale
        else:
            held[name] = tensor.astype(np.float16)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in sorted((held | dict(arrays)).items()):
            part = io.BytesIO()
            np.lib.format.write_array(part, np.ascontiguousarray(array), allow_pickle=False)
            # A fixed time, as the archive's bytes must not tell when it was made.
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(member, part.getvalue(), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def read_artefact(folder: Path, base: Tensors, shape: Shape = MINILM) -> Artefact:
    """The encoder of a folder, over a base. Raises DataError where it is not whole, or none of ours."""
    return unpack(
        _bytes_of(folder / WEIGHTS, LARGEST_WEIGHTS), _bytes_of(folder / MANIFEST, LARGEST_MANIFEST), base, shape
    )


def unpack(data: bytes, manifest: bytes, base: Tensors, shape: Shape = MINILM) -> Artefact:
    """The encoder of those bytes, over a base. Raises DataError where they are none of ours."""
    told = _manifest(manifest)
    found = hashlib.sha256(data).hexdigest()
    if found != told.weights.sha256:
        raise _wrong(WEIGHTS, f"has the hash {found[:12]}…, and {MANIFEST} names {told.weights.sha256[:12]}…")
    arrays = _arrays(data)
    try:
        factors = {name: array for name, array in arrays.items() if name.startswith("combine_")}
        combination = Combination.of(factors, told.least_firm)
    except ValueError as error:
        raise _wrong(WEIGHTS, str(error)) from None
    settings = Settings(**msgspec.structs.asdict(told.windows))
    tensors = {**base, **_tensors(arrays, shape)}
    return Artefact(tensors, _head(arrays, shape), combination, settings, rubric_of(data), told.words, shape)


def _manifest(data: bytes) -> Manifest:
    try:
        told = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _wrong(MANIFEST, f"cannot be read: {error}") from None
    if told.version != VERSION:
        raise _wrong(MANIFEST, f"is of form {told.version}, and this version of blind-refusal reads {VERSION}")
    if (told.base.package, told.base.sha256) != (PACKAGE, SHA256):
        raise _wrong(
            MANIFEST, f"begins from {told.base.package!r:.80}, and this version of blind-refusal has {PACKAGE}"
        )
    sizes = told.windows
    whole = sizes.request_first + sizes.request_last + sizes.answer
    if min(sizes.request_first, sizes.request_last) < 0 or not 0 < sizes.run <= sizes.answer or whole > _MOST_TOKENS:
        raise _wrong(MANIFEST, f"has windows that cannot be cut: {sizes}")
    return told


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = [member.file_size for member in archive.infolist()]
        if max(sizes, default=0) > _LARGEST_ARRAY or sum(sizes) > 2 * _LARGEST_ARRAY:
            raise _wrong(WEIGHTS, f"holds {sum(sizes):,} bytes when unpacked")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise _wrong(WEIGHTS, f"cannot be read: {error}") from None


def _tensors(arrays: Arrays, shape: Shape) -> dict[str, Packed | NDArray[np.float32]]:
    expected, found = names_of(shape), dict[str, Packed | NDArray[np.float32]]()
    for name, array in arrays.items():
        if name in _HEAD or name.startswith("combine_") or name.removesuffix(_SCALE) in found:
            continue
        if name.removesuffix(_SCALE) not in expected:
            raise _wrong(WEIGHTS, f"has {name!r:.80}, which is no part of the model")
        name = name.removesuffix(_SCALE)
        array = arrays.get(name, array)
        if _is_matrix(name):
            scale = _floats(arrays.get(name + _SCALE), name + _SCALE, expected[name][:1])
            if array.dtype != np.int8 or array.shape != expected[name]:
                raise _wrong(WEIGHTS, f"has {name} as {array.dtype} {array.shape}; expected int8 {expected[name]}")
            found[name] = Packed(array, scale)
        else:
            found[name] = _floats(array, name, expected[name])
    return found


def _head(arrays: Arrays, shape: Shape) -> Head:
    sizes = (SCORES, 3 * shape.width), (SCORES,)
    return Head(*(_floats(arrays.get(name), name, size) for name, size in zip(_HEAD, sizes, strict=True)))


def _floats(array: NDArray[Any] | None, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if array is None or array.dtype.kind != "f" or array.shape != shape or not np.isfinite(array).all():
        told = "nothing" if array is None else f"{array.dtype} {array.shape}"
        raise _wrong(WEIGHTS, f"has {told} for {name}; expected finite floats of shape {shape}")
    return array.astype(np.float32)


def _is_matrix(name: str) -> bool:
    return any(name.endswith(f".{matrix}.weight") for matrix in MATRICES)


def _bytes_of(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise _wrong(str(path), error.strerror or str(error)) from None
    if len(data) > most:
        raise _wrong(str(path), f"is larger than {most:,} bytes")
    return data


def _wrong(where: str, what: str) -> DataError:
    way = "publish it again with 'blind-refusal judge publish', or name another one"
    return DataError("The encoder's files are not as they should be", [Problem(where, what, way)])
