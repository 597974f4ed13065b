"""A results repository on the loopback Hub: alice keeps it, bob submits, and a judge that tests can foretell."""

from __future__ import annotations

from typing import Any

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.hub.client import Hub
from dataset_builder.hub.records import Committed
from eval.repository.bundle import MadeBundle
from eval.repository.hub import ResultsRepo
from eval.repository.leaderboard import Leaderboard
from eval.reviews.maintainer import ReviewedRequest, aggregate_repo, review_requests
from eval.reviews.report import SubmissionReport
from eval.reviews.submitter import check_for_repo, open_pull_request
from tests.support.hub_client import quick
from tests.support.hub_server import ALICE, BOB, User
from tests.support.submissions import OURS, judge_again

REPO = "alice/blind-refusal-results"
COMMIT = r"POST /api/datasets/.*/commit/"


def client(token: str = ALICE.token) -> Hub:
    return Hub(token=token, patience=quick())


def repo_of(token: str = ALICE.token) -> ResultsRepo:
    return ResultsRepo(client(token), REPO)


def checked(made: MadeBundle, dataset: OpenedDataset, token: str = BOB.token) -> SubmissionReport:
    return check_for_repo(made.files, [dataset], repo_of(token), rejudge=judge_again)


def submit(made: MadeBundle, dataset: OpenedDataset, by: User = BOB) -> Committed:
    """As bob does, or another account."""
    return open_pull_request(checked(made, dataset, by.token), repo_of(by.token))


def review(dataset: OpenedDataset, **how: Any) -> list[ReviewedRequest]:
    """As alice does."""
    return review_requests(repo_of(), [dataset], rejudge=judge_again, **how)


def board(dataset: OpenedDataset) -> Leaderboard:
    """Rebuilt by alice."""
    return aggregate_repo(repo_of(), [dataset])[0]


def models(made: Leaderboard, judge: str = OURS) -> list[str]:
    """The models on the boards of a judge."""
    return [row.model for board in made.boards if board.judge == judge for row in board.rows]
