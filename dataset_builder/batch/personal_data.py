"""What in a text might be somebody's: telephone numbers, addresses on the net, numbers of cards and papers.

An invented case needs none of it. Numbers and domains that are set aside for fiction pass. Whether a
number can be called, and whether the check digits of a paper or an account hold, phonenumbers and
python-stdnum say; a local number without its area code belongs to nobody in particular and passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
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
# What regulators set aside for films and books, without the country's code and the zero before the area:
# NANPA's 555-0100 to 555-0199, and the lists of Ofcom, ACMA, Arcep and the Bundesnetzagentur.
_FICTION_PHONE: Final = re.compile(
    r"""(?:^|1)[2-9]\d\d55501\d\d$
      | (?:^0?|44)(?:1632960|7700900|8081570|3069990)\d{3}$ | (?:^0?|44)2079460\d{3}$
      | (?:^0?|44)1(?:1[3-8]|21|31|41|51|61)4960\d{3}$ | (?:^0?|44)(?:1914980|2890180|2920180)\d{3}$
      | (?:^0?|61)[2378](?:5550|7010)\d{4}$ | (?:^0?|61)49157\d{4}$
      | (?:^0?|33)(?:19900|26191|35301|46571|53649|63998)\d{4}$
      | (?:^0?|49)(?:3023125|6990009|4066969|2214710|8999998)\d{3}$""",
    re.VERBOSE,
)
# Where a number without a country's code is looked for: the larger countries of the languages that are known.
_REGIONS: Final = (
    "US GB AU IN NG ZA DE FR ES MX IT NL PL BR PT JP KR CN RU UA SE NO DK FI CZ HU RO BG GR TR IL IR EG SA PK BD KE"
    " TZ PH ID VN TH GE ET"
)
# Papers of persons that python-stdnum can check by more than their form.
_PAPERS: Final = (
    "be.nn bg.egn br.cpf ca.sin ch.ssn cl.rut cn.ric cz.rc de.idnr dk.cpr ee.ik es.dni es.nie fi.hetu fr.nir gb.nhs"
    " gr.amka hr.oib ie.pps il.idnr in_.aadhaar is_.kennitala it.codicefiscale kr.rrn lt.asmens mx.curp nl.bsn"
    " no.fodselsnummer pl.pesel ro.cnp se.personnummer si.emso th.pin tr.tckimlik za.idnr"
)
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s/?#]+[^\s]*", re.IGNORECASE)
# Seven digits with nothing but what may stand inside a number between them.
_SOME_NUMBER: Final = re.compile(r"(?:\d[() ./+\-\u00a0\u2010-\u2015]{0,3}){7}")
_PAPER: Final = re.compile(r"(?<![\w.,+-])(?=(?:[A-Za-z .-]{0,6}\d){5})[A-Z0-9]+(?:[ .-][A-Z0-9]+){0,5}(?![\w-])")
_CARD: Final = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_SOCIAL: Final = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
# Shaped like such a number, or like a patient's in Britain's tests: nobody's telephone either way.
_NO_PHONE: Final = re.compile(r"\d{3}-\d{2}-\d{4}|999 ?\d{3} ?\d{4}")
_DATE: Final = re.compile(r"(?:\d{1,2}[./-]){2}\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{4}\s?[-/]\s?\d{4}")
_IP: Final = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


class _Phone(NamedTuple):
    """A number that can be called: where it stands, whether it is set aside for fiction, whether it has a country."""

    start: int
    end: int
    fiction: bool
    abroad: bool


def find_personal_data(text: str) -> list[Finding]:
    """Everything of the kind in a text, in order; where two overlap, the surer kind."""
    found: list[Finding] = []

    def add(kind: str, start: int, end: int) -> None:
        if not any(start < f.end and f.start < end for f in found):
            found.append(Finding(kind, start, end))

    for kind, pattern, counts in _KINDS:
        for match in pattern.finditer(text):
            if counts(match[0]):
                add(kind, *match.span())
    # Check digits hold by chance in one number of ten: what is surely a telephone's, or a film's, is no paper.
    phones = list(_phones(text))
    for phone in phones:
        if phone.abroad and not phone.fiction:
            add("telephone number", phone.start, phone.end)
    for match in _PAPER.finditer(text):
        start, end = match.span()
        if not any(p.fiction and start < p.end and p.start < end for p in phones) and _is_paper(match[0]):
            add("identity number", start, end)
    for phone in phones:
        if not phone.fiction:
            add("telephone number", phone.start, phone.end)
    return sorted(found, key=lambda f: f.start)


def without_personal_data(text: str) -> str:
    """The text with ``[removed]`` in place of every finding."""
    # What is left beside a finding may be read as another.
    while findings := find_personal_data(text):
        text = "".join(_kept(text, findings))
    return text


def _kept(text: str, findings: list[Finding]) -> Iterator[str]:
    place = 0
    for finding in findings:
        yield text[place : finding.start] + REMOVED
        place = finding.end
    yield text[place:]


def _phones(text: str) -> Iterator[_Phone]:
    """Every number that can be called, written as it is in some country."""
    if not _SOME_NUMBER.search(text):
        return
    from phonenumbers import Leniency, PhoneNumberMatcher

    for region in _REGIONS.split():
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.STRICT_GROUPING):
            raw = match.raw_string
            if _is_date(raw) or _NO_PHONE.fullmatch(raw):
                continue
            digits = re.sub(r"\D", "", raw)
            fiction = bool(_FICTION_PHONE.search(digits.removeprefix("00"))) or len(set(digits)) == 1
            yield _Phone(match.start, match.end, fiction, raw.startswith(("+", "00")))


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text.strip()))


def _is_card(text: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1) and the first digit of a payment card; a book's number is none."""
    from stdnum import isbn, luhn

    digits = re.sub(r"\D", "", text)
    return digits[0] in "23456" and len(set(digits)) > 1 and luhn.is_valid(digits) and not isbn.is_valid(digits)


def _is_iban(text: str) -> bool:
    """The form of its country and check digits that hold (ISO 13616)."""
    from stdnum import iban

    return bool(iban.is_valid(text))


def _is_social(text: str) -> bool:
    """A number that the United States may have issued; those of advertisements are known and are nobody's."""
    from stdnum.us import ssn

    return bool(ssn.is_valid(text))


def _is_paper(text: str) -> bool:
    """A paper of a person in some country, written as it is there: check digits, and where it has one a date."""
    digits = sum(c.isdecimal() for c in text)
    # The United Kingdom keeps 999 for tests of its health service.
    if digits < 7 or len(text) > 24 or re.fullmatch(r"999 ?\d{3} ?\d{4}", text):
        return False
    return any(paper.is_valid(text) and text in _spellings(paper, text) for paper in _papers())


def _spellings(paper: ModuleType, text: str) -> set[str]:
    compact = paper.compact(text)
    return {compact, paper.format(compact) if hasattr(paper, "format") else compact}


@cache
def _papers() -> tuple[ModuleType, ...]:
    return tuple(import_module(f"stdnum.{name}") for name in _PAPERS.split())


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
    ("bank account number", _IBAN, _is_iban),
    ("card number", _CARD, _is_card),
    ("social security number", _SOCIAL, _is_social),
)
