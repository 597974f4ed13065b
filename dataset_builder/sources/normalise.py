"""Raw spellings of labels to the canonical ids of the taxonomy.

Nothing is guessed: a spelling is canonical, or stands in ``spellings.py``, or is decided for its
case in ``decisions.py``, or raises DataError with the file, the case and the nearest known label.
Each call raises for one label, so that a reader can gather the problems of all of them. The
raw spelling is kept by the caller beside the canonical one.

A label comes from data and may be of any type: one that is no text raises DataError too.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final, NamedTuple

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.taxonomy import ids
from dataset_builder.errors import DataError, Problem
from dataset_builder.sources import decisions, spellings

FAMILY: Final = "defeat_family"
SUBTYPE: Final = "defeat_subtype"
AUTHORITY: Final = "authority_type"
GROUP: Final = "authority_group"

# A label from untrusted data may be megabytes long; this much of it is shown and compared.
_SHOWN: Final = 80


class MappingRow(NamedTuple):
    """One mapping: a raw spelling, the label it stands for, and why.

    ``kind`` is the column (``defeat_subtype``, ``authority_group`` or a dimension); ``scope`` is
    where the mapping holds: a family for subtypes, an authority type for groups, empty for
    dimensions. ``case_id`` is empty, or the one case for which the mapping was decided.
    """

    kind: str
    scope: str
    raw: str
    canonical: str
    reason: str
    case_id: str = ""


def _rows() -> Iterator[MappingRow]:
    for family, table in spellings.SUBTYPE_SPELLINGS.items():
        for entry in table:
            for raw in entry.raw:
                yield MappingRow(SUBTYPE, family, raw, entry.canonical, entry.reason)
    for (family, raw), cases in decisions.SUBTYPE_DECISIONS.items():
        for case_id, decision in cases.items():
            yield MappingRow(SUBTYPE, family, raw, decision.canonical, decision.reason, case_id)
    for dimension, table in spellings.DIMENSION_SPELLINGS.items():
        for entry in table:
            for raw in entry.raw:
                yield MappingRow(dimension, "", raw, entry.canonical, entry.reason)
    for (dimension, raw), cases in decisions.DIMENSION_DECISIONS.items():
        for case_id, decision in cases.items():
            yield MappingRow(dimension, "", raw, decision.canonical, decision.reason, case_id)
    known_groups = dict.fromkeys(ids(taxonomy.AUTHORITY_GROUPS), spellings.GROUP_REASON) | dict(
        spellings.GROUP_SPELLINGS
    )
    for authority in taxonomy.AUTHORITY_TYPES:
        for raw, reason in known_groups.items():
            if raw != authority.group:
                yield MappingRow(GROUP, authority.id, raw, authority.group, reason)


_ROWS: Final = tuple(_rows())


def mapping_rows() -> list[MappingRow]:
    """Every mapping that changes a label, in the order of the tables.

    Rows of ``authority_group`` cover every authority type with every known spelling, most of
    which occur nowhere: count them against the data before showing them.
    """
    return list(_ROWS)


_Scope = tuple[str, str]


def _tables() -> tuple[dict[_Scope, dict[str, str]], dict[_Scope, dict[str, dict[str, str]]]]:
    """Plain spellings by (kind, scope), and decisions by (kind, scope), spelling and case."""
    plain: dict[_Scope, dict[str, str]] = {
        (FAMILY, ""): {i: i for i in ids(taxonomy.FAMILIES)},
        (AUTHORITY, ""): {i: i for i in ids(taxonomy.AUTHORITY_TYPES)},
    }
    for subtype in taxonomy.SUBTYPES:
        plain.setdefault((SUBTYPE, subtype.family), {})[subtype.id] = subtype.id
    for authority in taxonomy.AUTHORITY_TYPES:
        plain[GROUP, authority.id] = {authority.group: authority.group}
    for dimension in taxonomy.DIMENSIONS:
        plain[dimension.id, ""] = {i: i for i in ids(dimension.values)}
    decided: dict[_Scope, dict[str, dict[str, str]]] = {}
    for row in _ROWS:
        scope = row.kind, row.scope
        if row.case_id:
            decided.setdefault(scope, {}).setdefault(row.raw, {})[row.case_id] = row.canonical
        else:
            plain[scope][row.raw] = row.canonical
    return plain, decided


_PLAIN, _DECIDED = _tables()


def canonical_family(raw: object, case_id: str, where: str) -> str:
    """The id of a defeat family; only the exact ids are known."""
    return _label(FAMILY, "", raw, case_id, where)


def canonical_authority(raw: object, case_id: str, where: str) -> str:
    """The id of an authority type; only the exact ids are known."""
    return _label(AUTHORITY, "", raw, case_id, where)


def canonical_subtype(family: object, raw: object, case_id: str, where: str) -> str:
    """The subtype that a spelling stands for within its family."""
    return _label(SUBTYPE, canonical_family(family, case_id, where), raw, case_id, where)


def canonical_group(authority_type: object, raw: object, case_id: str, where: str) -> str:
    """The taxonomy's group of the authority type; the raw group must be a known spelling."""
    return _label(GROUP, canonical_authority(authority_type, case_id, where), raw, case_id, where)


def canonical_dimension(dimension: str, raw: object, case_id: str, where: str) -> str:
    """The value of a dimension that a spelling stands for. Raises ValueError if there is no such dimension."""
    if dimension not in taxonomy.DIMENSION_BY_ID:
        raise ValueError(f"no dimension {dimension!r}; there are {', '.join(taxonomy.DIMENSION_BY_ID)}")
    return _label(dimension, "", raw, case_id, where)


def _label(kind: str, scope: str, raw: object, case_id: str, where: str) -> str:
    if not isinstance(raw, str):
        found = "null" if raw is None else f"of type {type(raw).__name__}"
        raise _unmapped(where, case_id, f"{kind} is {found}", "a label is text")
    canonical = _PLAIN[kind, scope].get(raw)
    if canonical is not None:
        return canonical
    cases = _DECIDED.get((kind, scope), {}).get(raw)
    if cases is not None:
        if case_id in cases:
            return cases[case_id]
        what = f"{kind} {raw!r} is a spelling that is decided case by case"
        raise _unmapped(where, case_id, what, "add a decision for this case to dataset_builder/sources/decisions.py")
    what = f"unknown {kind} {_clip(raw)!r}" + (f" of {scope}" if scope else "")
    raise _unmapped(where, case_id, what, _nearest(kind, scope, raw[:_SHOWN]))


def _unmapped(where: str, case_id: str, what: str, hint: str) -> DataError:
    return DataError("a label cannot be mapped", [Problem(f"{where}, case {_clip(case_id)}", what, hint)])


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


@lru_cache(maxsize=4096)
def _nearest(kind: str, scope: str, raw: str) -> str:
    """The known label that is most like an unknown one, and by which of its spellings."""
    plain, decided = _PLAIN[kind, scope], _DECIDED.get((kind, scope), {})
    matcher = SequenceMatcher(b=raw, autojunk=False)
    best, likeness = "", -1.0
    for known in (*plain, *decided):
        matcher.set_seq1(known)
        # The two quick ratios are upper bounds of the slow one.
        if min(matcher.real_quick_ratio(), matcher.quick_ratio()) > likeness and matcher.ratio() > likeness:
            best, likeness = known, matcher.ratio()
    meaning = plain.get(best)
    if meaning is None:
        hint = f"nearest known label: {best!r}, which is decided case by case"
    else:
        hint = f"nearest known label: {meaning!r}" + ("" if meaning == best else f", by its spelling {best!r}")
    elsewhere = [other for (k, other), table in _PLAIN.items() if k == kind and raw in table]
    if elsewhere:
        hint += f"; {raw!r} is a label of {', '.join(elsewhere)}"
    return hint
