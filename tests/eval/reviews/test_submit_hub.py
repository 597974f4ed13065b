"""Handing a run in at the Hub: what is checked, said and sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError, RemoteError
from dataset_builder.hub.pull_requests import changes_of, open_requests
from eval.repository.hub import ResultsRepo
from eval.repository.leaderboard import read_leaderboard
from eval.reviews.maintainer import aggregate_repo
from eval.reviews.submitter import open_model_card_request, open_pull_request, public_lines
from tests.support.hub_server import BOB, HubServer
from tests.support.results_hub import COMMIT, REPO, board, checked, client, models, repo_of, review, submit
from tests.support.submissions import good_bundle

MODEL = "bob/model-1"


def test_submit_review_merge_aggregate(results: HubServer, dataset: OpenedDataset, tmp_path: Path) -> None:
    made = good_bundle(dataset, "bob/model-1", note="Collected twice.")
    report = checked(made, dataset)
    assert (report.ok, report.rows[0].row.rank) == (True, 1)
    done = open_pull_request(report, repo_of(BOB.token))
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
    assert found.report.status == "checked"
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
    open_pull_request(report, repo_of(BOB.token))
    with pytest.raises(InputError, match="waits in an open pull request already"):
        open_pull_request(report, repo_of(BOB.token))
    review(dataset, merge=True)
    with pytest.raises(InputError, match=r"holds submissions/bob__model-1/.* already"):
        open_pull_request(report, repo_of(BOB.token))
    again = checked(made, dataset)
    assert "this very submission is there already" in str(again.problems[0])
    with pytest.raises(DataError, match="cannot be sent"):
        open_pull_request(again, repo_of(BOB.token))


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
    done = open_pull_request(report, repo_of(BOB.token))
    assert [r.url for r in open_requests(client(), REPO, "dataset")] == [done.pr_url]
    assert review(dataset, merge=True)[0].merged


def test_nobody_and_readers_cannot_submit(results: HubServer, dataset: OpenedDataset) -> None:
    report = checked(good_bundle(dataset, "bob/model-1"), dataset)
    with pytest.raises(RemoteError, match="401"):
        open_pull_request(report, ResultsRepo(client("hf_nobody0000000000000"), REPO))
    with pytest.raises(InputError, match="is not the name of a repository"):
        ResultsRepo(client(), "../alice/x")


def test_the_models_page_gets_a_request_of_its_own(results: HubServer, dataset: OpenedDataset) -> None:
    client(BOB.token).ensure_repo(MODEL, "model")
    report = checked(good_bundle(dataset, MODEL), dataset)
    with pytest.raises(InputError, match="name it as NAMESPACE/NAME"):
        open_model_card_request(report, client(BOB.token), MODEL, dataset_id=None, source_url="https://x")
    done = open_model_card_request(report, client(BOB.token), MODEL, dataset_id="alice/cases", source_url="https://x")
    assert done.pr_url is not None
    text = client().read_file(MODEL, "model", ".eval_results/blind-refusal.yaml", "refs/pr/1").decode()
    assert "alice/cases" in text
    assert "value: 50.0" in text
    results.repo(MODEL, "model").merge(1, "bob")
    with pytest.raises(InputError, match="has these results already"):
        open_model_card_request(report, client(BOB.token), MODEL, dataset_id="alice/cases", source_url="https://x")


def test_what_will_be_public_is_said(dataset: OpenedDataset, results: HubServer) -> None:
    made = good_bundle(dataset, "bob/model-1", note="Hello.", system_prompt="Be brief.")
    told = "\n".join(public_lines(made.files, "bob", repo_of(BOB.token)))
    for expected in ("by the account bob", "every answer in full", "note: Hello.", "responses.parquet: ", "72 of "):
        assert expected in told
