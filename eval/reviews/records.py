"""What a pull request at the results repository is: a submission, a request, a notice, or a label.

Each has its own rules. What only the maintainers' commands write is named as such.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final, Literal

import msgspec

from dataset_builder.errors import Problem
from dataset_builder.hub.people import is_member
from dataset_builder.hub.pull_requests import Changes, PullRequest
from eval.judges.human.readers import LABELS
from eval.repository.folder import NOTICES, REQUESTS, REVIEWS, SUBMISSIONS
from eval.repository.hub import FOR_CHECKS, KIND, ResultsRepo
from eval.repository.notices import Notice, notice_path
from eval.repository.owners import handed_in_by
from eval.repository.request_queue import POLICY

Record = Literal["submission", "request", "notice", "label"]
# Written by a command of the maintainers, which is not handed in.
_MADE_BY: Final = {
    REVIEWS: "blind-refusal board check",
    "leaderboard.json": "blind-refusal board aggregate",
    "leaderboard.parquet": "blind-refusal board aggregate",
    "manifest.json": "blind-refusal board aggregate",
    "README.md": "blind-refusal board aggregate",
    POLICY: "blind-refusal board check --same-model",
}


def record_of(changes: Changes) -> tuple[Record, str]:
    """What a pull request hands in, and the path of it where that is one file; all else is read as a submission."""
    touched = [*changes.added, *changes.changed, *changes.deleted]
    if len(touched) == 1 and touched[0].endswith(".json"):
        # A reader may also replace a label, or take it back.
        parts = PurePosixPath(touched[0]).parts
        if len(parts) == 3 and parts[0] == LABELS:
            return "label", touched[0]
    if not changes.changed and not changes.deleted and len(changes.added) == 1:
        (path,) = changes.added
        parts = PurePosixPath(path).parts
        if path.endswith(".json") and len(parts) == 2 and parts[0] == REQUESTS:
            return "request", path
        if path.endswith(".json") and len(parts) == 4 and parts[0] == NOTICES:
            return "notice", path
    return "submission", ""


def hint_for(path: str, usual: str) -> str:
    """What to do about a path that a submission may not have: who writes it, where it is no submitter's."""
    made_by = _MADE_BY.get(path) or _MADE_BY.get(path.partition("/")[0])
    if made_by:
        return f"'{made_by}' writes it"
    if path.startswith((f"{REQUESTS}/", f"{NOTICES}/")):
        return "a request for an evaluation and a notice each come in a pull request of their own"
    if path.startswith(f"{LABELS}/"):
        return "each label comes in a pull request of its own"
    return usual


def check_notice(repo: ResultsRepo, request: PullRequest, path: str) -> tuple[Notice | None, list[Problem]]:
    """A withdrawal or correction that a pull request adds, and what speaks against letting it in.

    It has to be as ``eval withdraw`` writes it, on a submission that stands, by the account that handed that in or
    that keeps the repository: what others bring would not count. Raises RemoteError where the Hub cannot say who is
    who.
    """
    data = repo.hub.read_file(repo.name, KIND, path, request.ref)
    try:
        notice = msgspec.json.decode(data, type=Notice)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return None, [Problem(path, str(error)[:300], "'blind-refusal eval withdraw' writes one that is right")]
    problems = []
    if path != notice_path(notice):
        problems.append(
            Problem(path, "is not where its place, time and words belong", f"expected {notice_path(notice)}")
        )
    if notice.by != request.author:
        what = f"says that {notice.by} speaks, but {request.author} opened it"
        problems.append(Problem(path, what, "speak for yourself"))
    copy, _ = repo.copy(FOR_CHECKS)
    if not (copy / SUBMISSIONS / notice.place).is_dir():
        problems.append(Problem(path, f"is of {notice.place}, and no such submission stands"))
    elif request.author != handed_in_by(repo, copy, notice.place) and not is_member(
        repo.hub, request.author, repo.name.partition("/")[0]
    ):
        what = f"is by {request.author}, who neither handed {notice.place} in nor keeps {repo.name}"
        problems.append(Problem(path, what, "it would not count"))
    return notice, problems
