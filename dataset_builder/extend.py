"""An extended dataset: the records of one source with those of others added, none of them changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.records import Case, Records
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
