"""Older versions of the results and the dataset, as links pin them: looked up, fetched and kept, a few at a time.

Only commits in the history of what the Space itself follows are opened: anyone can put a commit into a repository by a
pull request, and a link to it must not show a stranger's figures here. One thread fetches, one version after another,
and a process of its own makes the transcripts, so that nobody else waits.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Final

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import BlindRefusalError, InputError, NotFoundError, RemoteError
from dataset_builder.hub.client import MAIN, Hub
from dataset_builder.hub.patience import Patience
from space.data.data import SpaceData
from space.data.readers import Readers
from space.data.sources import PATTERNS, HubSource
from space.frame.versions import pin
from space.hosting.prepare import prepared
from space.store.store import Store

# In memory beside the newest, on disk, and asked for at once by visitors.
KEPT: Final = 2
_ON_DISK: Final = 4
_MOST_WAITING: Final = 4
_MOST_FAILED: Final = 100
MOST_BYTES: Final = 512 * 2**20
# Seconds for which a history, a failure and a version that was found stay true.
_FRESH: Final = 60.0
_RECHECK: Final = 300.0
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_SHORT: Final = 12
RESULTS, DATASET = "results", "dataset"


class UnknownVersionError(InputError):
    """A version that is not, or no more, in the history of what is shown."""


class BusyError(InputError):
    """Too many other versions are being fetched."""


@dataclass(frozen=True, slots=True)
class Older:
    """A part that is older than the newest: what it is, its commit and the newest one, each with its day if known."""

    what: str
    commit: str
    day: date | None
    newest: str
    newest_day: date | None


@dataclass(frozen=True, eq=False, slots=True)
class Pinned:
    """One version, open; ``pin`` names it with its commits whole."""

    pin: str
    data: SpaceData
    older: tuple[Older, ...]


class PinnedVersions:
    """The versions that links pin; safe to use from many threads. ``folder`` is the disk's part of it, all ours."""

    def __init__(
        self,
        newest: SpaceData,
        source: HubSource | None,
        folder: Path,
        *,
        stores: Path | None = None,
        hub: Hub | None = None,
        recheck: float = _RECHECK,
        fresh: float = _FRESH,
        largest: int = MOST_BYTES,
    ) -> None:
        self._newest, self._source, self._folder, self._stores = newest, source, folder, stores
        self._given_hub = hub
        self._recheck, self._fresh, self._largest = recheck, fresh, largest
        # A future that is done at once is settled by whoever asks for it.
        self._lock = threading.RLock()
        self._one_by_one = ThreadPoolExecutor(1, thread_name_prefix="pinned")
        self._kept: OrderedDict[str, tuple[Future[Pinned], float]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[BlindRefusalError, float]] = OrderedDict()
        self._histories: dict[tuple[str, str], tuple[float, Mapping[str, date]]] = {}

    @property
    def newest(self) -> str:
        """The newest version, as ``pin`` names one."""
        return pin(self._newest)

    def may_have(self, asked: str) -> bool:
        """Whether a version may be had: what of it differs from the newest comes from the Hub, and is a commit."""
        results, _, dataset = asked.partition("-")
        now, _, cases = self.newest.partition("-")
        there = (results == now or self._source is not None, dataset == cases or self._has_dataset)
        named = (results == now or _COMMIT.fullmatch(results), dataset == cases or _COMMIT.fullmatch(dataset))
        return all(there) and all(named)

    def get(self, asked: str) -> Future[Pinned]:
        """A version, soon: its future is done where it is open already, and ends in the reason where it cannot be.

        Raises BusyError where others have to come first.
        """
        with self._lock:
            now = time.monotonic()
            if asked in self._failed and now - self._failed[asked][1] < self._fresh:
                failed: Future[Pinned] = Future()
                failed.set_exception(self._failed[asked][0])
                return failed
            if asked in self._kept:
                future, seen = self._kept[asked]
                self._kept.move_to_end(asked)
                if future.done() and now - seen > self._recheck:
                    self._kept[asked] = future, now
                    self._one_by_one.submit(self._check, asked)
                return future
            if sum(not future.done() for future, _ in self._kept.values()) >= _MOST_WAITING:
                raise BusyError("Other older versions are being fetched just now. Try again in a minute.")
            future = self._one_by_one.submit(self._opened, asked)
            self._kept[asked] = future, now
            future.add_done_callback(lambda done: self._settle(asked, done))
            return future

    def close(self) -> None:
        """Fetch no more."""
        self._one_by_one.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _hub(self) -> Hub:
        return self._given_hub or Hub(patience=Patience(attempts=2))

    @property
    def _has_dataset(self) -> bool:
        return self._newest.dataset_hub_id is not None and self._newest.dataset_revision is not None

    def _settle(self, asked: str, done: Future[Pinned]) -> None:
        """Keep what was opened under its whole name, forget what could not be, and close what is too much."""
        error = None if done.cancelled() else done.exception()
        with self._lock:
            _, seen = self._kept.pop(asked, (done, time.monotonic()))
            if done.cancelled():
                return
            if isinstance(error, BlindRefusalError):
                self._failed[asked] = error, time.monotonic()
                while len(self._failed) > _MOST_FAILED:
                    self._failed.popitem(last=False)
                return
            for name in {asked, done.result().pin}:
                self._kept[name] = done, seen
            ready = list(dict.fromkeys(one for one, _ in self._kept.values() if one.done()))
            for old in ready[: max(0, len(ready) - KEPT)]:
                for name in [name for name, (one, _) in self._kept.items() if one is old]:
                    del self._kept[name]

    def _check(self, asked: str) -> None:
        """Close a version that has gone from the history since, on disk too."""
        try:
            self._commits(asked)
        except UnknownVersionError:
            with self._lock:
                self._kept.pop(asked, None)
            for commit in asked.split("-"):
                for gone in self._folder.glob(f"*-{commit}"):
                    shutil.rmtree(gone, ignore_errors=True)
        except BlindRefusalError:
            # The Hub is out of reach, which says nothing of the version.
            return

    def _commits(self, asked: str) -> tuple[str, str]:
        """Both commits of a version, whole; what is the newest stays as it is named."""
        results, _, dataset = asked.partition("-")
        now, _, cases = self.newest.partition("-")
        if results != now and self._source is not None:
            results = self._whole(results, self._source.repo, [self._source.revision], RESULTS)
        if dataset != cases and self._newest.dataset_hub_id and self._newest.dataset_revision:
            heads = [self._newest.dataset_revision, MAIN]
            dataset = self._whole(dataset, self._newest.dataset_hub_id, heads, DATASET)
        return results, dataset

    def _whole(self, commit: str, repo: str, heads: Sequence[str], what: str) -> str:
        for head in heads:
            found = [one for one in self._history(repo, head) if one.startswith(commit)]
            if len(found) == 1:
                return found[0]
        raise UnknownVersionError(f"The {what} here have no version {commit[:_SHORT]} in their history")

    def _history(self, repo: str, head: str) -> Mapping[str, date]:
        """The commits back from a revision, each with its day."""
        asked, found = self._histories.get((repo, head), (float("-inf"), {}))
        if time.monotonic() - asked > self._fresh:
            found = self._hub.history(repo, "dataset", head)
            self._histories[repo, head] = time.monotonic(), found
        return found

    def _day(self, repo: str | None, head: str, commit: str) -> date | None:
        try:
            return self._history(repo, head).get(commit) if repo else None
        except BlindRefusalError:
            return None

    def _opened(self, asked: str) -> Pinned:
        try:
            return self._open(asked)
        except BlindRefusalError:
            raise
        except Exception as error:
            raise InputError(f"This version cannot be read ({type(error).__name__})") from error

    def _open(self, asked: str) -> Pinned:
        newest, source = self._newest, self._source
        try:
            results, dataset = self._commits(asked)
        except NotFoundError as error:
            raise UnknownVersionError(f"The repository of this version is not there (any more): {error}") from None
        except RemoteError:
            # What was fetched earlier was in the history then.
            results, _, dataset = asked.partition("-")
            if not all(self._at_hand(one) for one in (results, dataset)):
                raise
        now, cases = newest.now, pin(newest).partition("-")[2]
        older, in_use = [], set[Path]()
        if source is not None and results != now.version:
            folder = self._fetched(RESULTS, source.repo, results, PATTERNS)
            in_use.add(folder)
            day, last = (self._day(source.repo, source.revision, one) for one in (results, now.version))
            older.append(Older(RESULTS, results, day, now.version, last))
            now = source.at(folder, results)
        built = newest.built
        repo, served = newest.dataset_hub_id, newest.dataset_revision
        if repo and served and dataset != cases:
            folder = self._fetched(DATASET, repo, dataset, None)
            in_use.add(folder)
            built = BuiltDataset.open(folder)
            heads = [self._day(repo, head, one) for one in (dataset, served) for head in (served, MAIN)]
            older.append(Older(DATASET, dataset, heads[0] or heads[1], served, heads[2] or heads[3]))
        if built is None:
            raise InputError("There is no dataset here")
        store = prepared(built, now, self._folder / "stores", self._stores)
        in_use.add(store)
        self._make_room(in_use)
        data = SpaceData(
            store=Store(store),
            dataset_name=newest.dataset_name,
            dataset_hub_id=repo,
            built=built,
            now=now,
            dataset_revision=dataset if served else None,
            results_hub_id=newest.results_hub_id,
            readers=Readers(),
        )
        return Pinned(f"{results}-{dataset}", data, tuple(older))

    def _at_hand(self, commit: str) -> bool:
        return commit in self.newest.split("-") or any(self._folder.glob(f"*-{commit}"))

    def _fetched(self, what: str, repo: str, commit: str, patterns: Sequence[str] | None) -> Path:
        """The folder of a commit on this machine; it appears whole. Raises InputError for one that is too large."""
        path = self._folder / f"{what}-{commit}"
        if path.is_dir():
            return path
        files = self._hub.list_files(repo, "dataset", commit)
        wanted = [name for name in files if patterns is None or any(fnmatch(name, one) for one in patterns)]
        size = sum(files[name].size for name in wanted)
        if size > self._largest:
            most = f"at most {self._largest / 1e6:,.0f} MB are opened here"
            raise InputError(f"That version of the {what} has {size / 1e6:,.0f} MB; {most}")
        self._folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=self._folder))
        try:
            self._hub.download_snapshot(repo, "dataset", commit, patterns, part)
            part.replace(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return path

    def _make_room(self, in_use: set[Path]) -> None:
        """Delete the versions on disk that were opened longest ago, but none that is open."""
        for path in in_use:
            os.utime(path)
        with self._lock:
            opened = [one.result().data for one, _ in self._kept.values() if one.done() and one.exception() is None]
        kept = in_use | {path for one in opened for path in _paths(one)}
        for pattern, remove in _DISK:
            there = sorted(self._folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in there[_ON_DISK:]:
                if path not in kept:
                    remove(path)


def _paths(data: SpaceData) -> list[Path]:
    """Where a version stands on disk."""
    folders = [data.store.path, data.now.folder, data.built.path if data.built else None]
    return [path for path in folders if path is not None]


_DISK: Final[tuple[tuple[str, Callable[[Path], None]], ...]] = (
    (f"{RESULTS}-*", lambda path: shutil.rmtree(path, ignore_errors=True)),
    (f"{DATASET}-*", lambda path: shutil.rmtree(path, ignore_errors=True)),
    ("stores/*.sqlite", lambda path: path.unlink(missing_ok=True)),
)
