"""Where the results come from: a folder with results files below it, or a dataset repository on the Hub.

A source has a version that changes whenever its files do: the names, sizes and times of a
folder's files, or the commit of a repository. ``ResultsWatcher`` looks at it now and then and
swaps what the pages show whole; a new version that cannot be read leaves the old one standing.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from dataset_builder.errors import BlindRefusalError, DataError, InputError, Problem
from eval.results import FILE_NAME, Results, read_results
from space.data import Snapshot, SpaceData

POLL_SECONDS: Final = 60.0
# A Space should fall over a wrong folder at once, not read a whole disk.
MAX_FILES: Final = 5_000
_REPO: Final = re.compile(r"[\w.-]+/[\w.-]+")


class ResultsSource(Protocol):
    """Something that results can be read from."""

    def version(self) -> str:
        """What changes whenever the results do; cheap. Raises InputError where the source cannot be reached."""

    def read(self) -> Snapshot:
        """All results with their version. Raises InputError where they cannot be read."""


class FolderSource:
    """Every ``results.json`` below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> str:  # noqa: D102
        digest = hashlib.sha256()
        for file in self._files():
            facts = file.stat()
            digest.update(f"{file.relative_to(self.path)}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self) -> Snapshot:  # noqa: D102
        version = self.version()
        return Snapshot(_read_all(self.path, self._files()), version)

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder; expected one with {FILE_NAME} files below it")
        files = sorted(self.path.rglob(FILE_NAME))
        if len(files) > MAX_FILES:
            raise InputError(f"{self.path}: more than {MAX_FILES:,} {FILE_NAME} files below it; name a narrower folder")
        return files


class HubSource:
    """Every ``results.json`` of a dataset repository on the Hub, at the newest commit of a revision."""

    def __init__(self, repo: str, revision: str) -> None:
        from dataset_builder.hub import Hub

        self.repo, self.revision, self._hub = repo, revision, Hub()

    def version(self) -> str:  # noqa: D102
        return self._hub.head(self.repo, "dataset", self.revision)

    def read(self) -> Snapshot:  # noqa: D102
        folder, commit = self._hub.download_snapshot(
            self.repo, "dataset", self.revision, [f"**/{FILE_NAME}", FILE_NAME]
        )
        return Snapshot(_read_all(folder, sorted(folder.rglob(FILE_NAME))), commit)


class ResultsWatcher:
    """Keeps ``data.now`` in step with a source, from a thread of its own."""

    def __init__(
        self,
        data: SpaceData,
        source: ResultsSource,
        *,
        every: float = POLL_SECONDS,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._data, self._source, self._every, self._say = data, source, every, say
        self._tried = data.now.version
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
        try:
            version = self._source.version()
            if version == self._tried and self._data.now.notice is None:
                return
            if version == self._data.now.version:
                self._data.swap(Snapshot(self._data.now.results, version))
            elif version != self._tried:
                self._tried = version
                self._data.swap(self._source.read())
                self._say(f"New results: {len(self._data.now.results)} files.")
        except (BlindRefusalError, OSError) as error:
            first = str(error).splitlines()[0]
            self._data.keep(f"Newer results could not be read, so these are the ones before: {first}")
            self._say(f"Kept the results before: {error}")

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self.look()


def open_source(spec: str) -> ResultsSource:
    """The source of a folder or of ``NAMESPACE/NAME[@REVISION]``; raises InputError for anything else."""
    if Path(spec).is_dir():
        return FolderSource(Path(spec))
    name, _, revision = spec.partition("@")
    if Path(spec).exists() or not _REPO.fullmatch(name):
        raise InputError(
            f"{spec}: neither a folder nor the name of a repository; expected a folder with {FILE_NAME} files, as "
            "'blind-refusal eval score' writes them, or NAMESPACE/NAME[@REVISION] on the Hugging Face Hub"
        )
    return HubSource(name, revision or "main")


def _read_all(folder: Path, files: list[Path]) -> tuple[Results, ...]:
    problems, found = [], []
    for file in files:
        try:
            found.append(read_results(file))
        except InputError as error:
            problems.append(Problem(str(file.relative_to(folder)), str(error)))
    if problems:
        raise DataError(f"{folder}: not all results can be read", problems)
    if not found:
        raise InputError(f"{folder}: no {FILE_NAME} below it; 'blind-refusal eval score' writes one for each model")
    return tuple(found)
