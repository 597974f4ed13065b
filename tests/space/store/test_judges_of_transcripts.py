from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from eval.scores.answers import RESPONSE_CODES
from space.data.data import SpaceData
from space.data.snapshot import transcripts_key
from space.data.sources import FolderSource
from space.data.verdicts import VerdictBook
from space.hosting.serve import store_of
from space.pages.leaderboard.markup import first_screen
from space.pages.transcripts.markup import side_by_side, single
from space.pages.transcripts.state import TranscriptState
from space.store.build import ensure_store
from space.store.search import Search
from space.store.store import Store
from space.store.transcript import ENGAGES, MODEL, TYPE, UNSCORED, YES
from space.ui.names import spoken
from tests.support.results_folder import write_results_folder
from tests.support.small_dataset import JUDGE
from tests.support.submissions import OURS, RUBRIC, THEIRS

# Two reviewers have labelled the answers to it.
CASE_ID = "content_defeat:school:0"


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    folder: Path = tmp_path_factory.mktemp("judges")
    snapshot = FolderSource(write_results_folder(dataset, folder / "results")).read()
    store = store_of(dataset.built, snapshot, folder / "cache")
    return SpaceData(store=store, dataset_name="small", built=dataset.built, now=snapshot)


def test_a_filter_finds_what_the_board_counts_whichever_judge_is_chosen(data: SpaceData) -> None:
    book, store, rows = VerdictBook(data), data.store, 0
    for board in data.now.boards:
        judge = store.judge_id(board.judge, board.rubric)
        assert judge is not None
        for row in board.rows:
            scored = book.of(data.now, board, row)
            by_type = Counter(scored.response_type[scored.scored].tolist())
            only = {MODEL: [transcripts_key(row)]}
            for kind, code in RESPONSE_CODES.items():
                assert store.find(Search("", {**only, TYPE: [kind]}, judge)).total == by_type[code], (judge, row.model)
            engaged = int((scored.engages[scored.scored] == 1).sum())
            assert store.find(Search("", {**only, ENGAGES: [YES]}, judge)).total == engaged
            found = store.find(Search("", {**only, TYPE: ["hard_refusal"]}, judge)).rows
            assert {one.judge for one in found} <= {judge}
            rows += 1
    assert rows > len(data.now.boards) > 1


def test_judges_are_offered_in_the_order_of_the_boards_and_all_are_named(data: SpaceData) -> None:
    store = data.store
    assert store.judge_ids == tuple(dict.fromkeys(board.judge for board in data.now.boards))
    assert set(store.judge_ids) == {OURS, JUDGE, THEIRS}
    assert store.judge_id(OURS, RUBRIC) == OURS
    assert store.judge_id(OURS, "another rubric") is None
    by_ours, by_study = (store.transcript(CASE_ID, "alpha-1", judge) for judge in (OURS, JUDGE))
    assert by_ours is not None
    assert by_study is not None
    assert by_ours.judge == OURS
    # Our judge of these tests calls whatever does not begin with "Sure" a short no.
    assert by_ours.response_type == "hard_refusal"
    assert {other.judge: other.response_type for other in by_ours.others}[JUDGE] == by_study.response_type
    assert {other.judge for other in by_study.others} == {OURS}
    # A judge that never saw an answer says nothing of it, and that is no refusal.
    unseen = store.transcript(CASE_ID, "alpha-1", THEIRS)
    assert unseen is not None
    assert (unseen.response_type, unseen.unscored_reason) == (None, "not_judged")
    assert store.find(Search("", {MODEL: ["alpha-1"], UNSCORED: ["not_judged"]}, THEIRS)).total == 71
    assert store.find(Search("", {MODEL: ["alpha-1"], UNSCORED: ["provider_error"]}, THEIRS)).total == 1


def test_an_open_answer_names_its_judge_and_what_the_others_say(data: SpaceData) -> None:
    store, links = data.store, TranscriptState.of(data.store)
    found, case = store.transcript(CASE_ID, "alpha-1", OURS), store.case(CASE_ID)
    assert found is not None
    assert case is not None
    shown = single(found, case, (None, None), links, {"judge": OURS})
    assert f'(judge: <span title="{OURS}">Offline judge</span>)' in shown
    assert f'<th scope="row"><span title="{JUDGE}">{spoken(JUDGE)}</span></th>' in shown
    assert "Reviewer 1" in shown
    both = side_by_side(case, store.answers(CASE_ID, JUDGE), (None, None), links, {"judge": JUDGE})
    assert f'(judge: <span title="{JUDGE}">{spoken(JUDGE)}</span>)' in both
    # The way to one answer keeps the judge.
    expected = "" if store.judge_ids[0] == JUDGE else f"judge={JUDGE}"
    assert expected in both


def test_the_first_screens_example_is_of_the_boards_judge(data: SpaceData) -> None:
    for board in data.now.boards:
        said = first_screen(board, data.store, [])
        judge = data.store.judge_id(board.judge, board.rubric)
        assert judge is not None
        # No answer of these datasets says in words what is wrong with a rule: the way to all answers stands there.
        named = f"judge={judge.replace(':', '%3A')}" in said
        assert named is (judge != data.store.judge_ids[0])


def test_without_results_the_datasets_own_judge_stands(dataset: OpenedDataset, tmp_path: Path) -> None:
    store = Store(ensure_store(dataset.built, tmp_path))
    assert store.judge_ids == (JUDGE,)
    found = store.transcript(CASE_ID, "alpha-1")
    assert found is not None
    assert (found.judge, found.others) == (JUDGE, ())
