"""One answer as a file tells of it, whatever form the file has."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer

# What programs write where a cell holds nothing.
_NOTHING: Final = frozenset({"", "none", "null", "nan", "n/a"})
# A time in milliseconds is above this, one in seconds below until the year 5138.
_MOST_SECONDS: Final = 10**11


@dataclass(frozen=True, slots=True)
class Told:
    """How answers were sampled, where a file says so; None for what it does not say."""

    temperature: float | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """An answer to one case, and where in which file it stands.

    ``answer`` is None where the row holds no answer and no reason for that. ``query`` is what was asked, ``query_hash``
    its SHA-256, ``at`` the time (ISO 8601), ``latency_s`` and ``attempts`` as an Answer has them, each where the
    file tells.
    """

    where: str
    case_id: str
    answer: ChatAnswer | None
    query: str | None = None
    query_hash: str | None = None
    at: str | None = None
    latency_s: float | None = None
    attempts: int | None = None
    told: Told = field(default_factory=Told)


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing, or one of the words for it."""
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: Any) -> float | None:
    """A cell's number, written with a point or a comma; None where it holds none."""
    if isinstance(value, bool) or is_blank(value):
        return None
    if isinstance(value, str):
        try:
            value = float(value.strip().replace(",", "."))
        except ValueError:
            return None
    sound = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if sound else None


def time_of(value: Any) -> str | None:
    """A time in ISO 8601 with its zone, of such a text, a datetime or seconds since 1970; None where it is none.

    A time without a zone is taken for UTC.
    """
    if isinstance(value, str) and number(value) is None:
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    seconds = number(value)
    if seconds is None or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds / (1000 if seconds > _MOST_SECONDS else 1), UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return None


def name_of(values: dict[str, Any], name: str, whose: str) -> str:
    """A row's id of a case, without blanks around it. Raises InputError where there is none."""
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"no {name} in {whose}")
    return value.strip()
