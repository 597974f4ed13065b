"""The bundled starter set: our own cases, at least one for each populated cell.

Its labels are canonical as written, so every raw column repeats the canonical one.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

import msgspec

from dataset_builder.errors import BlindRefusalError
from dataset_builder.records import Case, Records
from dataset_builder.taxonomy import AUTHORITY_BY_ID, FAMILIES, cell, is_defeated

ORIGIN: Final = "starter"


class _Dimensions(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    kind_of_rule: str
    harm_to_others: str
    legality: str
    stakes_if_caught: str
    compliance_ecology: str
    user_positionality: str
    evasion_type: str


class _StarterCase(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    case_id: str
    defeat_subtype: str
    authority_type: str
    policy: str
    defeat_condition: str
    structural_facts: list[str]
    user_query: str
    dual_use: bool
    dual_use_category: str | None
    dimensions: _Dimensions


_FILE: Final = msgspec.json.Decoder(list[_StarterCase], strict=True)


def read_starter() -> Records:
    """The cases of the starter set, by family as the taxonomy orders them, then as filed.

    Raises:
        BlindRefusalError: a bundled file is missing or does not decode; the installation is damaged.
    """
    cases = []
    for family in FAMILIES:
        content = _content(family.id)
        try:
            cases += [_case(family.id, row) for row in _FILE.decode(content)]
        except (msgspec.MsgspecError, KeyError) as error:
            raise _damaged(family.id, error) from error
    return Records(cases=cases)


def starter_hash() -> str:
    """SHA-256, in hex, of the bundled files' names and contents.

    Raises:
        BlindRefusalError: a bundled file is missing; the installation is damaged.
    """
    digest = hashlib.sha256()
    for family in FAMILIES:
        content = _content(family.id)
        digest.update(f"{_name(family.id)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _name(family: str) -> str:
    return f"{family}.json"


def _content(family: str) -> bytes:
    try:
        return files("dataset_builder.starter").joinpath(_name(family)).read_bytes()
    except OSError as error:
        raise _damaged(family, error) from error


def _damaged(family: str, error: Exception) -> BlindRefusalError:
    return BlindRefusalError(
        f"bundled file dataset_builder/starter/{_name(family)} cannot be read: {error}; install the package anew"
    )


def _case(family: str, row: _StarterCase) -> Case:
    group = AUTHORITY_BY_ID[row.authority_type].group
    dimensions = msgspec.structs.asdict(row.dimensions)
    return Case(
        case_id=row.case_id,
        origin=ORIGIN,
        defeat_family=family,
        defeat_subtype=row.defeat_subtype,
        authority_type=row.authority_type,
        authority_group=group,
        cell=cell(family, row.authority_type),
        defeated=is_defeated(family),
        policy=row.policy,
        defeat_condition=row.defeat_condition,
        structural_facts=row.structural_facts,
        user_query=row.user_query,
        dual_use=row.dual_use,
        dual_use_category=row.dual_use_category,
        language="en",
        defeat_subtype_raw=row.defeat_subtype,
        authority_group_raw=group,
        **dimensions,
        **{f"{name}_raw": value for name, value in dimensions.items()},
    )
