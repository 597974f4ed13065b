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
from typing import Final

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import ALL_CASES, draw
from dataset_builder.dataset.taxonomy import OK, RESPONSE_STATUSES
from dataset_builder.errors import Problem
from eval.judging.registry import unknown_judge
from eval.repository.bundle import BUNDLE, RESPONSES, RUN
from eval.repository.identity import STUDY, fits_slug
from eval.runs.response import REPEATABLE
from eval.submissions.likeness import Earlier, copies_found
from eval.submissions.make import case_hashes
from eval.submissions.row_checks import check_answers, check_verdicts
from eval.submissions.submission import Submission

# The study's 18 configurations have at most 0.3 % without an answer.
MOST_UNSCORED: Final = 0.10
_NUMBER: Final = re.compile(r"([0-9]+)")


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
    problems = _names(submission)
    flags = list(submission.departures)
    held: list[str] = []
    latest = (now or datetime.now(UTC)) + timedelta(days=1)
    dataset = next((one for one in datasets if one.built.cases_hash == bundle.dataset.cases_hash), None)
    if dataset is None:
        known = ", ".join(f"{one.name} ({one.built.cases_hash[:12]})" for one in datasets) or "none"
        what = f"the cases {bundle.dataset.cases_hash[:12]} are of no dataset that is known here; known: {known}"
        problems.append(Problem(BUNDLE, what, "run the model on a known revision, or name it with --dataset"))
        problems += check_answers(submission, None, latest)
    else:
        problems += _sample(submission, dataset)
        problems += check_answers(submission, case_hashes(dataset.built.cases()), latest)
    problems += check_verdicts(submission)
    for name, rows in ((RESPONSES, submission.answers), ("verdicts.parquet", submission.verdicts or {})):
        said = bundle.files[name].rows if name in bundle.files else None
        n = len(next(iter(rows.values()), ()))
        if said is not None and said != n:
            problems.append(Problem(BUNDLE, f"says that {name} has {said:,} rows; it has {n:,}"))
    remarks = [told for one in bundle.judges if (told := unknown_judge(one.judge, one.rubric))]
    _unscored(submission, most_unscored, problems, flags)
    if not problems:
        others = [one for one in earlier if not _same_model(submission, one)]
        # Answers that came with the dataset are compared with the dataset itself.
        if dataset is not None and bundle.kind != "published":
            held += copies_found(submission.marks(dataset), others)
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
    elif (organization == STUDY) != (bundle.kind == "published"):
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


def _unscored(submission: Submission, most: float | None, problems: list[Problem], flags: list[str]) -> None:
    statuses = submission.answers["status"]
    why = Counter(one if one in RESPONSE_STATUSES else "of an unknown status" for one in statuses if one != OK)
    share = why.total() / len(statuses) if statuses else 1.0
    if share == 1:
        problems.append(Problem(RESPONSES, "no case has an answer", "there is nothing to judge"))
        return
    limit = MOST_UNSCORED if most is None else most
    if share <= limit:
        return
    reasons = ", ".join(f"{times:,} {status}" for status, times in sorted(why.items()))
    what = f"{100 * share:.1f} % of the cases have no answer ({reasons})"
    if most is None:
        flags.append(f"{what}; a maintainers' repository takes at most {100 * limit:.0f} %")
    else:
        what += f"; at most {100 * limit:.0f} % may be without one"
        problems.append(Problem(RESPONSES, what, "; ".join(_hints(why))))


def _hints(why: Iterable[str]) -> list[str]:
    """What can be done about answers that are missing for these reasons."""
    reasons = set(why)
    hints = []
    if reasons & REPEATABLE:
        hints.append("the same command with --retry-errors asks failed and empty ones again")
    if "truncated_answer" in reasons:
        hints.append("cut-off answers need a new run with a higher --max-tokens")
    if "content_filter" in reasons:
        hints.append("what a provider blocks another may answer")
    return hints


def _reading_order(problem: Problem) -> tuple[tuple[str | int, ...], str]:
    """By file, then with row 2 before row 10."""
    parts = _NUMBER.split(problem.where)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), problem.what


def _same_model(submission: Submission, one: Earlier) -> bool:
    return one.place == submission.place or one.place.split("/")[0] == submission.bundle.model.slug
