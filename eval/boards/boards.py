"""Boards: submissions under each judge that their reviews let in, by judge and cases, one run a model, ranked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.wording import counted
from eval.agreement.known import board_of, known_help_error
from eval.boards.rows import Ranked, board_row, in_order, verdicts_path
from eval.repository.bundle import RESPONSES, RUN, VERDICTS, Bundle
from eval.repository.folder import SUBMISSIONS, decode, is_place, read_review
from eval.repository.leaderboard import HELD, STRENGTH, Board, BoardRow, Excluded, SubmittedScore
from eval.repository.notices import Notice, NoticeReader
from eval.repository.review import Review, ReviewedJudge
from eval.repository.tables import read_rows, read_verdicts
from eval.results.routes import COLUMNS as ROUTE_COLUMNS
from eval.results.routes import routes_of_columns, row_routes
from eval.results.row import LeaderboardRow, leaderboard
from eval.runs.answer import Answer
from eval.runs.run import Run
from eval.runs.verdict import PUBLISHED
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.scores import compute_scores

NOT_USABLE: Final = "not usable"
WITHDRAWN: Final = "withdrawn"
SUPERSEDED: Final = "superseded"
# Many models at once need memory rather than threads.
_MANY: Final = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission under one judge, ready to be ranked."""

    place: str
    bundle: Bundle
    sample: str
    departures: list[str]
    review: Review
    judge: ReviewedJudge
    answers: ScoredAnswers
    dataset: OpenedDataset
    # By which route each answer came, by case.
    routes: Mapping[str, str]

    @property
    def who(self) -> tuple[str, str]:
        """The judge and rubric on whose board it stands."""
        return board_of(self.judge.judge, self.judge.rubric)

    @property
    def board(self) -> tuple[str, str, str, tuple[str, ...]]:
        """What two entries share that stand on one board: the cases asked, and the judge."""
        return self.bundle.dataset.cases_hash, *self.who, self.answers.cases.ids


class LeftOut(Exception):  # noqa: N818 - not an error
    """A submission that is left out: with which status, and why."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class CaseTables:
    """The case tables of datasets and samples, each made once, so that equal ones are the same object."""

    def __init__(self) -> None:
        self._whole: dict[str, CaseTable] = {}
        self._parts: dict[tuple[str, tuple[str, ...]], CaseTable] = {}

    def of(self, dataset: OpenedDataset, case_ids: Iterable[str]) -> CaseTable:
        """The table of some cases of a dataset; raises LeftOut for cases that it does not hold."""
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
                raise LeftOut(NOT_USABLE, f"asked {counted(len(strange), 'case')} that {dataset.name} does not hold")
            if len(set(wanted)) != len(wanted):
                raise LeftOut(NOT_USABLE, "run.json lists a case twice")
            self._parts[cases_hash, wanted] = whole.subset(np.array([index[i] for i in wanted], np.int64))
        return self._parts[cases_hash, wanted]


def entries_of(
    results: Path,
    place: str,
    bundle: Bundle,
    known: Mapping[str, OpenedDataset],
    tables: CaseTables,
    notices_on: NoticeReader,
) -> list[Entry]:
    """A submission under each judge that its review lets in; raises LeftOut where it has no row at all."""
    if not is_place(place) or place != f"{bundle.model.slug}/{bundle.run_id}":
        raise LeftOut(NOT_USABLE, "its folder is not the one that its bundle.json names")
    notices = notices_on(results, place)
    if gone := [one for one in notices if one.kind == "withdrawal"]:
        raise LeftOut(WITHDRAWN, f"withdrawn by {gone[-1].by} on {gone[-1].at[:10]}: {gone[-1].reason}")
    bundle = _corrected(bundle, notices)
    dataset = known.get(bundle.dataset.cases_hash)
    if dataset is None:
        raise LeftOut(
            NOT_USABLE, f"answers the cases {bundle.dataset.cases_hash[:12]} ({bundle.dataset.name}), not given here"
        )
    review = read_review(results, place)
    if review is None:
        raise LeftOut(HELD, "nobody has reviewed it yet")
    if review.status == HELD:
        raise LeftOut(HELD, "; ".join(review.reasons) or "held by its review")
    folder = results / SUBMISSIONS / place
    for name in (RUN, RESPONSES, VERDICTS):
        entry = bundle.files.get(name)
        if entry and (
            not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != entry.sha256
        ):
            raise LeftOut(NOT_USABLE, f"{name} is not the file that its bundle.json names")
    run = decode(folder / RUN, Run)
    table = tables.of(dataset, run.case_ids)
    sample = ALL_CASES if len(table) == len(dataset.built.cases()) else f"{run.sample}, seed {run.sample_seed}"
    departures = run.departures()
    answers = read_rows(folder / RESPONSES, Answer, RESPONSES, ["case_id", "status", "response_hash", *ROUTE_COLUMNS])
    routes = routes_of_columns(answers)
    return [
        Entry(
            place,
            bundle,
            sample,
            departures,
            review,
            judge,
            _scored(results, place, bundle, judge, table, answers),
            dataset,
            routes,
        )
        for judge in review.judges
        if judge.status != HELD
    ]


def _corrected(bundle: Bundle, notices: Sequence[Notice]) -> Bundle:
    for one in notices:
        told = {name: getattr(one, name) for name in ("name", "family", "weights", "repo")}
        told = {name: value for name, value in told.items() if value is not None}
        bundle = msgspec.structs.replace(bundle, model=msgspec.structs.replace(bundle.model, **told))
    return bundle


def _scored(
    results: Path, place: str, bundle: Bundle, judge: ReviewedJudge, table: CaseTable, answers: Mapping[str, list[Any]]
) -> ScoredAnswers:
    path, who = results / verdicts_path(judge, place), (judge.judge, judge.rubric)
    verdicts = [one for one in read_verdicts(path, VERDICTS) if (one.judge, one.rubric) == who]
    hashes = dict(zip(answers["case_id"], answers["response_hash"], strict=True))
    if stale := sum(hashes.get(one.case_id) != one.response_hash for one in verdicts):
        raise LeftOut(NOT_USABLE, f"on other answers than submitted: {counted(stale, 'verdict')} of {judge.judge}")
    statuses = zip(answers["case_id"], answers["status"], strict=True)
    failed = {case_id: status for case_id, status in statuses if status != OK}
    found = ScoredAnswers.from_verdicts(
        table, verdicts, model=bundle.model.slug, judge=who[0], rubric=who[1], hashes=hashes, failed=failed
    )
    # Under the name of the judge on whose board they stand, as scores of two judges are never compared.
    judge_name, rubric = board_of(*who)
    return replace(found, judge=judge_name, rubric=rubric)


# Entries as ranked boards.


def make_boards(entries: Sequence[Entry]) -> tuple[list[Board], list[Excluded]]:
    """The boards, that with the most cases and models first, and the runs that a better one of the model stands for."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], dict[str, list[Entry]]] = {}
    for entry in entries:
        # Case makes no other model.
        groups.setdefault(entry.board, {}).setdefault(entry.bundle.model.slug.lower(), []).append(entry)
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
    return in_order(boards), superseded


def _standing(one: Entry) -> tuple[int, bool, str, str]:
    """Which run of a model stands: the better borne out one, then the newest, then by its id."""
    try:
        time = datetime.fromisoformat(one.bundle.collected_at or "")
    except ValueError:
        return STRENGTH[one.judge.status], False, "", one.bundle.run_id
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return STRENGTH[one.judge.status], True, time.astimezone(UTC).isoformat(), one.bundle.run_id


def _board(entries: Sequence[Entry]) -> Board:
    threads = 1 if len(entries) > _MANY else None
    scores = compute_scores([entry.answers for entry in entries], by=(), threads=threads)
    by_slug = {entry.bundle.model.slug: entry for entry in entries}
    ranked = [one.answers.against_the_model() if one.bundle.kind != PUBLISHED else one.answers for one in entries]
    changed = any(a is not b.answers for a, b in zip(ranked, entries, strict=True))
    # Whoever submits answers may choose which are missing, so what is missing counts against a submission.
    pessimistic = compute_scores(ranked, by=(), threads=threads).overall if changed else None
    rows = leaderboard(scores, ranked=pessimistic)
    first = min(entries, key=lambda one: one.place)
    cases = first.answers.cases
    agreement = next((one.judge.judge_agreement for one in entries if one.judge.judge_agreement), [])
    return Board(
        id=_board_id(first),
        judge=first.who[0],
        rubric=first.who[1],
        # By the dataset that the maintainers opened: what a submission calls its dataset names nothing.
        dataset=first.dataset.hub_id or first.dataset.built.path.resolve().name,
        hub_id=first.dataset.hub_id,
        origin=" and ".join(sorted({case.origin for case in first.dataset.built.cases()})),
        cases_hash=first.bundle.dataset.cases_hash,
        sample=first.sample,
        n_cases=len(cases),
        ranked_by=rows[0].ranked_by,
        judge_agreement=agreement,
        help_error=known_help_error(*first.who),
        rows=[_row(by_slug[row.model], row) for row in rows],
    )


def _board_id(first: Entry) -> str:
    """An id of the judge, the number of cases and what tells boards of the same two apart."""
    (judge, rubric), n = first.who, len(first.answers.cases)
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in judge.lower()).strip("-.")
    parts = f"{judge} {rubric} {first.bundle.dataset.cases_hash} {first.sample} {n}"
    return f"{plain[:60]}-{n}-{hashlib.sha256(parts.encode()).hexdigest()[:8]}"


def _row(entry: Entry, row: LeaderboardRow) -> BoardRow:
    bundle, judge = entry.bundle, entry.judge
    return board_row(
        bundle.model,
        row,
        kind=bundle.kind,
        run_id=bundle.run_id,
        collected_at=bundle.collected_at,
        judge=(judge.judge, judge.rubric),
        status=judge.status,
        evidence=[one.in_words() for one in judge.evidence],
        reasons=[*entry.review.reasons, *judge.reasons],
        departures=entry.departures,
        ranked=Ranked(row.rank, row.rank_low, row.rank_high, row.ranked_as, row.rank_best, row.rank_worst),
        corrected=judge.corrected,
        submitted=[
            SubmittedScore(judge=one.judge, rubric=one.rubric, n=one.n, agreement=one.response_type)
            for one in entry.review.audits
            if (one.against, one.against_rubric) == (judge.judge, judge.rubric)
        ],
        place=entry.place,
        results=judge.results,
        verdicts=verdicts_path(judge, entry.place),
        submitter=entry.review.submitter,
        routes=row_routes(entry.answers, entry.routes),
    )
