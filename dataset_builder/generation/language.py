"""Whether a text is in the language that was ordered: by its script, or by its commonest small words.

Meant for 50 words and more, where the small words of a language are seldom missing. A language that is
not known here cannot be checked, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dataset_builder.errors import InputError

# Small words that stand in nearly every text of a language and in few others'.
_SMALL_WORDS: Final[Mapping[str, frozenset[str]]] = {
    code: frozenset(words.split())
    for code, words in {
        "cs": "že se na je to ale jsem mi jak aby když už pro mě nebo bych jako",
        "da": "og det jeg er ikke en til på som med har af for den men hvordan mig",
        "de": "und der die das ich nicht ist ein mir wie mit den auf zu wenn aber es",
        "en": "the and to i my is that it of in how me for but they this without have",
        "es": "que de la el y en no me es un una para los por pero cómo mi con",
        "fi": "ja on että ei se en minun mutta miten jos kun olen ole niin tämä ovat",
        "fr": "le la les et de je que pas mon est un une pour dans mais comment ne il",
        "hu": "a az és hogy nem egy de is van meg mert ha csak hogyan vagy nekem már",
        "id": "yang dan saya di tidak ini itu untuk dengan bagaimana tapi ke dari ada bisa mereka",
        "it": "che di il la e non un per mi una sono come ma ho del con gli lo",
        "nl": "de het een en ik niet dat van mijn is hoe te maar op voor met ze zonder",
        "no": "og det jeg er ikke en til på som med har av for den men hvordan meg",
        "pl": "nie się że na to jest jak ale mi w z do i mnie żeby już jestem",
        "pt": "que de o a e não um uma para me é os mas como meu minha com eu",
        "ro": "și nu că de la în o un mi pe cu să dar am este cum pentru",
        "sv": "och det jag är inte en att på som med har av för den men hur mig",
        "sw": "na ya wa ni kwa la hii yangu lakini jinsi sina kama bila za katika hapa",
        "tl": "ang ng sa na ko ako at hindi mga para paano pero nila kung namin may",
        "tr": "bir ve bu için nasıl ama ben benim de da çok var olarak gibi ne değil",
        "vi": "tôi là không của và có một để cho thì nhưng làm được như này các",
    }.items()
}
_SCRIPTS: Final[Mapping[str, str]] = {
    "am": "\u1200-\u139f",
    "ar": "\u0600-\u06ff",
    "bg": "\u0400-\u04ff",
    "bn": "\u0980-\u09ff",
    "el": "\u0370-\u03ff",
    "fa": "\u0600-\u06ff",
    "he": "\u0590-\u05ff",
    "hi": "\u0900-\u097f",
    "ja": "\u3040-\u30ff\u3400-\u9fff",
    "ka": "\u10a0-\u10ff",
    "ko": "\uac00-\ud7af",
    "ru": "\u0400-\u04ff",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e00-\u0e7f",
    "uk": "\u0400-\u04ff",
    "ur": "\u0600-\u06ff",
    "zh": "\u3400-\u9fff",
}
# Characters for a word, where no space tells: by the usual ratios of translators.
_CHARS_PER_WORD: Final = {"zh": 1.6, "ja": 2.2, "th": 4.5}
NAMES: Final[Mapping[str, str]] = {
    "am": "Amharic",
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ka": "Georgian",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "th": "Thai",
    "tl": "Tagalog",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
# The least share of words that are small words of the language, and of letters that are of its script.
_LEAST_SMALL: Final = 0.08
_LEAST_SCRIPT: Final = 0.6


def check_code(code: str) -> str:
    """The code, lower case. Raises InputError where it is no ISO 639-1 code."""
    if not re.fullmatch(r"[a-zA-Z]{2}", code):
        raise InputError(f"--language {code!r}: expected an ISO 639-1 code of two letters, for example de.")
    return code.lower()


def can_tell(code: str) -> bool:
    """Whether texts of this language can be told from others."""
    return code in _SMALL_WORDS or code in _SCRIPTS


def word_count(text: str, code: str) -> int:
    """The number of words; in a script without spaces, characters divided by what a word takes there."""
    if code in _CHARS_PER_WORD:
        return round(sum(not c.isspace() for c in text) / _CHARS_PER_WORD[code])
    return len(text.split())


def other_language(text: str, code: str) -> str | None:
    """What speaks against a text being in a language, in a few words; None where nothing does or can."""
    name = NAMES.get(code, code)
    if code in _SCRIPTS:
        letters = [c for c in text if c.isalpha()]
        script = re.compile(f"[{_SCRIPTS[code]}]")
        share = sum(bool(script.match(c)) for c in letters) / max(1, len(letters))
        return None if share >= _LEAST_SCRIPT else f"hardly any of its letters are {name}"
    if code not in _SMALL_WORDS:
        return None
    words = [w.replace("’", "'") for w in _WORD.findall(text.lower())]
    shares = {c: sum(w in small for w in words) / max(1, len(words)) for c, small in _SMALL_WORDS.items()}
    best = max(shares, key=lambda c: (shares[c], c == code))
    if shares[code] < _LEAST_SMALL:
        return f"it does not read like {name}"
    # Neighbours such as Danish and Norwegian share most of their small words.
    if shares[best] > 1.3 * shares[code]:
        return f"it reads like {NAMES[best]}, not like {name}"
    return None
