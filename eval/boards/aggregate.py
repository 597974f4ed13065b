"""The leaderboard, rebuilt from what stands in a results folder and from nothing else.

The same submissions, reviews, notices and datasets give the same bytes, however often and in
whatever order. Every submission is accounted for: it has a row, or a reason why it has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from dataset_builder.storage.files import write_file
from dataset_builder.wording import counted
from eval.boards.boards import NOT_USABLE, CaseTables, Entry, LeftOut, entries_of, make_boards
from eval.boards.files import CARD, CARD_NAME, parquet_of
from eval.boards.rows import in_order
from eval.judging.registry import EMBEDDED, HELDOUT, unknown_judge
from eval.repository.bundle import BUNDLE, Bundle
from eval.repository.folder import REVIEWS, SUBMISSIONS, decode, places
from eval.repository.leaderboard import (
    FILE_NAME,
    PARQUET_NAME,
    SCHEMA_VERSION,
    Board,
    Excluded,
    Leaderboard,
    read_leaderboard,
)
from eval.repository.notices import NoticeReader, read_notices
from eval.results.row import HEADLINE
from eval.scores.results import MetricInfo, Statistics
from eval.stats.bootstrap import RESAMPLES, SEED
from eval.stats.intervals import LEVEL, MIN_BOOTSTRAP_CLUSTERS, MIN_CLUSTERS
from eval.stats.metrics import METRICS

MANIFEST: Final = "manifest.json"


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one submission under one judge."""

    bundle: str
    judge: str | None
    outcome: Literal["included", "excluded"]
    board: str | None
    reason: str


class ResultsManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``manifest.json`` of a results folder holds."""

    schema_version: str
    package_version: str
    # SHA-256 of each submission's bundle.json by its folder: what the leaderboard was made of.
    submissions: dict[str, str]
    # SHA-256 of each file that was written.
    files: dict[str, str]
    placements: list[Placement]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """What ``aggregate`` wrote: the leaderboard, what became of each submission, and whether a file changed."""

    leaderboard: Leaderboard
    manifest: ResultsManifest
    changed: bool


def aggregate(
    results: Path,
    datasets: Sequence[OpenedDataset],
    progress: Callable[[str], None] = lambda _: None,
    *,
    keep: bool = False,
) -> Aggregated:
    """Rebuild ``leaderboard.json``, ``leaderboard.parquet`` and ``manifest.json`` of a results folder.

    ``datasets`` are those whose cases the submissions answered; a submission on another one is left out
    with that reason, or ``keep`` leaves its place as the leaderboard in the folder has it. Raises InputError
    where there is no such folder, DataError where ``keep`` meets a broken leaderboard.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; expected one that 'blind-refusal eval submit --results' made.")
    standing = read_leaderboard(results) if keep and (results / FILE_NAME).is_file() else None
    made, manifest, files = aggregated_files(results, datasets, progress, standing)
    # The leaderboard last, as whoever watches the folder looks at its time.
    changed = False
    for name, data in sorted(files.items(), key=lambda item: item[0] == FILE_NAME):
        path = results / name
        if not path.is_file() or path.read_bytes() != data:
            write_file(path, data)
            changed = True
    return Aggregated(made, manifest, changed)


def aggregated_files(
    results: Path,
    datasets: Sequence[OpenedDataset],
    progress: Callable[[str], None] = lambda _: None,
    standing: Leaderboard | None = None,
    *,
    notices: NoticeReader = read_notices,
) -> tuple[Leaderboard, ResultsManifest, dict[str, bytes]]:
    """The same with the bytes of the three files by name, and a card where there is none; nothing is written."""
    made, manifest = build_leaderboard(results, datasets, progress, standing, notices=notices)
    files = {FILE_NAME: _board_bytes(made), PARQUET_NAME: parquet_of(made)}
    manifest = msgspec.structs.replace(
        manifest, files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    )
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    if not (results / CARD_NAME).exists():
        files = {CARD_NAME: CARD.encode(), **files}
    return made, manifest, files


def build_leaderboard(
    results: Path,
    datasets: Sequence[OpenedDataset],
    progress: Callable[[str], None] = lambda _: None,
    standing: Leaderboard | None = None,
    *,
    notices: NoticeReader = read_notices,
) -> tuple[Leaderboard, ResultsManifest]:
    """The leaderboard and the account of every submission; nothing is written.

    ``standing`` is an earlier one, whose word holds for submissions on datasets that are not given; ``notices`` reads
    what counts as said of a submission.
    """
    known = {one.built.cases_hash: one for one in datasets}
    kept, told = _standing(standing, known)
    tables = CaseTables()
    entries: list[Entry] = []
    excluded: list[Excluded] = []
    hashes: dict[str, str] = {}
    for place in places(results):
        progress(place)
        model: str | None = None
        try:
            folder = results / SUBMISSIONS / place
            bundle = decode(folder / BUNDLE, Bundle)
            model = bundle.model.name
            hashes[f"{SUBMISSIONS}/{place}"] = hashlib.sha256((folder / BUNDLE).read_bytes()).hexdigest()
            if bundle.dataset.cases_hash not in known and f"{SUBMISSIONS}/{place}" in told:
                excluded += told[f"{SUBMISSIONS}/{place}"]
                continue
            found = entries_of(results, place, bundle, known, tables, notices)
        except LeftOut as left:
            excluded.append(_excluded(place, model, left.status, str(left)))
        except DataError as error:
            problems = "; ".join(map(str, error.problems[:3]))
            excluded.append(_excluded(place, model, NOT_USABLE, f"{error.summary}: {problems}"))
        else:
            entries += found
    boards, superseded = make_boards(entries)
    boards = in_order([*boards, *kept])
    excluded = sorted([*excluded, *superseded], key=lambda one: (one.bundle, one.judge or "", one.reason))
    made = Leaderboard(
        schema_version=SCHEMA_VERSION,
        package_version=__version__,
        statistics=Statistics(
            level=LEVEL,
            clustered_by="cell (family x authority type)",
            resamples=RESAMPLES,
            seed=SEED,
            min_clusters=MIN_CLUSTERS,
            min_bootstrap_clusters=MIN_BOOTSTRAP_CLUSTERS,
        ),
        metrics=[MetricInfo(id=m.id, title=m.title, definition=m.definition, better=m.better) for m in METRICS],
        headline=list(HEADLINE),
        boards=boards,
        excluded=excluded,
    )
    placements = [
        Placement(bundle=row.bundle, judge=board.judge, outcome="included", board=board.id, reason=row.status)
        for board in boards
        for row in board.rows
    ] + [
        Placement(bundle=one.bundle, judge=one.judge, outcome="excluded", board=None, reason=one.reason)
        for one in excluded
    ]
    manifest = ResultsManifest(
        schema_version=SCHEMA_VERSION,
        package_version=__version__,
        submissions=hashes,
        files={},
        placements=sorted(placements, key=lambda one: (one.bundle, one.judge or "", one.board or "", one.reason)),
    )
    return made, manifest


def _standing(standing: Leaderboard | None, known: Container[str]) -> tuple[list[Board], dict[str, list[Excluded]]]:
    """The boards over datasets that are not known, and what is told of each submission that it speaks of."""
    if standing is None:
        return [], {}
    kept = [board for board in standing.boards if board.cases_hash not in known]
    told: dict[str, list[Excluded]] = {row.bundle: [] for board in kept for row in board.rows}
    for one in standing.excluded:
        told.setdefault(one.bundle, []).append(one)
    return kept, told


def _excluded(place: str, model: str | None, status: str, reason: str) -> Excluded:
    return Excluded(bundle=f"{SUBMISSIONS}/{place}", model=model, status=status, reason=reason[:1000])


def _board_bytes(made: Leaderboard) -> bytes:
    """Indented JSON but for the metrics of a row, which take a line each."""
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"


def outdated(made: Leaderboard) -> list[str]:
    """What the maintainers' offline judge judged in another version than this one, a line for each board."""
    lines = []
    for board in made.boards:
        ours = [row for row in board.rows if row.verdicts.startswith(f"{REVIEWS}/")]
        if ours and board.judge in (EMBEDDED, HELDOUT) and (told := unknown_judge(board.judge, board.rubric)):
            count = f"{counted(len(ours), 'row')} over {counted(board.n_cases, 'case')} of {board.dataset}"
            lines.append(f"{count}: {told}.")
    return lines
