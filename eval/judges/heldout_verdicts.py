"""The held-out verdicts: what weights that saw no answer of a model's family said of the study's answers.

The script that trains the embedded judge fits it once without each family of models. Its labels of
that family are kept, found by case and answer, so that the judge can be checked against the study's
verdicts on answers that are new to it without fitting it anew, which takes minutes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.errors import BlindRefusalError
from eval.judges.embedded import CLASSES
from eval.judges.weights import Floats

# The label byte: the class in the lowest two bits, then engagement, then harm.
_CLASS: Final = 3
_ENGAGES: Final = 4
_HARM: Final = 8


class HeldOutLabels(NamedTuple):
    """What was said of one answer; ``confidence`` is the probability of the response type, to two decimals."""

    response_type: str
    engages_with_defeat: bool
    independent_harm: bool
    confidence: float


class HeldOutVerdicts:
    """Held-out labels by family, case and answer: a sorted key, a label and a percentage each, arrays of shape (n,)."""

    def __init__(self, keys: NDArray[np.uint64], labels: NDArray[np.uint8], percent: NDArray[np.uint8]) -> None:
        self._keys, self._labels, self._percent = keys, labels, percent

    def __len__(self) -> int:
        return len(self._keys)

    def of(self, family: str, case_id: str, response_hash: str) -> HeldOutLabels | None:
        """The labels of a family's answer (its hash as in ``hash_text``), or None for one that is not among them."""
        key = np.uint64(_key(family, case_id, response_hash))
        at = int(np.searchsorted(self._keys, key))
        if at == len(self._keys) or self._keys[at] != key:
            return None
        label = int(self._labels[at])
        said = CLASSES[label & _CLASS], bool(label & _ENGAGES), bool(label & _HARM)
        return HeldOutLabels(*said, int(self._percent[at]) / 100)


def family_of(model: str) -> str:
    """The family of a model of the study: the first word of its slug."""
    return model.split("-")[0]


def pack_heldout(
    families: Sequence[str],
    case_ids: Sequence[str],
    response_hashes: Sequence[str],
    chances: Floats,
    engages: NDArray[np.bool_],
    harm: NDArray[np.bool_],
) -> bytes:
    """The bytes of a file: the same for the same labels. ``chances`` are of each of CLASSES, shape (n, 3)."""
    label = chances.argmax(axis=1) + _ENGAGES * engages + _HARM * harm
    keys = [_key(*answer) for answer in zip(families, case_ids, response_hashes, strict=True)]
    # Two models of a family may have given the same answer; the same weights said the same of both.
    found, first = np.unique(np.array(keys, np.uint64), return_index=True)
    arrays = {
        "keys": found,
        "labels": label[first].astype(np.uint8),
        "percent": np.rint(100 * chances.max(axis=1))[first].astype(np.uint8),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.lib.format.write_array(part, array, allow_pickle=False)
            # A fixed time, as the archive's bytes must not tell when it was made.
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), part.getvalue(), zipfile.ZIP_DEFLATED
            )
    return file.getvalue()


def unpack_heldout(data: bytes, sha256: str) -> HeldOutVerdicts:
    """The verdicts of a packed file; raises BlindRefusalError where it is not the one of that hash."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BlindRefusalError(
            "the held-out verdicts are not those that the embedded judge's manifest names: install the package "
            "again, or make them anew with 'python -m eval.judges.train'"
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return HeldOutVerdicts(file["keys"], file["labels"], file["percent"])


def _key(family: str, case_id: str, response_hash: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{family}\n{case_id}\n{response_hash}".encode()).digest()[:8], "big")
