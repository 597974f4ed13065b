"""Who did something on the Hub, by its own word: authors of commits and pull requests, members of organizations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from huggingface_hub import GitCommitInfo

from dataset_builder.errors import NotFoundError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.records import RepoType

CommitInfo = GitCommitInfo
# The Hub names a merged pull request at the end of its commit's title.
_MERGED: Final = re.compile(r" \(#([0-9]{1,9})\)$")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who did something, and when it came to main; ``by`` is empty where the Hub does not say."""

    by: str
    at: datetime
    pull_request: bool = False


def is_member(hub: Hub, user: str, organization: str) -> bool:
    """Whether an account is that namespace or belongs to that organization; False where one of them is not there."""
    if user.lower() == organization.lower():
        return True
    ask = f"looking up the organizations of {user}"
    try:
        told = hub._ask(ask, user, lambda: hub._api.get_user_overview(user))
    except NotFoundError:
        return False
    if any(one.name.lower() == organization.lower() for one in told.orgs):
        return True
    # An account may hide its organizations while the organization shows its members.
    ask = f"looking up the members of {organization}"
    try:
        members = hub._ask(ask, organization, lambda: list(hub._api.list_organization_members(organization)))
    except NotFoundError:
        return False
    return any(one.username.lower() == user.lower() for one in members)


def commits_of(hub: Hub, repo: str, kind: RepoType) -> list[CommitInfo]:
    """The commits of main, newest first."""
    return hub._ask(
        f"reading the history of {repo}", repo, lambda: list(hub._api.list_repo_commits(repo, repo_type=kind))
    )


def origins_of(hub: Hub, repo: str, kind: RepoType, commits: Iterable[CommitInfo]) -> dict[str, Origin]:
    """Who is behind each commit, by its id: whoever opened the pull request, or else the commit's author."""
    found = list(commits)
    merged: dict[str, str] = {}
    if any(_MERGED.search(one.title) for one in found):
        for number in sorted({int(match[1]) for one in found if (match := _MERGED.search(one.title))}):
            try:
                ask = partial(hub._api.get_discussion_details, repo, number, repo_type=kind)
                told = hub._ask(f"reading pull request {number} of {repo}", repo, ask)
            except NotFoundError:
                continue
            # The title alone proves nothing: it is whatever the pull request was called.
            if commit := getattr(told, "merge_commit_oid", None):
                merged[str(commit)] = str(told.author)
    return {
        one.commit_id: Origin(
            merged.get(one.commit_id) or next(iter(one.authors), ""),
            one.created_at.astimezone(UTC),
            one.commit_id in merged,
        )
        for one in found
    }


def last_changes(hub: Hub, repo: str, kind: RepoType, paths: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """The commit that changed each file of main last, and when; what is not there is left out."""
    ask = partial(hub._api.get_paths_info, repo, list(paths), repo_type=kind, expand=True)
    told = hub._ask(f"looking up files of {repo}", repo, ask)
    return {one.path: (one.last_commit.oid, one.last_commit.date.astimezone(UTC)) for one in told if one.last_commit}


def who_added(hub: Hub, repo: str, kind: RepoType, path: str) -> Origin | None:
    """Who brought a file of main that nobody changes afterwards; None where it is not there."""
    found = last_changes(hub, repo, kind, [path])
    if path not in found:
        return None
    sha, _ = found[path]
    chosen = [one for one in commits_of(hub, repo, kind) if one.commit_id == sha]
    return origins_of(hub, repo, kind, chosen).get(sha)
