"""Opening a dataset by what a user calls it: a folder, or a repository on the Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataset_builder.built import BuiltDataset
from dataset_builder.errors import InputError

_REPO: Final = re.compile(r"[\w.-]+/[\w.-]+")
_MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class OpenedDataset:
    """A built dataset with its name as the user gave it, and the commit if it came from the Hub."""

    built: BuiltDataset
    name: str
    revision: str | None = None

    @property
    def hub_id(self) -> str | None:
        """The repository's id; None for a folder."""
        return self.name if self.revision else None


def locate_dataset(spec: str | Path) -> OpenedDataset:
    """Open ``DIR`` or ``NAMESPACE/NAME[@REVISION]``; a folder that exists comes first.

    Raises InputError for a name that is neither, RemoteError where the Hub cannot give it.
    """
    folder = Path(spec)
    if folder.is_dir():
        return OpenedDataset(BuiltDataset.open(folder), str(spec))
    name, _, revision = str(spec).partition("@")
    if folder.exists() or not _REPO.fullmatch(name):
        what = "a file" if folder.exists() else "no such folder, and no name of a repository"
        raise InputError(
            f"{spec}: {what}; expected a folder that 'blind-refusal dataset build' made, or NAMESPACE/NAME[@REVISION] "
            "on the Hugging Face Hub"
        )
    from dataset_builder.hub import Hub

    path, commit = Hub().download_snapshot(name, "dataset", revision or _MAIN)
    return OpenedDataset(BuiltDataset.open(path), name, commit)


def open_dataset(spec: str | Path) -> BuiltDataset:
    """The built dataset alone: see ``locate_dataset``."""
    return locate_dataset(spec).built


def check_same_cases(dataset: OpenedDataset, cases_hash: str, what: str) -> None:
    """Raise InputError where ``what`` (a run, a file) was made with other cases than the dataset's."""
    if dataset.built.cases_hash != cases_hash:
        raise InputError(
            f"{what} was made with the cases {cases_hash[:12]}, but {dataset.name} has the cases "
            f"{dataset.built.cases_hash[:12]}: another revision. Name the one it was made with with --dataset "
            "(NAMESPACE/NAME@REVISION for the Hub)."
        )
