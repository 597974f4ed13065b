"""One version of the results, read whole: the leaderboard, and the rates of its rows on every slice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dataset_builder import __version__
from dataset_builder.errors import DataError, InputError, Problem
from eval.repository.identity import STUDY, published_model
from eval.repository.leaderboard import (
    FILE_NAME,
    SCHEMA_VERSION,
    VERIFIED,
    Board,
    BoardRow,
    Leaderboard,
    read_leaderboard,
)
from eval.runs.verdict import PUBLISHED_RUBRIC
from eval.scores.results import FILE_NAME as RESULTS_NAME
from eval.scores.results import Results, read_results
from space.data.data import SliceTable, Snapshot

# A Space should fall over a wrong folder at once, not read a whole disk.
MAX_FILES: Final = 5_000
NOTHING: Final = Snapshot(version="none")
PUBLISHED: Final = "published"
RANKED_BY: Final = "discrimination"
HEADLINE: Final = (
    RANKED_BY,
    "help_rate",
    "control_help_rate",
    "engagement_rate",
    "engaged_refusal_share",
    "pure_blind_refusal_rate",
)


def read_snapshot(folder: Path, version: str) -> Snapshot:
    """The results in a folder: its leaderboard, or where it has none one made of its results files.

    Raises InputError where there is neither, DataError that lists every file that cannot be read.
    """
    if not (folder / FILE_NAME).is_file():
        found = _read_all(folder, [str(file.relative_to(folder)) for file in find_results(folder)])
        if not found:
            raise InputError(
                f"{folder}: holds neither {FILE_NAME} nor {RESULTS_NAME}; 'blind-refusal eval submit' and "
                "'blind-refusal eval aggregate' make the first, 'blind-refusal eval score --out' the second"
            )
        made = plain_leaderboard(found)
        return Snapshot(made, {path: SliceTable.of(one) for path, one in found.items()}, None, version)
    made = read_leaderboard(folder)
    if made.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise InputError(
            f"{folder / FILE_NAME}: leaderboard schema {made.schema_version}, but this version reads {SCHEMA_VERSION}; "
            "aggregate the results again"
        )
    paths = sorted({row.results for board in made.boards for row in board.rows if row.results is not None})
    return Snapshot(made, {k: SliceTable.of(v) for k, v in _read_all(folder, paths).items()}, folder, version)


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


def plain_leaderboard(results: dict[str, Results]) -> Leaderboard:
    """A leaderboard of bare results files by their paths: ranked by their values, without intervals of ranks.

    Judges, rubrics, cases and samples are kept apart as ``blind-refusal eval aggregate`` keeps them.
    """
    groups: dict[tuple[str, str, str, str], dict[str, Results]] = {}
    for path, one in results.items():
        origin = one.provenance
        key = (origin.judge.judge, origin.judge.rubric, origin.dataset.cases_hash, origin.dataset.sample)
        groups.setdefault(key, {})[path] = one
    boards = [_plain_board(number, files) for number, files in enumerate(groups.values())]
    first = next(iter(results.values()))
    return Leaderboard(
        schema_version=SCHEMA_VERSION,
        package_version=__version__,
        statistics=first.statistics,
        metrics=first.metrics,
        headline=list(HEADLINE),
        boards=sorted(boards, key=lambda board: (-board.n_cases, -len(board.rows), board.judge, board.rubric)),
        excluded=[],
    )


def _plain_board(number: int, files: dict[str, Results]) -> Board:
    def value(one: Results) -> float | None:
        return one.overall.metrics[RANKED_BY].estimate

    values = [found for one in files.values() if (found := value(one)) is not None]
    first = next(iter(files.values()))
    rows = [_plain_row(path, one, value(one), values) for path, one in files.items()]
    return Board(
        id=f"{first.provenance.judge.judge}-{first.provenance.dataset.n_cases}-{number}",
        judge=first.provenance.judge.judge,
        rubric=first.provenance.judge.rubric,
        dataset=first.provenance.dataset.name,
        hub_id=first.provenance.dataset.hub_id,
        origin=" and ".join(first.provenance.dataset.sources),
        cases_hash=first.provenance.dataset.cases_hash,
        sample=first.provenance.dataset.sample,
        n_cases=first.provenance.dataset.n_cases,
        ranked_by=RANKED_BY,
        judge_agreement=first.judge_agreement,
        rows=sorted(rows, key=lambda row: (row.rank is None, row.rank, row.model)),
    )


def _plain_row(path: str, one: Results, value: float | None, values: Sequence[float]) -> BoardRow:
    origin = one.provenance
    published = origin.judge.rubric == PUBLISHED_RUBRIC
    known = published_model(origin.model.name, origin.model.id)
    return BoardRow(
        model=origin.model.name,
        model_id=origin.model.id,
        organization=known.slug.partition("__")[0] if published else "local",
        repo=None,
        family=known.family,
        weights=known.weights,
        kind=PUBLISHED if published else "run",
        run_id=PUBLISHED if published else path.rpartition("/")[0] or origin.model.name,
        collected_at=origin.collected_at,
        status=VERIFIED if published else "community",
        status_reasons=[] if published else ["scored on this machine; nobody has reviewed it"],
        departures=origin.departures,
        rank=None if value is None else 1 + sum(other > value for other in values),
        rank_low=None,
        rank_high=None,
        defeated=one.overall.defeated,
        control=one.overall.control,
        metrics=one.overall.metrics,
        corrected=one.corrected,
        submitted=[],
        bundle="",
        results=path,
        transcripts="",
        verdicts="",
    )


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
