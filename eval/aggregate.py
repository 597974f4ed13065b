"""The leaderboard, rebuilt from what stands in a results folder and from nothing else.

The same submissions, reviews, notices and datasets give the same bytes, however often and in
whatever order. Every submission is accounted for: it has a row, or a reason why it has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from dataset_builder import __version__
from dataset_builder.errors import DataError, InputError
from eval.board_files import parquet_of
from eval.bootstrap import RESAMPLES, SEED
from eval.bundle_schema import BUNDLE, RESPONSES, RUN, VERDICTS, Bundle, BundleAnswer, BundleRun, BundleVerdict
from eval.bundle_tables import read_rows
from eval.case_table import CaseTable
from eval.dataset import OpenedDataset
from eval.intervals import LEVEL, MIN_BOOTSTRAP_CLUSTERS, MIN_CLUSTERS
from eval.leaderboard import HEADLINE, LeaderboardRow, leaderboard
from eval.leaderboard_schema import (
    FILE_NAME,
    HELD,
    PARQUET_NAME,
    SCHEMA_VERSION,
    VERIFIED,
    Board,
    BoardRow,
    Excluded,
    Leaderboard,
    SubmittedScore,
)
from eval.metrics import METRICS
from eval.notices import Notice, read_notices
from eval.protocol import departures_of
from eval.results import MetricInfo, Statistics
from eval.results_folder import REVIEWS, SUBMISSIONS, decode, is_place, places, read_review, write_file
from eval.review_record import Review, ReviewedJudge
from eval.run_settings import ALL_CASES
from eval.scored import ScoredAnswers, VerdictRow
from eval.scores import compute_scores

MANIFEST: Final = "manifest.json"
NOT_USABLE: Final = "not usable"
WITHDRAWN: Final = "withdrawn"
SUPERSEDED: Final = "superseded"


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


@dataclass(frozen=True, slots=True)
class _Entry:
    """One submission under one judge, ready to be ranked."""

    place: str
    bundle: Bundle
    run: BundleRun
    review: Review
    judge: ReviewedJudge
    answers: ScoredAnswers
    dataset: OpenedDataset

    @property
    def board(self) -> tuple[str, str, str, tuple[str, ...]]:
        return self.bundle.dataset.cases_hash, self.judge.judge, self.judge.rubric, self.answers.cases.ids


def aggregate(
    results: Path, datasets: Sequence[OpenedDataset], progress: Callable[[str], None] = lambda _: None
) -> Aggregated:
    """Rebuild ``leaderboard.json``, ``leaderboard.parquet`` and ``manifest.json`` of a results folder.

    ``datasets`` are those whose cases the submissions answered; a submission on another one is left out
    with that reason. Raises InputError where there is no such folder.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; expected one that 'blind-refusal eval submit --results' made.")
    made, manifest, files = aggregated_files(results, datasets, progress)
    # The manifest last: where it names the hashes of the two others, all three are of one making.
    changed = False
    for name, data in files.items():
        path = results / name
        if not path.is_file() or path.read_bytes() != data:
            write_file(path, data)
            changed = True
    return Aggregated(made, manifest, changed)


def aggregated_files(
    results: Path, datasets: Sequence[OpenedDataset], progress: Callable[[str], None] = lambda _: None
) -> tuple[Leaderboard, ResultsManifest, dict[str, bytes]]:
    """The same with the bytes of the three files by name; nothing is written."""
    made, manifest = build_leaderboard(results, datasets, progress)
    files = {FILE_NAME: _board_bytes(made), PARQUET_NAME: parquet_of(made)}
    manifest = msgspec.structs.replace(
        manifest, files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    )
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    return made, manifest, files


def build_leaderboard(
    results: Path, datasets: Sequence[OpenedDataset], progress: Callable[[str], None] = lambda _: None
) -> tuple[Leaderboard, ResultsManifest]:
    """The leaderboard and the account of every submission; nothing is written."""
    known = {one.built.cases_hash: one for one in datasets}
    tables = _Tables()
    entries: list[_Entry] = []
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
            found = _entries(results, place, bundle, known, tables)
        except _Left as left:
            excluded.append(_excluded(place, model, left.status, str(left)))
        except DataError as error:
            told = "; ".join(map(str, error.problems[:3]))
            excluded.append(_excluded(place, model, NOT_USABLE, f"{error.summary}: {told}"))
        else:
            entries += found
    boards, superseded = _boards(entries)
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


class _Left(Exception):  # noqa: N818 - not an error: a submission that is left out, and why
    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Tables:
    """The case tables of datasets and samples, each made once, so that equal ones are the same object."""

    def __init__(self) -> None:
        self._whole: dict[str, CaseTable] = {}
        self._parts: dict[tuple[str, tuple[str, ...]], CaseTable] = {}

    def of(self, dataset: OpenedDataset, case_ids: Iterable[str]) -> CaseTable:
        cases_hash = dataset.built.cases_hash
        if cases_hash not in self._whole:
            self._whole[cases_hash] = CaseTable.from_cases(dataset.built.cases())
        whole = self._whole[cases_hash]
        wanted = tuple(sorted(case_ids))
        if wanted == whole.ids:
            return whole
        if (cases_hash, wanted) not in self._parts:
            index = whole.index
            if strange := [case_id for case_id in wanted if case_id not in index]:
                raise _Left(NOT_USABLE, f"asked {len(strange):,} cases that {dataset.name} does not hold")
            if len(set(wanted)) != len(wanted):
                raise _Left(NOT_USABLE, "run.json lists a case twice")
            self._parts[cases_hash, wanted] = whole.subset(np.array([index[i] for i in wanted], np.int64))
        return self._parts[cases_hash, wanted]


def _entries(
    results: Path, place: str, bundle: Bundle, known: Mapping[str, OpenedDataset], tables: _Tables
) -> list[_Entry]:
    """A submission under each judge that its review lets in; raises _Left where it has no row at all."""
    if not is_place(place) or place != f"{bundle.model.slug}/{bundle.run_id}":
        raise _Left(NOT_USABLE, "its folder is not the one that its bundle.json names")
    notices = read_notices(results, place)
    if gone := [one for one in notices if one.kind == "withdrawal"]:
        raise _Left(WITHDRAWN, f"withdrawn by {gone[-1].by} on {gone[-1].at[:10]}: {gone[-1].reason}")
    bundle = _corrected(bundle, notices)
    dataset = known.get(bundle.dataset.cases_hash)
    if dataset is None:
        raise _Left(
            NOT_USABLE, f"answers the cases {bundle.dataset.cases_hash[:12]} ({bundle.dataset.name}), not given here"
        )
    review = read_review(results, place)
    if review is None:
        raise _Left(HELD, "nobody has reviewed it yet")
    if review.status == HELD:
        raise _Left(HELD, "; ".join(review.reasons) or "held by its review")
    folder = results / SUBMISSIONS / place
    for name in (RUN, RESPONSES, VERDICTS):
        entry = bundle.files.get(name)
        if entry and (
            not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != entry.sha256
        ):
            raise _Left(NOT_USABLE, f"{name} is not the file that its bundle.json names")
    run = decode(folder / RUN, BundleRun)
    table = tables.of(dataset, run.case_ids)
    answers = read_rows(folder / RESPONSES, BundleAnswer, RESPONSES, ["case_id", "status", "response_hash"])
    return [
        _Entry(place, bundle, run, review, judge, _scored(results, place, bundle, judge, table, answers), dataset)
        for judge in review.judges
        if judge.status != HELD
    ]


def _corrected(bundle: Bundle, notices: Sequence[Notice]) -> Bundle:
    for one in notices:
        told = {name: getattr(one, name) for name in ("name", "family", "weights", "repo")}
        told = {name: value for name, value in told.items() if value is not None}
        bundle = msgspec.structs.replace(bundle, model=msgspec.structs.replace(bundle.model, **told))
    return bundle


def _verdicts_path(judge: ReviewedJudge, place: str) -> str:
    return f"{SUBMISSIONS if judge.adopted else REVIEWS}/{place}/{VERDICTS}"


def _scored(
    results: Path, place: str, bundle: Bundle, judge: ReviewedJudge, table: CaseTable, answers: Mapping[str, list[Any]]
) -> ScoredAnswers:
    path = results / _verdicts_path(judge, place)
    columns = [*VerdictRow._fields, "response_hash", "judge", "rubric"]
    found = read_rows(path, BundleVerdict, VERDICTS, columns)
    hashes = dict(zip(answers["case_id"], answers["response_hash"], strict=True))
    rows, judged, stale = [], set(), 0
    labels = zip(*(found[name] for name in VerdictRow._fields), strict=True)
    for label, answer, who, rubric in zip(labels, found["response_hash"], found["judge"], found["rubric"], strict=True):
        if (who, rubric) != (judge.judge, judge.rubric):
            continue
        row = VerdictRow(*label)
        stale += hashes.get(row.case_id) != answer
        judged.add(row.case_id)
        rows.append(row)
    if stale:
        raise _Left(NOT_USABLE, f"{stale:,} verdicts of {judge.judge} are on other answers than those submitted")
    rows += [
        VerdictRow(case_id, None, None, None, status)
        for case_id, status in zip(answers["case_id"], answers["status"], strict=True)
        if status != "ok" and case_id not in judged
    ]
    return ScoredAnswers.from_rows(table, rows, model=bundle.model.slug, judge=judge.judge, rubric=judge.rubric)


def _boards(entries: Sequence[_Entry]) -> tuple[list[Board], list[Excluded]]:
    groups: dict[tuple[str, str, str, tuple[str, ...]], dict[str, list[_Entry]]] = {}
    for entry in entries:
        groups.setdefault(entry.board, {}).setdefault(entry.bundle.model.slug, []).append(entry)
    boards, superseded = [], []
    for models in groups.values():
        standing = []
        for runs in models.values():
            *earlier, newest = sorted(runs, key=_standing)
            standing.append(newest)
            superseded += [
                Excluded(
                    bundle=f"{SUBMISSIONS}/{one.place}",
                    model=one.bundle.model.name,
                    status=SUPERSEDED,
                    judge=one.judge.judge,
                    reason=f"a newer or better checked run of the model stands: {newest.place}",
                )
                for one in earlier
            ]
        boards.append(_board(standing))
    return _with_ids(
        sorted(boards, key=lambda b: (-b.n_cases, -len(b.rows), b.judge, b.rubric, b.cases_hash))
    ), superseded


def _standing(one: _Entry) -> tuple[bool, bool, str, str]:
    """Which run of a model stands: a verified one before others, then the newest, then by its id."""
    try:
        time = datetime.fromisoformat(one.bundle.collected_at or "")
    except ValueError:
        return one.judge.status == VERIFIED, False, "", one.bundle.run_id
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return one.judge.status == VERIFIED, True, time.astimezone(UTC).isoformat(), one.bundle.run_id


def _board(entries: Sequence[_Entry]) -> Board:
    scores = compute_scores([entry.answers for entry in entries], by=())
    by_slug = {entry.bundle.model.slug: entry for entry in entries}
    rows = leaderboard(scores)
    first = min(entries, key=lambda one: one.place)
    cases = first.answers.cases
    run = first.run
    whole = len(cases) == len(first.dataset.built.cases())
    agreement = next((one.judge.judge_agreement for one in entries if one.judge.judge_agreement), [])
    return Board(
        id="",
        judge=first.judge.judge,
        rubric=first.judge.rubric,
        dataset=first.dataset.hub_id or first.bundle.dataset.name,
        hub_id=first.dataset.hub_id or first.bundle.dataset.hub_id,
        origin=" and ".join(sorted({case.origin for case in first.dataset.built.cases()})),
        cases_hash=first.bundle.dataset.cases_hash,
        sample=ALL_CASES if whole else f"{run.sample}, seed {run.sample_seed}",
        n_cases=len(cases),
        ranked_by=rows[0].ranked_by,
        judge_agreement=agreement,
        rows=[_row(by_slug[row.model], row) for row in rows],
    )


def _with_ids(boards: Sequence[Board]) -> list[Board]:
    """Ids from judge, dataset and what tells boards of the same two apart."""
    named = []
    for board in boards:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in board.judge.lower()).strip("-.")
        parts = f"{board.judge} {board.rubric} {board.cases_hash} {board.sample} {board.n_cases}"
        mark = hashlib.sha256(parts.encode()).hexdigest()[:8]
        named.append(msgspec.structs.replace(board, id=f"{plain[:60]}-{board.n_cases}-{mark}"))
    return named


def _row(entry: _Entry, row: LeaderboardRow) -> BoardRow:
    bundle, model = entry.bundle, entry.bundle.model
    return BoardRow(
        model=model.name,
        model_id=model.id,
        organization=model.slug.partition("__")[0],
        repo=model.repo,
        family=model.family,
        weights=model.weights,
        kind=bundle.kind,
        run_id=bundle.run_id,
        collected_at=bundle.collected_at,
        status=entry.judge.status,
        status_reasons=list(dict.fromkeys([*entry.review.reasons, *entry.judge.reasons])),
        departures=departures_of(entry.run),
        rank=row.rank,
        rank_low=row.rank_low,
        rank_high=row.rank_high,
        defeated=row.defeated,
        control=row.control,
        metrics=row.metrics,
        corrected=entry.judge.corrected,
        submitted=[
            SubmittedScore(judge=one.judge, rubric=one.rubric, n=one.n, agreement=one.response_type)
            for one in entry.review.audits
            if (one.against, one.against_rubric) == (entry.judge.judge, entry.judge.rubric)
        ],
        bundle=f"{SUBMISSIONS}/{entry.place}",
        results=entry.judge.results,
        transcripts=f"{SUBMISSIONS}/{entry.place}/{RESPONSES}",
        verdicts=_verdicts_path(entry.judge, entry.place),
    )


def _excluded(place: str, model: str | None, status: str, reason: str) -> Excluded:
    return Excluded(bundle=f"{SUBMISSIONS}/{place}", model=model, status=status, reason=reason[:1000])


def _board_bytes(made: Leaderboard) -> bytes:
    """Indented JSON but for the metrics of a row, which take a line each."""
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"
