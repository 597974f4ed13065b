"""The tables of the transcripts' store, and how they are filled.

``cases``, ``models`` and ``judges`` are numbered; ``transcripts`` are numbered case by case, models
in order, so that a page is a range of numbers; ``verdicts`` has one a judge and transcript; ``texts``
holds the long strings, in the order in which they were read; ``labels`` what reviewers said;
``facets`` each value with its count and the tag that stands for it in the index, for each judge where
it depends on one; ``case_counts`` the cases by label; ``words`` the vocabulary (``space.store.words``);
and ``search`` is an FTS5 index without a copy of the texts, with a column of tags, so that a filter
costs what a search word costs.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import msgspec

from dataset_builder.dataset.opened import RESPONSES, BuiltDataset, reviews
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.tables import BY_MODEL, CONFIGS
from eval.runs.verdict import PUBLISHED
from eval.scores.cases import CaseTable
from space.store.additions import Additions, Judge, Labels
from space.store.search import spaced
from space.store.transcript import BY_JUDGE, FACETS, REVIEWED, Facet, value_of
from space.store.words import stems

# Part of the file's name: a store of another layout is never opened.
LAYOUT: Final = 6
# The number of a judge where none has a say.
NOBODY: Final = -1
Progress = Callable[[int, int], None]
_UNJUDGED: Final[Judge] = ("none", PUBLISHED)
_LABELS: Final = ("response_type", "engages_with_defeat", "independent_harm", "unscored_reason")
# The columns that are read of an answer.
_READ: Final = sorted(
    {"case_id", "model", "model_id", "response", "response_hash", "status", "verdict_reasoning", "hit_token_cap"}
    | {"collected_at", *_LABELS}
    | {facet.column for facet in FACETS if facet.id != REVIEWED}
)

_OF_VERDICTS: Final = tuple(facet for facet in FACETS if facet.id in BY_JUDGE)
_OF_ANSWERS: Final = tuple(facet for facet in FACETS if facet.id not in BY_JUDGE)
_COLUMNS_OF: Final = tuple(tuple(facet.column for facet in some) for some in (_OF_ANSWERS, _OF_VERDICTS))

SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cases (no INTEGER PRIMARY KEY, case_id TEXT NOT NULL UNIQUE, subtype TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE models (no INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL);
CREATE TABLE judges (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, judge TEXT NOT NULL, rubric TEXT NOT NULL);
CREATE TABLE texts (no INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE transcripts (
    no INTEGER PRIMARY KEY, case_no INTEGER NOT NULL, model_no INTEGER NOT NULL, text_no INTEGER NOT NULL,
    hit_token_cap INTEGER NOT NULL, length INTEGER NOT NULL, collected_at TEXT
);
CREATE TABLE verdicts (
    no INTEGER NOT NULL, judge_no INTEGER NOT NULL, response_type TEXT, engages INTEGER, harm INTEGER,
    unscored_reason TEXT, text_no INTEGER, PRIMARY KEY (no, judge_no)
) WITHOUT ROWID;
CREATE TABLE labels (
    no INTEGER NOT NULL, reviewer TEXT NOT NULL, response_type TEXT NOT NULL, engages INTEGER NOT NULL,
    harm INTEGER NOT NULL, PRIMARY KEY (no, reviewer)
) WITHOUT ROWID;
CREATE TABLE facets (facet TEXT NOT NULL, judge_no INTEGER NOT NULL, value TEXT NOT NULL, tag TEXT NOT NULL,
    n INTEGER NOT NULL, PRIMARY KEY (facet, judge_no, value)) WITHOUT ROWID;
CREATE TABLE case_counts (label TEXT NOT NULL, value TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (label, value))
    WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (query, policy, response, tags, content='',
    tokenize="unicode61 remove_diacritics 2");
"""


def fill(database: sqlite3.Connection, built: BuiltDataset, progress: Progress, more: Additions) -> None:
    """Fill the empty tables; ``progress`` is called with the transcripts done and in all."""
    cases = built.cases()
    _insert_cases(database, cases)
    splits = built.splits(RESPONSES)
    own = {split: _own_judge(built, split) for split in splits}
    judges = _judges(database, own.values(), more)
    found = reviews(built)
    reviewed = {(row.case_id, row.model) for row in found}
    sources: list[Callable[[], Iterable[dict[str, Any]]]] = [
        partial(_rows, built, split, own[split], reviewed) for split in splits
    ]
    sources += [partial(one.rows, built) for one in more.answers]
    total = sum(
        entry.rows or 0 for name, entry in built.manifest.files.items() if name.startswith(f"data/{RESPONSES}/")
    )
    texts = {case.case_id: (no, spaced(case.user_query), spaced(case.policy)) for no, case in enumerate(cases)}
    counts: Counter[tuple[str, int, str]] = Counter()
    numbers: dict[tuple[str, str], int] = {}
    done, next_text = 0, 0
    for model_no, source in enumerate(sources):
        rows = list(source())
        if rows:
            database.execute("INSERT INTO models VALUES (?, ?, ?)", [model_no, rows[0]["model"], rows[0]["model_id"]])
        further = {one.judge: one.labels() for one in more.verdicts if rows and one.model == rows[0]["model"]}
        held = _Held(next_text)
        for row in sorted(rows, key=lambda r: texts[r["case_id"]][0]):
            case_no, query, policy = texts[row["case_id"]]
            no = case_no * len(sources) + model_no + 1
            if (row["case_id"], row["model"]) in reviewed:
                numbers[row["case_id"], row["model"]] = no
            labels = {judge_no: _verdict(row, judge, further.get(judge, {})) for judge, judge_no in judges.items()}
            held.add(no, case_no, model_no, row, labels)
            tags = []
            for judge_no, said in ((NOBODY, row), *labels.items()):
                values, tagged = _tagged(
                    judge_no, tuple([said.get(column) for column in _COLUMNS_OF[judge_no != NOBODY]])
                )
                counts.update(values)
                tags.append(tagged)
            held.indexed.append((no, query, policy, spaced(row["response"] or ""), " ".join(tags)))
        held.insert(database)
        next_text = held.next_text
        done += len(rows)
        progress(done, total)
    database.executemany(
        "INSERT INTO labels VALUES (?, ?, ?, ?, ?)",
        (
            (numbers[r.case_id, r.model], r.reviewer, r.response_type, r.engages_with_defeat, r.independent_harm)
            for r in found
            if (r.case_id, r.model) in numbers
        ),
    )
    database.executemany(
        "INSERT INTO facets VALUES (?, ?, ?, ?, ?)", ((*one, _tag(*one), n) for one, n in sorted(counts.items()))
    )
    _index_words(database)
    meta = {"transcripts": str(done), "cases": str(len(cases)), "models_per_case": str(len(sources))}
    meta["configs"] = " ".join(
        config.name for config in CONFIGS if built.splits(RESPONSES if config.name == BY_MODEL else config.name)
    )
    database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())


class _Held:
    """What is inserted of one model, in one step a table; long strings are numbered as they come."""

    def __init__(self, next_text: int) -> None:
        self.next_text = next_text
        self.texts: list[tuple[int, str | None]] = []
        self.transcripts: list[tuple[Any, ...]] = []
        self.verdicts: list[tuple[Any, ...]] = []
        self.indexed: list[tuple[int, str, str, str, str]] = []

    def add(self, no: int, case_no: int, model_no: int, row: Mapping[str, Any], labels: Mapping[int, Labels]) -> None:
        """An answer and what the judges said of it, by their numbers."""
        response = row["response"]
        self.transcripts.append(
            (
                no, case_no, model_no, self._text(response), row["hit_token_cap"], len(response or ""),
                row["collected_at"],
            )
        )  # fmt: skip
        for judge_no, said in labels.items():
            reasoning = said["reasoning"]
            self.verdicts.append(
                (no, judge_no, *(said[name] for name in _LABELS), None if reasoning is None else self._text(reasoning))
            )

    def insert(self, database: sqlite3.Connection) -> None:
        """Write all of it."""
        database.executemany("INSERT INTO texts VALUES (?, ?)", self.texts)
        database.executemany("INSERT INTO transcripts VALUES (?, ?, ?, ?, ?, ?, ?)", self.transcripts)
        database.executemany("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", self.verdicts)
        database.executemany(
            "INSERT INTO search (rowid, query, policy, response, tags) VALUES (?, ?, ?, ?, ?)", self.indexed
        )

    def _text(self, text: str | None) -> int:
        self.texts.append((self.next_text, text))
        self.next_text += 1
        return self.next_text - 1


def _insert_cases(database: sqlite3.Connection, cases: Sequence[Case]) -> None:
    database.executemany(
        "INSERT INTO cases VALUES (?, ?, ?, ?)",
        ((no, c.case_id, c.defeat_subtype, msgspec.json.encode(c)) for no, c in enumerate(cases)),
    )
    database.executemany(
        "INSERT INTO case_counts VALUES (?, ?, ?)",
        (
            (label, value, n)
            for label, values in CaseTable.from_cases(cases).labels.items()
            for value, n in Counter(values).items()
            if value is not None
        ),
    )


def _own_judge(built: BuiltDataset, split: str) -> Judge | None:
    """The judge whose verdicts came with the answers of a split; None where there are no verdicts."""
    names = built.table(RESPONSES, split, ["judge"]).column("judge").unique().drop_null().to_pylist()
    return (str(names[0]), PUBLISHED) if names else None


def _judges(database: sqlite3.Connection, own: Iterable[Judge | None], more: Additions) -> dict[Judge, int]:
    """The judges that have given a verdict, numbered: those on the boards first, in their order."""
    there = dict.fromkeys([*(judge for judge in own if judge), *(one.judge for one in more.verdicts)])
    first = [judge for judge in more.judges if judge in there]
    ordered = list(dict.fromkeys([*first, *there])) or [_UNJUDGED]
    taken: set[str] = set()
    for no, (judge, rubric) in enumerate(ordered):
        name = f"{judge} {rubric}" if judge in taken else judge
        taken.add(judge)
        database.execute("INSERT INTO judges VALUES (?, ?, ?, ?)", [no, name, judge, rubric])
    return {judge: no for no, judge in enumerate(ordered)}


def _rows(
    built: BuiltDataset, split: str, own: Judge | None, reviewed: set[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    table = built.table(RESPONSES, split, _READ)
    # By way of numpy, which makes Python values several times as fast as pyarrow's to_pylist.
    for values in zip(*(column.to_numpy().tolist() for column in table.columns), strict=True):
        row = dict(zip(table.column_names, values, strict=True))
        row["reviewed"], row["own"] = (row["case_id"], row["model"]) in reviewed, own or _UNJUDGED
        yield row


def _verdict(row: Mapping[str, Any], judge: Judge, further: Mapping[tuple[str, str], Labels]) -> Labels:
    """What a judge said of an answer; where it said nothing, why."""
    if row.get("own") == judge:
        return {**{name: row[name] for name in _LABELS}, "reasoning": row["verdict_reasoning"]}
    found = further.get((row["case_id"], row["response_hash"]))
    status = row["status"]
    return found or {
        **dict.fromkeys(_LABELS), "unscored_reason": "not_judged" if status == "ok" else status, "reasoning": None
    }  # fmt: skip


def _index_words(database: sqlite3.Connection) -> None:
    database.execute("INSERT INTO search (search) VALUES ('optimize')")
    database.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab ('main', 'search', 'col')")
    counted = database.execute(
        "SELECT term, sum(doc) FROM temp.vocabulary WHERE col != 'tags' AND length(term) >= 3 GROUP BY term"
    ).fetchall()
    stem_of = stems(word for word, _ in counted)
    database.executemany("INSERT INTO words VALUES (?, ?, ?)", ((w, n, stem_of.get(w, w)) for w, n in counted))
    database.execute("DROP TABLE temp.vocabulary")


def _facets_of(judge_no: int) -> Sequence[Facet]:
    return _OF_ANSWERS if judge_no == NOBODY else _OF_VERDICTS


# Few combinations of values are different.
@lru_cache(maxsize=4096)
def _tagged(judge_no: int, row: tuple[Any, ...]) -> tuple[tuple[tuple[str, int, str], ...], str]:
    """Of a judge's labels, or of what hangs on no judge: the values of all facets, and their tags."""
    held = ((facet, value_of(facet, {facet.column: one})) for facet, one in zip(_facets_of(judge_no), row, strict=True))
    values = tuple((facet.id, judge_no, value) for facet, value in held if value is not None)
    return values, " ".join(_tag(*one) for one in values)


@lru_cache(maxsize=4096)
def _tag(facet: str, judge_no: int, value: str) -> str:
    """One word of letters and digits for a value, so that the tokeniser leaves it whole."""
    return "t" + hashlib.sha256(f"{facet}:{judge_no}:{value}".encode()).hexdigest()[:12]
