"""Datasets by what a user calls them: the two that everybody can build, a folder, or a repository on the Hub."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dataset_builder import __version__
from dataset_builder.build.build import build_dataset
from dataset_builder.dataset.opened import RESPONSES, OpenedDataset, locate_dataset
from dataset_builder.dataset.tables import DEFAULT_CONFIG
from dataset_builder.errors import InputError
from dataset_builder.net.fetch import cache_folder
from dataset_builder.sources import COMMIT, STARTER, STUDY, STUDY_VARIABLE, read_source

if TYPE_CHECKING:
    import pandas as pd

# Built where they are asked for, and kept: our own 112 cases, and the study's archive.
NAMED: Final = (STARTER, STUDY)


def open_named(dataset: str | os.PathLike[str]) -> OpenedDataset:
    """Open ``starter``, ``study``, a built folder, or ``NAMESPACE/NAME[@REVISION]`` on the Hub.

    The first two are built into the user's cache when they are first asked for; a folder of that name in the
    current one is not looked at (write ``./study``). Raises InputError as ``locate_dataset`` and the sources do.
    """
    spec = os.fspath(dataset)
    return locate_dataset(_built(spec) if spec in NAMED else spec)


def load_dataset(dataset: str | os.PathLike[str] = STARTER, *, answers: bool = False) -> pd.DataFrame:
    """The cases of a dataset, a row each, or with ``answers`` all answers that it holds, a row each.

    The columns are those that the dataset card describes. ``dataset`` is as in ``evaluate``. Raises InputError
    where it is not there, or holds no answers.
    """
    import pyarrow as pa

    built = open_named(dataset).built
    config = RESPONSES if answers else DEFAULT_CONFIG
    splits = built.splits(config)
    if not splits:
        raise InputError(f"{built.path}: holds cases but no answers of models. Use a dataset built from the study.")
    frame: pd.DataFrame = pa.concat_tables([built.table(config, split) for split in splits]).to_pandas()
    return frame


def _built(name: str) -> Path:
    folder = cache_folder() / "datasets" / f"{name}-{_mark(name)}"
    if not folder.is_dir():
        read = read_source(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        build_dataset(read.records, [read.source], folder)
    return folder


def _mark(name: str) -> str:
    """What decides the build: the version, and for the study the archive that it is made from."""
    told = [__version__]
    if name == STUDY:
        archive = os.environ.get(STUDY_VARIABLE)
        if archive and Path(archive).exists():
            stat = Path(archive).stat()
            told += [str(Path(archive).resolve()), str(stat.st_size), str(stat.st_mtime_ns)]
        else:
            told.append(COMMIT)
    elif name == STARTER:
        from dataset_builder.sources.starter import starter_hash

        told.append(starter_hash())
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]
