"""Slices: the sets of cases for which every metric is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.taxonomy import (
    AUTHORITY_GROUPS,
    AUTHORITY_TYPES,
    DIMENSIONS,
    DUAL_USE_CATEGORIES,
    FAMILIES,
    SUBTYPES,
    ids,
)
from dataset_builder.errors import InputError
from eval.scores.cases import EXTENSION_FIELDS, FLAGGED, NOT_ASSESSED, SLICE_FIELDS, UNFLAGGED, CaseTable

OVERALL: Final = "overall"
# Titles and order of the labels, where the taxonomy has them.
_LABELS: Final = {
    "family": FAMILIES,
    "subtype": SUBTYPES,
    "authority": AUTHORITY_TYPES,
    "authority_group": AUTHORITY_GROUPS,
    "dual_use_category": DUAL_USE_CATEGORIES,
    **{dimension.id: dimension.values for dimension in DIMENSIONS},
}
_ORDER: Final = {
    **{name: ids(labels) for name, labels in _LABELS.items()},
    "dual_use": (UNFLAGGED, FLAGGED, NOT_ASSESSED),
    "family_authority": tuple(f"{f.id}:{a.id}" for f in FAMILIES for a in AUTHORITY_TYPES),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """Cases with one label (``by`` is ``overall`` for all), or only those of them without the dual-use flag."""

    by: str
    value: str
    without_dual_use: bool = False


def check_by(names: Sequence[str]) -> tuple[str, ...]:
    """The slice names as given, each once; raises InputError for an unknown one."""
    unknown = [name for name in names if name not in SLICE_FIELDS]
    if unknown:
        raise InputError(f"There is no slice by {', '.join(unknown)}; there are: {', '.join(SLICE_FIELDS)}.")
    return tuple(dict.fromkeys(names))


def find_slices(
    cases: CaseTable, by: Sequence[str] | None = None
) -> tuple[tuple[Slice, ...], tuple[NDArray[np.int64], ...]]:
    """The slices that have at least one case, and the rows of each, ascending.

    The overall slice comes first, then those of each name in ``by`` (default: all, but those of extended
    datasets only where they tell cases apart) in
    taxonomy order; then the same again on the cases without the dual-use flag, except
    where the name is about dual use itself.
    """
    names = check_by([name for name in SLICE_FIELDS if _tells_apart(cases, name)] if by is None else by)
    labelled: list[tuple[str, str, NDArray[np.int64]]] = [(OVERALL, OVERALL, np.arange(len(cases)))]
    for name in names:
        labels = np.array([label if label is not None else "" for label in cases.labels[name]])
        present = set(labels.tolist()) - {""}
        order = [value for value in _ORDER.get(name, ()) if value in present]
        labelled += [(name, value, np.flatnonzero(labels == value)) for value in order + sorted(present - set(order))]
    unflagged = np.array([label == UNFLAGGED for label in cases.labels["dual_use"]], bool)
    slices = [Slice(name, value) for name, value, _ in labelled]
    rows = [members for _, _, members in labelled]
    for name, value, members in labelled:
        kept = members[unflagged[members]]
        if len(kept) and not name.startswith("dual_use"):
            slices.append(Slice(name, value, without_dual_use=True))
            rows.append(kept)
    return tuple(slices), tuple(rows)


def _tells_apart(cases: CaseTable, name: str) -> bool:
    return name not in EXTENSION_FIELDS or len(set(cases.labels[name])) > 1


def title(part: Slice) -> str:
    """A slice's name for a reader."""
    found = {label.id: label.title for label in _LABELS.get(part.by, ())}.get(part.value, part.value.replace("_", " "))
    return f"{found}, no dual use" if part.without_dual_use else found
