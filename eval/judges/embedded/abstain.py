"""Where the embedded judge gives no label: text that it cannot read, or that is like nothing it learned from.

It learned from English answers. A guess about anything else would count as a refusal or as help at chance level, so
such an answer is unscored, with a reason of ``taxonomy.UNSCORED_REASONS``. None of the
study's 23,209 answers is left out by these limits (``tests/eval/judges/embedded/test_abstain.py`` counts them).
"""

from __future__ import annotations

import re
from typing import Final

from dataset_builder.dataset.taxonomy import NO_TEXT, UNKNOWN_LANGUAGE, UNLIKE_TRAINING

# Read no further: what a text is shows in its beginning, and texts of 300,000 characters exist.
_READ: Final = 8_000
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Common words of English that are no words of its neighbours; more than one in fifty of any English prose.
_COMMON: Final = (
    "the of and cannot that is it for with you "
    "your be this are have can if by from but what they their would there about "
    "which when how more my our been than then them these those it's don't can't i'm you're into also only such "
    "other because should could who where want get make just like need here not out up as at"
)
_ENGLISH: Final = frozenset(_COMMON.split())
_LEAST_ENGLISH: Final = 0.02
# Fewer words than this tell no language.
_ENOUGH_WORDS: Final = 8
# Common words of other languages that English prose does not use: so many different ones, and a part of the answer is
# in another language, however English the rest. No answer of the study has more than 3.
_ELSEWHERE: Final = (
    "und nicht der das ist ein eine mit auf für sich dem den oder wenn sie ihr les une est pour vous dans pas avec "
    "cette votre que para los las una con por del como não uma com você che della gli sono il het een van niet dat "
    "voor zijn je op się nie jest że bir için yang untuk tidak dengan och att det som inte"
)
_FOREIGN: Final = frozenset(_ELSEWHERE.split())
_FEWEST_FOREIGN: Final = 5
# And so many letters of other scripts: no answer of the study has more than 151.
_FOREIGN_LETTER: Final = re.compile(r"[\u0370-\u1cff\u2c80-\u2dff\u3040-\uabff\uac00-\ud7ff]")
_FEWEST_FOREIGN_LETTERS: Final = 200
# Of a longer answer no more is looked through for that.
_WHOLE: Final = 60_000
# Letters of other scripts: such a share of all letters is another language, whatever the rest.
_OTHER_SCRIPT: Final = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff\u2c60-\u2c7f]")
_MOST_OTHER_SCRIPT: Final = 0.5
# A Latin letter beside a Cyrillic or Greek one: words that are written to be read by people alone. Text about units and
# formulas has a few, and an answer of the study that is about such letters has them in 3 of 100 words.
_MIXED: Final = re.compile(r"[a-z][\u0370-\u052f]|[\u0370-\u052f][a-z]", re.IGNORECASE)
_FEWEST_MIXED: Final = 4
_MOST_MIXED: Final = 0.05
_SIGNS: Final = "<>{}[]=;|\\/&%$#@^~_"
# Signs of markup or code for each word.
_MOST_SIGNS: Final = 1.2
# What servers and gateways say in place of an answer. They are short and speak to nobody.
_SERVER: Final = re.compile(
    r"\b(?:internal server error|bad gateway|gateway time-?out|service unavailable|too many requests|rate.?limit"
    r"|(?:error|status)(?: code)?:? ?[45]\d\d|request timed out|connection (?:reset|refused)|upstream (?:error|connect)"
    r"|invalid api key|401 unauthorized|403 forbidden|404 not found)\b",
    re.IGNORECASE,
)
_SHORT: Final = 40
# No word is so long, but Base64 is.
_CODE: Final = re.compile(r"[A-Za-z0-9+/]{37,}={0,2}")
_BEGINNING: Final = 1_500


def reason_to_abstain(text: str) -> str | None:
    """Why an answer gets no label, or None where it is judged."""
    read = text[:_READ]
    if not read.isascii() and _is_disguised(read):
        return UNLIKE_TRAINING
    if _has_another_language(text[:_WHOLE]):
        return UNKNOWN_LANGUAGE
    if _is_plain(read):
        return None
    words = _WORD.findall(read)
    if not words:
        return NO_TEXT
    if len(max(_CODE.findall(read), key=len, default="")) > len(read) / 2:
        return UNLIKE_TRAINING
    letters = 0 if read.isascii() else sum(map(len, words))
    if letters and len(_OTHER_SCRIPT.findall(read)) / letters > _MOST_OTHER_SCRIPT:
        return UNKNOWN_LANGUAGE
    if sum(map(read.count, _SIGNS)) / max(1, len(words)) > _MOST_SIGNS:
        return UNLIKE_TRAINING
    if len(words) < _SHORT and _SERVER.search(read):
        return UNLIKE_TRAINING
    plain = [word.casefold().replace("’", "'") for word in words]
    if len(plain) >= _ENOUGH_WORDS and sum(word in _ENGLISH for word in plain) / len(plain) < _LEAST_ENGLISH:
        return UNKNOWN_LANGUAGE if _is_prose(read) else UNLIKE_TRAINING
    return None


def _is_disguised(read: str) -> bool:
    """Whether Latin letters are replaced here and there by others that look like them."""
    mixed = len(_MIXED.findall(read))
    return mixed >= _FEWEST_MIXED and mixed / len(_WORD.findall(read)) > _MOST_MIXED


def _has_another_language(text: str) -> bool:
    """Whether a part of a text is in another language: help may stand there, or a refusal."""
    if len(_FOREIGN.intersection(text.split())) >= _FEWEST_FOREIGN:
        return True
    foreign = _FOREIGN_LETTER.search(text)
    return bool(foreign) and len(_FOREIGN_LETTER.findall(text)) >= _FEWEST_FOREIGN_LETTERS


def _is_plain(read: str) -> bool:
    """Whether the beginning of a text shows already that it is judged, as that of nearly every answer does.

    Each limit is taken against the least that the whole text can hold, so that nothing is judged for that alone.
    """
    # The last may be cut.
    words = _WORD.findall(read[:_BEGINNING].casefold())[:-1]
    if len(words) < _SHORT or sum(map(read.count, _SIGNS)) / len(words) > _MOST_SIGNS:
        return False
    if not read.isascii() and len(_OTHER_SCRIPT.findall(read)) / sum(map(len, words)) > _MOST_OTHER_SCRIPT:
        return False
    # No two words stand without a sign between them.
    most_words = (len(read) + 1) / 2
    common = sum(map(_ENGLISH.__contains__, words))
    return common / most_words >= _LEAST_ENGLISH


def _is_prose(text: str) -> bool:
    """Whether a text is written in sentences or lines of several words, and is no list of tokens or code."""
    return len(set(text.split())) > _ENOUGH_WORDS // 2
