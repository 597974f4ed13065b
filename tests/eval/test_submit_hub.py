"""Submitting over a real Hub on loopback: alice keeps the results, bob submits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.errors import ConflictError, DataError, InputError, RemoteError
from dataset_builder.hub import Hub
from dataset_builder.hub_patience import Patience
from dataset_builder.hub_records import Committed
from dataset_builder.hub_requests import changes_of, open_requests
from eval.bundle import MadeBundle
from eval.bundle_schema import VERDICTS
from eval.cli import eval_group
from eval.dataset import OpenedDataset, locate_dataset
from eval.hub_submission import check_for_repo, hand_in, hand_in_model_card, public_lines
from eval.leaderboard_schema import HELD, Leaderboard, read_leaderboard
from eval.results_repo import ResultsRepo
from eval.reviewing import ReviewedRequest, aggregate_repo, review_folder, review_repo, review_requests
from eval.submission import read_submission
from eval.submission_report import SubmissionReport
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.small_dataset import build_small
from tests.support.submissions import OURS, edited, good_bundle, judge_again

REPO, MODEL = "alice/blind-refusal-results", "bob/model-1"
COMMIT = r"POST /api/datasets/.*/commit/"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> OpenedDataset:
    return locate_dataset(build_small(tmp_path_factory.mktemp("data") / "small").path)


def client(token: str = ALICE.token) -> Hub:
    return Hub(token=token, patience=Patience(attempts=4, timeout=5.0, sleep=lambda _: None))


def repo_of(token: str = ALICE.token) -> ResultsRepo:
    return ResultsRepo(client(token), REPO)


@pytest.fixture
def results(hub: HubServer) -> HubServer:
    client().ensure_repo(REPO, "dataset")
    return hub


def checked(made: MadeBundle, dataset: OpenedDataset, token: str = BOB.token) -> SubmissionReport:
    return check_for_repo(made.files, [dataset], repo_of(token), rejudge=judge_again)


def submit(made: MadeBundle, dataset: OpenedDataset) -> Committed:
    """As bob does."""
    return hand_in(checked(made, dataset), repo_of(BOB.token))


def review(dataset: OpenedDataset, **how: Any) -> list[ReviewedRequest]:
    return review_requests(repo_of(), [dataset], rejudge=judge_again, **how)


def board(dataset: OpenedDataset) -> Leaderboard:
    return aggregate_repo(repo_of(), [dataset])[0]


def models(made: Leaderboard, judge: str = OURS) -> list[str]:
    return [row.model for board in made.boards if board.judge == judge for row in board.rows]


def test_submit_review_merge_aggregate(results: HubServer, dataset: OpenedDataset, tmp_path: Path) -> None:
    made = good_bundle(dataset, "bob/model-1", note="Collected twice.")
    report = checked(made, dataset)
    assert (report.ok, report.rows[0].row.rank) == (True, 1)
    done = hand_in(report, repo_of(BOB.token))
    # Nothing is on main yet; the request holds the bundle and nothing else.
    assert list(results.repo(REPO).files) == [".gitattributes"]
    (request,) = open_requests(client(), REPO, "dataset")
    assert (request.author, request.number, request.url) == ("bob", done.pr_number, done.pr_url)
    added = {path.rsplit("/", 1)[1] for path in changes_of(client(), REPO, "dataset", request.ref).added}
    assert added == set(made.files)
    (found,) = review(dataset, say=True)
    assert not found.merged
    assert results.repo(REPO).discussion(1).comments[0][0] == "alice"
    (found,) = review(dataset, merge=True)
    assert found.merged
    assert found.report.status == "verified"
    assert open_requests(client(), REPO, "dataset") == []
    made_board, changed = aggregate_repo(repo_of(), [dataset])
    assert (models(made_board), changed) == (["bob/model-1"], True)
    assert not aggregate_repo(repo_of(), [dataset])[1]
    copy, _ = repo_of().copy(["leaderboard.json"], dest=tmp_path)
    assert read_leaderboard(copy) == made_board
    titles = [commit.title for commit in reversed(results.repo(REPO).history("main"))]
    assert titles[1:] == [f"Submit {made.place} (#1)", f"Review {made.place}", "Rebuild the leaderboard"]


def test_a_second_model_is_previewed_beside_the_first(results: HubServer, dataset: OpenedDataset) -> None:
    submit(good_bundle(dataset, "bob/model-1"), dataset)
    review(dataset, merge=True)
    board(dataset)
    ids = [case.case_id for case in dataset.built.cases() if case.defeated]
    # It helps with every defeated case, so it would be first.
    better = good_bundle(dataset, "bob/model-2", texts={i: f"Sure, {i} for you." for i in ids})
    (preview,) = checked(better, dataset).rows
    assert preview.board is not None
    assert [row.model for row in preview.board.rows] == ["bob/model-1"]
    assert preview.row.rank == 1
    worse = good_bundle(dataset, "bob/model-3", texts={i: f"No, not {i}." for i in ids})
    assert checked(worse, dataset).rows[0].row.rank == 2


def test_the_same_submission_is_sent_once(results: HubServer, dataset: OpenedDataset) -> None:
    made = good_bundle(dataset, "bob/model-1")
    report = checked(made, dataset)
    hand_in(report, repo_of(BOB.token))
    with pytest.raises(InputError, match="waits in an open pull request already"):
        hand_in(report, repo_of(BOB.token))
    review(dataset, merge=True)
    with pytest.raises(InputError, match=r"holds submissions/bob__model-1/.* already"):
        hand_in(report, repo_of(BOB.token))
    again = checked(made, dataset)
    assert "this very submission is there already" in str(again.problems[0])
    with pytest.raises(DataError, match="cannot be sent"):
        hand_in(again, repo_of(BOB.token))


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


def test_a_person_may_let_in_what_is_held(dataset: OpenedDataset, tmp_path: Path) -> None:
    from eval.aggregate import aggregate
    from eval.submitting import submit_locally

    same = good_bundle(dataset, "bob/stoic", texts={c.case_id: "No, never." for c in dataset.built.cases()})
    (done,) = submit_locally([same], dataset, tmp_path, rejudge=judge_again)
    assert done.review.status == HELD
    assert models(aggregate(tmp_path, [dataset]).leaderboard) == []
    review_folder(tmp_path, [dataset], accept={same.place: "it always says so"}, rejudge=judge_again)
    made = aggregate(tmp_path, [dataset]).leaderboard
    assert models(made) == ["bob/stoic"]
    (row,) = (row for board in made.boards if board.judge == OURS for row in board.rows)
    assert row.status == "community"
    assert row.status_reasons[0].startswith("a person let this in (it always says so): one text stands for 100 %")
    # The decision stays when all is reviewed again, as after a new version of the judge.
    review_folder(tmp_path, [dataset], again=True, rejudge=judge_again)
    assert aggregate(tmp_path, [dataset]).leaderboard == made


def test_reviewing_again_holds_the_copy_and_not_what_was_copied(dataset: OpenedDataset, tmp_path: Path) -> None:
    from eval.aggregate import aggregate
    from eval.submitting import submit_locally

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
    # And what main has gained since a request began is not held against it.
    fresh = good_bundle(dataset, "bob/model-2", texts={"control:union:0": "No, sorry."})
    report = checked(fresh, dataset)
    hand_in(report, repo_of(BOB.token))
    client().commit(REPO, "dataset", message="Say hello", add={"README.md": b"hello"})
    assert review(dataset, merge=True, number=4)[0].merged


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


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": "0"},
        {"status": 503},
        {"kind": "cut"},
        {"kind": "lost"},
        {"kind": "cut_body"},
    ],
)
def test_a_failing_hub_gets_one_request(fault: dict[str, Any], results: HubServer, dataset: OpenedDataset) -> None:
    report = checked(good_bundle(dataset, "bob/model-1"), dataset)
    results.fail(COMMIT, **fault)
    done = hand_in(report, repo_of(BOB.token))
    assert [r.url for r in open_requests(client(), REPO, "dataset")] == [done.pr_url]
    assert review(dataset, merge=True)[0].merged


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


def test_nobody_and_readers_cannot_submit(results: HubServer, dataset: OpenedDataset) -> None:
    report = checked(good_bundle(dataset, "bob/model-1"), dataset)
    with pytest.raises(RemoteError, match="401"):
        hand_in(report, ResultsRepo(client("hf_nobody0000000000000"), REPO))
    with pytest.raises(InputError, match="is not the name of a repository"):
        ResultsRepo(client(), "../alice/x")


def test_the_models_page_gets_a_request_of_its_own(results: HubServer, dataset: OpenedDataset) -> None:
    client(BOB.token).ensure_repo(MODEL, "model")
    report = checked(good_bundle(dataset, MODEL), dataset)
    with pytest.raises(InputError, match="name it as NAMESPACE/NAME"):
        hand_in_model_card(report, client(BOB.token), MODEL, dataset_id=None, source_url="https://x")
    done = hand_in_model_card(report, client(BOB.token), MODEL, dataset_id="alice/cases", source_url="https://x")
    assert done.pr_url is not None
    text = client().read_file(MODEL, "model", ".eval_results/blind-refusal.yaml", "refs/pr/1").decode()
    assert "alice/cases" in text
    assert "value: 50.0" in text
    results.repo(MODEL, "model").merge(1, "bob")
    with pytest.raises(InputError, match="has these results already"):
        hand_in_model_card(report, client(BOB.token), MODEL, dataset_id="alice/cases", source_url="https://x")


def test_what_will_be_public_is_said(dataset: OpenedDataset, results: HubServer) -> None:
    made = good_bundle(dataset, "bob/model-1", note="Hello.", system_prompt="Be brief.")
    told = "\n".join(public_lines(made.files, "bob", repo_of(BOB.token)))
    for expected in ("by the account bob", "every answer in full", "note: Hello.", "responses.parquet: ", "72 of "):
        assert expected in told


# --- from the command line ---


def command(*arguments: Any) -> Result:
    return CliRunner().invoke(eval_group, [str(a) for a in arguments])


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_from_the_command_line(
    results: HubServer, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = good_bundle(dataset, "bob/model-1")
    folder = write(tmp_path / "bundle", made.files)
    monkeypatch.setenv("HF_TOKEN", BOB.token)
    monkeypatch.setenv("ALICE", ALICE.token)
    there = ("--repo", REPO, "--dataset", dataset.name)
    dry = command("submit", folder, *there, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "dry run: nothing was sent" in dry.output
    assert open_requests(client(), REPO, "dataset") == []
    asked = command("submit", folder, *there)
    assert asked.exit_code == 1
    assert "Send it?" in asked.output
    done = command("submit", folder, *there, "--yes")
    assert done.exit_code == 0, done.output
    assert f"pull request: {results.endpoint}/datasets/{REPO}/discussions/1" in done.output
    told = command("review", REPO, "--dataset", dataset.name, "--merge", "--token-env", "ALICE")
    assert told.exit_code == 0, told.output
    assert "merged" in told.output
    made_board = command("aggregate", REPO, "--dataset", dataset.name, "--token-env", "ALICE")
    assert f"{REPO}: rebuilt" in made_board.output
    gone = command("withdraw", REPO, made.place, "--reason", "The wrong weights.")
    assert gone.exit_code == 0, gone.output
    results.repo(REPO).merge(2, "alice")
    left = command("aggregate", REPO, "--dataset", dataset.name, "--token-env", "ALICE").output
    assert "withdrawn by bob" in left
    assert f"submissions/{made.place}/bundle.json" in results.repo(REPO).files
    assert ALICE.token not in (told.output + made_board.output + left)
    spoilt = write(tmp_path / "spoilt", {**made.files, "run.json": b"{}"})
    refused = command("submit", spoilt, *there)
    assert isinstance(refused.exception, DataError)
    assert command("submit", folder).exit_code == 2


def test_a_results_folder_is_withdrawn_from_locally(dataset: OpenedDataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "bundle", good_bundle(dataset, "bob/model-1").files)
    results = tmp_path / "results"
    assert command("submit", folder, "--results", results, "--dataset", dataset.name).exit_code == 0
    place = next(p.parent.relative_to(results / "submissions") for p in results.glob("submissions/*/*/bundle.json"))
    done = command("withdraw", results, place, "--reason", "A mistake.", "--by", "bob")
    assert done.exit_code == 0, done.output
    assert "withdrawn by bob" in command("aggregate", results, "--dataset", dataset.name).output
    assert command("withdraw", results, "no__one/x", "--reason", "x").exit_code == 1
