"""An encoder by name: a folder, or a repository of models on the Hub at one commit.

Of a repository two files are fetched, numbers and JSON; nothing else in it is looked at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dataset_builder.errors import InputError, NotFoundError
from dataset_builder.hub.naming import repo_meant
from eval.judges.encoder.artefact import LARGEST_MANIFEST, LARGEST_WEIGHTS, MANIFEST, WEIGHTS

if TYPE_CHECKING:
    from dataset_builder.hub.client import Hub

KIND: Final = "model"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_LARGEST: Final = {WEIGHTS: LARGEST_WEIGHTS, MANIFEST: LARGEST_MANIFEST}


def find_encoder(name: str, hub: Hub | None = None) -> tuple[Path, str | None]:
    """The folder of an encoder, and ``NAMESPACE/NAME@COMMIT`` for one of the Hub.

    A commit that was fetched before is opened with no network. Raises InputError for a name that is neither a folder
    nor a repository, NotFoundError where the repository holds no encoder, RemoteError where the Hub cannot give it.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder, None
    meant = repo_meant(name)
    if meant is None:
        raise InputError(
            f"--judge encoder:{name}: no such folder, and no name of a repository; expected a folder, or "
            "NAMESPACE/NAME@REVISION of an encoder that 'blind-refusal judge publish' put on the Hub."
        )
    repo, revision = meant.name, meant.revision or ""
    from dataset_builder.hub.client import MAIN, Hub

    hub = hub or Hub()
    if _COMMIT.fullmatch(revision):
        held = [hub.cached_file(repo, KIND, file, revision) for file in _LARGEST]
        if held[0] is not None and all(held):
            return held[0].parent, f"{repo}@{revision}"
    commit = hub.head(repo, KIND, revision or MAIN)
    there = hub.list_files(repo, KIND, commit)
    for file, most in _LARGEST.items():
        if file not in there:
            raise NotFoundError(f"{repo}@{commit[:12]}: holds no {file}, so it is no encoder of blind-refusal.")
        if there[file].size > most:
            raise InputError(f"{repo}@{commit[:12]}: {file} is larger than {most:,} bytes.")
    path, _ = hub.download_snapshot(repo, KIND, commit, list(_LARGEST))
    return path, f"{repo}@{commit}"
