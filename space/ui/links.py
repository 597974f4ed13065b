"""The state of a page as query parameters, and back: pure functions on strings.

A page lists the fields of its state; ``parse`` reads them from an address and ``query`` writes
them. Addresses come from anywhere, so whatever is unknown, malformed, too long or not on offer is
left out as if it had not been there: a bad link opens the page in its plain state, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup, escape

Value = str | int | bool | tuple[str, ...] | None
Pairs = Iterable[tuple[str, str]]
# An address longer than this is not one of ours.
MAX_QUERY = 16_384
_LONGEST_NAME = 200


class Field(Protocol):
    """One part of a page's state, under its name in the address."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def read(self, values: Sequence[str]) -> Value:
        """The value that an address holds; the plain one where it holds none that is allowed."""

    def write(self, value: Value) -> list[str]:
        """What stands in the address for a value; nothing for the plain one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values; plain: ``default``."""

    name: str
    allowed: tuple[str, ...]
    default: str | None = None

    def read(self, values: Sequence[str]) -> Value:  # noqa: D102
        return values[-1] if values and values[-1] in self.allowed else self.default

    def write(self, value: Value) -> list[str]:  # noqa: D102
        return [value] if isinstance(value, str) and value in self.allowed and value != self.default else []


@dataclass(frozen=True, slots=True)
class Many:
    """Some of some values, in the order in which they are on offer; plain: ``default``."""

    name: str
    allowed: tuple[str, ...]
    default: tuple[str, ...] = ()

    def read(self, values: Sequence[str]) -> Value:  # noqa: D102
        given = set(values)
        return tuple(value for value in self.allowed if value in given) or self.default

    def write(self, value: Value) -> list[str]:  # noqa: D102
        if not isinstance(value, tuple) or not value:
            return []
        given = set(value)
        chosen = [one for one in self.allowed if one in given]
        return [] if tuple(chosen) == self.default else chosen


@dataclass(frozen=True, slots=True)
class Text:
    """Free text of at most ``longest`` characters, a longer one left out or ``cut``; plain: empty."""

    name: str
    longest: int = 200
    cut: bool = False

    def read(self, values: Sequence[str]) -> Value:  # noqa: D102
        text = values[-1] if values else ""
        return text if len(text) <= self.longest else text[: self.longest] if self.cut else ""

    def write(self, value: Value) -> list[str]:  # noqa: D102
        return [value] if isinstance(value, str) and value and len(value) <= self.longest else []


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds; plain: ``default``."""

    name: str
    low: int
    high: int
    default: int | None = None

    def has(self, text: str) -> bool:
        """Whether a text is a number within the bounds."""
        # isascii: int() would take digits of other scripts, which are never ours.
        return text.isascii() and text.isdigit() and len(text) <= 18 and self.low <= int(text) <= self.high

    def read(self, values: Sequence[str]) -> Value:  # noqa: D102
        return int(values[-1]) if values and self.has(values[-1]) else self.default

    def write(self, value: Value) -> list[str]:  # noqa: D102
        if isinstance(value, bool) or not isinstance(value, int) or value == self.default:
            return []
        return [str(value)] if self.low <= value <= self.high else []


@dataclass(frozen=True, slots=True)
class Flag:
    """On (``1``) or off; plain: off."""

    name: str

    def read(self, values: Sequence[str]) -> Value:  # noqa: D102
        return bool(values) and values[-1] == "1"

    def write(self, value: Value) -> list[str]:  # noqa: D102
        return ["1"] if value is True else []


# Fields that do not take every text.
Bounded = Choice | Many | Whole | Text


def parse(fields: Sequence[Field], source: Pairs | str) -> dict[str, Value]:
    """The state that an address holds: every field by name, plain where the address says nothing of use."""
    if isinstance(source, str):
        source = _pairs(source)
    given: dict[str, list[str]] = {}
    for name, value in source:
        given.setdefault(name, []).append(value)
    return {field.name: field.read(given.get(field.name, ())) for field in fields}


def not_on_offer(fields: Sequence[Field], source: Pairs) -> list[tuple[Bounded, str]]:
    """What an address names that ``parse`` leaves out or cuts: not, or no more, among a field's values, or too long."""
    found: dict[tuple[Bounded, str], None] = {}
    by_name = {field.name: field for field in fields if isinstance(field, Bounded)}
    for name, value in source:
        field = by_name.get(name)
        if field is None or not value:
            continue
        if isinstance(field, Text):
            there = len(value) <= field.longest
        else:
            there = field.has(value) if isinstance(field, Whole) else value in field.allowed
        if not there:
            found.setdefault((field, value))
    return list(found)


def nearest(value: str, allowed: Sequence[str]) -> str | None:
    """The value on offer that is spelled most like one that is not; None where none is like it."""
    return next(iter(get_close_matches(value[:_LONGEST_NAME], allowed, n=1, cutoff=0.5)), None)


def query(fields: Sequence[Field], state: Mapping[str, Value]) -> str:
    """A state as a query string without the question mark; empty for the plain state.

    ``parse(fields, query(fields, state))`` gives the same state back wherever it is one that
    ``parse`` can give.
    """
    pairs = [(field.name, text) for field in fields for text in field.write(state.get(field.name))]
    # A lone surrogate has no UTF-8; such a value is replaced rather than failing the link.
    return urlencode(pairs, encoding="utf-8", errors="replace")


def address(path: str, fields: Sequence[Field], state: Mapping[str, Value]) -> str:
    """A relative link to a page (``path`` as in ``Page.address``) in a state; ``./`` for the plain first page."""
    found = query(fields, state)
    return (path or "./") + (f"?{found}" if found else "")


def link(path: str, fields: Sequence[Field], state: Mapping[str, Value]) -> Markup:
    """``href`` and ``data-go`` of a link to a state, for a tag in an ``html(follow=True)`` of the same page."""
    found = escape(query(fields, state))
    href = (path or "./") + (f"?{found}" if found else "")
    return Markup(f'href="{href}" data-go="{found or "-"}"')  # noqa: S704 - the path is ours


def _pairs(text: str) -> list[tuple[str, str]]:
    if len(text) > MAX_QUERY:
        return []
    try:
        return parse_qsl(text.lstrip("?"), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return []
