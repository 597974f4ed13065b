from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from space.store.search import LONGEST, MAX_TERMS, Search, Term, fold, match_expression, spaced, terms_of
from tests.support.hostile import strings

# What FTS5 gives a meaning, beside arbitrary text.
SYNTAX = st.lists(
    st.sampled_from([*"\"*^:+-(){}[]\\,.~'` \x00\n%_?;", "AND ", "OR ", "NOT ", "NEAR(", "tags", "rent"]), max_size=40
).map("".join)


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(":memory:") as database:
        database.execute(
            "CREATE VIRTUAL TABLE search USING fts5 (query, policy, response, tags, content='', "
            "tokenize='unicode61 remove_diacritics 2')"
        )
        rows = [
            (1, "may I sublet", "no subletting", "Here is how to rent it out", "tred"),
            (2, "can I smoke", "no smoking", "I cannot help with rent", "tblue"),
            (3, "café rules", "no tags", "don't ask", "tblue secret"),
            (4, "这条规则不公平吗", "部屋を又貸ししてはいけない", "กฎนี้ไม่เป็นธรรม, mixed 文字here", "tred"),
        ]
        database.executemany(
            "INSERT INTO search (rowid, query, policy, response, tags) VALUES (?, ?, ?, ?, ?)",
            [(no, *map(spaced, texts), tags) for no, *texts, tags in rows],
        )
        yield database
    database.close()


TAGS = {"colour": {"red": "tred", "blue": "tblue"}}


def find(index: sqlite3.Connection, search: Search) -> list[int] | None:
    expression = match_expression(search, TAGS, lambda term: ["subletting"] if term == Term("suble", open=True) else [])
    if expression is None:
        return None
    return [
        row for (row,) in index.execute("SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid", [expression])
    ]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("  rent  law ", (Term("rent"), Term("law"))),
        ("rent law", (Term("rent"), Term("law", open=True))),
        ('my "own flat" now', (Term("my"), Term("own flat"), Term("now", open=True))),
        ("“curly quotes” «too»", (Term("curly quotes"), Term("too"))),
        ('never "closed here', (Term("never"), Term("closed here"))),
        ("* ^ ( ) - : { } +", ()),
        ("a\x00b", (Term("a"), Term("b", open=True))),
        ("rent* OR x:y", (Term("rent*"), Term("OR"), Term("x:y", open=True))),
        ('"" "x', (Term("x"),)),
        ("\ud800a", (Term("a", open=True),)),
    ],
)
def test_words_and_phrases(text: str, terms: tuple[Term, ...]) -> None:
    assert terms_of(text) == terms


def test_limits() -> None:
    assert len(terms_of("a " * 100)) == MAX_TERMS
    assert terms_of("x" * 1000) == (Term("x" * LONGEST, open=True),)


@pytest.mark.parametrize(
    ("text", "filters", "rows"),
    [
        ("rent ", {}, [1, 2]),
        ("help rent", {}, [2]),
        ("RENT out", {}, [1]),
        ('"rent it"', {}, [1]),
        ('"it rent"', {}, []),
        ("CAFE ", {}, [3]),
        ("don't", {}, [3]),
        ("suble", {}, [1]),
        ("suble ", {}, []),
        # A word inside a run of characters: Chinese, Japanese, Thai, and beside Latin letters.
        ("不公平", {}, [4]),
        ("不公平 ", {}, [4]),
        ("平公", {}, []),
        ("又貸し", {}, [4]),
        ("ไม่เป็นธรรม", {}, [4]),
        ("文字", {}, [4]),
        ("mixed", {}, [4]),
        ('"规则 不公平"', {}, [4]),
        # Operators and column names are words like others, and the tags are out of reach.
        ("rent OR smoke", {}, []),
        ("tags : secret", {}, []),
        ("secret", {}, []),
        ("tred", {}, []),
        ("rent", {"colour": ["blue"]}, [2]),
        ("", {"colour": ["blue", "red"]}, [1, 2, 3, 4]),
        ("", {"colour": ['blue" OR "tred', "blue"]}, [2, 3]),
        ("", {"colour": [], "shape": []}, None),
        ("", {"colour": ["green"]}, []),
        ("", {"colour": ["green", "red"]}, [1, 4]),
        ("rent", {"shape": ["round"]}, []),
    ],
)
def test_what_is_found(
    index: sqlite3.Connection, text: str, filters: dict[str, list[str]], rows: list[int] | None
) -> None:
    assert find(index, Search(text, filters)) == rows


@given(st.text() | SYNTAX)
def test_no_text_breaks_the_search_or_reaches_the_tags(text: str) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE VIRTUAL TABLE search USING fts5 (query, policy, response, tags, content='')")
        database.execute("INSERT INTO search (rowid, tags) VALUES (1, ?)", [text + " tred secret rent"])
        expression = match_expression(Search(text), TAGS, lambda term: [term.text + "s", '"'])
        found = (
            []
            if expression is None
            else list(database.execute("SELECT * FROM search WHERE search MATCH ?", [expression]))
        )
    database.close()
    # Only the column of tags holds words, and no text finds one there.
    assert found == []


@given(st.sampled_from(strings()))
def test_hostile_strings_are_words(text: str) -> None:
    for term in terms_of(text):
        assert any(c.isalnum() for c in term.text)


@given(st.text(st.characters(categories=["L", "N"]), min_size=3, max_size=20))
def test_a_word_finds_itself(word: str) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE VIRTUAL TABLE search USING fts5 (query, policy, response, tags, content='')")
        database.execute("INSERT INTO search (rowid, query) VALUES (1, ?)", [spaced(word)])
        known = database.execute("CREATE VIRTUAL TABLE v USING fts5vocab (search, row)").execute("SELECT term FROM v")
        words = [term for (term,) in known]
        expression = match_expression(
            Search(word), {}, lambda term: [w for w in words if w.startswith(fold(term.text))]
        )
        found = list(database.execute("SELECT rowid FROM search WHERE search MATCH ?", [expression]))
    database.close()
    # SQLite's tables of letters are older than Python's: a letter that it does not know is no word.
    assert found == ([(1,)] if words else [])


def test_fold() -> None:
    assert fold("Café") == "cafe"
    assert fold("ÅNGSTRÖM") == "angstrom"
