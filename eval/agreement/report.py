"""Who agrees with whom, gathered for one judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.text import Text

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import refuse_pointer
from dataset_builder.wording import counted
from eval.agreement.corrected import METHOD_TITLES, CorrectedRate, corrected_rates
from eval.agreement.help_error import GOAL, errors_on_help, short_of_goal
from eval.agreement.ranking import RankingAgreement, ranking_agreement, ranking_tables
from eval.judges.human.readers import LABELS, labels_in
from eval.runs.folder import RunFolder, holds_run
from eval.runs.verdict import Verdict, VerdictKey
from eval.scores.labels import (
    STUDY,
    LabelSource,
    SourceAgreement,
    alpha_of,
    compare_sources,
    reviewer_labels,
    study_labels,
    verdict_labels,
)
from eval.scores.read import published_answers
from eval.scores.results import HelpError, number
from eval.scores.terminal import Column, FittedTable, Value, bounds, percent


def corrected_table(rows: Sequence[CorrectedRate], title: str) -> FittedTable:
    """Raw and corrected rates side by side."""
    columns = [
        Column("Rate", words=True),
        Column("Method", words=True),
        Column("Against", rank=1, words=True),
        Column("Labelled", rank=3),
        Column("Raw", rank=2),
        Column("Corrected [95%]"),
    ]
    table = FittedTable(title, columns)
    for row in rows:
        value = Value(percent(row.estimate), bounds(row.low, row.high)) if row.reason is None else "–"
        table.add_row(
            row.metric.title, METHOD_TITLES[row.method], row.against, str(row.n_labelled), percent(row.raw), value
        )
        if row.reason is not None:
            table.notes.append(f"{row.metric.title}, {METHOD_TITLES[row.method]} against {row.against}: {row.reason}.")
    return table


class HelpAgainst(NamedTuple):
    """How often the judge errs on help by somebody's labels, by the family of models that answered."""

    first: str
    errors: list[HelpError]


@dataclass(frozen=True, eq=False)
class AgreementReport:
    """All pairs, alpha of all sources by field (with reason and answers), pooled corrected rates, and rankings.

    ``study`` is whose verdicts came with the dataset, ``help`` the judge's errors on help by each of the others.
    ``rankings`` set the models' rates by the judge beside those by the study's verdicts, for another judge than
    the study's that judged answers of three models or more.
    """

    judge: str
    rubric: str
    study: str
    pairs: list[SourceAgreement]
    help: list[HelpAgainst]
    alpha: dict[str, tuple[float, str | None, int]]
    corrected: list[CorrectedRate]
    rankings: list[RankingAgreement]


def agreement_report(
    built: BuiltDataset, *, verdicts: Sequence[Path] = (), judge: str | None = None, against: str | None = None
) -> AgreementReport:
    """Compare a judge with the study's judge and the reviewers (or with one of them: ``against``).

    The judge is the study's unless ``verdicts`` (runs or files) hold another's. Raises
    InputError where there is nothing to compare with, DataError for what cannot be read.
    """
    study, humans = study_labels(built), reviewer_labels(built)
    ours = verdict_labels(built, _verdicts(verdicts), judge) if verdicts else study
    if not verdicts and judge not in (None, study.name):
        raise InputError(
            f"{built.path}: the published verdicts are by {study.name}; give {judge}'s with --verdicts FILE."
        )
    others: dict[str, LabelSource] = dict(humans)
    if ours is not study:
        others = {STUDY: study, **humans}
    if against is not None and against not in others:
        raise InputError(
            f"{ours.name} cannot be compared with {against}: "
            + ("it is the study's own judge." if against == STUDY else f"{built.path} has no labels of {against}.")
        )
    if not others:
        raise InputError(f"{built.path}: holds no reviewers' labels, so there is nothing to compare {ours.name} with.")
    chosen = [others[against]] if against is not None else list(others.values())
    pairs = [compare_sources(other, ours, built.case_by_id) for other in chosen]
    if against is None:
        names = list(humans.values())
        pairs += [compare_sources(a, b, built.case_by_id) for i, a in enumerate(names) for b in names[i + 1 :]]
    corrected: list[CorrectedRate] = []
    if ours is study:
        answers = published_answers(built)
        corrected = [row for human in chosen for row in corrected_rates(answers, study, human)]
    rankings = ranking_agreement(study, ours, built.case_by_id) if study in chosen else []
    return AgreementReport(
        ours.name,
        ours.rubric,
        study.name,
        pairs,
        [HelpAgainst(one.name, errors_on_help(one, ours)) for one in chosen],
        alpha_of([ours, *chosen]),
        corrected,
        rankings,
    )


def _verdicts(paths: Sequence[Path]) -> Iterator[Verdict]:
    """The verdicts of several places; one answer that two of them have, as two models may give it, counts once."""
    before: set[VerdictKey] = set()
    for path in paths:
        here = [verdict for verdict in read_verdicts(path) if verdict.key not in before]
        yield from here
        before.update(verdict.key for verdict in here)


def read_verdicts(path: Path) -> Iterator[Verdict]:
    """Verdicts of a run, from a file of JSON lines, or the labels in a reader's folder of a results folder.

    Raises InputError where there is none, DataError for a line that is no verdict.
    """
    if path.is_dir() and path.parent.name == LABELS and not holds_run(path):
        yield from labels_in(path)
        return
    if path.is_dir():
        yield from RunFolder.open(path).verdicts()
        return
    at = 0
    try:
        with path.open("rb") as lines:
            for at, line in enumerate(lines, 1):  # noqa: B007 - named in the error below
                if line.strip():
                    yield msgspec.json.decode(line, type=Verdict)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected verdicts as JSON lines.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        refuse_pointer(path)
        raise DataError("These verdicts cannot be read", [Problem(f"{path}, line {at}", str(error))]) from None


def report_tables(report: AgreementReport) -> Iterator[FittedTable | Text]:
    """The report for the terminal."""
    columns = [
        Column("First", words=True),
        Column("Second", words=True),
        Column("Field", words=True),
        Column("n", rank=2),
        Column("Kappa [95%]"),
        Column("Agree % [95%]", rank=1),
    ]
    table = FittedTable(f"Agreement of {report.judge}", columns)
    for pair in report.pairs:
        for field, found in pair.fields.items():
            kappa = Value("–")
            if found.reason is None:
                kappa = Value(f"{found.kappa:.3f}", f"[{found.kappa_low:.3f}, {found.kappa_high:.3f}]")
            else:
                table.notes.append(f"{pair.first} and {pair.second}, {field}: {found.reason}.")
            observed = Value(percent(found.observed), bounds(found.observed_low, found.observed_high))
            table.add_row(pair.first, pair.second, field, f"{found.n:,}", kappa, observed)
    yield table
    for pair in report.pairs:
        yield _labels_table(pair)
    for one in report.help:
        yield _help_table(one, report)
    for field, (alpha, reason, n) in report.alpha.items():
        value = f"{alpha:.3f}" if reason is None else reason
        yield Text(f"Krippendorff's alpha, {field}, over {counted(n, 'answer')} with labels of two or more: {value}")
    if report.corrected:
        yield Text("")
        yield corrected_table(report.corrected, "All answers pooled, corrected for the judge's errors")
    if report.rankings:
        yield Text("")
        yield from ranking_tables(report.rankings, report.pairs[0].first, report.judge)


def _labels_table(pair: SourceAgreement) -> FittedTable:
    columns = [
        Column("Field", words=True),
        Column("Label", words=True),
        Column(pair.first, rank=2),
        Column(pair.second, rank=2),
        Column("Both", rank=3),
        Column("Precision"),
        Column("Recall"),
        Column("NPV", rank=1),
    ]
    table = FittedTable(f"{pair.second} by the labels of {pair.first}", columns)
    for field, found in pair.fields.items():
        for place, one in enumerate(found.classes):
            both = str(found.table[place, place])
            shares = (percent(v) for v in (one.precision, one.recall, one.negative_predictive_value))
            label = {True: "yes", False: "no"}.get(one.label, str(one.label))  # type: ignore[call-overload]
            table.add_row(field if not place else "", label, str(one.reference), str(one.judged), both, *shares)
    return table


def _help_table(found: HelpAgainst, report: AgreementReport) -> FittedTable:
    columns = [
        Column("Family", words=True),
        Column("Answers", rank=1),
        Column("Help", rank=2),
        Column("Called help", rank=3),
        Column("Precision"),
        Column("Recall"),
        Column("Kappa"),
    ]
    title = f"{report.judge} on help, by the labels of {found.first} and the family that answered"
    table = FittedTable(title, columns)
    for one in found.errors:
        kappa = "–" if one.kappa is None else f"{one.kappa:.3f}"
        counts = (f"{n:,}" for n in (one.n, one.helps, one.called))
        table.add_row(one.family, *counts, percent(one.precision), percent(one.recall), kappa)
    if found.first == report.study:
        short = short_of_goal(found.errors)
        goal = f"The goal is {100 * GOAL:.0f} % of precision and recall in every family"
        table.notes.append(f"{goal}; below it: {', '.join(short)}." if short else f"{goal}; it is met.")
    return table


def report_plain(report: AgreementReport) -> dict[str, Any]:
    """The report as plain values, NaN as None."""
    return {
        "judge": report.judge,
        "rubric": report.rubric,
        "pairs": [
            {
                "first": pair.first,
                "second": pair.second,
                "field": field,
                "n": found.n,
                "kappa": number(found.kappa),
                "kappa_standard_error": number(found.kappa_error),
                "kappa_low": number(found.kappa_low),
                "kappa_high": number(found.kappa_high),
                "agreement": number(found.observed),
                "agreement_low": number(found.observed_low),
                "agreement_high": number(found.observed_high),
                "labels": list(found.labels),
                "table": found.table.tolist(),
                "classes": [
                    {
                        "label": one.label,
                        "first": one.reference,
                        "second": one.judged,
                        "precision": number(one.precision),
                        "recall": number(one.recall),
                        "negative_predictive_value": number(one.negative_predictive_value),
                    }
                    for one in found.classes
                ],
                "reason": found.reason,
            }
            for pair in report.pairs
            for field, found in pair.fields.items()
        ],
        "help_by_family": [
            {"first": found.first, "second": report.judge, **msgspec.structs.asdict(one)}
            for found in report.help
            for one in found.errors
        ],
        "krippendorff_alpha": {
            field: {"alpha": number(alpha), "n": n, "reason": reason}
            for field, (alpha, reason, n) in report.alpha.items()
        },
        "corrected": [
            {
                "metric": row.metric.id,
                "method": row.method,
                "raw": number(row.raw),
                "estimate": number(row.estimate),
                "standard_error": number(row.error),
                "low": number(row.low),
                "high": number(row.high),
                "against": row.against,
                "n_labelled": row.n_labelled,
                "reason": row.reason,
            }
            for row in report.corrected
        ],
        "rankings": [
            {
                "metric": found.metric.id,
                "spearman": number(found.spearman),
                "reason": found.reason,
                "mean_absolute_error": number(abs(found.gap).mean()),
                "models": [
                    {"model": model, "answers": n, "study": number(study), "judge": number(ours)}
                    for model, n, study, ours in zip(found.models, found.answers, found.study, found.ours, strict=True)
                ],
            }
            for found in report.rankings
        ],
    }
