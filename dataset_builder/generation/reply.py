"""The strict reading of a writer's reply: one JSON object with the ordered labels, or nothing."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dataset_builder import taxonomy
from dataset_builder.generation.records import Order
from dataset_builder.plain_case import PlainCase, PlainDimensions
from dataset_builder.strict_reply import UnreadableReply, read_object


class WrittenCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a reply has to be."""

    defeat_family: str
    authority_type: str
    defeat_subtype: str
    policy: str
    defeat_condition: str
    structural_facts: list[str]
    user_query: str
    dimensions: PlainDimensions


def read_case(reply: str, order: Order) -> PlainCase:
    """The case in a reply to an order. Raises UnreadableReply where it is none."""
    found = read_object(reply)
    try:
        # Lone surrogates are legal in JSON and in no file.
        written = msgspec.convert(_sound(found), WrittenCase, strict=True)
    except msgspec.ValidationError as error:
        raise UnreadableReply(f"its members were not those asked for ({_plain(error)})") from None
    for name, wanted in (
        ("defeat_family", order.family),
        ("authority_type", order.authority),
        ("defeat_subtype", order.subtype),
    ):
        if getattr(written, name) != wanted:
            raise UnreadableReply(f'its "{name}" was not the one ordered')
    for dimension in taxonomy.DIMENSIONS:
        if getattr(written.dimensions, dimension.id) not in taxonomy.ids(dimension.values):
            raise UnreadableReply(f'its "{dimension.id}" was none of {", ".join(taxonomy.ids(dimension.values))}')
    return PlainCase(
        case_id=order.case_id,
        defeat_subtype=order.subtype,
        authority_type=order.authority,
        policy=written.policy.strip(),
        defeat_condition=written.defeat_condition.strip(),
        structural_facts=[fact.strip() for fact in written.structural_facts],
        user_query=written.user_query.strip(),
        language=order.language,
        dimensions=written.dimensions,
    )


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_sound(item) for item in value]
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    return value


def _plain(error: Exception) -> str:
    """A validation message without what it may quote of the reply."""
    return re.sub(r"`[^`]{60,}`", "…", str(error))[:200]
