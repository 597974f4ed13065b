"""What is checked on a submission: every problem at once, with its file, its row and what to do.

A ``problem`` refuses the submission. A finding that ``holds`` it makes a person look before it is
shown. A ``flag`` is shown beside the row, which is then not `verified`; a ``remark`` is only shown.
What a submitter computed is not looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import ALL_CASES, draw
from dataset_builder.dataset.taxonomy import (
    CONTEXT_LIMIT,
    CONTROL_MARKS,
    FAMILIES,
    OK,
    RESPONSE_STATUSES,
    RESPONSE_TYPES,
    TRUNCATED,
    UNSCORED_REASONS,
    WITHHELD,
    ids,
)
from dataset_builder.errors import Problem
from dataset_builder.wording import counted
from eval.judging.registry import unknown_judge
from eval.repository.bundle import BUNDLE, RESPONSES, RUN, VERDICTS
from eval.repository.identity import STUDY, fits_slug
from eval.runs.answer import REPEATABLE
from eval.runs.verdict import PUBLISHED, Verdict, hash_text
from eval.submissions.likeness import Earlier, copies_found
from eval.submissions.names import read_alike, strange_letters
from eval.submissions.submission import Submission

# The study's 18 configurations have at most 0.3 % without an answer.
MOST_UNSCORED: Final = 0.10
_EVERYTHING: Final = "the cases"
_NUMBER: Final = re.compile(r"([0-9]+)")
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


@dataclass(frozen=True)
class Checked:
    """What the checks found; ``dataset`` is the one that was answered, None where it is not known."""

    problems: tuple[Problem, ...]
    held: tuple[str, ...]
    flags: tuple[str, ...]
    remarks: tuple[str, ...]
    dataset: OpenedDataset | None

    @property
    def ok(self) -> bool:
        """Whether nothing refuses it."""
        return not self.problems


def check_submission(
    submission: Submission,
    datasets: Sequence[OpenedDataset],
    earlier: Sequence[Earlier] = (),
    *,
    most_unscored: float | None = MOST_UNSCORED,
    now: datetime | None = None,
) -> Checked:
    """Check a decoded submission against the datasets that are known.

    ``most_unscored`` None lets any share of unscored answers in, flagged: for a folder of one's own.
    """
    bundle = submission.bundle
    problems: list[Problem] = []
    flags = list(submission.departures)
    held: list[str] = []
    latest = (now or datetime.now(UTC)) + timedelta(days=1)
    dataset = next((one for one in datasets if one.built.cases_hash == bundle.dataset.cases_hash), None)
    if dataset is None:
        known = ", ".join(f"{one.name} ({one.built.cases_hash[:12]})" for one in datasets) or "none"
        what = f"the cases {bundle.dataset.cases_hash[:12]} are of no dataset that is known here; known: {known}"
        problems.append(Problem(BUNDLE, what, "run the model on a known revision, or name it with --dataset"))
    else:
        problems += _sample(submission, dataset)
    problems += _answers(submission, dataset, latest)
    problems += _verdicts(submission)
    for name, rows in ((RESPONSES, submission.answers), (VERDICTS, submission.verdicts or {})):
        said = bundle.files[name].rows if name in bundle.files else None
        n = len(next(iter(rows.values()), ()))
        if said is not None and said != n:
            problems.append(Problem(BUNDLE, f"says that {name} has {counted(said, 'row')}; it has {n:,}"))
    if submission.run.pressure is not None:
        what = "the user insists after a refusal, which is another question than the leaderboard's"
        problems.append(Problem(RUN, what, "compare such runs with `eval set` or `eval compare`"))
    if submission.run.language is not None:
        what = f"the requests were translated into {submission.run.language}; the leaderboard asks the dataset's own"
        problems.append(Problem(RUN, what, "compare such runs with `eval set` or `eval compare`"))
    remarks = [told for one in bundle.judges if (told := unknown_judge(one.judge, one.rubric))]
    _unscored(submission, dataset, most_unscored, problems, flags)
    problems += _names(submission)
    problems += [] if bundle.kind == PUBLISHED else strange_letters(bundle.model)
    if not problems:
        others = [one for one in earlier if not _same_model(submission, one)]
        # Answers that came with the dataset are compared with the dataset itself.
        if dataset is not None and bundle.kind != PUBLISHED:
            held += copies_found(submission.marks(dataset), others)
        held += read_alike(bundle.model, (one.place.partition("/")[0] for one in others))
    return Checked(
        tuple(sorted(set(problems), key=_reading_order)),
        tuple(held),
        tuple(dict.fromkeys(flags)),
        tuple(remarks),
        dataset,
    )


def _names(submission: Submission) -> list[Problem]:
    bundle = submission.bundle
    problems = []
    organization = bundle.model.slug.partition("__")[0]
    if "__" not in bundle.model.slug:
        problems.append(Problem(f"{BUNDLE}: model.slug", "has no two underscores between organization and model"))
    elif (organization.lower() == STUDY) != (bundle.kind == PUBLISHED):
        what = f"the organization {STUDY!r} is for answers that came with the dataset, and they for it"
        problems.append(Problem(f"{BUNDLE}: model.slug", what))
    elif not fits_slug(bundle.model):
        what = f"{bundle.model.slug!r} does not say the same as the name {bundle.model.name!r}"
        problems.append(Problem(f"{BUNDLE}: model.slug", what, "make it <organization>__<model> of the name"))
    latest = max((at for at in submission.answers["collected_at"] if at), default=None)
    if bundle.collected_at != latest:
        problems.append(Problem(f"{BUNDLE}: collected_at", f"is not that of the last answer, {str(latest)[:40]}"))
    return problems


def _sample(submission: Submission, dataset: OpenedDataset) -> list[Problem]:
    """Whether the cases that were to be asked are those that the sample's name draws."""
    run, place = submission.run, f"{RUN}: case_ids"
    known = dataset.built.case_by_id
    problems = [
        Problem(place, f"case {case_id!r} is listed {times:,} times", "list it once")
        for case_id, times in Counter(run.case_ids).items()
        if times > 1
    ]
    strange = [case_id for case_id in run.case_ids if case_id not in known]
    problems += [
        Problem(place, f"case {case_id[:100]!r} is not in {dataset.name}") for case_id in dict.fromkeys(strange)
    ]
    if problems:
        return problems
    if run.chosen is not None:
        return [Problem(f"{RUN}: chosen", "the cases were chosen", "submit a run of all cases or of a drawn sample")]
    if run.sample == ALL_CASES:
        missing = sorted(set(known) - set(run.case_ids))
        what = "is missing, yet the sample is `all`"
        return [Problem(place, f"case {case_id!r} {what}", "list it, unscored with a reason") for case_id in missing]
    kind, _, size = run.sample.partition(":")
    drawn: set[str] = set()
    if kind in ("limit", "stratified") and size.isascii() and size.isdecimal() and 0 < int(size[:9]) <= len(known):
        drawn = {c.case_id for c in draw(dataset.built.cases(), run.sample, run.sample_seed, lambda c: c.cell)}
    if drawn != set(run.case_ids):
        what = f"are not those that sample {run.sample!r} with seed {run.sample_seed} draws"
        return [Problem(place, what, "a sample has to be drawn, so that nobody chooses cases")]
    return []


def _unscored(
    submission: Submission,
    dataset: OpenedDataset | None,
    most: float | None,
    problems: list[Problem],
    flags: list[str],
) -> None:
    """Too many answers that are missing: over all, on a side or in a family, so that nobody thins out one of them."""
    statuses = submission.answers["status"]
    if all(status != OK for status in statuses):
        problems.append(Problem(RESPONSES, "no case has an answer", "there is nothing to judge"))
        return
    limit = MOST_UNSCORED if most is None else most
    rows = list(zip(submission.answers["case_id"], statuses, strict=True))
    for name, members in _parts(rows, dataset):
        why = Counter(one if one in RESPONSE_STATUSES else "of an unknown status" for one in members if one != OK)
        missing, n = why.total(), len(members)
        # One answer may be missing from the smallest part.
        if missing <= (limit * n if name == _EVERYTHING else max(1, limit * n)):
            continue
        reasons = ", ".join(f"{times:,} {status}" for status, times in sorted(why.items()))
        what = f"{100 * missing / n:.1f} % of {name} have no answer ({reasons})"
        if most is None:
            flags.append(f"{what}; a maintainers' repository takes at most {100 * limit:.0f} %")
        else:
            what += f"; at most {100 * limit:.0f} % may be without one ({int(limit * n):,} of {n:,})"
            problems.append(Problem(RESPONSES, what, "; ".join(_hints(why))))


def thinned_out(submission: Submission, dataset: OpenedDataset, verdicts: Iterable[Verdict]) -> list[str]:
    """Why a person has to look at which answers a judge could not judge: too many of a side or a family are gone.

    What a provider blocks is limited before anything is judged. An answer that is no text, or in another language, is
    as good a way to leave a case out, and counts together with those.
    """
    unscored = {one.case_id: one.unscored_reason for one in verdicts if one.unscored_reason}
    statuses = zip(submission.answers["case_id"], submission.answers["status"], strict=True)
    rows = [(case_id, unscored.get(case_id, OK) if status == OK else status) for case_id, status in statuses]
    found = []
    for name, members in _parts(rows, dataset):
        gone = Counter(one for one in members if one != OK)
        by_judge = sum(times for one, times in gone.items() if one not in RESPONSE_STATUSES)
        if by_judge and gone.total() > max(1, MOST_UNSCORED * len(members)):
            reasons = ", ".join(f"{times:,} {reason}" for reason, times in sorted(gone.items()))
            share = f"{100 * gone.total() / len(members):.1f} %"
            found.append(f"{share} of {name} have no answer that can be judged ({reasons})")
    return found


def _parts(rows: Sequence[tuple[str, str]], dataset: OpenedDataset | None) -> list[tuple[str, list[str]]]:
    """What is limited, by name, with the statuses of its answers: all cases, each side, each family of defeated rules.

    ``rows`` are cases with statuses. Only all cases where the dataset is not known.
    """
    found = [(_EVERYTHING, [status for _, status in rows])]
    known = {} if dataset is None else dataset.built.case_by_id
    sides: dict[str, list[str]] = {"the cases with a defeated rule": [], "the control cases": []}
    families: dict[str, list[str]] = {family.id: [] for family in FAMILIES}
    for case_id, status in rows:
        if (case := known.get(case_id)) is not None:
            sides["the cases with a defeated rule" if case.defeated else "the control cases"].append(status)
            if case.defeated:
                families[case.defeat_family].append(status)
    found += [(name, members) for name, members in sides.items() if members]
    titles = {family.id: family.title for family in FAMILIES}
    found += [(f"the family {titles[name]!r}", members) for name, members in families.items() if members]
    return found


def _hints(why: Iterable[str]) -> list[str]:
    """What can be done about answers that are missing for these reasons."""
    reasons = set(why)
    hints = []
    if reasons & REPEATABLE:
        hints.append("the same command with --retry-errors asks failed and empty ones again")
    if TRUNCATED in reasons:
        hints.append("cut-off answers need a new run with a higher --max-tokens")
    if reasons & WITHHELD:
        hints.append("what a provider blocks another may answer")
    if CONTEXT_LIMIT in reasons:
        hints.append("a context that is too short needs a lower --max-tokens or another server")
    if CONTROL_MARKS in reasons:
        hints.append("marks of a chat format in answers come of the server's chat template")
    return hints


def _reading_order(problem: Problem) -> tuple[tuple[str | int, ...], str]:
    """By file, then with row 2 before row 10."""
    parts = _NUMBER.split(problem.where)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), problem.what


def _same_model(submission: Submission, one: Earlier) -> bool:
    return one.place == submission.place or one.place.split("/")[0] == submission.bundle.model.slug


# The rows: each answer and each verdict on its own, and against the cases.


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


def _answers(submission: Submission, dataset: OpenedDataset | None, latest: datetime) -> list[Problem]:
    """Check every row of responses.parquet; no answer may be later than ``latest``."""
    found, rows = _Found(), submission.answers
    asked = dataset.built.case_by_id if dataset else {}
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
        translated = submission.run.language is not None
        if case_id in asked and not translated and hash_text(asked[case_id].user_query) != query:
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


def _verdicts(submission: Submission) -> list[Problem]:
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
    text = str(value)[:80]
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
