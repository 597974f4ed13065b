"""What is wrong with a built folder: files, hashes, schemas, and then the records themselves."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dataset_builder.dataset.manifest import FILE_NAME, Manifest, hash_file
from dataset_builder.dataset.opened import BuiltDataset, data_path
from dataset_builder.dataset.records import (
    SCHEMA_VERSION,
    Case,
    CaseReview,
    GateVerdict,
    GeneratedCase,
    Record,
    Records,
    Response,
    VerdictReview,
)
from dataset_builder.dataset.tables import (
    CONFIG_BY_NAME,
    DEFAULT_CONFIG,
    TEST,
    Constants,
    alike_in,
    constants_of,
    split_of_model,
    splits_of,
    stored_schema,
)
from dataset_builder.dataset.validate import check_records
from dataset_builder.errors import InputError, Problem
from dataset_builder.generation.similarity import read_existing
from dataset_builder.storage.foreign import FETCH_IT, POINTER, is_litter, is_pointer
from dataset_builder.wording import counted

# What a clone from the Hub has beside the files of the build.
_FOREIGN = (".git/", ".cache/", ".gitattributes")


def check_folder(folder: Path) -> list[Problem]:
    """Every problem of a built folder. Raises InputError where it is none at all."""
    built = BuiltDataset.open(folder)
    problems = [*_files(folder, built.manifest), *_schemas(built), *_card(folder, built)]
    if problems:
        # Records read from broken files would only repeat the same faults in other words.
        return sorted(problems)
    records = _read_records(built)
    answers = _Answers(built)
    return sorted(
        [
            *check_records(records, answers),
            *_derived(built, records, answers.models),
            *_canary(built, records),
            *_constants(built, constants_of(records) | ({"responses": answers.alike} if answers.alike else {})),
        ]
    )


def _files(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    if manifest.schema_version != SCHEMA_VERSION:
        hint = "build it again with this version"
        yield Problem(FILE_NAME, f"schema {manifest.schema_version}, this version reads {SCHEMA_VERSION}", hint)
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink()}
    for name, entry in manifest.files.items():
        path = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            yield Problem(FILE_NAME, f"{name!r} points outside the folder")
        elif path.is_symlink() or not path.is_file():
            yield Problem(name, "is missing" if not path.exists() else "is not a plain file")
        elif is_pointer(path.read_bytes()[:200]):
            yield Problem(name, POINTER, FETCH_IT)
        elif path.stat().st_size != entry.bytes:
            yield Problem(name, f"has {path.stat().st_size:,} bytes, the manifest says {entry.bytes:,}")
        elif hash_file(path) != entry.sha256:
            yield Problem(name, "differs from what the manifest's hash was taken of")
    for name in sorted(present - manifest.files.keys() - {FILE_NAME}):
        if not name.startswith(_FOREIGN) and not is_litter(name):
            yield Problem(name, "is not in the manifest")


def _schemas(built: BuiltDataset) -> Iterator[Problem]:
    tables = {name: entry for name, entry in built.manifest.files.items() if name.startswith("data/")}
    if data_path(DEFAULT_CONFIG, TEST) not in tables:
        yield Problem(FILE_NAME, f"lists no {data_path(DEFAULT_CONFIG, TEST)}")
    for name, entry in tables.items():
        config = CONFIG_BY_NAME.get(name.split("/")[1])
        if config is None or name.count("/") != 2 or not name.endswith(".parquet"):
            yield Problem(name, "is no split of a known config", f"known: {list(CONFIG_BY_NAME)}")
            continue
        try:
            file = pq.ParquetFile(built.path / name)
        except (OSError, pa.ArrowException) as error:
            yield Problem(name, f"is no readable Parquet file ({error})")
            continue
        with file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        wanted = stored_schema(config.name, built.manifest.constants)
        if not schema.equals(wanted):
            yield Problem(name, f"its columns are not those of {config.name}", _difference(schema, wanted))
        if rows != entry.rows:
            yield Problem(name, f"has {counted(rows, 'row')}, the manifest says {entry.rows}")


def _difference(schema: pa.Schema, expected: pa.Schema) -> str:
    wanted, found = list(expected), list(schema)
    first = next((pair for pair in zip(found, wanted, strict=False) if pair[0] != pair[1]), None)
    if first:
        return f"found {first[0]}, expected {first[1]}"
    return f"found {counted(len(found), 'column')}, expected {len(wanted)}"


def _card(folder: Path, built: BuiltDataset) -> Iterator[Problem]:
    """The card's front matter must name just the files that are there."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        front = yaml.safe_load(text.split("---\n")[1])
        listed = {file["path"] for config in front["configs"] for file in config["data_files"]}
        tables = {name for name in built.manifest.files if name.startswith("data/")}
        listed = {name for path in listed for name in fnmatch.filter(tables, path) or [path]}
    except (OSError, UnicodeError, IndexError, KeyError, TypeError, yaml.YAMLError) as error:
        yield Problem("README.md", f"its front matter cannot be read ({type(error).__name__}: {error})")
        return
    for name in sorted(listed ^ tables):
        where = "in the card but not in the manifest" if name in listed else "in the manifest but not in the card"
        yield Problem("README.md", f"{name} is {where}")


def _canary(built: BuiltDataset, records: Records) -> Iterator[Problem]:
    """Where cases are held back, the card and each case must carry the string that tells of it; elsewhere none."""
    canary = built.manifest.canary
    if canary is not None and canary not in (built.path / "README.md").read_text(encoding="utf-8"):
        yield Problem("README.md", "does not hold the canary of the manifest")
    for case in records.cases:
        if case.canary != canary:
            yield Problem(f"cases: case {case.case_id!r}", "does not carry the canary of the manifest")
    # Answers repeat the requests; that their canary is the case's is checked with the other records.


def _constants(built: BuiltDataset, true: Constants) -> Iterator[Problem]:
    """What the files leave out must be what every row holds, which is ``true``."""
    for config, values in built.manifest.constants.items():
        for name, value in values.items():
            if name not in true.get(config, {}) or true[config][name] != value:
                yield Problem(FILE_NAME, f"constants: {name!r} of {config!r} cannot be left out of the files")


R = TypeVar("R", bound=Record)


def _rows(built: BuiltDataset, config: str, split: str, record: type[R]) -> list[R]:
    table = built.table(config, split)
    names, columns = table.column_names, [column.to_pylist() for column in table.columns]
    # The texts are there twice otherwise, and Arrow keeps what it has let go of.
    del table
    pa.default_memory_pool().release_unused()
    return [record(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


class _Answers:
    """The answers of a built dataset, read one model at a time: all at once they are most of the memory of a check.

    Once they were read, ``models`` are those whose they are, and ``alike`` the columns of provenance that hold one
    value in all of them.
    """

    def __init__(self, built: BuiltDataset) -> None:
        self._built = built
        self.models: list[str] = []
        self.alike: dict[str, Any] = {}

    def __iter__(self) -> Iterator[tuple[str, list[Response]]]:
        for split in self._built.splits("responses"):
            rows = _rows(self._built, "responses", split, Response)
            alike = alike_in(rows)
            if rows:
                # Equal in all answers is what is equal in these and in those before.
                before = self.alike if self.models else alike
                self.alike = {name: value for name, value in alike.items() if name in before and before[name] == value}
            self.models.append(rows[0].model if rows else split)
            yield self.models[-1], rows
            # Before the next model's are read.
            del rows


def read_records(built: BuiltDataset) -> Records:
    """The records of a built dataset, as they were before it was written."""
    return msgspec.structs.replace(_read_records(built), responses=dict(_Answers(built)))


def _read_records(built: BuiltDataset) -> Records:
    """The same without the answers."""

    def optional(config: str, record: type[R]) -> list[R]:
        return _rows(built, config, TEST, record) if TEST in built.splits(config) else []

    return Records(
        cases=_rows(built, DEFAULT_CONFIG, TEST, Case),
        generated=optional("generated", GeneratedCase),
        gates=optional("gates", GateVerdict),
        case_reviews=optional("human_case_review", CaseReview),
        verdict_reviews=optional("human_verdict_review", VerdictReview),
    )


def _derived(built: BuiltDataset, records: Records, models: Iterable[str]) -> Iterator[Problem]:
    """The splits must be what the records give, no case missing from one or standing in two."""
    expected: dict[str, Any] = {data_path(s.config, s.split): s.table for s in splits_of(records)}
    names = expected.keys() | {data_path("responses", split_of_model(model)) for model in models}
    for name in sorted(names ^ {n for n in built.manifest.files if n.startswith("data/")}):
        yield Problem(name, "is missing" if name in names else "holds a split that the cases do not give")
    for name, table in expected.items():
        config, split = name.removeprefix("data/").removesuffix(".parquet").split("/")
        if config.startswith("by_") and name in built.manifest.files and not built.table(config, split).equals(table):
            yield Problem(name, f"does not hold the cases of {split} as `cases` has them")


# Whether cases that are held back stand in a public build: by their ids, and by their requests in any wording.


def find_leaks(public: BuiltDataset, companion: BuiltDataset) -> list[Problem]:
    """Every case of a private companion that a public build holds too, or one so like it that it gives it away.

    Cases that were generated and removed count on the public side. Raises InputError where the companion
    is none.
    """
    if not companion.manifest.held_back:
        raise InputError(
            f"{companion.path}: its cases are not held back; expected the private companion that "
            "'blind-refusal dataset build --hold-out SHARE' made."
        )
    there = read_existing([str(public.path)])
    index = there.index()
    ids = {name for name, _ in there.queries}
    problems = []
    for case in companion.cases():
        near = index.nearest(case.user_query)
        if case.case_id in ids:
            problems.append(Problem(f"case {case.case_id!r}", f"is held back, and stands in {public.path}"))
        elif near is not None and near.too_close:
            what = f"is held back, and {near.name!r} in {public.path} tells its story (likeness {near.jaccard:.2f})"
            problems.append(Problem(f"case {case.case_id!r}", what))
    return problems
