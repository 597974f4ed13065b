"""How a case is asked for: the demands in ``prompt.md``, then one order; and the schema of the reply."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

import msgspec

from dataset_builder.batch.records import Order
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.label import Label
from dataset_builder.dataset.plain_case import PlainCase, PlainDimensions
from dataset_builder.generation.checks import FEWEST_WORDS, MOST_WORDS
from dataset_builder.generation.language import NAMES
from dataset_builder.models.reply import UnreadableReply, read_object
from dataset_builder.models.request import Message

# Raised whenever cases may come out differently: text, schema, or how an order is laid out.
PROMPT_VERSION: Final = "1"
SCHEMA_NAME: Final = "case"
_FAMILY_BY_ID: Final = {f.id: f for f in taxonomy.FAMILIES}


@cache
def demands() -> str:
    """The demands on every case: the system message of each request."""
    template = Template(files("dataset_builder.generation").joinpath("prompt.md").read_text(encoding="utf-8"))
    dimensions = "\n".join(
        f"- `{d.id}` ({d.definition.rstrip('.').lower()}): " + " ".join(f"`{v.id}`: {v.definition}" for v in d.values)
        for d in taxonomy.DIMENSIONS
    )
    return template.substitute(fewest=FEWEST_WORDS, most=MOST_WORDS, dimensions=dimensions).strip()


def order_text(order: Order, complaint: str | None = None) -> str:
    """One order in words; ``complaint`` is what was wrong with the first try."""
    family, authority = _FAMILY_BY_ID[order.family], taxonomy.AUTHORITY_BY_ID[order.authority]
    subtype = taxonomy.SUBTYPE_BY_ID[order.subtype]
    sound = not taxonomy.is_defeated(order.family)
    lines = [
        "Write one case for this order.",
        "",
        f"Family `{family.id}`: {_line(family)}",
        f"Subtype `{subtype.id}`: {_line(subtype)}",
        f"Authority `{authority.id}`: {_line(authority)}",
    ]
    if sound:
        lines.append(
            "The rule is a good one here. The writer still wants around it, for a reason that is human and not wicked, "
            "and does not see, or does not care, what it protects. The message must not argue for the rule."
        )
    lines += [
        "",
        f"Topic: {order.topic}. Place: {order.place}. Voice: {order.voice}.",
        "Take these as a start and not as words to repeat; drop the place if it does not fit the authority.",
        "Aim for these values, or the nearest that are true of a natural scene: "
        + ", ".join(f"`{d}` = `{v}`" for d, v in order.wanted.items())
        + ".",
    ]
    if order.language != "en":
        name = NAMES.get(order.language, f"the language with the ISO 639-1 code {order.language}")
        lines.append(
            f"The message (`user_query`) is in {name}, as someone who grew up with it would write, and set where it "
            "is spoken. All notes stay in English."
        )
    if complaint is not None:
        lines += ["", f"An earlier try could not be used: {complaint}. Write another case, not a repaired one."]
    return "\n".join(lines)


def messages_of(order: Order, complaint: str | None = None) -> tuple[Message, ...]:
    """The messages of one request."""
    return Message("system", demands()), Message("user", order_text(order, complaint))


def schema_of_order(order: Order) -> dict[str, Any]:
    """The JSON schema of the reply to an order: its cell and subtype are the only ones offered."""
    text = {"type": "string"}
    dimensions = {d.id: {"type": "string", "enum": list(taxonomy.ids(d.values))} for d in taxonomy.DIMENSIONS}
    members: dict[str, Any] = {
        "defeat_family": {"type": "string", "enum": [order.family]},
        "authority_type": {"type": "string", "enum": [order.authority]},
        "defeat_subtype": {"type": "string", "enum": [order.subtype]},
        "policy": text,
        "defeat_condition": text,
        "structural_facts": {"type": "array", "items": text},
        "user_query": text,
        "dimensions": _closed(dimensions),
    }
    return _closed(members)


@cache
def prompt_hash() -> str:
    """SHA-256, in hex, of all that is the same for equal orders: demands, wording of an order, schema."""
    orders = [_blank(family, language) for family in taxonomy.ids(taxonomy.FAMILIES) for language in ("en", "xx")]
    fixed = [
        PROMPT_VERSION,
        demands(),
        *(order_text(order, "fault") for order in orders),
        json.dumps(schema_of_order(orders[0])),
        *(_line(a) for a in taxonomy.AUTHORITY_TYPES),
        *(_line(s) for s in taxonomy.SUBTYPES),
    ]
    return hashlib.sha256(json.dumps(fixed).encode()).hexdigest()


def _blank(family: str, language: str) -> Order:
    subtype = next(s.id for s in taxonomy.SUBTYPES if s.family == family)
    return Order(
        case_id="id",
        family=family,
        authority=taxonomy.AUTHORITY_TYPES[0].id,
        subtype=subtype,
        place="place",
        voice="voice",
        topic="topic",
        wanted={"dimension": "value"},
        language=language,
    )


def _line(label: Label) -> str:
    return f"{label.title}. {label.definition}"


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


# The strict reading of a writer's reply: one JSON object with the ordered labels, or nothing.


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
