"""Where the results come from: a results folder, or a dataset repository on the Hub that holds one.

A source has a version that changes whenever its files do: the names, sizes and times of a
folder's files, or the commit of a repository. ``ResultsWatcher`` looks at it now and then and
swaps what the pages show whole; a new version that cannot be read leaves the old one standing.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import msgspec

from dataset_builder.errors import BlindRefusalError, InputError
from dataset_builder.hub.naming import repo_meant
from dataset_builder.wording import counted
from eval.judges.human.readers import LABELS
from eval.repository.bundle import RESPONSES, RUN, VERDICTS
from eval.repository.leaderboard import FILE_NAME, Leaderboard
from eval.scores.results import FILE_NAME as RESULTS_NAME
from eval.sets.document import FOLDER as SETS
from eval.sets.document import documents_in
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import NOTHING, find_results, read_snapshot
from space.store.store import Store

POLL_SECONDS: Final = 60.0
# Commits looked through for the version before.
_MOST_LOOKED_AT: Final = 5
# What the pages read of a results repository; the rest of it is the maintainers'.
PATTERNS: Final = (
    FILE_NAME,
    f"**/{RESULTS_NAME}",
    RESULTS_NAME,
    *(f"**/{n}" for n in (RUN, RESPONSES, VERDICTS)),
    f"{LABELS}/*/*.json",
    f"{SETS}/*.json",
)


class ResultsSource(Protocol):
    """Something that results can be read from."""

    def version(self) -> str:
        """What changes whenever the results do; cheap. Raises InputError where the source cannot be reached."""

    def read(self) -> Snapshot:
        """All results with their version. Raises InputError where they cannot be read."""


class NoSource:
    """No results at all: the pages show the cases and transcripts, and say how a leaderboard is made."""

    def version(self) -> str:  # noqa: D102
        return NOTHING.version

    def read(self) -> Snapshot:  # noqa: D102
        return NOTHING


class FolderSource:
    """A folder with ``leaderboard.json``, or with nothing but ``results.json`` files below it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> str:  # noqa: D102
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder; expected one that 'blind-refusal board aggregate' made")
        board = self.path / FILE_NAME
        # The leaderboard is written last, so its time is that of the whole.
        files = [board] if board.is_file() else find_results(self.path)
        files += documents_in(self.path)
        digest = hashlib.sha256()
        for file in files:
            facts = file.stat()
            digest.update(f"{file.relative_to(self.path)}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self) -> Snapshot:  # noqa: D102
        version = self.version()
        return read_snapshot(self.path, version)


class HubSource:
    """A results repository on the Hub, at the newest commit of a revision."""

    def __init__(self, repo: str, revision: str) -> None:
        from dataset_builder.hub.client import Hub

        self.repo, self.revision, self._hub = repo, revision, Hub()

    def version(self) -> str:  # noqa: D102
        return self._hub.head(self.repo, "dataset", self.revision)

    def read(self) -> Snapshot:  # noqa: D102
        folder, commit = self._hub.download_snapshot(self.repo, "dataset", self.revision, PATTERNS)
        return self.at(folder, commit)

    def at(self, folder: Path, commit: str) -> Snapshot:
        """The results in a folder that holds the files of a commit, with what the version before was."""
        return replace(read_snapshot(folder, commit), before=self._before(folder, commit))

    def _before(self, folder: Path, commit: str) -> Leaderboard | None:
        """The leaderboard of the last commit before that had another one; None where none is found."""
        try:
            ours = (folder / FILE_NAME).read_bytes()
            for older in self._hub.commits(self.repo, "dataset", commit)[1 : 1 + _MOST_LOOKED_AT]:
                found = self._hub.read_file(self.repo, "dataset", FILE_NAME, older)
                if found != ours:
                    return msgspec.json.decode(found, type=Leaderboard)
        except (BlindRefusalError, OSError, msgspec.DecodeError):
            # What changed is told where it can be; the pages do without.
            return None
        return None


class ResultsWatcher:
    """Keeps ``data.now`` in step with a source, from a thread of its own.

    ``prepare`` is called with a new version before it is shown and may return the store with its
    transcripts; what it raises keeps that version from being shown.
    """

    def __init__(
        self,
        data: SpaceData,
        source: ResultsSource,
        *,
        every: float = POLL_SECONDS,
        say: Callable[[str], None] = lambda text: None,
        prepare: Callable[[Snapshot], Store | None] = lambda snapshot: None,
    ) -> None:
        self._data, self._source, self._every, self._say, self._prepare = data, source, every, say, prepare
        self._tried = data.now.version
        # A submission looks too, at once.
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="results-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watching and wait for it."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Look once: swap in a new version, or note why it cannot be read."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        try:
            version = self._source.version()
            if version == self._data.now.version:
                if self._data.now.notice is not None:
                    self._data.keep(None)
                self._tried = version
            elif version != self._tried:
                self._tried = version
                new = self._source.read()
                if new.before is None:
                    new = replace(new, before=self._data.now.leaderboard)
                self._data.swap(new, self._prepare(new))
                self._say(f"New results: {counted(sum(len(board.rows) for board in new.boards), 'row')}.")
        except (BlindRefusalError, OSError) as error:
            first = str(error).splitlines()[0]
            self._data.keep(f"Newer results could not be read, so these are the ones before: {first}")
            self._say(f"Kept the results before: {error}")

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self.look()


def open_source(spec: str | None) -> ResultsSource:
    """The source of a folder or of ``[hf://]NAMESPACE/NAME[@REVISION]``; raises InputError for anything else."""
    if spec is None:
        return NoSource()
    if Path(spec).is_dir():
        return FolderSource(Path(spec))
    repo = repo_meant(spec)
    if repo is not None:
        return HubSource(repo.name, repo.revision or "main")
    raise InputError(
        f"{spec}: {'a file' if Path(spec).exists() else 'no such folder, and no name of a repository'}; expected a "
        "results folder, as 'blind-refusal board aggregate' leaves it, or NAMESPACE/NAME[@REVISION] on the Hugging "
        "Face Hub (hf://NAMESPACE/NAME where NAMESPACE is a folder here)"
    )
