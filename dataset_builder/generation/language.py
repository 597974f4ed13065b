"""Whether a text is in the language that was ordered.

py3langid tells 139 languages and dialects apart. A language that it does not know cannot be checked, and that is said.
Its model is loaded when the first text is checked, which takes about a second, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from dataset_builder.errors import InputError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

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
# What py3langid calls the written forms of one ISO 639-1 language that it tells apart.
_FORMS: Final[Mapping[str, str]] = {
    "nn": "no",
    **dict.fromkeys(("ary", "arz"), "ar"),
    **dict.fromkeys(("wuu", "yue"), "zh"),
    "uzs": "uz",
}
# What it says of a text in no language, such as a row of symbols.
_NO_LANGUAGE: Final = "zxx"


def check_code(code: str) -> str:
    """The code, lower case. Raises InputError where it is no ISO 639-1 code."""
    if not re.fullmatch(r"[a-zA-Z]{2}", code):
        raise InputError(f"--language {code!r}: expected an ISO 639-1 code of two letters, for example de.")
    return code.lower()


def can_tell(code: str) -> bool:
    """Whether texts of this language can be told from others."""
    return code in {_FORMS.get(label, label) for label in _identifier().labels}


def word_count(text: str, code: str) -> int:
    """The number of words; in a script without spaces, characters divided by what a word takes there."""
    if code in _CHARS_PER_WORD:
        return round(sum(not c.isspace() for c in text) / _CHARS_PER_WORD[code])
    return len(text.split())


def other_language(text: str, code: str) -> str | None:
    """What speaks against a text being in a language, in a few words; None where nothing does or can."""
    if not can_tell(code):
        return None
    name = NAMES.get(code, code)
    if not any(c.isalpha() for c in text):
        return f"it holds no word of {name}"
    found = _identifier().classify(text)[0]
    found = _FORMS.get(found, found)
    if found == code:
        return None
    if found == _NO_LANGUAGE:
        return f"it does not read like {name}"
    return f"it reads like {NAMES.get(found, f'the language {found}')}, not like {name}"


@cache
def _identifier() -> LanguageIdentifier:
    """Our own copy of the model, so that nothing else in the process can narrow its languages."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
