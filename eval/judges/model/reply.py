"""The strict reading of a model judge's reply: one JSON object with the offered labels, or nothing.

The whole reply is read, never a part of it, and no label is guessed from prose. The object must
carry the request's code: a verdict that a text under judgement brought along cannot, as its author
did not know the code.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from dataset_builder.models.reply import UnreadableReply, read_object
from eval.judges.model.rubric import CODE, ENGAGES, HARM, REASONING, RESPONSE_TYPE, VERDICT_SCHEMA

_MEMBERS: Final = frozenset(VERDICT_SCHEMA["required"])
_TYPES: Final = frozenset(ids(RESPONSE_TYPES))


class ReadVerdict(NamedTuple):
    """What a judge said, read from its reply."""

    response_type: str
    engages_with_defeat: bool
    independent_harm: bool
    reasoning: str


def read_reply(reply: str, code: str) -> ReadVerdict:
    """The verdict in a reply to the request with this code. Raises UnreadableReply where it is none."""
    found = read_object(reply)
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
