"""How long a server asks its clients to wait, read from the headers of its answer.

Understood are ``Retry-After`` (seconds or an HTTP date, RFC 9110 section 10.2.3), ``retry-after-ms``,
and the families ``x-ratelimit-*``, ``ratelimit-*`` and ``anthropic-ratelimit-*``, whose reset comes as
seconds, as a duration such as ``6m0s``, as an epoch in seconds or milliseconds, or as RFC 3339.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_FAMILY: Final = re.compile(r"(?:x-|anthropic-)?ratelimit-(?P<rest>.*)")
# Beyond these a number can only be a point in time: 1e9 s is in 2001, 1e12 ms too.
_EPOCH_S, _EPOCH_MS = 1e9, 1e12


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the server wants to hear from us again, or None where it does not say.

    ``headers`` has lower-case names; ``now`` is seconds since the epoch. To be asked for after a
    refusal: a limit that is not used up is left out of account, unless none tells what is left.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = _delay(headers.get("retry-after", ""), now)
    return asked if asked is not None else exhausted_for(headers, now, unknown_counts=True)


def exhausted_for(headers: Mapping[str, str], now: float, *, unknown_counts: bool = False) -> float | None:
    """Seconds until every used-up limit is reset, or None where no limit is used up.

    A limit whose remainder is not told counts as used up only with ``unknown_counts``.
    """
    remaining: dict[str, float] = {}
    resets: dict[str, float] = {}
    for name, value in headers.items():
        match = _FAMILY.fullmatch(name.lower())
        if match is None:
            continue
        # `remaining-requests`, `requests-remaining` and plain `remaining` differ by provider.
        words = match["rest"].split("-")
        limit = "-".join(w for w in words if w not in ("remaining", "reset", "limit"))
        if "remaining" in words and (left := _number(value)) is not None:
            remaining[limit] = left
        elif "reset" in words and (delay := _delay(value, now)) is not None:
            resets[limit] = delay
    waits = [
        delay for limit, delay in resets.items() if (remaining[limit] <= 0 if limit in remaining else unknown_counts)
    ]
    return max(waits, default=None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _delay(text: str, now: float) -> float | None:
    """Seconds from now, from any of the spellings; None where it is none of them."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_MS:
            return max(0.0, number / 1000 - now)
        return max(0.0, number - now) if number >= _EPOCH_S else number
    if _DURATION.fullmatch(text):
        return sum(float(n) * _UNIT_S[unit] for n, unit in _PART.findall(text))
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - now)


def _moment(text: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        # A date that names no zone is in UTC, as HTTP has it.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        try:
            return aware.timestamp()
        except (OverflowError, ValueError):
            return None
    return None
