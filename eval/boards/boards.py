"""Boards: entries grouped by judge and cases, one run a model, ranked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from eval.boards.entries import SUPERSEDED, Entry, verdicts_path
from eval.repository.bundle import RESPONSES
from eval.repository.folder import SUBMISSIONS
from eval.repository.leaderboard import VERIFIED, Board, BoardRow, Excluded, SubmittedScore
from eval.results.row import LeaderboardRow, leaderboard
from eval.scores.scores import compute_scores

_MANY: Final = 50


def make_boards(entries: Sequence[Entry]) -> tuple[list[Board], list[Excluded]]:
    """The boards, that with the most cases and models first, and the runs that a better one of the model stands for."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], dict[str, list[Entry]]] = {}
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
    return _with_ids(in_order(boards)), superseded


def in_order(boards: Iterable[Board]) -> list[Board]:
    """That with the most cases and models first."""
    return sorted(boards, key=lambda b: (-b.n_cases, -len(b.rows), b.judge, b.rubric, b.cases_hash))


def _standing(one: Entry) -> tuple[bool, bool, str, str]:
    """Which run of a model stands: a verified one before others, then the newest, then by its id."""
    try:
        time = datetime.fromisoformat(one.bundle.collected_at or "")
    except ValueError:
        return one.judge.status == VERIFIED, False, "", one.bundle.run_id
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return one.judge.status == VERIFIED, True, time.astimezone(UTC).isoformat(), one.bundle.run_id


def _board(entries: Sequence[Entry]) -> Board:
    # Many models at once need memory rather than threads.
    threads = 1 if len(entries) > _MANY else None
    scores = compute_scores([entry.answers for entry in entries], by=(), threads=threads)
    by_slug = {entry.bundle.model.slug: entry for entry in entries}
    rows = leaderboard(scores)
    first = min(entries, key=lambda one: one.place)
    cases = first.answers.cases
    agreement = next((one.judge.judge_agreement for one in entries if one.judge.judge_agreement), [])
    return Board(
        id="",
        judge=first.judge.judge,
        rubric=first.judge.rubric,
        dataset=first.dataset.hub_id or first.bundle.dataset.name,
        hub_id=first.dataset.hub_id or first.bundle.dataset.hub_id,
        origin=" and ".join(sorted({case.origin for case in first.dataset.built.cases()})),
        cases_hash=first.bundle.dataset.cases_hash,
        sample=first.sample,
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


def _row(entry: Entry, row: LeaderboardRow) -> BoardRow:
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
        departures=entry.departures,
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
        verdicts=verdicts_path(entry.judge, entry.place),
    )
