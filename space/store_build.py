"""The transcripts of a dataset as one SQLite file: built once, then only read.

The file stands in the cache under the hash of the dataset's manifest, so versions stand side by
side. It is written as ``….part`` under a lock and renamed when whole: a build that is killed
leaves no store, and its remains are removed by the next one.

Tables: ``cases`` and ``models`` (numbered), ``transcripts`` (numbered case by case, models in
order, so that a page is a range of numbers), ``texts`` (the long strings, in the order in which
they were read), ``labels`` (reviewers' verdicts), ``facets`` (each value with its count and the
tag that stands for it in the index), ``case_counts`` (cases by label), ``words`` (the vocabulary,
for words half typed), and
``search``: an FTS5 index without a copy of the texts, with a column of tags, so that a filter
costs what a search word costs.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from filelock import FileLock

from dataset_builder.built import BuiltDataset
from dataset_builder.errors import InputError
from dataset_builder.fetch import cache_folder
from dataset_builder.tables import CONFIGS
from eval.case_table import CaseTable
from eval.published import RESPONSES, reviews
from space.facets import FACETS, value_of

# Part of the file's name: a store of another layout is never opened.
LAYOUT: Final = 3
Progress = Callable[[int, int], None]

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cases (no INTEGER PRIMARY KEY, case_id TEXT NOT NULL UNIQUE, subtype TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE models (no INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL);
CREATE TABLE texts (no INTEGER PRIMARY KEY, response TEXT, reasoning TEXT);
CREATE TABLE transcripts (
    no INTEGER PRIMARY KEY, case_no INTEGER NOT NULL, model_no INTEGER NOT NULL, text_no INTEGER NOT NULL,
    response_type TEXT, engages INTEGER, harm INTEGER, unscored_reason TEXT, judge TEXT,
    hit_token_cap INTEGER NOT NULL, length INTEGER NOT NULL, collected_at TEXT
);
CREATE TABLE labels (
    no INTEGER NOT NULL, reviewer TEXT NOT NULL, response_type TEXT NOT NULL, engages INTEGER NOT NULL,
    harm INTEGER NOT NULL, PRIMARY KEY (no, reviewer)
) WITHOUT ROWID;
CREATE TABLE facets (facet TEXT NOT NULL, value TEXT NOT NULL, tag TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (facet, value)) WITHOUT ROWID;
CREATE TABLE case_counts (label TEXT NOT NULL, value TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (label, value))
    WITHOUT ROWID;
CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (query, policy, response, tags, content='', columnsize=0,
    tokenize="unicode61 remove_diacritics 2");
"""
# Nothing here has to survive a crash: an unfinished file is thrown away.
_FAST: Final = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536;
PRAGMA temp_store = MEMORY; PRAGMA page_size = 8192;
"""
_INDEX_MEMORY: Final = 32 * 2**20


class MoreAnswers(Protocol):
    """One more model's answers to the dataset's cases, from elsewhere; ``key`` changes whenever they do."""

    @property
    def key(self) -> str: ...  # noqa: D102

    def rows(self, built: BuiltDataset) -> Iterable[dict[str, Any]]:
        """Rows with the columns of the dataset's own answers, and ``reviewed``."""


def store_path(built: BuiltDataset, folder: Path | None = None, more: Sequence[MoreAnswers] = ()) -> Path:
    """Where the store of a dataset stands: in ``folder``, or in the user's cache."""
    content = built.manifest.to_json() + "".join(f"\n{one.key}" for one in more).encode()
    key = hashlib.sha256(content).hexdigest()[:20]
    return (folder or cache_folder() / "space") / f"transcripts-{LAYOUT}-{key}.sqlite"


def ensure_store(
    built: BuiltDataset,
    folder: Path | None = None,
    progress: Progress = lambda done, total: None,
    more: Sequence[MoreAnswers] = (),
) -> Path:
    """The path of a dataset's store, building it if it is not there; ``more`` holds answers from elsewhere.

    ``progress`` is called with the transcripts done and in all. Two processes that want the same
    store build it once. Raises InputError where the folder cannot be written.
    """
    path = store_path(built, folder, more)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                _build(built, path, progress, more)
    except (OSError, sqlite3.OperationalError) as error:
        raise InputError(
            f"{path.parent}: the transcripts cannot be prepared there ({error}); "
            "name a folder that can be written and has room with --store-cache"
        ) from error
    return path


def _build(built: BuiltDataset, path: Path, progress: Progress, more: Sequence[MoreAnswers]) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        database = sqlite3.connect(part, isolation_level=None)
        try:
            database.executescript(_FAST + _SCHEMA)
            database.execute("INSERT INTO search (search, rank) VALUES ('hashsize', ?)", [_INDEX_MEMORY])
            database.execute("BEGIN")
            _fill(database, built, progress, more)
            database.execute("COMMIT")
        finally:
            database.close()
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _fill(database: sqlite3.Connection, built: BuiltDataset, progress: Progress, more: Sequence[MoreAnswers]) -> None:
    cases = built.cases()
    splits = built.splits(RESPONSES)
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
    texts = {case.case_id: (no, case.user_query, case.policy) for no, case in enumerate(cases)}
    found = reviews(built)
    reviewed = {(row.case_id, row.model) for row in found}
    total = sum(
        entry.rows or 0 for name, entry in built.manifest.files.items() if name.startswith(f"data/{RESPONSES}/")
    )
    counts: Counter[tuple[str, str]] = Counter()
    numbers: dict[tuple[str, str], int] = {}
    text_no = 0
    sources = [partial(_rows, built, split, reviewed) for split in splits] + [partial(one.rows, built) for one in more]
    for model_no, source in enumerate(sources):
        rows = list(source())
        if rows:
            database.execute("INSERT INTO models VALUES (?, ?, ?)", [model_no, rows[0]["model"], rows[0]["model_id"]])
        for row in sorted(rows, key=lambda r: texts[r["case_id"]][0]):
            case_no, query, policy = texts[row["case_id"]]
            no = case_no * len(sources) + model_no + 1
            held = [(f.id, value) for f in FACETS if (value := value_of(f, row)) is not None]
            counts.update(held)
            if (row["case_id"], row["model"]) in reviewed:
                numbers[row["case_id"], row["model"]] = no
            _insert(database, no, case_no, model_no, text_no, row)
            database.execute(
                "INSERT INTO search (rowid, query, policy, response, tags) VALUES (?, ?, ?, ?, ?)",
                [no, query, policy, row["response"] or "", " ".join(_tag(*pair) for pair in held)],
            )
            text_no += 1
        progress(text_no, total)
    database.executemany(
        "INSERT INTO labels VALUES (?, ?, ?, ?, ?)",
        (
            (numbers[r.case_id, r.model], r.reviewer, r.response_type, r.engages_with_defeat, r.independent_harm)
            for r in found
            if (r.case_id, r.model) in numbers
        ),
    )
    database.executemany(
        "INSERT INTO facets VALUES (?, ?, ?, ?)", ((f, v, _tag(f, v), n) for (f, v), n in sorted(counts.items()))
    )
    database.execute("INSERT INTO search (search) VALUES ('optimize')")
    database.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab ('main', 'search', 'col')")
    database.execute(
        "INSERT INTO words SELECT term, sum(doc) FROM temp.vocabulary WHERE col != 'tags' AND length(term) >= 3 "
        "GROUP BY term"
    )
    database.execute("DROP TABLE temp.vocabulary")
    meta = {"transcripts": str(text_no), "cases": str(len(cases)), "models_per_case": str(len(sources))}
    meta["configs"] = " ".join(config.name for config in CONFIGS if built.splits(config.name))
    database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())


def _rows(built: BuiltDataset, split: str, reviewed: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for batch in built.table(RESPONSES, split).to_batches(max_chunksize=512):
        for row in batch.to_pylist():
            yield row | {"reviewed": (row["case_id"], row["model"]) in reviewed}


def _insert(
    database: sqlite3.Connection, no: int, case_no: int, model_no: int, text_no: int, row: dict[str, Any]
) -> None:
    database.execute("INSERT INTO texts VALUES (?, ?, ?)", [text_no, row["response"], row["verdict_reasoning"]])
    database.execute(
        "INSERT INTO transcripts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            no,
            case_no,
            model_no,
            text_no,
            row["response_type"],
            row["engages_with_defeat"],
            row["independent_harm"],
            row["unscored_reason"],
            row["judge"],
            row["hit_token_cap"],
            len(row["response"] or ""),
            row["collected_at"],
        ],
    )


def _tag(facet: str, value: str) -> str:
    """One word of letters and digits for a value, so that the tokeniser leaves it whole."""
    return "t" + hashlib.sha256(f"{facet}:{value}".encode()).hexdigest()[:12]
