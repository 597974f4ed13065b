"""What the Hub tells of repos, files and commits, and how repos are named."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

RepoType = Literal["dataset", "space", "model"]
_REPO: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION: Final = re.compile(r"[\w./-]+", re.ASCII)


def is_repo_name(text: str) -> bool:
    """Whether the Hub takes this as ``NAMESPACE/NAME``: it has no two dots or hyphens in a row."""
    return bool(_REPO.fullmatch(text)) and ".." not in text and "--" not in text


def is_repo_at_revision(text: str) -> bool:
    """Whether this is ``NAMESPACE/NAME``, or the same with ``@REVISION`` after it."""
    name, at, revision = text.partition("@")
    return is_repo_name(name) and (not at or bool(_REVISION.fullmatch(revision)))


class Hashes(NamedTuple):
    """The two hashes by which the Hub may know a content."""

    sha256: str
    blob_id: str

    @classmethod
    def of(cls, data: bytes) -> Hashes:
        """Those of some bytes."""
        # Git names a blob by the SHA-1 of its length and its bytes.
        blob_id = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return cls(hashlib.sha256(data).hexdigest(), blob_id)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repo: its size in bytes and what identifies its content.

    Large files have the ``sha256`` of their bytes; for the others it is None, and ``blob_id`` is the
    git blob's SHA-1 of their bytes.
    """

    size: int
    blob_id: str
    sha256: str | None

    def is_of(self, hashes: Hashes) -> bool:
        """Whether it has the content with these hashes."""
        return self.sha256 == hashes.sha256 if self.sha256 else self.blob_id == hashes.blob_id

    def holds(self, data: bytes) -> bool:
        """Whether it has just these bytes."""
        return self.size == len(data) and self.is_of(Hashes.of(data))


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
