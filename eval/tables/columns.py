"""Which columns of a table hold what a judge reads, by the names that people give them, or as the user says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

from dataset_builder.errors import InputError

# What a judge reads, and what such a column is called, the likeliest first. Case and blanks mean nothing.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "request": ("request", "user_query", "query", "prompt", "question", "instruction", "user", "input"),
    "response": ("response", "answer", "completion", "assistant", "model_response", "generation", "output", "reply"),
    "messages": ("messages", "conversation", "conversations", "chat", "dialogue"),
    "rule": ("rule", "policy"),
    "ground": ("ground", "defeat_condition"),
    "facts": ("facts", "structural_facts"),
    "family": ("family", "defeat_family"),
    "authority": ("authority", "authority_type"),
}
ROLES: Final = tuple(NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The column of each role, None where the table has none.

    ``response`` and ``request`` hold texts; or ``messages`` holds whole chats, of which the last answer and the
    request before it are judged. The others are what is known of the case.
    """

    request: str | None = None
    response: str | None = None
    messages: str | None = None
    rule: str | None = None
    ground: str | None = None
    facts: str | None = None
    family: str | None = None
    authority: str | None = None

    @classmethod
    def of(cls, names: Sequence[str], given: Mapping[str, str] | None = None) -> Self:
        """The columns of a table with those names: those ``given`` by role, the others guessed.

        Raises InputError for an unknown role, a given column that is not there, and a table of which no answers can
        be read.
        """
        given = dict(given or {})
        _check(names, given)
        by_plain = {_plain(name): name for name in reversed(names)}
        taken = set(given.values())
        found = dict(given)
        for role, likely in NAMES.items():
            guess = next((by_plain[one] for one in likely if one in by_plain and by_plain[one] not in taken), None)
            if role not in found and guess is not None:
                found[role] = guess
        whole = "request" in found and "response" in found
        if "messages" in found and whole:
            # Whoever names a chat means it; else the plain pair is what there is to judge.
            dropped = ("request", "response") if "messages" in given else ("messages",)
            found = {role: name for role, name in found.items() if role not in dropped}
        elif "messages" in found:
            found = {role: name for role, name in found.items() if role not in ("request", "response")}
        elif not whole:
            missing = [role for role in ("request", "response") if role not in found]
            raise InputError(
                f"no column for the {' and the '.join(missing)}; the columns are {_listed(names)}. Name it, such as "
                f"--column {missing[0]}=NAME, or give chats in a column 'messages'."
            )
        return cls(**found)

    def used(self) -> dict[str, str]:
        """The column of each role that the table has."""
        return {field.name: name for field in fields(self) if (name := getattr(self, field.name)) is not None}

    def told(self) -> str:
        """In words: ``request from 'prompt', response from 'answer'``."""
        return ", ".join(role if role == name else f"{role} from {name!r}" for role, name in self.used().items())


def read_choice(pairs: Sequence[str]) -> dict[str, str]:
    """What ``--column ROLE=NAME`` says. Raises InputError where a part is missing, or a role named twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        role, equals, name = pair.partition("=")
        if not equals or not name or role not in NAMES:
            raise InputError(f"--column {pair!r}: expected ROLE=NAME, ROLE being one of {', '.join(ROLES)}.")
        if role in found:
            raise InputError(f"--column: names {role} twice. Leave out one of them.")
        found[role] = name
    return found


def _check(names: Sequence[str], given: Mapping[str, str]) -> None:
    for role, name in given.items():
        if role not in NAMES:
            raise InputError(f"{role!r} is nothing that a judge reads; expected one of {', '.join(ROLES)}.")
        if name not in names:
            raise InputError(f"no column {name!r} for the {role}; the columns are {_listed(names)}.")


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:30])
    return shown + (f" and {len(names) - 30:,} more" if len(names) > 30 else "") if names else "none"
