"""Which cases take part: a sample that is spread evenly over cells and that anyone can draw again, or chosen ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import FAMILIES
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.sheets import read_text

T = TypeVar("T")
# Which cases take part: all, the first few, or a stratified sample that anyone can draw again.
ALL_CASES: Final = "all"
LIMIT: Final = "limit"
STRATIFIED: Final = "stratified"


def stratified(items: Sequence[T], cell_of: Callable[[T], str], size: int, seed: int) -> list[T]:
    """A sample of ``size`` items spread evenly over their cells, in the order of the items.

    Systematic sampling from a list sorted by cell (Cochran, Sampling Techniques, 1977, chapter 8): the
    items are shuffled, sorted by cell and taken at equal steps from a random start. Every item has the
    same chance, so rates over the sample estimate rates over all with no weights; a cell, and a run of
    neighbouring cells such as a family, gets its share rounded down or up.

    The cells of a family are neighbours as ``family:authority`` sorts them. Deterministic in the seed,
    whatever the order of the items.
    """
    if size >= len(items):
        return list(items)
    rng = random.Random(seed)  # noqa: S311 - a draw that must be repeatable
    # Sorted first, so that the draw does not hang on the order in which the items came.
    order = sorted(range(len(items)), key=lambda i: str(_identity(items[i])))
    rng.shuffle(order)
    order.sort(key=lambda i: cell_of(items[i]))
    step = len(items) / size
    start = rng.random() * step
    taken = {order[min(len(order) - 1, int(start + k * step))] for k in range(size)}
    return [item for i, item in enumerate(items) if i in taken]


def _identity(item: Any) -> Any:
    return getattr(item, "case_id", item)


def sample_name(sample: int | None, limit: int | None) -> str:
    """The name of a sample, as ``run.json`` keeps it: ``all``, ``limit:N`` or ``stratified:N``.

    ``sample`` is how many cases are drawn, spread evenly over the cells. Raises InputError where that is no number
    above 0, or both are given.
    """
    if sample is not None and limit is not None:
        raise InputError("--limit and --sample: expected one of them, not both.")
    if limit is not None:
        return f"{LIMIT}:{limit}"
    if sample is None:
        return ALL_CASES
    if not isinstance(sample, int) or sample < 1:
        raise InputError(f"--sample {sample}: expected a number of cases, for example 100.")
    return f"{STRATIFIED}:{sample}"


def draw_labelled(cases: Sequence[Case], size: int, controls: int | None, seed: int) -> list[Case]:
    """A stratified sample for labelling; with ``controls``, that many of them are control cases.

    A judge's error on controls is seen on controls alone, and of a plain sample few are any.
    Raises InputError for more controls than the sample is to have.
    """
    if controls is None:
        return stratified(cases, lambda case: case.cell, size, seed)
    if controls > size:
        raise InputError(f"--controls {controls}: more than the {size} of --sample.")
    parts = ((False, controls), (True, size - controls))
    drawn = {
        case.case_id
        for defeated, part in parts
        for case in stratified([c for c in cases if c.defeated == defeated], lambda case: case.cell, part, seed)
        if part
    }
    return [case for case in cases if case.case_id in drawn]


def draw(cases: Sequence[T], sample: str, seed: int, cell_of: Callable[[T], str]) -> list[T]:
    """The cases of a sample that ``sample_name`` named."""
    kind, _, size = sample.partition(":")
    if kind == LIMIT:
        return list(cases[: int(size)])
    if kind == STRATIFIED:
        return stratified(cases, cell_of, int(size), seed)
    return list(cases)


# Cases that a user chooses, by what they are or from a list.


# What a condition of --where may name, and the column of a case that it means.
COLUMNS: Final[Mapping[str, str]] = {
    "family": "defeat_family",
    "subtype": "defeat_subtype",
    "authority": "authority_type",
    "group": "authority_group",
    "cell": "cell",
    "defeated": "defeated",
    "language": "language",
    "origin": "origin",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Cases by conditions (column to the values that it may have), by their ids, or by both; ``name`` is recorded."""

    name: str
    where: Mapping[str, frozenset[str]]
    ids: Mapping[str, int] | None = None
    file: Path | None = None


def parse_chosen(where: str | None, file: Path | None) -> Chosen | None:
    """What ``--where`` and ``--cases`` say; None where neither is given.

    ``where`` is words such as ``family=control,exception_justified authority=school``; all conditions must hold,
    and any value of a condition will do. ``file`` has a case id in each line. Raises InputError for what is neither.
    """
    conditions: dict[str, frozenset[str]] = {}
    for word in (where or "").split():
        name, sign, values = word.partition("=")
        if name not in COLUMNS or not sign or not all(values.split(",")):
            raise InputError(
                f"--where {word!r}: expected NAME=VALUE[,VALUE…] with NAME one of {', '.join(COLUMNS)}, "
                f"for example family={FAMILIES[0].id}."
            )
        if name in conditions:
            raise InputError(f"--where: {name} is given twice; put its values behind one sign, {name}=A,B.")
        conditions[name] = frozenset(values.split(","))
    told = [f"{name}={','.join(sorted(values))}" for name, values in sorted(conditions.items())]
    ids = None
    if file is not None:
        lines = [line.strip() for line in read_text(file, "--cases").split("\n")]
        ids = {line: number for number, line in reversed(list(enumerate(lines, 1))) if line}
        if not ids:
            raise InputError(f"--cases {file}: holds no case ids. Expected one in each line.")
        digest = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12]
        told.append(f"a list of {len(ids):,} ids ({digest})")
    return Chosen(" ".join(told), conditions, ids, file) if told else None


def chosen_cases(cases: Sequence[Case], chosen: Chosen | None, dataset: str) -> list[Case]:
    """The cases that were chosen, in the dataset's order.

    Raises InputError where a condition names a value that no case has, or no case meets them all; DataError
    with the line of every listed id that the dataset does not have.
    """
    if chosen is None:
        return list(cases)
    for name, values in chosen.where.items():
        there = {_value(case, name) for case in cases}
        if strange := sorted(values - there):
            raise InputError(
                f"--where {name}={strange[0]}: {dataset} has no such case. It has: {', '.join(sorted(there))}."
            )
    if chosen.ids is not None:
        known = {case.case_id for case in cases}
        problems = [
            Problem(f"{chosen.file}:{number}", f"case {case_id[:100]!r} is not in {dataset}", "mend or remove the line")
            for case_id, number in sorted(chosen.ids.items(), key=lambda item: item[1])
            if case_id not in known
        ]
        if problems:
            raise DataError("--cases names cases that the dataset does not have", problems)
    kept = [
        case
        for case in cases
        if all(_value(case, name) in values for name, values in chosen.where.items())
        and (chosen.ids is None or case.case_id in chosen.ids)
    ]
    if not kept:
        raise InputError(f"{dataset}: no case is {chosen.name}, so there is nothing to ask.")
    return kept


def _value(case: Case, name: str) -> str:
    return str(getattr(case, COLUMNS[name])).lower()
