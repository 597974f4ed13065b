from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import Records, Response
from dataset_builder.errors import InputError
from dataset_builder.storage.files import is_unfinished
from space.store.build import ensure_store, store_path
from space.store.search import Search
from space.store.store import PAGE_SIZE, Store
from space.store.transcript import FACETS, MODEL, REVIEWED, Transcript, value_of
from tests.support.hostile import strings
from tests.support.small_dataset import build_small
from tests.support.space_data import HOSTILE_MODEL, PLAIN_MODEL, space_records


@pytest.fixture(scope="module")
def records() -> Records:
    return space_records()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, records: Records) -> BuiltDataset:
    return build_small(tmp_path_factory.mktemp("dataset") / "dataset", records)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, built: BuiltDataset) -> Store:
    return Store(ensure_store(built, tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def rows(records: Records) -> list[dict[str, object]]:
    """Every response in the order of the store: case by case, models in order."""
    place = {case.case_id: number for number, case in enumerate(records.cases)}
    reviewed = {(r.case_id, r.model) for r in records.verdict_reviews}
    every = [(place[r.case_id], model, r) for model, answers in records.responses.items() for r in answers]
    return [
        {name: getattr(r, name) for name in Response.__struct_fields__} | {"reviewed": (r.case_id, r.model) in reviewed}
        for _, _, r in sorted(every, key=lambda one: one[:2])
    ]


def walk(store: Store, search: Search) -> Iterator[Transcript]:
    found = store.find(search)
    assert not found.before
    while True:
        yield from found.rows
        if not found.after:
            return
        found = store.find(search, after=found.rows[-1].no)
        assert found.before


def names(rows: Iterator[Transcript]) -> list[tuple[str, str]]:
    return [(row.case_id, row.model) for row in rows]


def test_all_pages_hold_every_transcript_once_and_in_order(store: Store, rows: list[dict[str, object]]) -> None:
    assert names(walk(store, Search())) == [(r["case_id"], r["model"]) for r in rows]
    assert store.total == store.find(Search()).total == len(rows)


def test_pages_backwards_are_the_pages_forwards(store: Store) -> None:
    second = store.find(Search(), after=store.find(Search()).rows[-1].no)
    first = store.find(Search(), before=second.rows[0].no)
    assert (first.rows, first.before, first.after) == (store.find(Search()).rows, False, True)
    last = store.find(Search(), before=store.last())
    assert len(last.rows) == PAGE_SIZE
    assert not last.after
    assert last.before


@pytest.mark.parametrize("facet", FACETS, ids=lambda facet: facet.id)
def test_a_filter_finds_what_a_scan_finds(store: Store, rows: list[dict[str, object]], facet: object) -> None:
    values = {value for row in rows if (value := value_of(facet, row)) is not None}  # type: ignore[arg-type]
    assert values
    for value in values:
        search = Search("", {facet.id: [value]})  # type: ignore[attr-defined]
        expected = [(r["case_id"], r["model"]) for r in rows if value_of(facet, r) == value]  # type: ignore[arg-type]
        assert names(walk(store, search)) == expected
        assert store.find(search).total == len(expected) == store.counts()[facet.id][value]  # type: ignore[attr-defined]


def test_words_and_filters_hold_together(store: Store) -> None:
    # "alpha" occurs in the answers of alpha-1 alone; the text of a case in the rows of both models.
    assert {row.model for row in walk(store, Search("alpha school"))} == {HOSTILE_MODEL}
    both = names(walk(store, Search("school 1")))
    assert {model for _, model in both} == {HOSTILE_MODEL, PLAIN_MODEL}
    one = names(walk(store, Search("school 1", {MODEL: [PLAIN_MODEL]})))
    assert one == [name for name in both if name[1] == PLAIN_MODEL]
    assert store.find(Search("school zzz")).rows == ()


def test_a_half_typed_word_finds_the_words_it_begins(store: Store) -> None:
    assert store.find(Search("scho")).total == store.find(Search("school")).total > 0
    # A whole word that nothing has is taken for the one that is spelled most like it.
    assert store.reading("scho ").mended == (("scho", "school"),)
    assert store.find(Search("zzzz ")).total == 0


def test_one_transcript_is_whole(store: Store, records: Records) -> None:
    wanted = records.responses[HOSTILE_MODEL][-1]
    found = store.transcript(wanted.case_id, wanted.model)
    assert found is not None
    assert (found.response, found.reasoning, found.response_type) == (wanted.response, wanted.response, "deflects")
    assert (found.engages, found.harm, found.judge) == (True, False, wanted.judge)
    assert store.transcript("no-such-case", wanted.model) is None
    assert store.transcript(wanted.case_id, "no-such-model") is None


def test_human_labels_stand_with_their_transcript(store: Store, records: Records) -> None:
    for review in records.verdict_reviews:
        found = store.transcript(review.case_id, review.model)
        assert found is not None
        assert (review.reviewer, review.response_type) in {(b.reviewer, b.response_type) for b in found.labels}
    assert all(
        row.model and store.transcript(row.case_id, row.model).labels
        for row in walk(store, Search("", {REVIEWED: ["yes"]}))
    )  # type: ignore[union-attr]


def test_all_answers_to_a_case(store: Store, records: Records) -> None:
    for case in records.cases:
        answers = store.answers(case.case_id)
        assert [a.model for a in answers] == [HOSTILE_MODEL, PLAIN_MODEL]
        assert {a.case_id for a in answers} == {case.case_id}
        assert store.case(case.case_id) == case
    assert store.answers("no-such-case") == ()
    assert store.case("no-such-case") is None


def test_neighbours_are_those_of_the_search(store: Store) -> None:
    search = Search("", {MODEL: [PLAIN_MODEL]})
    found = list(walk(store, search))
    for before, here, after in zip([None, *found], found, [*found[1:], None], strict=False):
        assert store.neighbours(search, here.no) == tuple(
            None if other is None else (other.case_id, other.model) for other in (before, after)
        )
    first, last = found[0].case_id, found[-1].case_id
    assert store.case_neighbours(first) == (None, found[1].case_id)
    assert store.case_neighbours(last)[1] is None


def test_nothing_that_a_visitor_does_reads_every_transcript(store: Store) -> None:
    """By SQLite's own plan: a scan of one of these tables would cost more with every model."""
    watched = Store(store.path)
    asked: list[tuple[str, object]] = []
    real = watched._all
    watched._all = lambda sql, values=(): asked.append((sql, values)) or real(sql, values)  # type: ignore[method-assign]
    row = watched.find(Search("the")).rows[0]
    watched.find(Search(), after=row.no)
    watched.find(Search("the", {MODEL: [PLAIN_MODEL]}), before=watched.last())
    watched.neighbours(Search(), row.no)
    watched.transcript(row.case_id, row.model)
    watched.answers(row.case_id)
    assert len(asked) > 10
    for sql, values in asked:
        plan = [step for *_, step in real(f"EXPLAIN QUERY PLAN {sql}", values)]  # type: ignore[arg-type]
        assert not {"SCAN t", "SCAN v", "SCAN x", "SCAN transcripts"} & {step.split(" USING")[0] for step in plan}, sql


def test_cases_by_subtype_and_counts(store: Store, records: Records) -> None:
    hostile = [case for case in records.cases if case.defeat_subtype == "obsolete"]
    assert store.cases(subtype="obsolete", start=0, limit=1000) == tuple(hostile)
    assert store.cases(subtype="obsolete", start=2, limit=3) == tuple(hostile[2:5])
    assert store.case_counts["subtype"]["obsolete"] == len(hostile) == len(strings())
    assert sum(store.case_counts["family"].values()) == len(records.cases) == store.case_count
    assert set(store.cases_of([hostile[0].case_id, "no-such-case"])) == {hostile[0].case_id}


def test_many_threads_read_at_once(store: Store) -> None:
    expected = store.find(Search("school")).rows
    failures: list[object] = []

    def read() -> None:
        for _ in range(20):
            if store.find(Search("school")).rows != expected:
                failures.append("other rows")

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a system that lists a process's open files")
def test_many_threads_leave_few_connections_open(store: Store) -> None:
    """Each holds up to 2 MB of pages: 40 threads of a server would hold 80, of every version that a link pins."""
    begin, counted = threading.Barrier(40), threading.Barrier(41)

    def read() -> None:
        begin.wait()
        for _ in range(5):
            store.find(Search(), after=1)
        counted.wait()
        counted.wait()

    threads = [threading.Thread(target=read) for _ in range(40)]
    for thread in threads:
        thread.start()
    counted.wait()
    links = [link for link in Path("/proc/self/fd").iterdir() if link.exists()]
    held = sum(link.readlink() == store.path.resolve() for link in links)
    counted.wait()
    for thread in threads:
        thread.join()
    assert 1 <= held <= 4


def test_a_store_is_built_once_for_each_version(tmp_path: Path, built: BuiltDataset) -> None:
    calls: list[tuple[int, int]] = []
    path = ensure_store(built, tmp_path, lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] > 0
    before = path.stat().st_mtime_ns
    assert ensure_store(built, tmp_path, lambda done, total: pytest.fail("built twice")) == path
    assert path.stat().st_mtime_ns == before
    other = build_small(tmp_path / "other")
    assert ensure_store(other, tmp_path) != path
    assert len(list(tmp_path.glob("*.sqlite"))) == 2
    assert not any(map(is_unfinished, tmp_path.iterdir()))


def test_a_build_that_is_killed_leaves_no_store(tmp_path: Path, built: BuiltDataset) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from dataset_builder.dataset.opened import BuiltDataset\n"
        "from space.store.build import ensure_store\n"
        "def stop(done, total):\n    print('half', flush=True); time.sleep(60)\n"
        "ensure_store(BuiltDataset.open(sys.argv[1]), Path(sys.argv[2]), stop)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(built.path), str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not store_path(built, tmp_path).exists()
    assert any(map(is_unfinished, tmp_path.iterdir())), "it was killed in the middle"
    assert Store(ensure_store(built, tmp_path)).total > 0
    assert not any(map(is_unfinished, tmp_path.iterdir()))


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, built: BuiltDataset) -> None:
    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_store(built, tmp_path, fail)
    assert [path.suffix for path in tmp_path.iterdir()] in ([], [".lock"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, built: BuiltDataset) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(InputError, match="--store-cache"):
        ensure_store(built, blocked / "cache")


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_a_broken_store_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.sqlite"):
        Store(path)


def test_a_store_is_never_written_to(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._all("DELETE FROM cases")


@pytest.mark.study
def test_the_study_is_counted_as_it_is(study_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    built = BuiltDataset.open(study_dataset)
    store = Store(ensure_store(built, tmp_path_factory.mktemp("cache")))
    assert (store.total, store.case_count, len(store.models)) == (23_220, 1_290, 18)
    # 31 answers have no verdict, none of which counts as any type.
    assert sum(store.counts()["unscored"].values()) == 31
    assert sum(store.counts()["type"].values()) == 23_189
    tables = [
        built.table("responses", split, ["defeat_family", "response_type"]) for split in built.splits("responses")
    ]
    helped = sum(
        row == {"defeat_family": "control", "response_type": "helps"} for table in tables for row in table.to_pylist()
    )
    assert store.find(Search("", {"family": ["control"], "type": ["helps"]})).total == helped == 159
