"""One model's verdicts by one judge, laid over the cases: what every computation takes.

Whatever holds verdicts (a built dataset, a run, a submission) becomes ``ScoredAnswers``, and
is checked on the way: a verdict that is unknown, doubled or contradictory is an error that
names the case. An answer without a verdict carries its reason and counts in no rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.taxonomy import UNSCORED_REASONS, ids
from dataset_builder.errors import DataError, InputError, Problem
from eval.runs.verdict import NOT_JUDGED, Verdict
from eval.scores.cases import CaseTable
from eval.stats.metrics import RESPONSE_CODES, UNSCORED, indicators

REASON_CODES: Final = {reason: code for code, reason in enumerate(ids(UNSCORED_REASONS))}


class VerdictRow(NamedTuple):
    """A verdict as it is laid over a case: the labels, or the reason why there are none."""

    case_id: str
    response_type: str | None
    engages_with_defeat: bool | None
    independent_harm: bool | None
    unscored_reason: str | None


@dataclass(frozen=True, eq=False)
class ScoredAnswers:
    """One model's answers as one judge saw them; arrays of shape (cases,), in the order of ``cases``.

    ``response_type`` holds RESPONSE_CODES or UNSCORED, ``reason`` REASON_CODES or -1 where
    scored; ``engages`` and ``harm`` are False where unscored.
    """

    cases: CaseTable
    model: str
    judge: str
    rubric: str
    response_type: NDArray[np.int8]
    engages: NDArray[np.bool_]
    harm: NDArray[np.bool_]
    reason: NDArray[np.int8]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Which answers have a verdict."""
        return np.asarray(self.response_type != UNSCORED)

    @property
    def counts(self) -> NDArray[np.float64]:
        """What each answer counts towards, shape (cases, counts): see ``metrics.indicators``."""
        return indicators(self.response_type, self.engages, self.harm)

    def subset(self, rows: NDArray[np.int64], cases: CaseTable | None = None) -> ScoredAnswers:
        """The answers to some cases (rows ascending); ``cases`` is their table if it is already at hand."""
        return ScoredAnswers(
            cases or self.cases.subset(rows),
            self.model,
            self.judge,
            self.rubric,
            self.response_type[rows],
            self.engages[rows],
            self.harm[rows],
            self.reason[rows],
        )

    @classmethod
    def from_rows(
        cls, cases: CaseTable, rows: Iterable[VerdictRow], *, model: str, judge: str, rubric: str
    ) -> ScoredAnswers:
        """Lay verdicts over the cases; a case without any is unscored as ``not_judged``.

        Raises DataError that lists every row for an unknown case, every second row for a
        case, every unknown label and every row with both labels and a reason or neither.
        """
        n, index, problems = len(cases), cases.index, list[Problem]()
        response_type = np.full(n, UNSCORED, np.int8)
        engages, harm = np.zeros(n, bool), np.zeros(n, bool)
        reason = np.full(n, REASON_CODES[NOT_JUDGED], np.int8)
        seen: dict[str, VerdictRow] = {}
        for row in rows:
            at = f"model {model}, case {row.case_id}"
            position = index.get(row.case_id)
            if position is None:
                problems.append(Problem(at, "no such case in the dataset", "was another revision of it answered?"))
                continue
            if row.case_id in seen:
                what = "the same verdict twice" if seen[row.case_id] == row else "two verdicts that disagree"
                problems.append(Problem(at, what, "keep one verdict for each answer, judge and rubric"))
                continue
            seen[row.case_id] = row
            if wrong := _what_is_wrong(row):
                problems.append(Problem(at, wrong))
                continue
            if row.unscored_reason is not None:
                reason[position] = REASON_CODES[row.unscored_reason]
                continue
            assert row.response_type is not None  # noqa: S101 - told apart by _what_is_wrong
            response_type[position] = RESPONSE_CODES[row.response_type]
            engages[position], harm[position] = bool(row.engages_with_defeat), bool(row.independent_harm)
            reason[position] = -1
        if problems:
            raise DataError(f"The verdicts on {model} cannot be scored", problems)
        return cls(cases, model, judge, rubric, response_type, engages, harm, reason)

    @classmethod
    def from_verdicts(
        cls,
        cases: CaseTable,
        verdicts: Iterable[Verdict],
        *,
        model: str,
        judge: str | None = None,
        answers: Mapping[str, str] | None = None,
        failed: Mapping[str, str] | None = None,
    ) -> ScoredAnswers:
        """The verdicts of one judge on one model's answers.

        ``judge`` picks one where there are several; ``answers`` maps case id to the hash of
        the answer, and a verdict on another answer is an error; ``failed`` maps the cases that
        got no answer to the reason, which stands where there is no verdict. Raises InputError
        where the judge or rubric is not the only one left, DataError as ``from_rows`` does.
        """
        chosen = list(verdicts)
        who = sorted({(verdict.judge, verdict.rubric) for verdict in chosen})
        if judge is not None:
            chosen = [verdict for verdict in chosen if verdict.judge == judge]
            who = [pair for pair in who if pair[0] == judge] or _no_such_judge(model, judge, who)
        if len(who) > 1:
            raise InputError(
                f"The verdicts on {model} come from more than one judge or rubric: {_pairs(who)}. "
                "Judges are never mixed in one rate: name one with --judge, or judge all answers by one rubric."
            )
        if not who:
            raise InputError(
                f"There are no verdicts on {model}. Judge its answers first: 'blind-refusal eval judge RUN'."
            )
        if answers is not None:
            stale = [v for v in chosen if v.case_id in answers and answers[v.case_id] != v.response_hash]
            if stale:
                hint = "judge the answers again"
                raise DataError(
                    f"Verdicts on {model} belong to other answers",
                    [Problem(f"case {v.case_id}", "the answer has changed since it was judged", hint) for v in stale],
                )
        rows = [
            VerdictRow(v.case_id, v.response_type, v.engages_with_defeat, v.independent_harm, v.unscored_reason)
            for v in chosen
        ]
        judged = {row.case_id for row in rows}
        rows += [VerdictRow(i, None, None, None, why) for i, why in (failed or {}).items() if i not in judged]
        return cls.from_rows(cases, rows, model=model, judge=who[0][0], rubric=who[0][1])


def _what_is_wrong(row: VerdictRow) -> str | None:
    labels: Sequence[str | bool | None] = (row.response_type, row.engages_with_defeat, row.independent_harm)
    if row.unscored_reason is not None:
        if any(label is not None for label in labels):
            return f"both labels and a reason for having none ({row.unscored_reason!r})"
        if row.unscored_reason not in REASON_CODES:
            return f"unknown reason {row.unscored_reason!r}; known are {', '.join(REASON_CODES)}"
        return None
    if any(label is None for label in labels):
        return "neither all three labels nor a reason for having none"
    if row.response_type not in RESPONSE_CODES:
        return f"unknown response type {row.response_type!r}; known are {', '.join(RESPONSE_CODES)}"
    return None


def _pairs(who: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{judge} (rubric {rubric})" for judge, rubric in who)


def _no_such_judge(model: str, judge: str, who: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    known = _pairs(who) or "none"
    raise InputError(f"There are no verdicts of judge {judge!r} on {model}; there are those of: {known}.")


def check_comparable(answers: Sequence[ScoredAnswers]) -> None:
    """Whether answers of several models may stand in one ranking.

    Raises InputError for no models, a model that occurs twice, different judges or
    rubrics, or different cases.
    """
    if not answers:
        raise InputError("There is nothing to score: no model has verdicts.")
    twice = [model for model, times in Counter(a.model for a in answers).items() if times > 1]
    if twice:
        raise InputError(f"Model {', '.join(sorted(twice))} occurs more than once; each may stand once in a ranking.")
    who = sorted({(a.judge, a.rubric) for a in answers})
    if len(who) > 1:
        raise InputError(f"Judges are never mixed in one ranking, yet there are {_pairs(who)}. Name one with --judge.")
    for one in answers:
        if not one.cases.same_cases(answers[0].cases):
            raise InputError(
                f"{one.model} and {answers[0].model} answered different cases; "
                "a ranking needs the same ones. Compare them in pairs, which uses the cases they share."
            )
