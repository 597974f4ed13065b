"""What in a text might be somebody's: telephone numbers, addresses on the net, numbers of cards and papers.

An invented case needs none of it. Numbers and domains that are set aside for fiction pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

REMOVED: Final = "[removed]"


class Finding(NamedTuple):
    """A kind of personal data and where it stands."""

    kind: str
    start: int
    end: int


# RFC 2606 and RFC 6761 set these aside.
_FICTION_HOST: Final = re.compile(
    r"(?:^|[.@/])(?:example(?:\.(?:com|org|net))?|[\w-]+\.(?:example|invalid|test))$", re.IGNORECASE
)
# North American numbers 555-0100 to 555-0199 belong to nobody, nor do the United Kingdom's 01632 960 and 07700 900.
_FICTION_PHONE: Final = re.compile(r"55501\d\d$|1632960\d{3}$|7700900\d{3}$")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s/?#]+[^\s]*", re.IGNORECASE)
_PHONE: Final = re.compile(r"(?<![\w.,:/-])(?:\+|00)?\(?\d[\d().\s/-]{5,18}\d(?![\w-])")
_CARD: Final = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_SOCIAL: Final = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_DATE: Final = re.compile(r"(?:\d{1,2}[./-]){2}\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{4}\s?[-/]\s?\d{4}")
_IP: Final = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


def find_personal_data(text: str) -> list[Finding]:
    """Everything of the kind in a text, in order; where two overlap, the first kind of the list below."""
    found: list[Finding] = []
    for kind, pattern, counts in _KINDS:
        for match in pattern.finditer(text):
            taken = any(match.start() < f.end and f.start < match.end() for f in found)
            if not taken and counts(match[0]):
                found.append(Finding(kind, match.start(), match.end()))
    return sorted(found, key=lambda f: f.start)


def without_personal_data(text: str) -> str:
    """The text with ``[removed]`` in place of every finding."""
    return "".join(_kept(text, find_personal_data(text)))


def _kept(text: str, findings: list[Finding]) -> Iterator[str]:
    place = 0
    for finding in findings:
        yield text[place : finding.start] + REMOVED
        place = finding.end
    yield text[place:]


def _is_phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    # A year, a price or a room is shorter; a date with its separators looks like a number of eight digits.
    fiction = _FICTION_PHONE.search(digits) or len(set(digits)) == 1
    return 7 <= len(digits) <= 15 and not fiction and not _is_date(text) and not _IP.search(text) and _separated(text)


def _separated(text: str) -> bool:
    """A plain run of digits counts as a number to call from nine digits on, or with a plus."""
    return bool(re.search(r"[ ().-]", text)) or text.startswith(("+", "00")) or len(text) >= 9


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text.strip()))


def _is_card(text: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1), which all payment cards pass and one random number in ten."""
    digits = [int(c) for c in text if c.isdecimal()]
    doubled = [d if place % 2 else sum(divmod(2 * d, 10)) for place, d in enumerate(reversed(digits), 1)]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _is_address(text: str) -> bool:
    host = re.sub(r"^(?:https?://)?(?:www\.)?", "", text.rsplit("@", 1)[-1], flags=re.IGNORECASE)
    return not _FICTION_HOST.search("." + re.split(r"[/?#:]", host)[0].rstrip(".,;!"))


def _is_ip(text: str) -> bool:
    parts = [int(part) for part in text.split(".")]
    # RFC 1918 and loopback are nobody's, RFC 5737 is for documentation.
    nobodys = parts[0] in (0, 10, 127) or parts[:2] == [192, 168] or (parts[0] == 172 and 16 <= parts[1] <= 31)
    documented = parts[:3] in ([192, 0, 2], [198, 51, 100], [203, 0, 113])
    return all(part <= 255 for part in parts) and not nobodys and not documented


_KINDS: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...]] = (
    ("e-mail address", _EMAIL, _is_address),
    ("web address", _URL, _is_address),
    ("IP address", _IP, _is_ip),
    ("bank account number", _IBAN, lambda text: True),
    ("card number", _CARD, _is_card),
    ("social security number", _SOCIAL, lambda text: True),
    ("telephone number", _PHONE, _is_phone),
)
