"""The cases that are there already: new ones must not repeat them, and are steered to what they lack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dataset_builder.errors import SourceError
from dataset_builder.generation.similarity import SimilarityIndex
from dataset_builder.manifest import FILE_NAME
from dataset_builder.records import Case
from dataset_builder.sources import STARTER, STUDY, read_source

DEFAULT: Final = (STUDY, STARTER)


@dataclass(frozen=True)
class Existing:
    """Cases that count for coverage, and every request that must not be repeated, by id."""

    names: tuple[str, ...]
    cases: list[Case] = field(default_factory=list)
    queries: list[tuple[str, str]] = field(default_factory=list)

    def index(self) -> SimilarityIndex:
        """The requests, to be asked for likeness."""
        return SimilarityIndex(self.queries)


def read_existing(names: Sequence[str], progress: Callable[[int, int | None], None] | None = None) -> Existing:
    """The cases of some sources, or of built datasets by their folders.

    Of generated cases those that were removed count for likeness too. Raises SourceError where one is
    out of reach, with the way on, DataError where one is damaged.
    """
    found = Existing(tuple(names))
    for name in names:
        if (Path(name) / FILE_NAME).is_file():
            from dataset_builder.built import BuiltDataset

            built = BuiltDataset.open(name)
            found.cases.extend(built.cases())
            queries = {case.case_id: case.user_query for case in built.cases()}
            for split in built.splits("generated"):
                rows = built.table("generated", split, ["case_id", "user_query"]).to_pylist()
                queries.update((row["case_id"], row["user_query"]) for row in rows)
        else:
            try:
                records = read_source(name, progress=progress).records
            except SourceError as error:
                raise SourceError(
                    f"{error}\nNew cases are held against those that are there. --existing names them: a source, or "
                    f"the folder of a built dataset; --existing {STARTER} holds them against the bundled cases alone."
                ) from error
            found.cases.extend(records.cases)
            queries = {case.case_id: case.user_query for case in (*records.cases, *records.generated)}
        found.queries.extend(queries.items())
    return found
