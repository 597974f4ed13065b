"""The Hugging Face Hub: the only place in this project that talks to it.

Everything goes through ``Hub``, which honours HF_ENDPOINT, HF_TOKEN and HF_HUB_DISABLE_XET (set the
last for a server that is not the Hub's own, as most do not speak its Xet protocol). Failures come
out as RemoteError, NotFoundError or ConflictError, and none of their texts holds the token.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, try_to_load_from_cache
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.tqdm import disable_progress_bars

from dataset_builder import __version__
from dataset_builder.errors import ConflictError, InputError, NotFoundError, RemoteError
from dataset_builder.hub.explain import explain
from dataset_builder.hub.patience import AnswerLostError, Patience, be_patient
from dataset_builder.hub.records import Committed, RemoteFile, RepoState, RepoType
from dataset_builder.net.secret import TOKEN_ENV, find_token

ENDPOINT: Final = "https://huggingface.co"
MAIN: Final = "main"
# Pull requests to look through for one whose opening was not confirmed.
_LOOK_THROUGH: Final = 20
T = TypeVar("T")


class Hub:
    """One account on one Hub.

    The token is ``token``, else what the environment variable ``token_env`` holds, else (where that
    is HF_TOKEN) the one that ``hf auth login`` stored; without any, only public repos can be read.
    Raises InputError where another variable is named and it is empty.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        token_env: str = TOKEN_ENV,
        token: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
        self.patience = patience or Patience()
        self._secret = find_token(token, token_env)
        # huggingface_hub draws its bars into files and pipes too.
        if not sys.stderr.isatty() and "HF_HUB_DISABLE_PROGRESS_BARS" not in os.environ:
            disable_progress_bars()
        self._api = HfApi(
            endpoint=self.endpoint,
            token=self._secret.reveal() or False,
            library_name="blind-refusal",
            library_version=__version__,
            headers=be_patient(self.patience),
        )

    def __repr__(self) -> str:
        return f"Hub({self.endpoint!r}, {self._secret!r})"

    def whoami(self) -> str:
        """The name of the account; raises RemoteError where there is no token or it is not accepted."""
        if not self._secret:
            raise RemoteError(f"signing in to {self.endpoint}: no token is set; set {self._secret.origin}")
        told = self._ask("signing in", self.endpoint, self._api.whoami)
        return str(told["name"])

    def state(self, repo: str, kind: RepoType, *, private: bool = False) -> RepoState | None:
        """The repo as it is now; None where it does not exist or is not for us to see.

        Raises InputError where it is to be ``private`` and the public can see it.
        """
        try:
            info = self._ask(f"looking at {repo}", repo, lambda: self._api.repo_info(repo, repo_type=kind))
        except NotFoundError:
            return None
        if private and not info.private:
            raise InputError(f"{repo} is public; make it private in its settings on the Hub, or leave out --private")
        return RepoState(str(info.sha), bool(info.private))

    def head(self, repo: str, kind: RepoType, revision: str = MAIN) -> str:
        """The commit that a branch, tag, ``refs/pr/N`` or commit id stands for."""
        ask = f"looking up {revision} of {repo}"
        info = self._ask(ask, repo, lambda: self._api.repo_info(repo, repo_type=kind, revision=revision))
        return str(info.sha)

    def commits(self, repo: str, kind: RepoType, revision: str = MAIN) -> list[str]:
        """The commits from a revision back to the first, newest first."""
        ask = f"looking through the commits of {repo}"
        found = self._ask(
            ask, repo, lambda: self._api.list_repo_commits(repo, repo_type=kind, revision=revision)
        )  # fmt: skip
        return [str(one.commit_id) for one in found]

    def history(self, repo: str, kind: RepoType, revision: str = MAIN) -> dict[str, date]:
        """The commits from a revision back to the first, newest first, each with its day in UTC."""
        ask = f"looking through the history of {repo}"
        found = self._ask(
            ask, repo, lambda: list(self._api.list_repo_commits(repo, repo_type=kind, revision=revision))
        )  # fmt: skip
        return {str(one.commit_id): one.created_at.astimezone(UTC).date() for one in found}

    def ensure_repo(self, repo: str, kind: RepoType, *, private: bool = False, sdk: str | None = None) -> None:
        """Create a repo where there is none; ``sdk`` is for Spaces. What exists is left as it is."""
        self._ask(
            f"creating the {kind} {repo}",
            repo,
            lambda: self._api.create_repo(repo, repo_type=kind, private=private, exist_ok=True, space_sdk=sdk),
        )

    def list_files(self, repo: str, kind: RepoType, revision: str = MAIN) -> dict[str, RemoteFile]:
        """Every file of a revision by its path."""
        found = self._ask(
            f"listing {repo} at {revision}",
            repo,
            lambda: list(self._api.list_repo_tree(repo, repo_type=kind, revision=revision, recursive=True)),
        )
        return {
            item.path: RemoteFile(item.size, item.blob_id, item.lfs.sha256 if item.lfs else None)
            for item in found
            if isinstance(item, RepoFile)
        }

    def read_file(self, repo: str, kind: RepoType, path: str, revision: str = MAIN) -> bytes:
        """The bytes of one file, past any cache. Raises NotFoundError where there is none."""
        with tempfile.TemporaryDirectory() as folder:
            return Path(
                self._ask(
                    f"reading {path} of {repo}",
                    repo,
                    lambda: self._api.hf_hub_download(
                        repo, path, repo_type=kind, revision=revision, local_dir=folder, force_download=True
                    ),
                )
            ).read_bytes()

    def download_snapshot(
        self,
        repo: str,
        kind: RepoType,
        revision: str = MAIN,
        patterns: Sequence[str] | None = None,
        dest: Path | None = None,
    ) -> tuple[Path, str]:
        """Download the files of a revision that match ``patterns`` (all by default).

        They go to ``dest``, or to huggingface_hub's cache, which then knows what the revision stands for.
        Returns their folder and the commit.
        """
        chosen = None if patterns is None else list(patterns)
        # huggingface_hub would open what its cache has without a word where the Hub is out of reach.
        sha = self.head(repo, kind, revision)
        if dest is None:
            found = self._ask(
                f"downloading {repo} at {revision}",
                repo,
                lambda: self._api.snapshot_download(repo, repo_type=kind, revision=revision, allow_patterns=chosen),
            )
            # The cache keeps each commit in a folder of its name.
            return Path(str(found)), Path(str(found)).name
        folder = self._ask(
            f"downloading {repo} at {revision}",
            repo,
            lambda: self._api.snapshot_download(
                repo, repo_type=kind, revision=sha, allow_patterns=chosen, local_dir=dest
            ),
        )
        return Path(str(folder)), sha

    def cached_snapshot(self, repo: str, kind: RepoType, revision: str = MAIN) -> tuple[Path, str] | None:
        """What huggingface_hub's cache holds of a revision, which may be a part of it, and its commit; asks nobody.

        A commit is looked for by its id, a branch or tag by what it stood for when it was last downloaded.
        """
        try:
            found = self._api.snapshot_download(repo, repo_type=kind, revision=revision, local_files_only=True)
        except (OSError, ValueError):
            return None
        return Path(str(found)), Path(str(found)).name

    def cached_file(self, repo: str, kind: RepoType, path: str, revision: str = MAIN) -> Path | None:
        """A file of a revision in huggingface_hub's cache, whatever else of it is there; asks nobody."""
        found = try_to_load_from_cache(repo, path, repo_type=kind, revision=revision)
        return Path(found) if isinstance(found, str) else None

    def tags(self, repo: str, kind: RepoType) -> dict[str, str]:
        """Each tag's name and the commit that it stands for."""
        refs = self._ask(f"listing the tags of {repo}", repo, lambda: self._api.list_repo_refs(repo, repo_type=kind))
        return {ref.name: ref.target_commit for ref in refs.tags}

    def tag(self, repo: str, kind: RepoType, name: str, sha: str) -> None:
        """Tag a commit; raises ConflictError where the tag stands for another one."""
        try:
            self._ask(
                f"tagging {repo} as {name}",
                repo,
                lambda: self._api.create_tag(repo, repo_type=kind, tag=name, revision=sha),
            )
        except ConflictError:
            # It may be our own: carried out at a first try, whose answer was lost.
            there = self.tags(repo, kind).get(name)
        else:
            return
        if there != sha:
            stands = f"stands for commit {there}" if there else "could not be made"
            raise ConflictError(f"tagging {repo} as {name}: the tag {stands}, not for {sha}; choose another version")

    def commit(
        self,
        repo: str,
        kind: RepoType,
        *,
        message: str,
        add: Mapping[str, Path | bytes] | None = None,
        delete: Iterable[str] = (),
        parent: str | None = None,
        create_pr: bool = False,
        revision: str = MAIN,
    ) -> Committed:
        """Add and delete files in one commit on top of ``parent`` (by default the newest commit now).

        With ``create_pr`` the commit opens a pull request against ``revision``. Raises ConflictError
        where ``revision`` has moved on from ``parent``. A commit whose answer was lost is looked for
        by a mark in its description before it is sent again, so it is never carried out twice.
        """
        parent = parent or self.head(repo, kind, revision)
        mark = f"Change {uuid.uuid4().hex}"
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in (add or {}).items()
        ]
        operations += [CommitOperationDelete(path_in_repo=path, is_folder=False) for path in delete]
        doubtful = False

        def send() -> CommitInfo | Committed:
            nonlocal doubtful
            if doubtful and (found := self._find(repo, kind, revision, message, mark, create_pr)):
                return found
            try:
                return self._ask(
                    f"committing to {repo}",
                    repo,
                    lambda: self._api.create_commit(
                        repo,
                        operations,
                        commit_message=message,
                        commit_description=mark,
                        repo_type=kind,
                        revision=revision,
                        parent_commit=parent,
                        create_pr=create_pr,
                    ),
                )
            except AnswerLostError:
                doubtful = True
                raise
            except ConflictError:
                # After a lost answer the guard may have met our own commit, carried out late.
                late = self._find(repo, kind, revision, message, mark, create_pr) if doubtful else None
                if late is None:
                    raise
                return late

        lost = ""
        try:
            done = self.patience.retrying(AnswerLostError)(send)
        except AnswerLostError as error:
            found = self._find(repo, kind, revision, message, mark, create_pr)
            lost, done = str(error), found or Committed("", "")
        if isinstance(done, Committed) and not done.sha:
            raise RemoteError(f"committing to {repo}: {lost}, {self.patience.attempts} times; nothing was committed")
        return done if isinstance(done, Committed) else Committed(done.oid, str(done.commit_url), done.pr_url)

    def has_leaderboard(self, dataset: str) -> bool:
        """Whether the Hub ranks models by a dataset itself; it does so for those that it takes for benchmarks."""
        ask = f"looking for the Hub's own leaderboard of {dataset}"
        timeout = self.patience.timeout
        try:
            found = self._ask(ask, dataset, lambda: self._api.get_dataset_leaderboard(dataset, timeout=timeout))
        except (NotFoundError, KeyError, TypeError):
            # None, or one of another form than huggingface_hub reads.
            return False
        return bool(found)

    def variables(self, space: str) -> dict[str, str]:
        """A Space's variables; everyone who can see the Space can see them."""
        ask = f"reading the variables of {space}"
        found = self._ask(ask, space, lambda: self._api.get_space_variables(space))
        return {name: variable.value for name, variable in found.items()}

    def set_variable(self, space: str, name: str, value: str) -> None:
        """Set a variable of a Space, which restarts it."""
        self._ask(f"setting {name} of {space}", space, lambda: self._api.add_space_variable(space, name, value))

    def _find(
        self, repo: str, kind: RepoType, revision: str, title: str, mark: str, create_pr: bool
    ) -> Committed | None:
        """The commit that carries a mark, on a revision or in one of the newest pull requests."""
        prefix = "" if kind == "model" else f"{kind}s/"
        places: list[tuple[str, str | None]] = [(revision, None)]
        if create_pr:
            places = self._ask(
                f"looking for our pull request on {repo}", repo, lambda: self._requests(repo, kind, title)
            )
        for place, pr_url in places:
            history = partial(self._api.list_repo_commits, repo, repo_type=kind, revision=place)
            line = self._ask(f"looking for our commit in {repo}", repo, history)
            for commit in line:
                if mark in commit.message:
                    url = f"{self.endpoint}/{prefix}{repo}/commit/{commit.commit_id}"
                    return Committed(commit.commit_id, url, pr_url)
        return None

    def _requests(self, repo: str, kind: RepoType, title: str) -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        opened = self._api.get_repo_discussions(
            repo, repo_type=kind, discussion_type="pull_request", discussion_status="open"
        )
        for number, request in enumerate(opened):
            if number == _LOOK_THROUGH:
                break
            if request.title == title:
                found.append((request.git_reference or "", request.url))
        return found

    def _ask(self, doing: str, where: str, request: Callable[[], T]) -> T:
        """Carry out a request; what goes wrong comes out in our words, with nothing of the request on it."""
        try:
            return request()
        except (OSError, RuntimeError, ValueError, RemoteError, AnswerLostError) as error:
            problem = explain(doing, where, self._secret, error)
        raise problem
