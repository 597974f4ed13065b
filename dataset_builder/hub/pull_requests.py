"""Pull requests on the Hub: which are open, what they change, and merging them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dataset_builder.hub.client import Hub
from dataset_builder.hub.records import RemoteFile, RepoType


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An open pull request: its files are at the revision ``ref``."""

    number: int
    title: str
    author: str
    ref: str
    url: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What a pull request would do to main, by path."""

    added: dict[str, RemoteFile]
    changed: dict[str, RemoteFile]
    deleted: tuple[str, ...]


def open_requests(hub: Hub, repo: str, kind: RepoType) -> list[PullRequest]:
    """The open pull requests of a repo, oldest first."""
    listed = hub._ask(
        f"listing the pull requests of {repo}",
        repo,
        lambda: list(
            hub._api.get_repo_discussions(
                repo, repo_type=kind, discussion_type="pull_request", discussion_status="open"
            )
        ),
    )
    found = [
        PullRequest(
            int(one.num),
            str(one.title),
            str(one.author),
            one.git_reference or f"refs/pr/{one.num}",
            one.url,
            one.created_at.astimezone(UTC),
        )
        for one in listed
    ]
    return sorted(found, key=lambda one: one.number)


def changes_of(hub: Hub, repo: str, kind: RepoType, ref: str) -> Changes:
    """What differs between a pull request and the commit of main that it was made on.

    Compared with main as it is now, what was merged since would look like a deletion, so a path that
    only main has is one where the request's own history had it too.
    """
    theirs, ours = hub.list_files(repo, kind, ref), hub.list_files(repo, kind)
    added = {path: file for path, file in theirs.items() if path not in ours}
    changed = {path: file for path, file in theirs.items() if path in ours and file.blob_id != ours[path].blob_id}
    missing = ours.keys() - theirs.keys()
    if changed or missing:
        # What main has gained or changed since the request began is not the request's doing.
        base = hub.list_files(repo, kind, _base(hub, repo, kind, ref))
        changed = {p: f for p, f in changed.items() if p not in base or base[p].blob_id != f.blob_id}
        missing &= base.keys()
    return Changes(added, changed, tuple(sorted(missing)))


def merge_request(hub: Hub, repo: str, kind: RepoType, number: int, comment: str) -> None:
    """Merge a pull request; raises ConflictError where main changed the same files since."""
    hub._ask(
        f"merging pull request {number} of {repo}",
        repo,
        lambda: hub._api.merge_pull_request(repo, number, repo_type=kind, comment=comment),
    )


def comment_on(hub: Hub, repo: str, kind: RepoType, number: int, text: str) -> None:
    """Say something on a pull request."""
    hub._ask(
        f"commenting on pull request {number} of {repo}",
        repo,
        lambda: hub._api.comment_discussion(repo, number, comment=text, repo_type=kind),
    )


def _base(hub: Hub, repo: str, kind: RepoType, ref: str) -> str:
    """The newest commit that a request and main share."""
    history = hub._ask(
        f"reading the history of {repo}", repo, lambda: hub._api.list_repo_commits(repo, repo_type=kind, revision=ref)
    )
    main = hub._ask(f"reading the history of {repo}", repo, lambda: hub._api.list_repo_commits(repo, repo_type=kind))
    known = {commit.commit_id for commit in main}
    return next((commit.commit_id for commit in history if commit.commit_id in known), history[-1].commit_id)
