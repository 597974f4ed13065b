"""From a source to records: the study's archive, the starter set, a folder of generated cases.

In: a path, a URL or a name. Out: ``Records`` in canonical labels, with every correction noted.
Imports ``batch`` and ``dataset``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from dataset_builder.dataset.manifest import Source
from dataset_builder.dataset.records import Records
from dataset_builder.errors import SourceError

REPOSITORY: Final = "mint-philosophy/blind-refusal"
# The newest commit known when this version was made; another one is a URL or a PATH away.
COMMIT: Final = "e836b54bd96bf3c894e76c4c69f38112e8ee4e67"
STUDY_URL: Final = f"https://codeload.github.com/{REPOSITORY}/tar.gz/{COMMIT}"
STUDY, STARTER, GENERATED = "study", "starter", "generated"
GENERATED_PREFIX: Final = f"{GENERATED}:"
STUDY_VARIABLE: Final = "BLIND_REFUSAL_STUDY"


class Read(NamedTuple):
    """Records, and what they were read from."""

    records: Records
    source: Source


def read_source(
    name: str,
    *,
    progress: Callable[[int, int | None], None] | None = None,
    study_url: str = STUDY_URL,
) -> Read:
    """Read ``study``, ``starter``, ``generated:DIR``, a path or a URL.

    ``study`` is the archive that BLIND_REFUSAL_STUDY names, or else the pinned one, fetched.
    Raises SourceError where it is out of reach or unreadable, DataError with all problems in it.
    """
    if name == STARTER:
        from dataset_builder.sources.starter import read_starter, starter_hash

        return Read(read_starter(), Source(kind=STARTER, content_hash=starter_hash()))
    if name.startswith(GENERATED_PREFIX):
        from dataset_builder.batch.lines import read_generated

        records, content_hash = read_generated(Path(name.removeprefix(GENERATED_PREFIX)))
        return Read(records, Source(kind=GENERATED, content_hash=content_hash))
    if name == STUDY and os.environ.get(STUDY_VARIABLE):
        name = os.environ[STUDY_VARIABLE]
    if name == STUDY or name.startswith(("https://", "http://")):
        path = _fetched(study_url if name == STUDY else name, progress)
    else:
        path = Path(name)
    return _read_study(path)


def _fetched(url: str, progress: Callable[[int, int | None], None] | None) -> Path:
    from dataset_builder.net.fetch import cache_folder, fetch

    try:
        return fetch(url, cache_folder() / "archives", progress=progress)
    except SourceError as error:
        raise SourceError(
            f"{error}\nTwo ways on: --source PATH names an archive or folder of the study that you have, "
            "--source starter builds the bundled cases, which need no network."
        ) from error


def _read_study(path: Path) -> Read:
    from dataset_builder.sources.archive import origin_of
    from dataset_builder.sources.study import read_study

    records, content_hash = read_study(path)
    origin = origin_of(path)
    # A snapshot may lie in a folder of another name: then only its commit is known.
    named = origin is not None and origin.repository == REPOSITORY.rpartition("/")[2]
    return Read(
        records,
        Source(
            kind=STUDY,
            content_hash=content_hash,
            repository=REPOSITORY if named else None,
            commit=origin.commit if origin else None,
        ),
    )
