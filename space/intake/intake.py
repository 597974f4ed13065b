"""Where the Submit page puts what it is given: the results folder on this machine, or a results repository.

Nothing of a visitor is kept here: a token is used for one call and goes with it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from dataset_builder.hub.client import ENDPOINT, Hub
from dataset_builder.storage.foreign import is_litter
from eval.boards.aggregate import aggregate
from eval.repository.folder import SUBMISSIONS
from eval.repository.hub import FOR_CHECKS, ResultsRepo
from eval.repository.leaderboard import FILE_NAME, Board, Leaderboard
from eval.repository.owners import Submitter
from eval.repository.request_queue import RequestQueue
from eval.repository.requests import make_request
from eval.reviews.report import PREVIEW_SEED, SubmissionReport, report_on_upload
from eval.reviews.submitter import add_reviewed, open_pull_request, public_lines
from eval.reviews.verdicts import Rejudge, maintainers_verdicts
from space.data.sources import FolderSource, HubSource, ResultsSource

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class AddedSubmission:
    """A submission in the results folder: its status, the boards with its row, and why others lack one."""

    place: str
    status: str
    boards: tuple[Board, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class LocalIntake:
    """A results folder of this machine's user, who is its maintainer: no account, no network.

    ``look`` makes the pages show what stands in the folder now.
    """

    dataset: OpenedDataset
    results: Path
    rejudge: Rejudge = maintainers_verdicts
    look: Callable[[], None] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def check(self, upload: Path) -> SubmissionReport:
        """What ``submit`` would find; never raises for what is wrong in the upload."""
        return self._report(upload, PREVIEW_SEED)

    def submit(self, upload: Path) -> AddedSubmission:
        """Put it into the folder, rebuild the leaderboard and show it.

        Checks it once more. Raises DataError with all problems.
        """
        # Two visitors at a time would rebuild the leaderboard over each other.
        with self._lock:
            # The audit's sample is another than that of the preview.
            done = add_reviewed(self._report(upload, None), self.results)
            board = aggregate(self.results, [self.dataset], keep=True).leaderboard
        self.look()
        return _added(board, done.place, done.review.status)

    def _report(self, upload: Path, seed: int | None) -> SubmissionReport:
        return report_on_upload(
            upload, [self.dataset], self.results, most_unscored=None, adopt=True, seed=seed, rejudge=self.rejudge
        )


@dataclass(frozen=True)
class OpenedRequest:
    """A pull request by the account that opened it."""

    account: str
    url: str


@dataclass(frozen=True)
class HubIntake:
    """A results repository, as the signed-in visitor may use it."""

    dataset: OpenedDataset
    repo: str
    rejudge: Rejudge = maintainers_verdicts

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"{(os.environ.get('HF_ENDPOINT') or ENDPOINT).rstrip('/')}/datasets/{self.repo}"

    def check(self, upload: Path, token: str) -> tuple[SubmissionReport, list[str]]:
        """What the maintainers will find, and what will be public. Raises RemoteError where the Hub cannot say."""
        repo = self.as_visitor(token)
        return self._check(upload, repo, repo.hub.whoami())

    def submit(self, upload: Path, token: str) -> OpenedRequest:
        """Check it once more and open the pull request.

        Raises DataError with all problems, InputError for what waits or stands there already.
        """
        repo = self.as_visitor(token)
        account = repo.hub.whoami()
        report, _ = self._check(upload, repo, account)
        return OpenedRequest(account, open_pull_request(report, repo).pr_url or repo.url)

    def ask(
        self, model: str, token: str, *, model_repo: str | None = None, reasoning: str | None = None
    ) -> OpenedRequest:
        """Open the pull request that asks for an evaluation. Raises DataError with every reason against it."""
        queue = RequestQueue(self.as_visitor(token))
        account = queue.repo.hub.whoami()
        cases = self.dataset.built.cases_hash
        asked = make_request(model, cases, account, queue.now(), repo=model_repo, reasoning=reasoning)
        return OpenedRequest(account, queue.ask(asked, as_request=True).pr_url or queue.repo.url)

    def _check(self, upload: Path, repo: ResultsRepo, account: str) -> tuple[SubmissionReport, list[str]]:
        copy, _ = repo.copy(FOR_CHECKS)
        by = Submitter(account, repo)
        report = report_on_upload(upload, [self.dataset], copy, rejudge=self.rejudge, submitter=by)
        if report.submission is None or not report.ok:
            return report, []
        return report, public_lines(report.submission.files, account, repo)

    def as_visitor(self, token: str) -> ResultsRepo:
        """The repository with a visitor's rights. Raises InputError where nobody is signed in."""
        if not token:
            # A client without a token would look for the machine's own.
            raise InputError("Sign in first: the pull request is opened by your account.")
        return ResultsRepo(Hub(token=token), self.repo)


Intake = LocalIntake | HubIntake


def open_intake(
    dataset: OpenedDataset, source: ResultsSource, host: str, look: Callable[[], None] = lambda: None
) -> Intake | None:
    """What can be submitted to; None where the results are only shown.

    A folder takes submissions where it has a leaderboard or is empty, and where nobody but this machine can reach the
    page;
    ``look`` is called when one was put there.
    """
    if isinstance(source, HubSource):
        return HubIntake(dataset, source.repo)
    if isinstance(source, FolderSource) and host in _LOOPBACK and _takes(source.path):
        return LocalIntake(dataset, source.path, look=look)
    return None


def _takes(folder: Path) -> bool:
    """Whether a folder is a results folder or may become one."""
    return (folder / FILE_NAME).is_file() or all(is_litter(path.name) for path in folder.iterdir())


def _added(made: Leaderboard, place: str, status: str) -> AddedSubmission:
    bundle = f"{SUBMISSIONS}/{place}"
    boards = tuple(board for board in made.boards if any(row.bundle == bundle for row in board.rows))
    left_out = tuple(one.reason for one in made.excluded if one.bundle == bundle)
    return AddedSubmission(place, status, boards, left_out)
