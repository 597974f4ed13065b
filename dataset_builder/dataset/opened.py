"""A built dataset, opened: its manifest, its tables, its cases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import click
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.dataset.manifest import FILE_NAME, Manifest, read_manifest
from dataset_builder.dataset.records import SCHEMA_VERSION, Case, VerdictReview
from dataset_builder.dataset.tables import CONFIG_BY_NAME, DEFAULT_CONFIG, TEST, completed, left_out, schema_of
from dataset_builder.errors import DataError, InputError, NotFoundError, Problem, RemoteError
from dataset_builder.hub.naming import repo_meant
from dataset_builder.storage.files import complete
from dataset_builder.storage.foreign import refuse_pointer

_AGAIN: Final = "build the dataset again"


def data_path(config: str, split: str) -> str:
    """Where a split stands in a built dataset."""
    return f"data/{config}/{split}.parquet"


@dataclass(frozen=True)
class BuiltDataset:
    """A folder made by ``blind-refusal dataset build``, or a snapshot of it from the Hub."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str) -> BuiltDataset:
        """Open a folder; raises InputError where it is not a built dataset."""
        folder = Path(path)
        complete(folder)
        if not folder.is_dir():
            raise InputError(
                f"{folder}: no such folder; expected a built dataset, as 'blind-refusal dataset build' makes it"
            )
        return cls(folder, read_manifest(folder))

    @property
    def cases_hash(self) -> str:
        """SHA-256 over the cases: what a run must agree on to be comparable."""
        return self.manifest.cases_hash

    def splits(self, config: str) -> list[str]:
        """The splits of a config, in the manifest's order; empty where the config has none."""
        prefix, suffix = data_path(config, "").split(".")[0], ".parquet"
        return [p[len(prefix) : -len(suffix)] for p in self.manifest.files if p.startswith(prefix)]

    def table(self, config: str, split: str, columns: list[str] | None = None) -> pa.Table:
        """One split as an Arrow table, with the columns that its file leaves out as every row holds the same.

        Raises InputError for an unknown split or an unreadable file.
        """
        name = data_path(config, split)
        if name not in self.manifest.files:
            raise InputError(f"{self.path}: has no split {split!r} of config {config!r}; it has {self.splits(config)}")
        constants = self.manifest.constants
        omitted = left_out(constants, config) if config in CONFIG_BY_NAME else {}
        stored = None if columns is None else [column for column in columns if column not in omitted]
        try:
            table = pq.read_table(self.path / name, columns=stored)
            whole = completed(table, config, constants, columns) if omitted else table
        except TypeError as error:
            raise DataError(str(self.path), [Problem(FILE_NAME, f"constants of {config}: {error}", _AGAIN)]) from error
        except (OSError, pa.ArrowException) as error:
            refuse_pointer(self.path / name)
            raise InputError(
                f"{self.path / name}: cannot be read ({error}); 'blind-refusal dataset check {self.path}' tells more"
            ) from error
        self._refuse_other_schema(name, config, columns, whole)
        return whole

    def _refuse_other_schema(self, name: str, config: str, columns: list[str] | None, table: pa.Table) -> None:
        """A build of another version may lack columns that are read here."""
        wanted = columns or (schema_of(CONFIG_BY_NAME[config].record).names if config in CONFIG_BY_NAME else [])
        if missing := [column for column in wanted if column not in table.column_names]:
            raise InputError(
                f"{self.path / name}: lacks {', '.join(missing)}. The dataset was built with schema "
                f"{self.manifest.schema_version}, this version reads {SCHEMA_VERSION}: {_AGAIN}."
            )

    def cases(self) -> list[Case]:
        """All cases, in the dataset's order."""
        return list(self._cases)

    @cached_property
    def _cases(self) -> tuple[Case, ...]:
        return tuple(Case(**row) for row in self.table(DEFAULT_CONFIG, TEST).to_pylist())

    @cached_property
    def case_by_id(self) -> dict[str, Case]:
        """The cases by their ids."""
        return {case.case_id: case for case in self._cases}


# Opening a dataset by what a user calls it: a folder, or a repository on the Hub.


_MAIN: Final = "main"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


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

    @property
    def spec(self) -> str:
        """What ``locate_dataset`` opens it by again."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


def locate_dataset(spec: str | Path) -> OpenedDataset:
    """Open ``DIR`` or ``[hf://]NAMESPACE/NAME[@REVISION]`` (see ``repo_meant``).

    A commit that is in the cache needs no network. A branch or tag is looked up; where the Hub cannot be reached, what
    it stood for when it was last downloaded is opened, and a line on stderr says so. Raises InputError for a name that
    is neither, RemoteError where the Hub cannot give it.
    """
    folder = Path(spec)
    complete(folder)
    if folder.is_dir():
        return OpenedDataset(BuiltDataset.open(folder), str(spec))
    repo = repo_meant(str(spec))
    if repo is None:
        what = "a file" if folder.exists() else "no such folder, and no name of a repository"
        raise InputError(
            f"{spec}: {what}; expected a folder that 'blind-refusal dataset build' made, or NAMESPACE/NAME[@REVISION] "
            "on the Hugging Face Hub (hf://NAMESPACE/NAME where NAMESPACE is a folder here)"
            + ("" if folder.exists() else ". 'blind-refusal dataset build --source starter' makes build/dataset")
        )
    path, commit = _snapshot(repo.name, repo.revision or _MAIN)
    return OpenedDataset(BuiltDataset.open(path), repo.name, commit)


def _snapshot(name: str, revision: str) -> tuple[Path, str]:
    """The folder and the commit of a dataset's revision, from the cache or from the Hub."""
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.patience import Patience

    cached = Hub().cached_snapshot(name, "dataset", revision)
    if cached is not None and not _is_whole(cached[0]):
        cached = None
    if cached is not None and _COMMIT.fullmatch(revision):
        return cached
    try:
        # With something to fall back on, there is no need to wait long for a Hub that is out of reach.
        hub = Hub() if cached is None else Hub(patience=Patience(attempts=2))
        return hub.download_snapshot(name, "dataset", revision)
    except NotFoundError:
        raise
    except RemoteError as error:
        if cached is None:
            raise
        click.echo(
            f"Note: {name}@{revision} is opened as it was last downloaded, commit {cached[1][:12]}: {error}", err=True
        )
        return cached


def _is_whole(folder: Path) -> bool:
    """Whether a folder of the cache holds every file of the build: a download may have been broken off."""
    try:
        return all((folder / path).is_file() for path in read_manifest(folder).files)
    except InputError:
        return False


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


RESPONSES: Final = "responses"


REVIEWS: Final = "human_verdict_review"


def published_models(built: BuiltDataset) -> tuple[str, ...]:
    """The models whose answers the dataset holds, sorted; empty where it holds none."""
    return tuple(sorted(_model_of(built, split) for split in built.splits(RESPONSES)))


def reviews(built: BuiltDataset) -> list[VerdictReview]:
    """The reviewers' own labels of answers; empty where the dataset has none."""
    if REVIEWS not in {name.split("/")[1] for name in built.manifest.files if name.startswith("data/")}:
        return []
    return [VerdictReview(**row) for split in built.splits(REVIEWS) for row in built.table(REVIEWS, split).to_pylist()]


def _model_of(built: BuiltDataset, split: str) -> str:
    models = built.table(RESPONSES, split, ["model"]).column("model")
    return str(models[0]) if len(models) else split
