"""The judge ``heldout``: the embedded judge as it is towards a model that it has not seen.

The weights of ``embedded`` learned from all of the study's answers, so on these it looks better than
it is. This judge gives each of them the verdict of weights that were fitted without the family of
the model that answered. It knows the study's answers alone, and is there to show what the embedded
judge is worth: its verdicts beside the study's, and the ranking that they give.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.errors import BlindRefusalError, InputError
from eval.judges.embedded.judge import CLASSES, manifest
from eval.judges.embedded.weights import Floats
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.runs.collect import now
from eval.runs.published import PREFIX, is_published
from eval.runs.verdict import NOT_JUDGED, Verdict

# The held-out verdicts: what weights that saw no answer of a model's family said of the study's answers.


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

    def known(self, family: str, hashes: Mapping[str, str]) -> NDArray[np.bool_]:
        """Whether each of a family's answers, its hash by its case, is among them."""
        digests = [_digest(family, case_id, response_hash) for case_id, response_hash in hashes.items()]
        keys = np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(self._keys[at] == keys)


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
            "again, or make them anew with 'python -m eval.judges.training.train'"
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return HeldOutVerdicts(file["keys"], file["labels"], file["percent"])


def _key(family: str, case_id: str, response_hash: str) -> int:
    return int.from_bytes(_digest(family, case_id, response_hash), "big")


def _digest(family: str, case_id: str, response_hash: str) -> bytes:
    return hashlib.sha256(f"{family}\n{case_id}\n{response_hash}".encode()).digest()[:8]


NAME: Final = "heldout"
HELDOUT_FILE: Final = Path(__file__).with_name("embedded_heldout.npz")


class HeldOutJudge:
    """Looks each answer up by its case and hash; one that is not the study's is unscored."""

    batch_size = 256

    def __init__(self, verdicts: HeldOutVerdicts, rubric: str, family: str, name: str = NAME) -> None:
        self.name, self.rubric = name, rubric
        self.settings: dict[str, Any] = {"held_out": family}
        self._verdicts = verdicts
        self._family = family

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """One verdict for each task, in order."""
        return [self.verdict_on(task.case.case_id, task.response.response_hash) for task in tasks]

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def verdict_on(self, case_id: str, response_hash: str) -> Verdict:
        """The verdict on one answer, ``not_judged`` for one that is not the study's."""
        found = self._verdicts.of(self._family, case_id, response_hash)
        said: dict[str, Any] = {"unscored_reason": NOT_JUDGED} if found is None else found._asdict()
        return Verdict(
            case_id=case_id,
            response_hash=response_hash,
            judge=self.name,
            rubric=self.rubric,
            judged_at=now(),
            cost=0.0,
            **said,
        )


class Learned(NamedTuple):
    """How many answers are among those that the weights learned from, and whose most of these are (a family)."""

    family: str
    n: int


def learned_from(hashes: Mapping[str, str]) -> Learned | None:
    """Which answers the weights of ``embedded`` learned from, given the hash of each by its case; None for none.

    Raises FileNotFoundError where this installation lacks the held-out verdicts.
    """
    verdicts, _ = shipped()
    families = sorted(manifest()["heldout"]["family"]["response_type"]["families"])
    found: list[NDArray[np.bool_]] = []
    for family in families:
        found.append(verdicts.known(family, hashes))
        if found[-1].all():
            break
    if not np.any(found):
        return None
    # The first of those that have most, which nobody after one that has all can be.
    return Learned(families[int(np.sum(found, axis=1).argmax())], int(np.any(found, axis=0).sum()))


@cache
def shipped() -> tuple[HeldOutVerdicts, str]:
    """The verdicts of this installation and the name that verdicts carry; opened once a process."""
    digest = manifest()["heldout_verdicts"]["sha256"]
    return unpack_heldout(HELDOUT_FILE.read_bytes(), digest), rubric_of(digest)


def rubric_of(sha256: str) -> str:
    """The name of packed held-out verdicts, as verdicts carry it."""
    return f"heldout-{sha256[:12]}"


def make(argument: str, options: JudgeOptions) -> HeldOutJudge:
    """The judge for ``--judge heldout``. Raises InputError for a run of other answers than published ones."""
    if not is_published(options.model):
        raise InputError(
            f"--judge {NAME}: knows the study's own answers alone (runs of --model {PREFIX}SLUG), and this run is of "
            f"{options.model}. Judge it with --judge embedded, which has not seen it."
        )
    return HeldOutJudge(*shipped(), family_of(options.model.removeprefix(PREFIX)))
