"""What a gate is: its questions, its worked examples, and how its reply becomes a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from dataset_builder.models.reply import UnreadableReply

CODE, REASONING, FIX = "code", "reasoning", "suggested_fix"


class Reading(NamedTuple):
    """A gate's verdict. ``flagged`` is for a gate that flags and does not block."""

    passed: bool
    category: str | None
    reasoning: str
    flagged: bool | None = None
    suggested_fix: str | None = None


@dataclass(frozen=True)
class Gate:
    """One gate. ``answers`` are the members of its reply, beside code, reasoning and suggested fix.

    ``decide`` turns them into (passed, category, flagged); it raises UnreadableReply where they
    contradict each other.
    """

    id: str
    title: str
    blocking: bool
    # Raised whenever verdicts may come out differently.
    version: str
    text: str
    answers: Mapping[str, Mapping[str, Any]]
    decide: Callable[[Mapping[str, Any]], tuple[bool, str | None, bool | None]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a reply; the reasoning comes first, as a model that reasons first decides better."""
        properties = {
            CODE: {"type": "string"},
            REASONING: {"type": "string"},
            **{name: dict(kind) for name, kind in self.answers.items()},
            FIX: {"type": ["string", "null"]},
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def read(self, found: Mapping[str, Any], code: str) -> Reading:
        """The verdict in a reply's object. Raises UnreadableReply where it is none of this request."""
        if found.keys() != self.schema["properties"].keys():
            raise UnreadableReply(f"its members were not exactly {', '.join(self.schema['required'])}")
        if found[CODE] != code:
            raise UnreadableReply(f'its "{CODE}" was not the code of the request')
        for name, kind in self.answers.items():
            if kind["type"] == "boolean" and not isinstance(found[name], bool):
                raise UnreadableReply(f'its "{name}" was neither true nor false')
            if "enum" in kind and (not isinstance(found[name], str | None) or found[name] not in kind["enum"]):
                raise UnreadableReply(f'its "{name}" was none of those offered')
        if not isinstance(found[REASONING], str) or not isinstance(found[FIX], str | None):
            raise UnreadableReply(f'its "{REASONING}" or "{FIX}" was not a text')
        passed, category, flagged = self.decide(found)
        return Reading(passed, category, _sound(found[REASONING]), flagged, _sound(found[FIX]) if found[FIX] else None)


def _sound(text: str) -> str:
    """A text that a file can hold: a lone surrogate is legal in JSON and in no file."""
    return text.encode("utf-8", "replace").decode()


BOOLEAN: Final[Mapping[str, Any]] = {"type": "boolean"}
