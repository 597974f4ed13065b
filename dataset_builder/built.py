"""A built dataset, opened: its manifest, its tables, its cases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.errors import InputError
from dataset_builder.manifest import Manifest, read_manifest
from dataset_builder.records import Case
from dataset_builder.tables import DEFAULT_CONFIG, TEST


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
        """One split as an Arrow table; raises InputError for an unknown one or an unreadable file."""
        name = data_path(config, split)
        if name not in self.manifest.files:
            raise InputError(f"{self.path}: has no split {split!r} of config {config!r}; it has {self.splits(config)}")
        try:
            return pq.read_table(self.path / name, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{self.path / name}: cannot be read ({error}); 'blind-refusal dataset check {self.path}' tells more"
            ) from error

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
