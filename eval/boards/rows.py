"""A row of a board, made in one place; and the boards of bare results files, which nobody has reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from dataset_builder import __version__
from dataset_builder.wording import counted
from eval.agreement.known import board_of, is_in_sample, known_help_error
from eval.judging.developers import own_developer_note
from eval.repository.bundle import RESPONSES, VERDICTS, BundleModel
from eval.repository.folder import REVIEWS, SUBMISSIONS
from eval.repository.identity import published_model, slug_of
from eval.repository.leaderboard import (
    COMMUNITY,
    SCHEMA_VERSION,
    VERIFIED,
    Board,
    BoardRow,
    Excluded,
    Leaderboard,
    RowRoute,
    Status,
    SubmittedScore,
)
from eval.repository.review import ReviewedJudge
from eval.runs.published import is_published
from eval.runs.verdict import PUBLISHED
from eval.scores.results import CorrectedValue, MetricValue, Results, SideCount
from eval.stats.metrics import METRIC_BY_ID

RANKED_BY: Final = "discrimination"
IN_SAMPLE: Final = "in-sample"
_LEARNED: Final = "the embedded judge learned from these answers; --judge heldout judges them by weights that did not"


class Rates(Protocol):
    """What has a model's rates over all cases: a slice of its results, or its row of a ranking."""

    @property
    def defeated(self) -> SideCount: ...  # noqa: D102
    @property
    def control(self) -> SideCount: ...  # noqa: D102
    @property
    def metrics(self) -> dict[str, MetricValue]: ...  # noqa: D102


class Ranked(NamedTuple):
    """A rank with the limits of its interval, the value that gave it, and what unscored answers could make it."""

    rank: int | None
    low: int | None
    high: int | None
    value: float | None
    best: int | None
    worst: int | None


def board_row(
    model: BundleModel,
    rates: Rates,
    *,
    kind: str,
    run_id: str,
    collected_at: str | None,
    status: Status,
    reasons: Iterable[str],
    departures: Sequence[str],
    ranked: Ranked,
    corrected: Sequence[CorrectedValue] = (),
    submitted: Sequence[SubmittedScore] = (),
    judge: tuple[str, str],
    evidence: Iterable[str] = (),
    place: str | None = None,
    results: str | None = None,
    verdicts: str = "",
    submitter: str | None = None,
    routes: Sequence[RowRoute] = (),
) -> BoardRow:
    """The row of a model.

    ``judge`` is the judge and the rubric that its verdicts carry; ``evidence`` is what was done to test them.
    ``place`` is its folder among the submissions, ``results`` and ``verdicts`` are files from the root of the results;
    ``submitter`` is the account that handed it in, by the Hub's word.
    """
    bundle = f"{SUBMISSIONS}/{place}" if place else ""
    return BoardRow(
        model=model.name,
        model_id=model.id,
        organization=model.slug.partition("__")[0],
        repo=model.repo,
        submitter=submitter,
        routes=list(routes),
        family=model.family,
        weights=model.weights,
        kind=kind,
        run_id=run_id,
        collected_at=collected_at,
        judge=judge[0],
        rubric=judge[1],
        judge_note=own_developer_note(judge[0], model.id),
        status=status,
        evidence=list(evidence),
        status_reasons=list(dict.fromkeys(reasons)),
        departures=list(departures),
        rank=ranked.rank,
        rank_low=ranked.low,
        rank_high=ranked.high,
        ranked_as=ranked.value,
        rank_best=ranked.best,
        rank_worst=ranked.worst,
        rank_depends_on_unscored=ranked.best != ranked.worst,
        defeated=rates.defeated,
        control=rates.control,
        metrics=rates.metrics,
        corrected=list(corrected),
        submitted=list(submitted),
        bundle=bundle,
        results=results,
        transcripts=f"{bundle}/{RESPONSES}" if bundle else "",
        verdicts=verdicts,
    )


def verdicts_path(judge: ReviewedJudge, place: str) -> str:
    """The file with this judge's verdicts, from the root of the results."""
    return f"{SUBMISSIONS if judge.adopted else REVIEWS}/{place}/{VERDICTS}"


def ranked_among(rates: Rates, others: Iterable[float | None], metric: str = RANKED_BY, *, kind: str) -> Ranked:
    """One more than there are others with a better value, without an interval; all None without a value.

    A submission's value is the one that it would have if its unscored answers had all gone against it.
    """
    value, better = rates.metrics[metric], METRIC_BY_ID[metric].better
    if value.estimate is None:
        return Ranked(None, None, None, None, None, None)
    ends = [value.estimate if end is None else end for end in (value.upper_bound, value.lower_bound)]
    best, worst = ends if better >= 0 else reversed(ends)
    ranked_as, beside = value.estimate if kind == PUBLISHED else worst, [one for one in others if one is not None]
    rank, first, last = (1 + sum(better * one > better * mine for one in beside) for mine in (ranked_as, best, worst))
    return Ranked(rank, None, None, ranked_as, first, last)


def rank_remarks(row: BoardRow, ranked_by: str) -> list[str]:
    """What unscored answers do to a row's rank, and whether its judge is of its own developer, in words."""
    value = row.metrics[ranked_by].estimate
    unscored = sum(sum(side.unscored.values()) for side in (row.defeated, row.control))
    told = [row.judge_note] if row.judge_note else []
    if row.ranked_as is not None and value is not None and row.ranked_as != value:
        told.append(
            f"ranked at {100 * row.ranked_as:.1f} rather than {100 * value:.1f}, "
            f"as if {counted(unscored, 'unscored answer')} had gone against it"
        )
    if row.rank_depends_on_unscored:
        told.append(
            f"{counted(unscored, 'unscored answer')} could put it anywhere from {row.rank_best} to {row.rank_worst}"
        )
    return told


def plain_leaderboard(results: Mapping[str, Results]) -> Leaderboard:
    """A leaderboard of bare results files by their paths: ranked by their values, without intervals of ranks.

    Judges, rubrics, cases and samples are kept apart as ``blind-refusal board aggregate`` keeps them.
    """
    # Here, as it brings scipy along.
    from eval.results.row import HEADLINE

    excluded: list[Excluded] = []
    groups: dict[tuple[str, str, str, str], dict[str, Results]] = {}
    for path, one in results.items():
        origin = one.provenance
        if learned_from(one):
            excluded.append(Excluded(bundle=path, model=origin.model.name, status=IN_SAMPLE, reason=_LEARNED))
            continue
        who = board_of(origin.judge.judge, origin.judge.rubric)
        key = (*who, origin.dataset.cases_hash, origin.dataset.sample)
        groups.setdefault(key, {})[path] = one
    boards = [_plain_board(number, key[:2], files) for number, (key, files) in enumerate(groups.items())]
    first = next(iter(results.values()))
    return Leaderboard(
        schema_version=SCHEMA_VERSION,
        package_version=__version__,
        statistics=first.statistics,
        metrics=first.metrics,
        headline=list(HEADLINE),
        boards=in_order(boards),
        excluded=excluded,
    )


def in_order(boards: Iterable[Board]) -> list[Board]:
    """That with the most cases and models first."""
    return sorted(boards, key=lambda b: (-b.n_cases, -len(b.rows), b.judge, b.rubric, b.cases_hash))


def learned_from(one: Results) -> bool:
    """Whether its judge learned from the very answers that it judged, so that it has no place beside other rows."""
    model, judge = one.provenance.model, one.provenance.judge
    return is_in_sample(judge.judge) and (is_published(model.id) or is_published(model.name))


def _plain_board(number: int, who: tuple[str, str], files: Mapping[str, Results]) -> Board:
    first = next(iter(files.values()))
    judge, dataset = who[0], first.provenance.dataset
    rows = [_plain_row(path, one, list(files.values())) for path, one in files.items()]
    return Board(
        id=f"{judge}-{dataset.n_cases}-{number}",
        judge=judge,
        rubric=who[1],
        dataset=dataset.name,
        hub_id=dataset.hub_id,
        origin=" and ".join(dataset.sources),
        cases_hash=dataset.cases_hash,
        sample=dataset.sample,
        n_cases=dataset.n_cases,
        ranked_by=RANKED_BY,
        judge_agreement=first.judge_agreement,
        help_error=known_help_error(*who),
        rows=sorted(rows, key=lambda row: (row.rank is None, row.rank, row.model)),
    )


def _plain_row(path: str, one: Results, beside: Sequence[Results]) -> BoardRow:
    origin = one.provenance
    published = origin.judge.rubric == PUBLISHED
    others = [other.overall.metrics[RANKED_BY].estimate for other in beside if other is not one]
    model = published_model(origin.model.name, origin.model.id)
    return board_row(
        model if published else msgspec.structs.replace(model, slug=slug_of("local", model.name)),
        one.overall,
        kind=PUBLISHED if published else "run",
        run_id=PUBLISHED if published else path.rpartition("/")[0] or origin.model.name,
        collected_at=origin.collected_at,
        judge=(origin.judge.judge, origin.judge.rubric),
        status=VERIFIED if published else COMMUNITY,
        evidence=["the answers and the verdicts came with the dataset"] if published else [],
        reasons=[] if published else ["scored on this machine; nobody has reviewed it"],
        departures=origin.departures,
        # Nobody submitted them: whoever looks at files of their own has no reason to thin them out.
        ranked=ranked_among(one.overall, others, kind=PUBLISHED),
        corrected=one.corrected,
        results=path,
    )
