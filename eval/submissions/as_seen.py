"""A text as a reader sees it, however it is written down: for comparing answers, and names.

Who copies an answer can put a sign without width into every word, or a Cyrillic letter in place of a Latin one that
looks the same, and no two words are equal any more.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# What nobody sees: characters without a width, and marks over and under letters.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u0300-\u036f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+"
)
# Small Cyrillic and Greek letters that look like Latin ones (Unicode's list of confusables, UTS 39).
_LOOKS: Final = {
    "\u0430": "a",
    "\u0435": "e",
    "\u043e": "o",
    "\u0440": "p",
    "\u0441": "c",
    "\u0443": "y",
    "\u0445": "x",
    "\u0456": "i",
    "\u0458": "j",
    "\u0455": "s",
    "\u0501": "d",
    "\u04bb": "h",
    "\u051b": "q",
    "\u051d": "w",
    "\u0475": "v",
    "\u04cf": "l",
    "\u043a": "k",
    "\u043c": "m",
    "\u0442": "t",
    "\u0432": "b",
    "\u043d": "h",
    "\u03b1": "a",
    "\u03b5": "e",
    "\u03bf": "o",
    "\u03bd": "v",
    "\u03c1": "p",
    "\u03c4": "t",
    "\u03c5": "u",
    "\u03c7": "x",
    "\u03b9": "i",
    "\u03ba": "k",
    "\u03b3": "y",
    "\u03c9": "w",
}
_TABLE: Final = str.maketrans(_LOOKS)
_CYRILLIC_OR_GREEK: Final = re.compile("[\u0370-\u052f]")
# No underscore: it joins two words for a program, and parts them for a reader.
_WORD: Final = re.compile(r"[^\W_]+")
# Of names: what is read as something else at a glance. Both sides of a comparison go through it.
_AT_A_GLANCE: Final = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"))


# What parts words in a text of ASCII alone becomes a space.
_ASCII_WORDS: Final = bytes(code if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
# A text with more signs than this beside ASCII is of another script, and read as a whole.
_FEW_SIGNS: Final = 24


def as_seen(text: str) -> str:
    """A text in small letters, without what nobody sees, and in Latin letters where others look like them."""
    if not text.isascii():
        signs = set(_NOT_ASCII.findall(text))
        seen = {sign: _sign_as_seen(sign) for sign in signs} if len(signs) <= _FEW_SIGNS else {}
        if not seen or None in seen.values():
            return as_seen_as_a_whole(text)
        for sign, letters in seen.items():
            text = text.replace(sign, letters or "")
    return text.casefold()


def as_seen_as_a_whole(text: str) -> str:
    """The same in one go, for a text of any script."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text)).casefold()
    return text.translate(_TABLE) if _CYRILLIC_OR_GREEK.search(text) else text


@lru_cache(maxsize=1 << 14)
def _sign_as_seen(sign: str) -> str | None:
    """What one sign is read as; None where that hangs on the signs around it, as with marks that change their order."""
    seen = as_seen_as_a_whole(sign)
    parts = _UNSEEN.sub("", unicodedata.normalize("NFKD", sign))
    alone = not any(unicodedata.combining(part) for part in parts) and as_seen_as_a_whole(seen) == seen
    return seen if alone else None


def seen_words(text: str) -> list[str]:
    """The words of a text as a reader sees them."""
    return words_in_a_row(text).split()


def words_in_a_row(text: str) -> str:
    """The same in one text, with spaces of ASCII between them, and around them where there are more."""
    if not text.isascii():
        for sign, letters in _COMMON_SIGNS:
            text = text.replace(sign, letters)
    if not text.isascii():
        signs = set(_NOT_ASCII.findall(text))
        if len(signs) <= _FEW_SIGNS:
            for sign in signs:
                if (plain := _sign_in_words(sign)) is not None:
                    text = text.replace(sign, plain)
    seen = text.lower() if text.isascii() else as_seen(text)
    return seen.encode().translate(_ASCII_WORDS).decode() if seen.isascii() else " ".join(_WORD.findall(seen))


def _sign_in_words(sign: str) -> str | None:
    """What a sign is read as where words are looked for, in ASCII: a space for what parts words; None for others."""
    seen = _sign_as_seen(sign)
    plain = None if seen is None else "".join(letter if letter.isalnum() else " " for letter in seen)
    return plain if plain is None or plain.isascii() else None


# Most answers hold no others: quotation marks, dashes, dots, marks of lists.
_COMMON_SIGNS: Final = tuple(
    (sign, letters)
    for sign in "\u2019\u2018\u201c\u201d\u2014\u2013\u2026\u2022\u00a0\u2011\u2192"
    if (letters := _sign_in_words(sign)) is not None
)


def at_a_glance(name: str) -> str:
    """What a name is taken for at a glance: ``Acme-AI`` and ``acrne_a1`` are the same."""
    plain = "".join(_WORD.findall(as_seen(name)))
    for written, read in _AT_A_GLANCE:
        plain = plain.replace(written, read)
    return plain
