"""Corrections and withdrawals: records of their own, so that nothing is ever taken out of the history.

On the Hub a notice counts where it came from the account that handed the submission in, or from somebody who
keeps the results repository. Who that is the Hub says, never the notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from dataset_builder.errors import InputError
from dataset_builder.hub.people import Origin, is_member, who_added
from dataset_builder.storage.files import write_file
from eval.repository.bundle import to_json
from eval.repository.folder import NOTICES, SUBMISSIONS, decode, is_place
from eval.repository.hub import KIND, ResultsRepo
from eval.repository.owners import handed_in_by
from eval.runs.fields import Line, Note, Part

NOTICE_VERSION: Final = "1.0.0"


class Notice(Part, frozen=True, kw_only=True):
    """Something said of a submission after it was made."""

    schema_version: str = NOTICE_VERSION
    place: Annotated[str, Meta(description="`<organization>__<model>/<run id>` of the submission.")]
    kind: Literal["withdrawal", "correction"]
    reason: Note
    by: Line
    at: Line
    # A correction says what the leaderboard shows instead; null leaves it as it was.
    name: Line | None = None
    family: Line | None = None
    weights: Literal["open", "closed"] | None = None
    repo: Line | None = None


def notice_path(notice: Notice) -> str:
    """Where a notice stands in the results repository: under its time, and a hash of what it says."""
    mark = hashlib.sha256(msgspec.json.encode(notice)).hexdigest()[:10]
    time = "".join(c for c in notice.at if c.isalnum())
    return f"{NOTICES}/{notice.place}/{time}-{mark}.json"


def add_notice(results: Path, notice: Notice) -> Path:
    """Add a notice to a results folder. Raises InputError where there is no such submission."""
    if not is_place(notice.place) or not (results / SUBMISSIONS / notice.place).is_dir():
        raise InputError(
            f"{notice.place}: no such submission in {results}; expected ORGANIZATION__MODEL/RUN as it stands "
            f"under {SUBMISSIONS}/."
        )
    path = results / notice_path(notice)
    write_file(path, to_json(notice))
    return path


def read_notices(results: Path, place: str) -> list[Notice]:
    """The notices on a submission, oldest first. Raises DataError for one that is broken."""
    return [notice for notice, _ in _read(results, place)]


def _read(results: Path, place: str) -> list[tuple[Notice, str]]:
    """The same, each with its path from the root of the results."""
    folder = results / NOTICES / place
    if not folder.is_dir():
        return []
    found = [(decode(path, Notice), path.relative_to(results).as_posix()) for path in sorted(folder.glob("*.json"))]
    return sorted((one for one in found if one[0].place == place), key=lambda one: one[0].at)


NoticeReader = Callable[[Path, str], list[Notice]]


class HubNotices:
    """Reads the notices that count in a copy of a results repository, under the names that the Hub gives.

    ``ignored`` says in words which did not count, and why.
    """

    def __init__(self, repo: ResultsRepo) -> None:
        self._repo = repo
        self.ignored: list[str] = []

    def __call__(self, results: Path, place: str) -> list[Notice]:
        """The notices on a submission that count, oldest first. Raises RemoteError where the Hub does not answer."""
        counted = []
        for notice, path in _read(results, place):
            origin = who_added(self._repo.hub, self._repo.name, KIND, path)
            if origin is not None and origin.by and self._may_speak(origin, results, place):
                counted.append(msgspec.structs.replace(notice, by=origin.by))
                continue
            who = origin.by if origin is not None and origin.by else "somebody the Hub does not name"
            self.ignored.append(
                f"{path}: a {notice.kind} by {who}, who neither handed the submission in nor keeps {self._repo.name}"
            )
        return counted

    def _may_speak(self, origin: Origin, results: Path, place: str) -> bool:
        """Whether whoever brought a notice handed the submission in, or keeps the repository."""
        # Without a pull request only who may write to the repository commits.
        if not origin.pull_request or origin.by == handed_in_by(self._repo, results, place):
            return True
        return is_member(self._repo.hub, origin.by, self._repo.name.partition("/")[0])
