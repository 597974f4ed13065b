"""Checks of a submission's rows: each answer and each verdict on its own, and against the cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

from dataset_builder.dataset.taxonomy import OK, RESPONSE_STATUSES, RESPONSE_TYPES, UNSCORED_REASONS, ids
from dataset_builder.errors import Problem
from eval.repository.bundle import RESPONSES, RUN, VERDICTS
from eval.runs.verdict import hash_text
from eval.submissions.submission import Submission

# The longest of the study has 325,811 characters.
LONGEST_ANSWER: Final = 1_000_000
# Of one kind of problem; a file can have as many as it has rows.
_SHOWN: Final = 50
_NUMBERS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost",
    "latency_s",
    "attempts",
)
_TYPES: Final = frozenset(ids(RESPONSE_TYPES))
_REASONS: Final = frozenset(ids(UNSCORED_REASONS))


class _Found:
    """Problems, so many of each kind and then how many more."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._times: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, kind: str, where: str, what: str, hint: str = "") -> None:
        self._times[kind] += 1
        self._first.setdefault(kind, what)
        if self._times[kind] <= _SHOWN:
            self.problems.append(Problem(where, what, hint))

    def all(self, name: str) -> list[Problem]:
        more = [
            Problem(name, f"{times - _SHOWN:,} more like it: {self._first[kind]}")
            for kind, times in self._times.items()
            if times > _SHOWN
        ]
        return self.problems + more


def check_answers(submission: Submission, asked: Mapping[str, str] | None, latest: datetime) -> list[Problem]:
    """Check every row of responses.parquet.

    ``asked`` is the SHA-256 of each case's query, None where the dataset is not known; no answer may be
    later than ``latest``.
    """
    found, rows = _Found(), submission.answers
    wanted = set(submission.run.case_ids)
    times = Counter(rows["case_id"])
    for case_id, n in times.items():
        if n > 1:
            found.add(
                "doubled", f"{RESPONSES}: case {_shown(case_id)}", f"occurs {n:,} times", "keep one answer a case"
            )
        if case_id not in wanted:
            found.add("strange", f"{RESPONSES}: case {_shown(case_id)}", f"is not among the cases of {RUN}")
    for case_id in submission.run.case_ids:
        if case_id not in times:
            hint = "add it with the status that says why there is no answer"
            found.add("missing", f"{RESPONSES}: case {_shown(case_id)}", "is missing", hint)
    for number, (case_id, query, status, text, digest, at) in enumerate(
        zip(*(rows[name] for name in _ANSWER), strict=True), start=1
    ):
        where = f"{RESPONSES}: row {number}, case {_shown(case_id)}"
        if asked is not None and case_id in asked and asked[case_id] != query:
            found.add(
                "prompt", where, "the query that was sent is not the dataset's", "send the query alone, unchanged"
            )
        if status not in RESPONSE_STATUSES:
            found.add("status", where, f"unknown status {_shown(status)!r}; known: {', '.join(RESPONSE_STATUSES)}")
        elif status == OK and not (text or "").strip():
            found.add("empty", where, "has the status `ok` and no answer", "such a case is `empty_answer`")
        if len(text or "") > LONGEST_ANSWER:
            found.add("long", where, f"an answer of {len(text):,} characters; at most {LONGEST_ANSWER:,} are taken")
        elif hash_text(text or "") != digest:
            found.add(
                "hash", where, "response_hash is not the answer's", "the answer was changed after it was collected"
            )
        if at is not None and not _is_time(at, latest):
            found.add(
                "time", where, f"collected_at {_shown(at)!r} is no time, or one to come", "ISO 8601 with its zone"
            )
    for name in _NUMBERS:
        _check_numbers(found, RESPONSES, name, rows[name])
    return found.all(RESPONSES)


def check_verdicts(submission: Submission) -> list[Problem]:
    """Check every row of verdicts.parquet, where there is one."""
    listed = [(one.judge, one.rubric) for one in submission.bundle.judges]
    rows = submission.verdicts
    found = _Found()
    if len(set(listed)) != len(listed):
        found.add("listed", "bundle.json: judges", "lists a judge and rubric twice")
    if rows is None:
        if listed:
            found.add("none", VERDICTS, "is missing, but bundle.json lists judges")
        return found.all(VERDICTS)
    hashes, failed, seen, who = submission.hashes, submission.failed, set(), set()
    for number, (case_id, digest, judge, rubric, kind, engages, harm, reason) in enumerate(
        zip(*(rows[name] for name in _VERDICT), strict=True), start=1
    ):
        where = f"{VERDICTS}: row {number}, case {_shown(case_id)}"
        key = (case_id, judge, rubric)
        if key in seen:
            found.add("doubled", where, f"a second verdict of {_shown(judge)}", "keep one a case, judge and rubric")
        seen.add(key)
        who.add((judge, rubric))
        if case_id not in hashes:
            found.add("strange", where, "there is no answer to this case")
        elif hashes[case_id] != digest:
            found.add("stale", where, "is on another answer than the one submitted", "judge the answers again")
        elif reason is None and case_id in failed:
            found.add("failed", where, f"labels an answer whose status is {_shown(failed[case_id])}")
        labels = (kind, engages, harm)
        if reason is not None:
            if any(label is not None for label in labels):
                found.add("both", where, "both labels and a reason for having none")
            if reason not in _REASONS:
                found.add("reason", where, f"unknown reason {_shown(reason)!r}")
        elif any(label is None for label in labels):
            found.add("neither", where, "neither all three labels nor a reason for having none")
        elif kind not in _TYPES:
            found.add("label", where, f"unknown response type {_shown(kind)!r}; known: {', '.join(sorted(_TYPES))}")
    for pair in sorted(who ^ set(listed)):
        place = "bundle.json: judges" if pair in who else VERDICTS
        found.add("judges", place, f"does not list {_shown(pair[0])} (rubric {_shown(pair[1])}), the other file does")
    for name in ("confidence", "cost"):
        _check_numbers(found, VERDICTS, name, rows[name], 1.0 if name == "confidence" else None)
    return found.all(VERDICTS)


_ANSWER: Final = ("case_id", "query_hash", "status", "response", "response_hash", "collected_at")
_VERDICT: Final = (
    "case_id",
    "response_hash",
    "judge",
    "rubric",
    "response_type",
    "engages_with_defeat",
    "independent_harm",
    "unscored_reason",
)


def _check_numbers(found: _Found, file: str, name: str, values: Iterable[Any], most: float | None = None) -> None:
    for number, value in enumerate(values, start=1):
        if value is not None and not (isfinite(value) and value >= 0 and (most is None or value <= most)):
            found.add(name, f"{file}: row {number}", f"{name} is {value}, which it cannot be")


def _is_time(text: str, latest: datetime) -> bool:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)) <= latest
    except (ValueError, OverflowError):
        return False


def _shown(value: object) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(value)[:80])
