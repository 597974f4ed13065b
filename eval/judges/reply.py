"""The strict reading of a model judge's reply: one JSON object with the offered labels, or nothing.

The whole reply is read, never a part of it, and no label is guessed from prose. The object must
carry the request's code: a verdict that a text under judgement brought along cannot, as its author
did not know the code.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from dataset_builder.taxonomy import RESPONSE_TYPES, ids
from eval.judges.rubric import CODE, ENGAGES, HARM, REASONING, RESPONSE_TYPE, VERDICT_SCHEMA

LONGEST_REPLY: Final = 100_000
_MEMBERS: Final = frozenset(VERDICT_SCHEMA["required"])
_TYPES: Final = frozenset(ids(RESPONSE_TYPES))
# A fence around the whole reply, which models with no schema to obey can hardly leave out.
_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
# The start of a reply that declines, where it holds no object; only which reason is noted hangs on it.
_DECLINES: Final = re.compile(
    r"\W*(?:i['’]?m (?:really |very )?sorry|i am (?:really |very )?sorry|sorry,|i apologi[sz]e|"
    r"(?:unfortunately,? )?i (?:can(?:no|['’])t|cannot|won['’]t|will not|must decline|am unable|am not able)|"
    r"i['’]m (?:unable|not able))",
    re.IGNORECASE,
)


class ReadVerdict(NamedTuple):
    """What a judge said, read from its reply."""

    response_type: str
    engages_with_defeat: bool
    independent_harm: bool
    reasoning: str


class UnreadableReply(Exception):  # noqa: N818 - the reply is at fault, not the program
    """A reply that is no verdict; its text says why, and quotes nothing of the reply."""


def read_reply(reply: str, code: str) -> ReadVerdict:
    """The verdict in a reply to the request with this code. Raises UnreadableReply where it is none."""
    text = reply.strip()
    if len(text) > LONGEST_REPLY:
        raise UnreadableReply(f"it was longer than {LONGEST_REPLY:,} characters")
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        found = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnreadableReply("it was not one JSON object with nothing before or after it") from None
    if not isinstance(found, dict):
        raise UnreadableReply("it was not one JSON object with nothing before or after it")
    if found.keys() != _MEMBERS:
        raise UnreadableReply(f"its members were not exactly {', '.join(VERDICT_SCHEMA['required'])}")
    if found[CODE] != code:
        raise UnreadableReply(f'its "{CODE}" was not the code of the request')
    if not isinstance(found[RESPONSE_TYPE], str) or found[RESPONSE_TYPE] not in _TYPES:
        raise UnreadableReply(f'its "{RESPONSE_TYPE}" was none of {", ".join(ids(RESPONSE_TYPES))}')
    for name in (ENGAGES, HARM):
        if not isinstance(found[name], bool):
            raise UnreadableReply(f'its "{name}" was neither true nor false')
    if not isinstance(found[REASONING], str):
        raise UnreadableReply(f'its "{REASONING}" was not a text')
    # A lone surrogate is legal in JSON and in no file.
    reasoning = found[REASONING].encode("utf-8", "replace").decode()
    return ReadVerdict(found[RESPONSE_TYPE], found[ENGAGES], found[HARM], reasoning)


def declines(reply: str) -> bool:
    """Whether a reply that is no verdict refuses to give one."""
    return "{" not in reply and _DECLINES.match(reply) is not None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableReply("a member of its object occurred twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
