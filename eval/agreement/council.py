"""A council looked at: how its members agree, each one's rates, and what the council would say without each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from dataset_builder.dataset.opened import OpenedDataset
from eval.judging.council import CouncilJudge
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict
from eval.scores.labels import FIELDS, AnswerKey, Labels, LabelSource, alpha_of
from eval.scores.read import lay_over_run
from eval.scores.results import number
from eval.scores.scores import compute_scores
from eval.scores.terminal import Column, FittedTable, Value, bounds, percent
from eval.stats.metrics import METRICS

SHOWN: Final = ("discrimination", "help_rate", "control_help_rate", "engagement_rate")
_RESAMPLES: Final = 2_000


class Rates(NamedTuple):
    """What a judge, or a council, says of a run: answers with labels, and (estimate, low, high) of each of SHOWN."""

    who: str
    labelled: int
    metrics: tuple[tuple[float, float, float], ...]


class CouncilReport(NamedTuple):
    """Alpha by label with a reason where it is NaN and the answers it rests on; shares of 1; rates.

    ``unanimous`` is the share of answers on which all members gave the same response type, ``parted`` the share that
    the council leaves unscored. ``rates`` are the council's, then each member's, then the council's without each.
    """

    alpha: dict[str, tuple[float, str | None, int]]
    unanimous: float
    parted: float
    rates: tuple[Rates, ...]


def council_report(run: RunFolder, dataset: OpenedDataset, council: CouncilJudge) -> CouncilReport:
    """How a council judges a run that all its members have judged."""
    answers = {case_id: answer for case_id, answer in run.answers.items() if answer.ok}

    def decided(without: str | None = None) -> list[Verdict]:
        return [council.decide(case_id, one.response_hash, without) for case_id, one in answers.items()]

    whole = decided()
    same = sum(
        len({member.verdicts[case_id].response_type for member in council.members}) == 1
        and council.members[0].verdicts[case_id].scored
        for case_id in answers
    )
    of_members = [
        _rates(member.name, run, dataset, [member.verdicts[case_id] for case_id in answers])
        for member in council.members
    ]
    # Of two members, one alone is left, whose rates stand there already.
    without = (
        [_rates(f"without {one.name}", run, dataset, decided(one.name)) for one in council.members]
        if len(council.members) > 2
        else []
    )
    total = max(1, len(answers))
    return CouncilReport(
        alpha_of([_source(run, member.name, member.verdicts.values()) for member in council.members]),
        same / total,
        sum(not verdict.scored for verdict in whole) / total,
        (_rates("the council", run, dataset, whole), *of_members, *without),
    )


def council_tables(report: CouncilReport) -> list[FittedTable]:
    """The report for the terminal."""
    titles = {metric.id: metric.title for metric in METRICS}
    rates = FittedTable(
        "What the council says, its members, and the council without each",
        [Column("Judge", words=True), Column("Labelled", rank=2), *(Column(titles[name]) for name in SHOWN)],
    )
    for row in report.rates:
        cells = [Value(percent(estimate), bounds(low, high)) for estimate, low, high in row.metrics]
        rates.add_row(row.who, f"{row.labelled:,}", *cells)
    alpha = FittedTable(
        "Krippendorff's alpha of the members", [Column("Label", words=True), Column("Alpha"), Column("Answers")]
    )
    for field, (value, reason, n) in report.alpha.items():
        alpha.add_row(field, "–" if reason else f"{value:.3f}", f"{n:,}")
    alpha.notes.append(
        f"All members gave the same response type to {percent(report.unanimous)} % of the answers; the council leaves "
        f"{percent(report.parted)} % unscored, as its members part."
    )
    return [rates, alpha]


def council_plain(report: CouncilReport) -> dict[str, Any]:
    """The report as plain values, NaN as None."""
    return {
        "krippendorff_alpha": {
            field: {"alpha": number(value), "reason": reason, "n": n}
            for field, (value, reason, n) in report.alpha.items()
        },
        "unanimous": report.unanimous,
        "parted": report.parted,
        "rates": [
            {
                "who": row.who,
                "labelled": row.labelled,
                **{
                    name: {"estimate": number(estimate), "low": number(low), "high": number(high)}
                    for name, (estimate, low, high) in zip(SHOWN, row.metrics, strict=True)
                },
            }
            for row in report.rates
        ],
    }


def _rates(who: str, run: RunFolder, dataset: OpenedDataset, verdicts: Sequence[Verdict]) -> Rates:
    found = compute_scores([lay_over_run(run, dataset, verdicts)], by=(), resamples=_RESAMPLES).overall
    places = [[metric.id for metric in METRICS].index(name) for name in SHOWN]
    metrics = tuple((found.estimate[at, 0], found.low[at, 0], found.high[at, 0]) for at in places)
    return Rates(who, sum(verdict.scored for verdict in verdicts), metrics)


def _source(run: RunFolder, name: str, verdicts: Iterable[Verdict]) -> LabelSource:
    labels = {
        AnswerKey(run.settings.model, verdict.case_id): Labels(*(getattr(verdict, field) for field in FIELDS))
        for verdict in verdicts
        if verdict.scored
    }
    return LabelSource(name, labels, name)
