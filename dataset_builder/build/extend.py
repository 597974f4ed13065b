"""An extended dataset: the records of one source with those of others added, none of them changed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from dataset_builder.dataset.records import Case, Records
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.sources import GENERATED, Read


def extend(base: Read, added: Sequence[Read]) -> Read:
    """The base's records with the added ones after them, in the order given; its source stays the first.

    Raises InputError where something else than generated cases is to be added, DataError for every id
    that two of them have.
    """
    for read in added:
        if read.source.kind != GENERATED:
            raise InputError(f"--add: only generated:DIR can be added to a source, not {read.source.kind!r}.")
    whole = base.records
    problems: list[Problem] = []
    for read in added:
        taken = {case.case_id for case in (*whole.cases, *whole.generated)}
        problems += [
            Problem(f"case {case.case_id!r}", "is there already", "two batches with one name, or one batch twice?")
            for case in (read.records.generated or read.records.cases)
            if case.case_id in taken
        ]
        whole = Records(
            cases=[*whole.cases, *read.records.cases],
            generated=[*whole.generated, *read.records.generated],
            responses=whole.responses,
            gates=[*whole.gates, *read.records.gates],
            case_reviews=[*whole.case_reviews, *read.records.case_reviews],
            verdict_reviews=whole.verdict_reviews,
        )
    if problems:
        raise DataError("ids clash, and an id must never change or mean two cases", problems)
    return Read(whole, base.source)


def part(records: Records, belongs: Callable[[Case], bool]) -> Records:
    """The records about some cases alone; answers are kept where their case is."""
    cases = [case for case in records.cases if belongs(case)]
    generated = [case for case in records.generated if belongs(case)]
    known = {case.case_id for case in (*cases, *generated)}
    kept = {case.case_id for case in cases}
    responses = {model: [r for r in rows if r.case_id in kept] for model, rows in records.responses.items()}
    return Records(
        cases=cases,
        generated=generated,
        responses={model: rows for model, rows in responses.items() if rows},
        gates=[g for g in records.gates if g.case_id in known],
        case_reviews=[r for r in records.case_reviews if r.case_id in known],
        verdict_reviews=[r for r in records.verdict_reviews if r.case_id in kept],
    )


# Holding cases back: a public part and a private companion, to tell a model that was trained on the public one.


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
        responses={
            model: [msgspec.structs.replace(row, canary=canary) for row in rows]
            for model, rows in records.responses.items()
        },
    )
