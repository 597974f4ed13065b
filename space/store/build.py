"""The transcripts of a dataset as one SQLite file: built once, then only read.

The file stands in the cache under the hash of the dataset's manifest, so versions stand side by
side. It is written under a lock and appears whole: a build that is killed
leaves no store, and its remains are removed by the next one. What is in it: ``space.store.tables``.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Final

from filelock import FileLock

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import InputError
from dataset_builder.net.fetch import cache_folder
from dataset_builder.storage.files import new_file
from space.store.additions import NOTHING_MORE, Additions
from space.store.tables import LAYOUT, SCHEMA, Progress, fill
from space.store.words import SCHEMA as WORDS

# Nothing here has to survive a crash: an unfinished file is thrown away.
_FAST: Final = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536;
PRAGMA temp_store = MEMORY; PRAGMA page_size = 8192;
"""
# Bytes of words before they are written, and no merging on the way: all is merged once, at the end.
_INDEXING: Final = {"hashsize": 32 * 2**20, "automerge": 0, "crisismerge": 1000}


def store_path(built: BuiltDataset, folder: Path | None = None, more: Additions = NOTHING_MORE) -> Path:
    """Where the store of a dataset stands: in ``folder``, or in the user's cache."""
    content = built.manifest.to_json() + more.key.encode()
    key = hashlib.sha256(content).hexdigest()[:20]
    return (folder or cache_folder() / "space") / f"transcripts-{LAYOUT}-{key}.sqlite"


def ensure_store(
    built: BuiltDataset,
    folder: Path | None = None,
    progress: Progress = lambda done, total: None,
    more: Additions = NOTHING_MORE,
) -> Path:
    """The path of a dataset's store, building it if it is not there; ``more`` is what results add to it.

    ``progress`` is called with the transcripts done and in all. Two processes that want the same
    store build it once. Raises InputError where the folder cannot be written.
    """
    path = store_path(built, folder, more)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                _build(built, path, progress, more)
    except (OSError, sqlite3.OperationalError) as error:
        raise InputError(
            f"{path.parent}: the transcripts cannot be prepared there ({error}); "
            "name a folder that can be written and has room with --store-cache"
        ) from error
    return path


def _build(built: BuiltDataset, path: Path, progress: Progress, more: Additions) -> None:
    with new_file(path) as part:
        database = sqlite3.connect(part, isolation_level=None)
        try:
            database.executescript(_FAST + SCHEMA + WORDS)
            for setting, value in _INDEXING.items():
                database.execute("INSERT INTO search (search, rank) VALUES (?, ?)", [setting, value])
            database.execute("BEGIN")
            fill(database, built, progress, more)
            database.execute("COMMIT")
        finally:
            database.close()
