"""A case as we write one down ourselves: labels canonical as written, nothing that can be derived."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, cell, is_defeated


class PlainDimensions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The seven dimensions of a case."""

    kind_of_rule: str
    harm_to_others: str
    legality: str
    stakes_if_caught: str
    compliance_ecology: str
    user_positionality: str
    evasion_type: str


class PlainCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A case without its family, which a file of one family need not repeat."""

    case_id: str
    defeat_subtype: str
    authority_type: str
    policy: str
    defeat_condition: str | None
    structural_facts: list[str]
    user_query: str
    dual_use: bool | None = None
    dual_use_category: str | None = None
    language: str = "en"
    dimensions: PlainDimensions


_COPIED: Final = tuple(name for name in PlainCase.__struct_fields__ if name != "dimensions")


def case_fields(plain: PlainCase, family: str, origin: str) -> dict[str, Any]:
    """The columns of the whole case: what derives from the labels is filled in, raw labels repeat them.

    Raises KeyError for an unknown authority type; other labels are left to ``validate``.
    """
    group = AUTHORITY_BY_ID[plain.authority_type].group
    dimensions = msgspec.structs.asdict(plain.dimensions)
    return {
        **{name: getattr(plain, name) for name in _COPIED},
        **dimensions,
        **{f"{name}_raw": value for name, value in dimensions.items()},
        "origin": origin,
        "defeat_family": family,
        "authority_group": group,
        "cell": cell(family, plain.authority_type),
        "defeated": is_defeated(family),
        "defeat_subtype_raw": plain.defeat_subtype,
        "authority_group_raw": group,
    }


def whole_case(plain: PlainCase, family: str, origin: str) -> Case:
    """The case with all its columns; raises KeyError for an unknown authority type."""
    return Case(**case_fields(plain, family, origin))
