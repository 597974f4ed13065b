"""What the Hub tells of repos, files and commits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RepoType = Literal["dataset", "space", "model"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repo: its size in bytes and what identifies its content.

    Large files have the ``sha256`` of their bytes; for the others it is None, and ``blob_id`` is the
    git blob's SHA-1 of their bytes.
    """

    size: int
    blob_id: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class RepoState:
    """A repo as it is now: the newest commit on main, and whether the public can see it."""

    sha: str
    private: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit: its id and address, and its pull request's address and number if it opened one."""

    sha: str
    url: str
    pr_url: str | None = None

    @property
    def pr_number(self) -> int | None:
        """The pull request's number; its files are at the revision ``refs/pr/<number>``."""
        return int(self.pr_url.rstrip("/").rsplit("/", 1)[1]) if self.pr_url else None
