"""What programs may ask with: typed and described parameters, each with its bounds, and what is said of wrong ones.

A function with annotated parameters is both: its schema is what clients are shown, and arguments are checked
against it before anything else is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from msgspec import Meta

from dataset_builder.dataset.taxonomy import (
    AUTHORITY_TYPES,
    FAMILIES,
    RESPONSE_TYPES,
    SUBTYPES,
    UNSCORED_REASONS,
    ids,
)
from dataset_builder.errors import InputError
from space.pages.leaderboard.table import GROUPS, STATUSES, WEIGHTS
from space.store.search import LONGEST
from space.ui.links import Choice, Field, Many, Text, nearest, not_on_offer

# Of what is wrong with a request.
_MOST_WRONG: Final = 5
# A page of rows, and a page of them with their whole texts.
MOST_ROWS: Final = 100
LONGEST_NAME: Final = 200
MOST_NAMES: Final = 50
_LAST: Final = 10**15
_SHOWN: Final = 80
_AT: Final = re.compile(r"(.*) - at `\$\.(\w+)(.*)`", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)

_Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
_Names = Annotated[list[_Name], Meta(max_length=MOST_NAMES)]


def _one_of(*values: str) -> Meta:
    """A name that is one of these; others are told with the nearest of them."""
    return Meta(max_length=LONGEST_NAME, extra_json_schema={"enum": list(values)})


_FEW: Final = Meta(max_length=MOST_NAMES)
Board = Annotated[
    str, Meta(max_length=LONGEST_NAME, description="Which board, by its id; the one with the most cases if empty.")
]
Model = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_NAME, description="The model, by its id in /leaderboard, such as glm-5.")
]
Models = Annotated[_Names | None, Meta(description="Only these models, by their ids; all if none is named.")]
Words = Annotated[
    str,
    Meta(
        max_length=LONGEST,
        description='Words that all have to occur in request, rule or answer, and "phrases in quotes".',
    ),
]
NameWords = Annotated[str, Meta(max_length=100, description="Words in the name, id, family or maker of a model.")]
Judge = Annotated[
    str, Meta(max_length=LONGEST_NAME, description="Whose verdicts, by the judge's id; the first judge's if empty.")
]
Case = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, description="The case, by its case_id.")]
Metric = Annotated[
    str, Meta(max_length=LONGEST_NAME, description="Which rate, by its id, such as help_rate; that if empty.")
]
Slice = Annotated[
    str,
    Meta(max_length=LONGEST_NAME, description="What cases are told apart by: family, subtype, authority and so on."),
]
ModelFamilies = Annotated[_Names | None, Meta(description="Only models of these families, such as GLM 5.")]
Weights = Annotated[
    Annotated[list[Annotated[str, _one_of(*WEIGHTS)]], _FEW] | None,
    Meta(description="Only models whose weights are open, closed or not known to be either."),
]
Status = Annotated[
    Annotated[list[Annotated[str, _one_of(*STATUSES)]], _FEW] | None, Meta(description="Only rows of this standing.")
]
Size = Annotated[
    Annotated[list[Annotated[str, _one_of(*GROUPS["size"])]], _FEW] | None,
    Meta(description="Only models of this size: up to 10, up to 100, or over 100 billion parameters."),
]
Released = Annotated[_Names | None, Meta(description="Only models that came out in these halves of a year: 2025-1.")]
Price = Annotated[
    Annotated[list[Annotated[str, _one_of(*GROUPS["price"])]], _FEW] | None,
    Meta(description="Only models whose tokens cost this much: up to $1, up to $10, or over $10 for a million."),
]
Reasoning = Annotated[
    Annotated[list[Annotated[str, _one_of(*GROUPS["reasoning"])]], _FEW] | None,
    Meta(description="Only models that reason before most answers, or that do not."),
]
Sort = Annotated[
    str, Meta(max_length=LONGEST_NAME, description="The column that rows are sorted by: rank, model, a rate's id.")
]
Descending = Annotated[bool, Meta(description="Largest first.")]
ResponseTypes = Annotated[
    Annotated[list[Annotated[str, _one_of(*ids(RESPONSE_TYPES))]], _FEW] | None,
    Meta(description="Only answers that do this."),
]
Engages = Annotated[bool | None, Meta(description="Only answers that engage with the defeat, or that do not.")]
Harm = Annotated[bool | None, Meta(description="Only answers that name a separate harm, or that name none.")]
Families = Annotated[
    Annotated[list[Annotated[str, _one_of(*ids(FAMILIES))]], _FEW] | None,
    Meta(description="Only cases of these defeat families."),
]
Subtypes = Annotated[
    Annotated[list[Annotated[str, _one_of(*ids(SUBTYPES))]], _FEW] | None,
    Meta(description="Only cases of these subtypes."),
]
Authorities = Annotated[
    Annotated[list[Annotated[str, _one_of(*ids(AUTHORITY_TYPES))]], _FEW] | None,
    Meta(description="Only cases of these authorities."),
]
Unscored = Annotated[
    Annotated[list[Annotated[str, _one_of(*ids(UNSCORED_REASONS))]], _FEW] | None,
    Meta(description="Only answers without a verdict for these reasons."),
]
Reviewed = Annotated[bool, Meta(description="Only answers that people have labelled.")]
WithoutDualUse = Annotated[bool, Meta(description="Leave out cases whose full answer carries dangerous knowledge.")]
Whole = Annotated[bool, Meta(description="Give texts whole; otherwise the beginning of each answer.")]
Limit = Annotated[int, Meta(ge=1, le=MOST_ROWS, description=f"How many rows, at most {MOST_ROWS}.")]
Start = Annotated[
    int, Meta(ge=0, le=_LAST, description="Where to go on: what meta.next of the page before says; 0 for the first.")
]


def request_of(function: Callable[..., Any]) -> type[msgspec.Struct]:
    """What a function is asked with, as a type that checks it and describes it in a JSON schema."""
    hints = get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    for name, parameter in signature(function).parameters.items():
        needed = parameter.default is parameter.empty
        fields.append((name, hints[name]) if needed else (name, hints[name], parameter.default))
    return msgspec.defstruct(function.__name__, fields, forbid_unknown_fields=True)


def schema_of(request: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of such a type, whole in itself."""
    (found,), parts = msgspec.json.schema_components([request], ref_template="{name}")
    return {key: value for key, value in parts[found["$ref"]].items() if key != "title"} | {
        "additionalProperties": False
    }


def checked(request: type[msgspec.Struct], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as their types want them; null stands for one that is not given.

    Raises InputError that names what is wrong.
    """
    known = {name: value for name, value in given.items() if value is not None}
    try:
        found = msgspec.convert(known, request)
    except msgspec.ValidationError as error:
        raise InputError(_worded(str(error), request)) from None
    return {name: getattr(found, name) for name in request.__struct_fields__}


def refuse_unknown(fields: Sequence[Field], pairs: Sequence[tuple[str, str]]) -> None:
    """Raise InputError for values that are not on offer, naming the nearest that is."""
    wrong = []
    for field, value in not_on_offer(fields, pairs):
        if isinstance(field, Text):
            wrong.append(f"{field.name}: has {len(value):,} characters, and at most {field.longest:,} are read")
            continue
        if not isinstance(field, (Choice, Many)):
            wrong.append(f"{field.name}: {_cut(value)} is no whole number from {field.low:,} to {field.high:,}")
            continue
        like = nearest(value, field.allowed)
        hint = f"the nearest is {like!r}" if like else f"expected one of {_listed(field.allowed)}"
        wrong.append(f"{field.name}: there is no {_cut(value)} here; {hint}")
    if wrong:
        more = f". And {len(wrong) - _MOST_WRONG} more" if len(wrong) > _MOST_WRONG else ""
        raise InputError(". ".join(wrong[:_MOST_WRONG]) + more)


def _worded(said: str, request: type[msgspec.Struct]) -> str:
    names = ", ".join(request.__struct_fields__)
    if unknown := _UNKNOWN.match(said):
        return f"{_cut(unknown[1])}: no such parameter; expected {names or 'none'}"
    found = _AT.match(said)
    if found is None:
        return said.replace("Object missing required field", "A parameter is missing:")
    what, name, rest = found[1], found[2], found[3]
    where = f"{name}{rest.replace('[...]', ', each')}"
    return f"{where}: {what[:1].lower()}{what[1:]}. {_about(request, name)}".strip()


def _about(request: type[msgspec.Struct], name: str) -> str:
    """The description of a parameter."""
    return str(schema_of(request)["properties"].get(name, {}).get("description", ""))


def _cut(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _listed(allowed: Sequence[str]) -> str:
    return ", ".join(allowed[:20]) + (" …" if len(allowed) > 20 else "") if allowed else "none"
