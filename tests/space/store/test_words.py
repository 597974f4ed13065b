"""How a search is read: other forms, hyphens, words mistyped, what is left out; and the order of what is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dataset_builder.dataset.records import Records
from eval.runs.verdict import hash_text
from space.store.build import ensure_store
from space.store.search import LONGEST, MAX_TERMS, Search
from space.store.store import Store
from space.store.transcript import FACETS, MODEL, TYPE
from space.store.words import SCHEMA, Reading, read, stems
from tests.support.hostile import strings
from tests.support.small_dataset import build_small, small_records

# Each with how many answers have it.
WORDS = {
    "evict": 3, "evicted": 5, "eviction": 9, "evictions": 2, "shadow": 7, "banned": 6, "shadowbanned": 4, "curfew": 8,
    "landlord": 20, "time": 30, "off": 40, "curfw": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    stem_of = stems(WORDS)
    database.executemany("INSERT INTO words VALUES (?, ?, ?)", [(w, n, stem_of[w]) for w, n in WORDS.items()])
    yield database
    database.close()


def reading(vocabulary: sqlite3.Connection, text: str) -> Reading:
    def ask(sql: str, values: Sequence[Any]) -> list[Any]:
        return vocabulary.execute(sql, values).fetchall()

    return read(text, ask)


@pytest.mark.parametrize(
    ("text", "others", "mended"),
    [
        # Porter takes evicting, evicted and evictions to one stem, the commonest stands first.
        ("evicted ", ["eviction", "evicted", "evict", "evictions"], ()),
        ("evicting ", ["eviction", "evicted", "evict", "evictions"], ()),
        # The same with and without a hyphen.
        ("shadow-banned ", ["shadowbanned", "shadow-banned"], ()),
        ("shadowbanned ", ["shadowbanned", "shadow banned"], ()),
        ("time-off ", ["time-off"], ()),
        # Half typed.
        ("land", ["landlord"], ()),
        # Mistyped: not taken for what is as likely mistyped itself.
        ("curfue ", ["curfew"], (("curfue", "curfew"),)),
        ("landlrod ", ["landlord"], (("landlrod", "landlord"),)),
        ("xylophone ", [], ()),
        # To the letter, and too short to be anything else.
        ('"evicted tenant"', ["evicted tenant"], ()),
        ("of ", ["of"], ()),
    ],
)
def test_what_else_finds_a_word(
    vocabulary: sqlite3.Connection, text: str, others: list[str], mended: tuple[tuple[str, str], ...]
) -> None:
    found = reading(vocabulary, text)
    ((_, also),) = found.also
    assert list(also) == others
    assert found.mended == mended
    assert (found.ignored, found.cut) == ((), False)


def test_what_is_left_out_is_told(vocabulary: sqlite3.Connection) -> None:
    assert reading(vocabulary, "curfew && ** -").ignored == ("&&", "**", "-")
    assert not reading(vocabulary, "curfew " * MAX_TERMS).cut
    assert reading(vocabulary, "curfew " * (MAX_TERMS + 1)).cut
    assert reading(vocabulary, "x" * LONGEST).cut


@pytest.mark.parametrize("text", strings())
def test_a_hostile_text_is_read(vocabulary: sqlite3.Connection, text: str) -> None:
    assert len(reading(vocabulary, text).also) <= MAX_TERMS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Of 144 answers one says curfew twice, one says it once in many words, and all of one case are asked it."""
    folder: Path = tmp_path_factory.mktemp("ranked")
    made = small_records()
    texts = {"content_defeat:school:1": "curfew " * 2, "control:union:2": "curfew " + "and so on " * 60}
    answers = {
        model: [
            msgspec.structs.replace(row, response=texts[row.case_id], response_hash=hash_text(texts[row.case_id]))
            if row.case_id in texts and model == "alpha-1"
            else row
            for row in rows
        ]
        for model, rows in made.responses.items()
    }
    asked = "application_defeat:landlord:0"
    cases = [
        msgspec.structs.replace(case, user_query="May I break the curfew?") if case.case_id == asked else case
        for case in made.cases
    ]
    answers = {
        model: [
            msgspec.structs.replace(row, user_query="May I break the curfew?") if row.case_id == asked else row
            for row in rows
        ]
        for model, rows in answers.items()
    }
    records = Records(cases=cases, responses=answers, verdict_reviews=[])
    return Store(ensure_store(build_small(folder / "dataset", records), folder / "cache"))


def test_what_fits_best_stands_first(store: Store) -> None:
    found = store.find(Search("curfew"))
    cases = list(dict.fromkeys(row.case_id for row in found.rows))
    # Asked in the request, which counts four times; then twice in two words; then once in many.
    assert cases == ["application_defeat:landlord:0", "content_defeat:school:1", "control:union:2"]
    assert (found.total, found.before, found.after) == (4, False, False)
    order = [(row.case_id, row.model) for row in found.rows]
    assert [(row.case_id, row.model) for row in store.walk(Search("curfew"), size=3)] == order
    first, last = found.rows[0], found.rows[-1]
    assert store.neighbours(Search("curfew"), first.no) == (None, order[1])
    assert store.neighbours(Search("curfew"), last.no) == (order[-2], None)
    assert store.find(Search("curfew"), after=first.no).rows == found.rows[1:]
    assert store.find(Search("curfew"), before=last.no).rows == found.rows[:-1]
    assert store.find(Search("curfews"), after=first.no).rows == found.rows[1:]


def test_pages_of_a_search_hold_everything_once(store: Store) -> None:
    seen: list[int] = []
    after = None
    while True:
        page = store.find(Search("school"), after=after)
        seen += [row.no for row in page.rows]
        if not page.after:
            break
        after = page.rows[-1].no
    assert len(seen) == len(set(seen)) == page.total == 18
    back = store.find(Search("school"), before=store.last())
    assert [row.no for row in back.rows] == seen


@pytest.mark.parametrize("text", ["", "school"])
def test_each_facet_counts_what_all_else_finds(store: Store, text: str) -> None:
    filters = {MODEL: ["alpha-1"], TYPE: ["helps", "deflects"]}
    counts = store.counts_of(Search(text, filters))
    for facet in FACETS:
        for value in store.counts().get(facet.id, ()):
            asked = {**filters, facet.id: [value]}
            assert counts[facet.id][value] == store.find(Search(text, asked)).total, (facet.id, value)
    assert store.counts_of(Search()) == {facet.id: store.counts().get(facet.id, {}) for facet in FACETS}
