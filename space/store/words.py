"""What else finds a word: its other forms, the same written with or without a hyphen, and the nearest to one mistyped.

The vocabulary of the index stands in a table with the stem of each word. Stems are those of SQLite's own Porter
stemmer; the index itself holds words as they are, so that a phrase in quotes is found to the letter.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from space.store.search import LONGEST, MAX_TERMS, SHORTEST_PREFIX, Term, fold, terms_of

SCHEMA: Final = """
CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER NOT NULL, stem TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX words_by_stem ON words (stem, n DESC);
"""
# How many words one of a search stands for, the commonest first.
MAX_WORDS: Final = 24
# The shortest word that may be mistyped, or two in one, and how many of a search are looked at.
_SHORTEST: Final = 4
_SHORTEST_HALF: Final = 3
_MOST_MENDED: Final = 3
_LIKE: Final = 0.75
# A word that occurs less often is as likely mistyped itself.
_KNOWN: Final = 2
_LAST: Final = "\U0010ffff"
_WORD: Final = re.compile(r"[a-z]{1,40}")
_HYPHENS: Final = re.compile(r"[-‐‑–’'_/]+")
Ask = Callable[[str, Sequence[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a search text was read: for each term what else finds it.

    ``mended`` are words that no answer has, each with the one taken for it; ``cut`` says that the text had more words
    or letters than are searched for, ``ignored`` is what of it holds no letter and no digit.
    """

    also: tuple[tuple[Term, tuple[str, ...]], ...] = ()
    mended: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    cut: bool = False

    def of(self, term: Term) -> tuple[str, ...]:
        """What else finds a term."""
        return next((others for one, others in self.also if one == term), ())

    @property
    def marked(self) -> list[str]:
        """What is to be marked where it stands."""
        return list(dict.fromkeys(text for term, others in self.also for text in (term.text, *others)))


def read(text: str, ask: Ask) -> Reading:
    """Read a search text with the vocabulary that ``ask`` answers from, by SQL and its values."""
    terms = terms_of(text)
    also: list[tuple[Term, tuple[str, ...]]] = []
    mended: list[tuple[str, str]] = []
    for term in terms:
        found = _others(term, ask)
        if not found and len(mended) < _MOST_MENDED and (like := _nearest(fold(term.text), ask)):
            mended.append((term.text, like))
            found = [like, *_forms(like, ask)]
        also.append((term, tuple(dict.fromkeys(found))))
    pieces = text[:LONGEST].split()
    ignored = tuple(piece for piece in pieces if not any(c.isalnum() for c in piece) and piece.strip('"“”„«»'))
    cut = len(terms) == MAX_TERMS and len(pieces) > MAX_TERMS
    return Reading(tuple(also), tuple(mended), ignored[:3], cut or len(text) >= LONGEST)


def stems(words: Iterable[str]) -> dict[str, str]:
    """The stem of each word, by SQLite's Porter stemmer; words of other than plain letters are their own."""
    plain = [word for word in words if _WORD.fullmatch(word)]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE t USING fts5 (word, content='', tokenize='porter unicode61')")
        database.executemany("INSERT INTO t (rowid, word) VALUES (?, ?)", enumerate(plain))
        database.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, 'instance')")
        return {plain[no]: stem for stem, no in database.execute("SELECT term, doc FROM v")}


def _others(term: Term, ask: Ask) -> list[str]:
    """What else finds a term; itself where it occurs and nothing else does."""
    folded = fold(term.text)
    if " " in term.text:
        return [term.text]
    found = []
    parts = [part for part in _HYPHENS.split(folded) if part]
    if len(parts) > 1:
        joined = "".join(parts)
        found = [joined, *_forms(joined, ask)] if _n(joined, ask) else []
        # In two words, which is how the index has it, whatever stands between them.
        found += [term.text] if all(len(part) < SHORTEST_PREFIX or _n(part, ask) for part in parts) else []
        return found
    if not _WORD.fullmatch(folded):
        return [term.text]
    found = _forms(folded, ask)
    if term.open and len(folded) >= SHORTEST_PREFIX:
        found += _begun(folded, ask)
    return found + _halves(folded, ask) if len(folded) >= SHORTEST_PREFIX else [folded]


def _n(word: str, ask: Ask) -> int:
    rows = ask("SELECT n FROM words WHERE word = ?", [word])
    return int(rows[0][0]) if rows else 0


def _forms(word: str, ask: Ask) -> list[str]:
    """The words of the vocabulary with the stem of this one."""
    rows = ask("SELECT stem FROM words WHERE word = ?", [word])
    stem = rows[0][0] if rows else stems([word]).get(word, word)
    return [one for (one,) in ask("SELECT word FROM words WHERE stem = ? ORDER BY n DESC LIMIT ?", [stem, MAX_WORDS])]


def _begun(beginning: str, ask: Ask) -> list[str]:
    sql = "SELECT word FROM words WHERE word >= ? AND word < ? ORDER BY n DESC, word LIMIT ?"
    return [word for (word,) in ask(sql, [beginning, beginning + _LAST, MAX_WORDS])]


def _halves(word: str, ask: Ask) -> list[str]:
    """The word in two, where both are words: ``shadowbanned`` is found where ``shadow-banned`` is written."""
    if len(word) < 2 * _SHORTEST_HALF:
        return []
    cuts = range(_SHORTEST_HALF, len(word) - _SHORTEST_HALF + 1)
    return [f"{word[:at]} {word[at:]}" for at in cuts if _n(word[:at], ask) >= _KNOWN and _n(word[at:], ask) >= _KNOWN]


def _nearest(word: str, ask: Ask) -> str | None:
    """The word of the vocabulary that is spelled most like one that is not in it."""
    word = "".join(_HYPHENS.split(word))
    if not _WORD.fullmatch(word) or len(word) < _SHORTEST:
        return None
    sql = (
        "SELECT word FROM words WHERE word >= ? AND word < ? AND length(word) BETWEEN ? AND ? AND n >= ? "
        "ORDER BY n DESC, word"
    )
    values = [word[0], word[0] + _LAST, len(word) - 2, len(word) + 2, _KNOWN]
    return next(iter(get_close_matches(word, [one for (one,) in ask(sql, values)], n=1, cutoff=_LIKE)), None)
