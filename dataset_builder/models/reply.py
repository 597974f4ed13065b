"""The strict reading of a model's reply: one JSON object, whole, with nothing before or after it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

LONGEST_REPLY: Final = 100_000
# A fence around the whole reply, which models with no schema to obey can hardly leave out.
_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
# The start of a reply that declines, where it holds no object; only which reason is noted hangs on it.
_DECLINES: Final = re.compile(
    r"\W*(?:i['’]?m (?:really |very )?sorry|i am (?:really |very )?sorry|sorry,|i apologi[sz]e|"
    r"(?:unfortunately,? )?i (?:can(?:no|['’])t|cannot|won['’]t|will not|must decline|am unable|am not able)|"
    r"i['’]m (?:unable|not able))",
    re.IGNORECASE,
)


class UnreadableReply(Exception):  # noqa: N818 - the reply is at fault, not the program
    """A reply that is not what was asked for; its text says why, and quotes nothing of the reply."""


def read_object(reply: str) -> dict[str, Any]:
    """The one JSON object that a reply consists of. Raises UnreadableReply where it is anything else."""
    text = reply.strip()
    if len(text) > LONGEST_REPLY:
        raise UnreadableReply(f"it was longer than {LONGEST_REPLY:,} characters")
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        # Not strict about raw line breaks and tabs inside its texts, which models leave in: they change no member.
        found = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant, strict=False)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnreadableReply("it was not one JSON object with nothing before or after it")
    return found


def declines(reply: str) -> bool:
    """Whether a reply that is no object refuses to write one."""
    return "{" not in reply and _DECLINES.match(reply) is not None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableReply("a member of its object occurred twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
