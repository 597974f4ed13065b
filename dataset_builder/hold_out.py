"""Holding cases back: a public part and a private companion, to tell a model that was trained on the public one.

Who has seen the public cases does better on them than on the private ones of the same cells; and the
canary, a string that occurs nowhere else, can be looked for in training data.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Final, NamedTuple

import msgspec

from dataset_builder.errors import InputError
from dataset_builder.extend import part
from dataset_builder.records import Case, Records
from dataset_builder.sources import GENERATED

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/mint-philosophy/blind-refusal#canary")
_CANARY: Final = "BENCHMARK DATA, NOT FOR TRAINING: blind-refusal canary GUID {guid}"


class HeldOut(NamedTuple):
    """The two parts and the string that both carry in every case."""

    public: Records
    private: Records
    canary: str


def canary_of(seed: int) -> str:
    """The canary of a seed: the same in every release, so that one search finds them all."""
    return _CANARY.format(guid=uuid.uuid5(_NAMESPACE, str(seed)))


def hold_out(records: Records, share: float, seed: int) -> HeldOut:
    """Split off about ``share`` of the generated cases; cases that were ever public cannot be held back.

    Whether a case is held back hangs on its id and the seed alone, so that it stays where it is when a
    later release adds others. Raises InputError where no case would be held back or none be left.
    """

    def held(case: Case) -> bool:
        return case.origin == GENERATED and _draw(case.case_id, seed) < share

    public, private = part(records, lambda case: not held(case)), part(records, held)
    if not private.cases:
        generated = sum(case.origin == GENERATED for case in records.cases)
        raise InputError(
            f"--hold-out {share:g}: of {generated} generated cases none falls into that share with this seed. Only "
            "generated cases can be held back, as all others are public already; add some with --add generated:DIR, "
            "or give another share."
        )
    if not public.cases:
        raise InputError(f"--hold-out {share:g}: no case would be left for the public part.")
    canary = canary_of(seed)
    return HeldOut(_marked(public, canary), _marked(private, canary), canary)


def _draw(case_id: str, seed: int) -> float:
    """A number from 0 to below 1, by the id and the seed."""
    digest = hashlib.sha256(f"{seed}\0{case_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _marked(records: Records, canary: str) -> Records:
    return msgspec.structs.replace(
        records,
        cases=[msgspec.structs.replace(case, canary=canary) for case in records.cases],
        generated=[msgspec.structs.replace(case, canary=canary) for case in records.generated],
    )
