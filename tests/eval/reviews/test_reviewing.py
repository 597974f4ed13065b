"""The maintainers' side: what is held, refused and let in, and who may undo it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import ConflictError
from eval.boards.aggregate import aggregate
from eval.repository.bundle import VERDICTS, to_json
from eval.repository.leaderboard import HELD
from eval.repository.notices import Notice, add_notice, notice_path
from eval.reviews.maintainer import aggregate_repo, review_folder, review_repo
from eval.reviews.submitter import open_pull_request, submit_locally
from eval.submissions.submission import read_submission
from tests.support.hub_server import BOB, CAROL, HubServer
from tests.support.results_hub import COMMIT, REPO, board, checked, client, models, repo_of, review, submit
from tests.support.submissions import OURS, edited, good_bundle, judge_again


def test_answers_copied_from_another_model_are_held_and_disturb_nothing(
    results: HubServer, dataset: OpenedDataset
) -> None:
    first = good_bundle(dataset, "alice/model-1")
    submit(first, dataset)
    review(dataset, merge=True)
    before = board(dataset)
    texts = dict(checked(first, dataset).submission.texts())  # type: ignore[union-attr]
    copy = good_bundle(dataset, "bob/brilliant", texts=texts)
    submit(copy, dataset)
    (found,) = review(dataset, merge=True)
    assert found.report.status == HELD
    after = board(dataset)
    assert after.boards == before.boards
    (left,) = after.excluded
    assert (left.model, left.status) == ("bob/brilliant", HELD)
    assert first.place in left.reason


def test_what_one_has_withdrawn_oneself_is_no_original(dataset: OpenedDataset, tmp_path: Path) -> None:
    first = good_bundle(dataset, "bob/modle-1")
    again = good_bundle(dataset, "bob/model-1", texts=dict(read_submission(first.files).texts()))
    submit_locally([first], dataset, tmp_path, rejudge=judge_again)
    notice = Notice(place=first.place, kind="withdrawal", reason="The wrong name.", by="bob", at="2026-11-20")
    add_notice(tmp_path, notice)
    (done,) = submit_locally([again], dataset, tmp_path, rejudge=judge_again)
    assert done.review.status != HELD
    assert models(aggregate(tmp_path, [dataset]).leaderboard) == ["bob/model-1"]


@pytest.mark.parametrize(("who", "status"), [("bob", "checked"), ("carol", HELD)])
def test_what_somebody_else_has_withdrawn_was_public(
    who: str, status: str, results: HubServer, dataset: OpenedDataset
) -> None:
    """Bob hands in and withdraws; then he sends the same answers again, or carol does."""
    accounts = {"bob": BOB, "carol": CAROL}
    first = good_bundle(dataset, "globex/modle-1")
    submit(first, dataset)
    review(dataset, merge=True)
    notice = Notice(place=first.place, kind="withdrawal", reason="The name was wrong.", by="bob", at="2026-11-20")
    repo = repo_of(BOB.token)
    repo.commit("Withdraw", {notice_path(notice): to_json(notice)}, parent=repo.head(), create_pr=True)
    (let_in,) = review(dataset, merge=True)
    assert (let_in.record, let_in.merged) == ("notice", True)
    texts = dict(read_submission(first.files).texts())
    submit(good_bundle(dataset, "initech/model-1", texts=texts), dataset, accounts[who])
    (found,) = review(dataset, merge=True)
    assert found.report.status == status


def test_a_person_may_let_in_what_is_held(dataset: OpenedDataset, tmp_path: Path) -> None:
    same = good_bundle(dataset, "bob/stoic", texts={c.case_id: "No, never." for c in dataset.built.cases()})
    (done,) = submit_locally([same], dataset, tmp_path, rejudge=judge_again)
    assert done.review.status == HELD
    assert models(aggregate(tmp_path, [dataset]).leaderboard) == []
    review_folder(tmp_path, [dataset], accept={same.place: "it always says so"}, rejudge=judge_again)
    made = aggregate(tmp_path, [dataset]).leaderboard
    assert models(made) == ["bob/stoic"]
    (row,) = (row for board in made.boards if board.judge == OURS for row in board.rows)
    assert row.status == "community"
    assert row.status_reasons[0].startswith(
        "a person let this in (it always says so): 100 % of the answers are variants"
    )
    # The decision stays when all is reviewed again, as after a new version of the judge.
    review_folder(tmp_path, [dataset], again=True, rejudge=judge_again)
    assert aggregate(tmp_path, [dataset]).leaderboard == made


def test_reviewing_again_holds_the_copy_and_not_what_was_copied(dataset: OpenedDataset, tmp_path: Path) -> None:
    first = good_bundle(dataset, "bob/first")
    submit_locally([first], dataset, tmp_path, rejudge=judge_again)
    copy = good_bundle(dataset, "bob/copy", texts=dict(read_submission(first.files).texts()))
    submit_locally([copy], dataset, tmp_path, rejudge=judge_again)
    for again in (False, True):
        review_folder(tmp_path, [dataset], again=again, rejudge=judge_again)
        made = aggregate(tmp_path, [dataset]).leaderboard
        assert models(made) == ["bob/first"], made.excluded


FORGERIES = {
    "a review of one's own": {"reviews/bob__model-1/x/review.json": b"{}"},
    "another's files": {"submissions/alice__model-9/x/bundle.json": b"{}"},
    "the leaderboard": {"leaderboard.json": b"{}"},
    "code": {"submissions/bob__model-1/x/run.py": b"import os"},
    "a folder in a folder": {"submissions/bob__model-1/x/y/bundle.json": b"{}"},
    "the card": {"README.md": b"hello"},
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_request_that_does_more_than_it_may_is_refused(kind: str, results: HubServer, dataset: OpenedDataset) -> None:
    made = good_bundle(dataset, "bob/model-1")
    add = {f"submissions/{made.place}/{name}": data for name, data in made.files.items()} | FORGERIES[kind]
    repo_of(BOB.token).commit("Submit", add, parent=client().head(REPO, "dataset"), create_pr=True)
    before = results.repo(REPO).head
    (found,) = review(dataset, merge=True)
    assert not found.report.ok
    assert not found.merged
    assert results.repo(REPO).head == before


def test_a_request_that_changes_or_deletes_is_refused(results: HubServer, dataset: OpenedDataset) -> None:
    made = good_bundle(dataset, "alice/model-1")
    submit(made, dataset)
    review(dataset, merge=True)
    target = f"submissions/{made.place}"
    head = client().head(REPO, "dataset")
    repo_of(BOB.token).commit("Mend", {f"{target}/run.json": b"{}"}, parent=head, create_pr=True)
    repo_of(BOB.token).commit("Tidy", {}, delete=[f"{target}/{VERDICTS}"], parent=head, create_pr=True)
    changed, deleted = review(dataset, merge=True)
    assert changed.report.problems[0].what == "would be changed"
    assert deleted.report.problems[0].what == "would be deleted"
    # What a maintainer's command writes is not handed in.
    repo_of(BOB.token).commit("Rank", {"leaderboard.json": b"{}"}, parent=head, create_pr=True)
    (ranked,) = review(dataset, merge=True, number=4)
    assert ranked.report.problems[0].hint == "'blind-refusal board aggregate' writes it"
    # And what main has gained since a request began is not held against it.
    fresh = good_bundle(dataset, "bob/model-2", texts={"control:union:0": "No, sorry."})
    report = checked(fresh, dataset)
    open_pull_request(report, repo_of(BOB.token))
    client().commit(REPO, "dataset", message="Say hello", add={"README.md": b"hello"})
    assert review(dataset, merge=True, number=5)[0].merged


def test_a_merge_by_hand_waits_for_its_review(results: HubServer, dataset: OpenedDataset) -> None:
    made = good_bundle(dataset, "bob/model-1")
    submit(made, dataset)
    results.repo(REPO).merge(1, "alice")
    assert board(dataset).excluded[0].reason == "nobody has reviewed it yet"
    assert list(review_repo(repo_of(), [dataset], rejudge=judge_again)) == [made.place]
    assert review_repo(repo_of(), [dataset], rejudge=judge_again) == {}
    assert models(board(dataset)) == ["bob/model-1"]


def test_forged_verdicts_reach_no_board(results: HubServer, dataset: OpenedDataset) -> None:
    made = good_bundle(dataset, "bob/model-1", judged_by=[OURS])

    def flatter(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["response_type"] = "helps" if not row["case_id"].startswith("control") else "hard_refusal"

    forged = edited(made.files, VERDICTS, flatter)
    add = {f"submissions/{made.place}/{name}": data for name, data in forged.items()}
    repo_of(BOB.token).commit("Submit", add, parent=client().head(REPO, "dataset"), create_pr=True)
    (found,) = review(dataset, merge=True)
    assert (found.merged, found.report.status) == (True, HELD)
    assert board(dataset).boards == []


def test_a_commit_that_came_between_is_met_again(results: HubServer, dataset: OpenedDataset) -> None:
    submit(good_bundle(dataset, "bob/model-1"), dataset)
    review(dataset, merge=True)
    times = []

    def attempt(head: str) -> str:
        times.append(head)
        if len(times) == 1:
            client().commit(REPO, "dataset", message="Between", add={"README.md": b"hi"})
        return repo_of().commit("Mine", {"mine.txt": b"x"}, parent=head).sha

    repo_of().update(attempt)
    assert len(times) == 2
    assert {"README.md", "mine.txt"} <= results.repo(REPO).files.keys()
    results.fail(COMMIT, status=412, times=100)
    with pytest.raises(ConflictError):
        aggregate_repo(repo_of(), [dataset])
    results.faults.clear()
    assert models(board(dataset)) == ["bob/model-1"]
