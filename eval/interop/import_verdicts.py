"""The verdicts in the scores of a log, each read as strictly as a judge's reply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dataset_builder.dataset.records import fields_for
from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, UNSCORED_REASONS, ids
from dataset_builder.errors import InputError, Problem
from dataset_builder.wording import counted
from eval.interop.inspect_log import KEY, GivenVerdict
from eval.judging.registry import check_judge
from eval.runs.answer import Answer
from eval.runs.run import JudgeRecord
from eval.runs.verdict import Verdict, VerdictKey

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample
    from inspect_ai.scorer import Score


class TakenVerdict(NamedTuple):
    """A verdict and its judge."""

    verdict: Verdict
    judge: JudgeRecord


def take_verdicts(
    samples: Iterable[EvalSample], responses: Mapping[str, Answer], path: Path
) -> tuple[list[TakenVerdict], list[str]]:
    """The verdicts of every judge of ours on whole answers, and what was left out, in words.

    Left out are scores of other scorers, those that somebody edited, as they are not the judge's, and verdicts
    that are not whole, not of a judge that we know, or on another answer: each of these is named with its
    reason, and its answer comes in unscored.
    """
    taken, problems, others, edited = list[TakenVerdict](), list[Problem](), Counter[str](), 0
    seen: set[VerdictKey] = set()
    for sample in samples:
        response = responses[str(sample.id)]
        for name, score in (sample.scores or {}).items():
            part = (score.metadata or {}).get(KEY)
            if part is None:
                # An answer that did not come whole has no verdict of ours, and a status that says why.
                others[name] += response.ok
                continue
            if score.history:
                edited += 1
                continue
            where = f"{path}, sample {str(sample.id)[:100]!r}, score {name[:100]!r}"
            try:
                found = _verdict(score, part, response)
            except (InputError, msgspec.ValidationError) as error:
                problems.append(Problem(where, str(error)))
                continue
            if found.verdict.key in seen:
                problems.append(Problem(where, "a second verdict of one judge on one answer"))
            seen.add(found.verdict.key)
            taken.append(found)
    notes = [
        f"{n:,} scores of {name[:100]!r} are not verdicts of ours and are left out" for name, n in others.items() if n
    ]
    if edited:
        notes.append(
            f"{edited:,} scores were edited after the judge gave them, so they are left out: judge these answers again"
        )
    if problems:
        notes.append(
            f"Not taken over, so that the answers are unscored until they are judged again: "
            f"{counted(len(problems), 'verdict')}"
        )
        notes += [str(problem) for problem in problems]
    return taken, notes


def _verdict(score: Score, part: Any, response: Answer) -> TakenVerdict:
    from eval.interop.inspect_answer import as_logged

    given = msgspec.convert(part, GivenVerdict)
    check_judge(given.judge)
    if not response.ok:
        raise InputError(f"a verdict on an answer whose status is {response.status}")
    if given.response_hash != response.response_hash:
        raise InputError("a verdict on another answer than the sample's")
    told = fields_for(Verdict, given) | _labels(score.value, given.unscored_reason)
    reasoning = as_logged(score.explanation) if score.explanation else None
    verdict = Verdict(case_id=response.case_id, reasoning=reasoning, **told)
    return TakenVerdict(verdict, JudgeRecord(judge=given.judge, rubric=given.rubric, settings=given.settings))


def _labels(value: Any, reason: str | None) -> dict[str, Any]:
    """The three labels, or none where there is a reason. Raises InputError where it is neither."""
    from eval.interop.inspect_metrics import labels_of

    if reason is not None:
        if reason not in ids(UNSCORED_REASONS):
            raise InputError(f"unknown reason {reason!r}; known are {', '.join(ids(UNSCORED_REASONS))}")
        if not (isinstance(value, float) and isnan(value)):
            raise InputError("both a value and a reason for having none")
        return {}
    labels = labels_of(value)
    if labels is None or labels["response_type"] not in ids(RESPONSE_TYPES):
        raise InputError("its value is not the three labels")
    return labels
