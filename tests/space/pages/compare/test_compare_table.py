from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from eval.runs.verdict import hash_text
from eval.scores.answers import REASON_CODES
from eval.scores.comparison import compare
from eval.scores.read import published_answers
from space.data.data import SpaceData
from space.data.snapshot import read_snapshot
from space.data.sources import FolderSource
from space.data.verdicts import VerdictBook
from space.hosting.serve import store_of
from space.pages.compare.table import (
    SIGNIFICANT,
    difference_frame,
    difference_table,
    differences_of,
    parted,
    parted_list,
)
from space.pages.transcripts.state import TranscriptState
from tests.support.results_folder import write_results_folder
from tests.support.space_data import write_results
from tests.support.submissions import OURS, good_bundle


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    folder = tmp_path_factory.mktemp("compare")
    snapshot = FolderSource(write_results_folder(dataset, folder / "results")).read()
    store = store_of(dataset.built, snapshot, folder / "cache")
    return SpaceData(store=store, dataset_name="small", built=dataset.built, now=snapshot)


def test_verdicts_from_bundles_are_those_of_the_dataset(data: SpaceData, dataset: OpenedDataset) -> None:
    board = next(b for b in data.now.boards if b.judge == "judge-1")
    book = VerdictBook(data)
    for row in board.rows:
        mine, theirs = book.of(data.now, board, row), published_answers(dataset.built, [row.model])[0]
        assert mine.cases.same_cases(theirs.cases)
        assert (mine.response_type == theirs.response_type).all()
        assert (mine.engages == theirs.engages).all()
        assert (mine.reason == theirs.reason).all()
        assert book.of(data.now, board, row) is mine


def test_two_judges_verdicts_on_one_run_are_kept_apart(data: SpaceData) -> None:
    book = VerdictBook(data)
    boards = {b.judge: b for b in data.now.boards if any(r.model == "acme/model-1" for r in b.rows)}
    assert len(boards) == 2
    for judge, board in boards.items():
        row = next(r for r in board.rows if r.model == "acme/model-1")
        assert book.of(data.now, board, row).judge == judge


def test_results_without_bundles_fall_back_on_the_dataset(
    data: SpaceData, dataset: OpenedDataset, tmp_path: Path
) -> None:
    plain = read_snapshot(write_results(dataset.built.path, tmp_path / "plain"), "v")
    (board,) = plain.boards
    assert VerdictBook(data).of(plain, board, board.rows[0]).model == board.rows[0].model
    import msgspec

    other = msgspec.structs.replace(board, cases_hash="f" * 64)
    with pytest.raises(InputError, match="other cases"):
        VerdictBook(data).of(plain, other, board.rows[0])


def test_a_bundle_that_is_gone_is_an_error_with_its_name(dataset: OpenedDataset, tmp_path: Path) -> None:
    folder = write_results_folder(dataset, tmp_path / "results")
    snapshot = FolderSource(folder).read()
    gone = SpaceData(store=None, dataset_name="small", built=dataset.built, now=snapshot)  # type: ignore[arg-type]
    board = snapshot.boards[0]
    (folder / board.rows[0].verdicts).unlink()
    with pytest.raises(InputError, match=r"lack .*verdicts\.parquet"):
        VerdictBook(gone).of(snapshot, board, board.rows[0])


def test_a_verdict_on_another_answer_than_the_submitted_one_does_not_count(
    dataset: OpenedDataset, tmp_path: Path
) -> None:
    folder = write_results_folder(dataset, tmp_path / "results")
    snapshot = FolderSource(folder).read()
    data = SpaceData(store=None, dataset_name="small", built=dataset.built, now=snapshot)  # type: ignore[arg-type]
    board = next(b for b in snapshot.boards if any(r.model == "acme/model-1" for r in b.rows))
    row = next(r for r in board.rows if r.model == "acme/model-1")
    before = VerdictBook(data).of(snapshot, board, row)
    # One answer changes after it was judged.
    path = folder / row.transcripts
    table = pq.read_table(path)
    rows = table.to_pylist()
    place = next(n for n, one in enumerate(rows) if before.scored[before.cases.index[one["case_id"]]])
    rows[place] |= {"response": "Something else.", "response_hash": hash_text("Something else.")}
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    after = VerdictBook(data).of(snapshot, board, row)
    changed = before.cases.index[rows[place]["case_id"]]
    assert [n for n in range(len(before.cases)) if before.scored[n] != after.scored[n]] == [changed]
    assert after.reason[changed] == REASON_CODES["not_judged"]


def test_a_sampled_run_is_laid_over_its_own_cases(dataset: OpenedDataset, tmp_path: Path) -> None:
    folder = write_results_folder(dataset, tmp_path / "results", good_bundle(dataset, "b/two", sample="limit:72"))
    snapshot = FolderSource(folder).read()
    data = SpaceData(store=None, dataset_name="small", built=dataset.built, now=snapshot)  # type: ignore[arg-type]
    for board in snapshot.boards:
        for row in board.rows:
            found = VerdictBook(data).of(snapshot, board, row)
            assert len(found.cases) == board.n_cases
            assert int(found.scored.sum()) == row.defeated.scored + row.control.scored


def test_the_frame_is_what_eval_compares(data: SpaceData, dataset: OpenedDataset) -> None:
    a, b = published_answers(dataset.built)
    found = compare(a, b)
    frame = difference_frame(found)
    assert list(frame["slice"]) == [
        "Discrimination",
        "All defeated rules",
        "Control",
        "Defeated by its content",
        "Defeated by its application",
    ]
    by = {(d.part.by, d.part.value, d.metric.id): d for d in found.differences}
    content = frame.set_index("slice").loc["Defeated by its content"]
    expected = by["family", "content_defeat", "help_rate"]
    assert content["difference"] == expected.difference
    assert content["p_holm"] == expected.p_holm
    assert content["significant"] == (expected.p_holm < SIGNIFICANT)
    assert frame.set_index("slice").loc["Control", "a"] == by["family", "control", "control_help_rate"].estimate_a
    marks = differences_of(frame)
    assert [mark.label for mark in marks] == list(frame["slice"])
    shown = difference_table(frame, "<b>A", "B")
    assert "&lt;b&gt;A" in shown
    assert shown.count("<tr ") == 6


def test_the_cases_where_they_part_link_to_both_answers(data: SpaceData, dataset: OpenedDataset) -> None:
    a, b = published_answers(dataset.built)
    found = compare(a, b)
    both = parted(found, None)
    assert len(both) == len(found.only_a_helps) + len(found.only_b_helps)
    assert [one.case_id for one in both] == sorted(one.case_id for one in both)
    assert {one.case_id for one in parted(found, "a")} == set(found.only_a_helps)
    assert not any(one.first_helps for one in parted(found, "b"))
    some = both[:3]
    links = TranscriptState(data.store.models)
    cases = data.store.cases_of(one.case_id for one in some)
    shown = parted_list(some, cases, (a.model, b.model), (a.model, b.model), links)
    assert shown.count("beside=alpha-1&amp;beside=beta-2") == 3
    assert "There is no such case" in parted_list([], {}, ("a", "b"), ("a", "b"), links)


def test_ours_judges_all_three(data: SpaceData) -> None:
    board = next(b for b in data.now.boards if b.judge == OURS)
    assert len(board.rows) == 3
