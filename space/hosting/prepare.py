"""Making the transcripts of an older version in a process of its own, so that no visitor waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import BlindRefusalError, InputError
from space.data.data import Snapshot
from space.data.snapshot import read_snapshot
from space.data.submitted import additions
from space.store.build import ensure_store, store_path

# Visitors come first.
_NICE = 5


def prepared(built: BuiltDataset, now: Snapshot, folder: Path, elsewhere: Path | None = None) -> Path:
    """The store of a version: the one that is there, in ``folder`` or ``elsewhere``, or a new one in ``folder``.

    Raises InputError where it cannot be made.
    """
    more = additions(now, built)
    paths = [store_path(built, elsewhere, more), store_path(built, folder, more)]
    for path in paths:
        if path.is_file():
            return path
    words = [str(built.path), str(folder), *([str(now.folder)] if now.folder else [])]
    command = [sys.executable, "-c", "from space.hosting.prepare import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise InputError(f"its transcripts could not be prepared: {said[-1] if said else 'no reason was given'}")
    return paths[-1]


def main() -> None:
    """Make the store of a dataset's folder in a folder, with what a results folder adds."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    dataset, folder, *results = map(Path, sys.argv[1:])
    try:
        built = BuiltDataset.open(dataset)
        now = read_snapshot(results[0], "") if results else Snapshot()
        ensure_store(built, folder, more=additions(now, built))
    except BlindRefusalError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        sys.exit(error.exit_code)
