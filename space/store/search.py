"""What a visitor types, as an FTS5 expression.

The text is data. It is cut into words and quoted phrases here, every one of them is quoted for
FTS5, and nothing else of it gets into the expression: operators, column names, brackets and stars
in it are characters like any other, and lose themselves in FTS5's own tokeniser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 200
MAX_TERMS: Final = 12
# A shorter beginning fits too many words to be a search.
SHORTEST_PREFIX: Final = 3
# No tag is like this one.
_NO_TAG: Final = '"none"'
# Thai, Lao, Myanmar and Khmer letters with their marks; kana and ideographs.
_UNSPACED: Final = re.compile(
    "[\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u103f\u1780-\u17b3]"
    "[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3]*"
    "|[\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
# A class that holds all of them and is found sooner.
_MAY_BE_UNSPACED: Final = re.compile("[\u0e01-\u17b3\u3005-\ufaff\U00020000-\U0003134f]")
_QUOTES: Final = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


@dataclass(frozen=True, slots=True)
class Search:
    """Words and phrases that all have to occur, and for each facet the values of which one has to hold.

    ``judge`` is the id of the judge whose verdicts are meant; the store's first one where it is None.
    """

    text: str = ""
    filters: Mapping[str, Sequence[str]] | None = None
    judge: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase; ``open`` where it is the word that is still being typed."""

    text: str
    open: bool = False


def terms_of(text: str) -> tuple[Term, ...]:
    """The words and the phrases in double quotes of a search text; what has no letter or digit is left out.

    The last word is open unless white space or a quote follows it. A quote that is never closed reaches to the end.
    """
    clean = "".join(" " if unicodedata.category(c).startswith("C") else c for c in text[:LONGEST]).translate(_QUOTES)
    terms: list[Term] = []
    parts = clean.split('"')
    for number, part in enumerate(parts):
        if number % 2:
            terms.append(Term(" ".join(part.split())))
            continue
        words = part.split()
        is_open = number == len(parts) - 1 and bool(words) and not part[-1].isspace()
        terms += [Term(word, is_open and place == len(words) - 1) for place, word in enumerate(words)]
    return tuple(term for term in terms if any(c.isalnum() for c in term.text))[:MAX_TERMS]


def spaced(text: str) -> str:
    """A text with a space before each letter of a script that writes no spaces between words.

    The index and a search are both cut so: a run of such letters is then a phrase of single letters, which is found
    wherever it stands, and Chinese, Japanese and Thai need no dictionary.
    """
    if text.isascii() or _is_western(text) or not _MAY_BE_UNSPACED.search(text):
        return text
    return _UNSPACED.sub(r" \g<0> ", text)


def _is_western(text: str) -> bool:
    """Whether a text has no other letters than those; most that are not ASCII have quotes and dashes alone."""
    try:
        # Told several times as fast as by an expression.
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def fold(word: str) -> str:
    """A word as the index has it: lower case, without diacritics."""
    plain = unicodedata.normalize("NFKD", word.lower())
    return "".join(c for c in plain if not unicodedata.combining(c))


def match_expression(
    search: Search, tags: Mapping[str, Mapping[str, str]], also: Callable[[Term], Iterable[str]] = lambda term: ()
) -> str | None:
    """The FTS5 expression of a search; None where it asks for nothing.

    ``tags`` gives for each facet and value the word of the ``tags`` column that stands for it;
    ``also`` gives the words and phrases that find a term beside itself.
    A filter with no values asks for nothing; one whose values no transcript has is met by none.
    """
    parts = []
    for term in terms_of(search.text):
        choices = dict.fromkeys(quoted(spaced(text)) for text in (term.text, *also(term)))
        parts.append(f"{{query policy response}} : ({' OR '.join(choices)})")
    for facet, values in (search.filters or {}).items():
        known = tags.get(facet, {})
        wanted = [quoted(known[value]) for value in values if value in known]
        if values:
            parts.append(f"tags : ({' OR '.join(wanted or [_NO_TAG])})")
    return " AND ".join(f"({part})" for part in parts) or None


def quoted(text: str) -> str:
    """A string of FTS5: between double quotes, with those inside doubled."""
    return '"' + text.replace('"', '""') + '"'
