"""One version of the results, read whole: the leaderboard, and the rates of its rows on every slice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import is_litter
from eval.boards.rows import plain_leaderboard
from eval.repository.identity import STUDY
from eval.repository.leaderboard import FILE_NAME, SCHEMA_VERSION, BoardRow, Leaderboard, read_leaderboard
from eval.runs.verdict import PUBLISHED
from eval.scores.results import FILE_NAME as RESULTS_NAME
from eval.scores.results import Results, read_results
from eval.sets.document import read_documents
from space.data.data import SliceTable, Snapshot

# A Space should fall over a wrong folder at once, not read a whole disk.
MAX_FILES: Final = 5_000
NOTHING: Final = Snapshot(version="none")


def read_snapshot(folder: Path, version: str) -> Snapshot:
    """The results in a folder: its leaderboard, or where it has none one made of its results files.

    An empty folder is a leaderboard to be. Raises InputError where one that is not empty has neither, DataError that
    lists every file that cannot be read.
    """
    sets = read_documents(folder)
    if not (folder / FILE_NAME).is_file():
        found = _read_all(folder, [str(file.relative_to(folder)) for file in find_results(folder)])
        if not found and (sets or all(is_litter(path.name) for path in folder.iterdir())):
            # Nothing has been handed in yet: the pages say so, and how that is done.
            return Snapshot(version=version, sets=sets)
        if not found:
            raise InputError(
                f"{folder}: holds neither {FILE_NAME} nor {RESULTS_NAME}; 'blind-refusal eval submit' and "
                "'blind-refusal board aggregate' make the first, 'blind-refusal eval score --out' the second"
            )
        made = plain_leaderboard(found)
        return Snapshot(made, {path: SliceTable.of(one) for path, one in found.items()}, None, version, sets=sets)
    made = read_leaderboard(folder)
    if made.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise InputError(
            f"{folder / FILE_NAME}: leaderboard schema {made.schema_version}, but this version reads {SCHEMA_VERSION}; "
            "aggregate the results again"
        )
    paths = sorted({row.results for board in made.boards for row in board.rows if row.results is not None})
    slices = {k: SliceTable.of(v) for k, v in _read_all(folder, paths).items()}
    return Snapshot(made, slices, folder, version, _reasoned(folder, made), sets=sets)


def find_results(folder: Path) -> list[Path]:
    """Every results file below a folder, sorted; raises InputError for too many."""
    files = sorted(folder.rglob(RESULTS_NAME))
    if len(files) > MAX_FILES:
        raise InputError(f"{folder}: more than {MAX_FILES:,} {RESULTS_NAME} files below it; name a narrower folder")
    return files


def row_key(row: BoardRow) -> str:
    """What a row is called in addresses: the model's folder among the submissions, or a published model's name."""
    slug = row.bundle.split("/")[1] if row.bundle.count("/") >= 2 else row.model
    return slug.removeprefix(f"{STUDY}__")


def transcripts_key(row: BoardRow) -> str:
    """What a row's model is called among the transcripts: runs that were sent in carry their run's id."""
    return row_key(row) if row.kind == PUBLISHED else f"{row_key(row)}/{row.run_id}"


def _reasoned(folder: Path, made: Leaderboard) -> dict[str, bool]:
    """Of each file of answers whether most answers cost tokens of reasoning; without those of which nothing is told."""
    from pyarrow import ArrowInvalid, parquet

    found: dict[str, bool] = {}
    for name in dict.fromkeys(row.transcripts for board in made.boards for row in board.rows):
        path = Path(name)
        if not name or path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
            continue
        try:
            told = parquet.read_table(folder / path, columns=["reasoning_tokens"]).column(0).drop_null().to_numpy()
        except (ArrowInvalid, OSError, KeyError):
            # A broken bundle is told of where its answers are read.
            continue
        if len(told):
            found[name] = bool((told > 0).mean() > 0.5)
    return found


def _read_all(folder: Path, paths: Sequence[str]) -> dict[str, Results]:
    problems, found = [], {}
    for path in paths:
        try:
            # A path comes from a file that a pull request could have changed.
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise InputError("its path leads out of the results folder")
            found[path] = read_results(folder / path)
        except (InputError, DataError) as error:
            problems.append(Problem(path, str(error).splitlines()[0]))
    if problems:
        raise DataError(f"{folder}: not all results can be read", problems)
    return found
