"""What the loopback Hub remembers: users, and repos with commits, refs, pull requests and Space settings.

Nothing here knows HTTP. A rule that is broken raises ``RefusedError`` with the status, the words and
the error code that the real Hub answers with, as far as huggingface_hub can tell them apart.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

KINDS = ("model", "dataset", "space")
LARGE = 10 * 1024 * 1024
BINARY = (".parquet", ".arrow", ".zip", ".gz", ".zst", ".png", ".jpg", ".webp", ".sqlite", ".bin")
GITATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in BINARY).encode()


class RefusedError(Exception):
    """The Hub says no."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class User:
    name: str
    token: str
    writes: bool = True
    orgs: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Organizations that the account does not show on its own page."""

    def owns(self, namespace: str) -> bool:
        return namespace == self.name or namespace in self.orgs


@dataclass(frozen=True)
class Blob:
    data: bytes
    lfs: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        lines = ["version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}", f"size {len(self.data)}"]
        return "\n".join([*lines, ""]).encode()

    @cached_property
    def oid(self) -> str:
        stored = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()


@dataclass(frozen=True)
class Commit:
    sha: str
    parents: tuple[str, ...]
    title: str
    message: str
    author: str
    date: str
    files: dict[str, Blob]


@dataclass
class Discussion:
    num: int
    title: str
    author: str
    date: str
    description: str
    is_pr: bool
    base: str = ""
    status: str = "open"
    merge_commit: str | None = None
    comments: list[tuple[str, str]] = field(default_factory=list)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass
class Repo:
    kind: str
    id: str
    private: bool
    sdk: str | None = None
    created: str = field(default_factory=now)
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    discussions: list[Discussion] = field(default_factory=list)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    board: list[dict[str, object]] = field(default_factory=list)

    @property
    def head(self) -> str:
        return self.refs["refs/heads/main"]

    @property
    def files(self) -> dict[str, Blob]:
        """The files of the newest commit on main."""
        return self.commits[self.head].files

    def ref(self, revision: str) -> str | None:
        """The full name of the ref that a revision names; None for a commit id."""
        named = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        return next((name for name in named if name in self.refs), None)

    def resolve(self, revision: str) -> Commit:
        ref = self.ref(revision)
        if ref:
            return self.commits[self.refs[ref]]
        if re.fullmatch(r"[0-9a-f]{7,40}", revision):
            found = [commit for sha, commit in self.commits.items() if sha.startswith(revision)]
            if len(found) == 1:
                return found[0]
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def history(self, revision: str) -> list[Commit]:
        """The commits from a revision back along first parents, newest first."""
        line = [self.resolve(revision)]
        while line[-1].parents:
            line.append(self.commits[line[-1].parents[0]])
        return line

    def record(self, ref: str, parents: tuple[str, ...], title: str, message: str, author: str, files: dict) -> Commit:
        tree = "\n".join(f"{path} {blob.oid}" for path, blob in sorted(files.items()))
        seed = f"{self.kind} {self.id} {len(self.commits)} {parents} {title} {message} {author}\n{tree}"
        sha = hashlib.sha1(seed.encode()).hexdigest()
        commit = Commit(sha, parents, title, message, author, now(), dict(files))
        self.commits[sha] = commit
        self.refs[ref] = sha
        return commit

    def grow_older(self, hours: float) -> None:
        """Move everything that happened so far into the past."""

        def before(date: str) -> str:
            return (datetime.fromisoformat(date) - timedelta(hours=hours)).isoformat()[:23] + "Z"

        self.commits = {sha: replace(one, date=before(one.date)) for sha, one in self.commits.items()}
        for one in self.discussions:
            one.date = before(one.date)

    def discussion(self, num: int) -> Discussion:
        if not 1 <= num <= len(self.discussions):
            raise RefusedError(404, "Discussion not found")
        return self.discussions[num - 1]

    def open_discussion(self, title: str, author: str, description: str, base: str | None) -> Discussion:
        """Open a discussion; with a ``base`` commit it is a pull request with a ref of its own."""
        num = len(self.discussions) + 1
        opened = Discussion(num, title, author, now(), description, base is not None, base or "")
        self.discussions.append(opened)
        if base is not None:
            self.refs[f"refs/pr/{num}"] = base
        return opened

    def merge(self, num: int, author: str) -> Commit:
        """Apply what a pull request changes to main; refused where main changed the same files since."""
        request = self.discussion(num)
        if not request.is_pr or request.status != "open":
            raise RefusedError(400, "This pull request is not open")
        base, theirs = self.commits[request.base].files, self.commits[self.refs[f"refs/pr/{num}"]].files
        ours = self.files
        touched = {path for path in base.keys() | theirs.keys() if base.get(path) != theirs.get(path)}
        if clash := sorted(path for path in touched if ours.get(path) not in (base.get(path), theirs.get(path))):
            raise RefusedError(409, f"This pull request has conflicts: {', '.join(clash)}")
        merged = {path: blob for path, blob in ours.items() if path not in touched}
        merged |= {path: theirs[path] for path in touched if path in theirs}
        title = f"{request.title} (#{num})"
        commit = self.record("refs/heads/main", (self.head,), title, request.description, author, merged)
        request.status, request.merge_commit = "merged", commit.sha
        return commit


@dataclass
class Store:
    users: tuple[User, ...]
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def user_of(self, authorization: str | None) -> User | None:
        if authorization is None:
            return None
        token = authorization.removeprefix("Bearer ")
        for user in self.users:
            if user.token == token:
                return user
        raise RefusedError(401, "Invalid credentials in Authorization header")

    def name_of(self, authorization: str | None) -> str | None:
        """Whose token it is; None for nobody's."""
        return next((user.name for user in self.users if authorization == f"Bearer {user.token}"), None)

    def readable(self, kind: str, repo_id: str, user: User | None) -> Repo:
        repo = self.repos.get((kind, repo_id))
        if repo is None or (repo.private and not (user and user.owns(repo_id.split("/")[0]))):
            raise RefusedError(404 if user else 401, "Repository not found", "RepoNotFound")
        return repo

    def writable(self, kind: str, repo_id: str, user: User | None) -> Repo:
        repo = self.readable(kind, repo_id, user)
        if user is None:
            raise RefusedError(401, "Invalid username or password.")
        if not user.writes:
            raise RefusedError(403, "Forbidden: you must use a write token to write to a repository")
        if not user.owns(repo_id.split("/")[0]):
            raise RefusedError(403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
        return repo

    def create(self, user: User | None, kind: str, repo_id: str, private: bool, sdk: str | None = None) -> Repo:
        if user is None:
            raise RefusedError(401, "Invalid username or password.")
        namespace = repo_id.split("/")[0]
        if not (user.writes and user.owns(namespace)):
            raise RefusedError(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
        if (kind, repo_id) in self.repos:
            raise RefusedError(409, f"You already created this {kind} repo")
        repo = self.repos[kind, repo_id] = Repo(kind, repo_id, private, sdk)
        start = {".gitattributes": Blob(GITATTRIBUTES, lfs=False)}
        repo.record("refs/heads/main", (), "initial commit", "", user.name, start)
        return repo

    def commit(self, repo: Repo, user: User, revision: str, lines: list[dict], create_pr: bool) -> tuple[Commit, int]:
        """Carry out the lines of a commit request; returns the commit and the pull request's number or 0."""
        header = lines[0]["value"]
        base = repo.resolve(revision)
        guard = header.get("parentCommit")
        if create_pr:
            base = repo.resolve(guard) if guard else base
        elif guard and not base.sha.startswith(guard):
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        files = self._changed(dict(base.files), lines[1:])
        if create_pr:
            num = repo.open_discussion(header["summary"], user.name, header.get("description", ""), base.sha).num
            ref = f"refs/pr/{num}"
        else:
            num, ref = 0, repo.ref(revision) or ""
            if not ref.startswith(("refs/heads/", "refs/pr/")):
                raise RefusedError(400, f"cannot commit to {revision}")
        words = (header["summary"], header.get("description", ""))
        return repo.record(ref, (base.sha,), *words, user.name, files), num

    def _changed(self, files: dict[str, Blob], lines: list[dict]) -> dict[str, Blob]:
        for line in lines:
            value, path = line["value"], line["value"]["path"]
            match line["key"]:
                case "file":
                    files[path] = Blob(base64.b64decode(value["content"]), lfs=False)
                case "lfsFile":
                    if value["oid"] not in self.large:
                        raise RefusedError(400, f"LFS pointer pointed to a file that does not exist: {path}")
                    files[path] = Blob(self.large[value["oid"]], lfs=True)
                case "deletedFile":
                    if path not in files:
                        raise RefusedError(404, "A file with this name doesn't exist", "EntryNotFound")
                    del files[path]
                case "deletedFolder":
                    files = {name: blob for name, blob in files.items() if not name.startswith(path.rstrip("/") + "/")}
                case other:
                    raise RefusedError(400, f"unknown operation {other}")
        return files
