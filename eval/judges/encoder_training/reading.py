"""All that is read of the study's answers: their windows, one after another, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.storage.files import new_file
from eval.judges.encoder.windows import SETTINGS, Settings, Window, windows

# Tokens of windows that are computed together are padded to a multiple of this: for every new shape a product's
# program is written anew.
_TOKENS: Final = 32


class Read(NamedTuple):
    """All windows of some answers, one after another.

    ``answers`` (n + 1,) bounds the windows of each answer, ``bounds`` (windows + 1,) the tokens of each window; the
    others are of each token.
    """

    answers: NDArray[np.int64]
    bounds: NDArray[np.int64]
    ids: NDArray[np.int32]
    types: NDArray[np.int8]
    pooled: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many answers there are."""
        return len(self.answers) - 1

    @property
    def sha256(self) -> str:
        """The hash of all that is read."""
        digest = hashlib.sha256()
        for part in self:
            digest.update(part.tobytes())
        return digest.hexdigest()


def read_windows(
    requests: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], settings: Settings = SETTINGS
) -> Read:
    """The windows of some answers, given the tokens of each and of its request."""
    counts, lengths = [0], [0]
    ids: list[NDArray[np.int32]] = []
    types: list[NDArray[np.int8]] = []
    pooled: list[NDArray[np.bool_]] = []
    for request, answer in zip(requests, answers, strict=True):
        found: list[Window] = windows(request, answer, settings)
        counts.append(len(found))
        for window in found:
            lengths.append(len(window.ids))
            ids.append(np.array(window.ids, np.int32))
            types.append(np.array(window.types, np.int8))
            pooled.append(np.array(window.pooled, np.bool_))
    return Read(
        np.cumsum(counts), np.cumsum(lengths), np.concatenate(ids), np.concatenate(types), np.concatenate(pooled)
    )


def padded(read: Read, some: NDArray[np.int64], part: NDArray[np.generic]) -> NDArray[np.generic]:
    """A part of ``read`` for some windows, shape (windows, tokens); a part of one value holds for every token."""
    lengths = read.bounds[some + 1] - read.bounds[some]
    found = np.zeros((len(some), whole(int(lengths.max()), _TOKENS)), part.dtype)
    for row, (window, length) in enumerate(zip(some, lengths, strict=True)):
        begin = read.bounds[window]
        found[row, :length] = part[0] if len(part) == 1 else part[begin : begin + length]
    return found


def whole(size: int, of: int) -> int:
    """The least multiple of a number that is not smaller."""
    return -(-size // of) * of


def keep_read(read: Read, file: Path) -> None:
    """Write what is read to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as unfinished, unfinished.open("wb") as out:
        np.savez(out, **read._asdict())


def open_read(file: Path) -> Read:
    """What ``keep_read`` wrote."""
    with np.load(file, allow_pickle=False) as arrays:
        return Read(*(arrays[name] for name in Read._fields))
