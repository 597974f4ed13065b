"""What a submitter sees within seconds: all that is wrong, or the row that the submission would have.

Everything here is a function of files: a page calls ``report_on_upload`` with what was dropped on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError, Problem
from eval.agreement.known import board_of
from eval.boards.rows import RANKED_BY, board_row, ranked_among, verdicts_path
from eval.repository.bundle import BUNDLE
from eval.repository.folder import SUBMISSIONS, read_review
from eval.repository.leaderboard import FILE_NAME, HELD, MEANS, Board, BoardRow, Status, read_leaderboard
from eval.repository.notices import HubNotices, read_notices
from eval.repository.owners import Submitter, handed_in_by
from eval.repository.review import Review
from eval.reviews.decision import MadeReview, review_submission
from eval.reviews.kept import kept_verdicts
from eval.reviews.verdicts import Rejudge, Rejudged, maintainers_verdicts
from eval.runs.verdict import PUBLISHED
from eval.scores.results import Results
from eval.submissions.checks import MOST_UNSCORED, check_submission
from eval.submissions.likeness import read_earlier
from eval.submissions.submission import Submission, read_submission
from eval.submissions.upload import open_upload

# The same sample at every look, so that a preview does not change; a review draws a fresh one.
PREVIEW_SEED = 0


@dataclass(frozen=True)
class PreviewRow:
    """The row by one judge; ``board`` is the present board that it would join, None where it opens one.

    ``row.rank`` counts the present rows that are better; an interval of the rank comes with the aggregation.
    """

    judge: str
    rubric: str
    row: BoardRow
    board: Board | None


@dataclass(frozen=True)
class SubmissionReport:
    """What was found: ``problems`` refuse it, ``held`` makes a person look, ``flags`` are shown beside the row.

    ``rows`` is the preview, one for each judge whose verdicts the leaderboard would take.
    """

    problems: tuple[Problem, ...]
    held: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    status: Status | None = None
    submission: Submission | None = None
    reviewed: MadeReview | None = None
    rows: tuple[PreviewRow, ...] = ()

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was done to test it apart from the ranking judges, and by whom, a line each."""
        judges = self.reviewed.review.judges if self.reviewed else []
        return tuple(dict.fromkeys(f"{found.in_words()} (for {one.judge})" for one in judges for found in one.evidence))

    @property
    def ok(self) -> bool:
        """Whether it can be submitted."""
        return not self.problems and self.submission is not None

    def lines(self) -> list[str]:
        """The report in words, a line each."""
        if self.problems:
            return [str(problem) for problem in self.problems]
        lines = [f"status: {self.status}" + (f" ({MEANS[self.status]})" if self.status else "")]
        lines += [f"what was done: {one}" for one in self.evidence]
        lines += [f"a person has to look: {one}" for one in self.held]
        return lines + [f"shown beside the row: {one}" for one in self.flags] + [f"note: {one}" for one in self.remarks]


def report_on_upload(
    path: Path,
    datasets: Sequence[OpenedDataset],
    results: Path | None = None,
    *,
    most_unscored: float | None = MOST_UNSCORED,
    adopt: bool = False,
    seed: int | None = PREVIEW_SEED,
    rejudge: Rejudge = maintainers_verdicts,
    submitter: Submitter | None = None,
) -> SubmissionReport:
    """Check, judge again and preview a bundle's folder or zip; never raises for what is wrong in it.

    ``datasets`` are those that may be answered; ``results`` is a copy of the results repository, for its
    leaderboard and its earlier submissions; ``rejudge`` makes the maintainers' verdicts; ``submitter`` is the
    account that hands it in; other arguments are those of the checks and the review.
    """
    try:
        files = open_upload(path)
    except DataError as error:
        return SubmissionReport(error.problems)
    except InputError as error:
        return SubmissionReport((Problem("the upload", str(error)),))
    return report_on_files(
        files,
        datasets,
        results,
        most_unscored=most_unscored,
        adopt=adopt,
        seed=seed,
        rejudge=rejudge,
        submitter=submitter,
    )


def report_on_files(
    files: dict[str, bytes],
    datasets: Sequence[OpenedDataset],
    results: Path | None = None,
    *,
    most_unscored: float | None = MOST_UNSCORED,
    adopt: bool = False,
    seed: int | None = PREVIEW_SEED,
    rejudge: Rejudge = maintainers_verdicts,
    standing: bool = False,
    accept: str | None = None,
    submitter: Submitter | None = None,
    collected_by: str | None = None,
    read: Submission | None = None,
    rejudged: Sequence[Rejudged] | None = None,
) -> SubmissionReport:
    """The same for a bundle's files in memory; other arguments are those of the checks and the review.

    ``standing``: it stands in ``results`` itself. ``accept`` is why a person lets it in though it is held;
    ``collected_by`` is the maintainers' worker that asked the model, None where a submitter did. ``read`` is what the
    files hold, where somebody has read them already, and ``rejudged`` what ``rejudge`` would say, where it was asked.
    """
    try:
        submission = read or read_submission(files)
    except DataError as error:
        return SubmissionReport(error.problems)
    before = _earlier_review(submission, results) if results and standing else None
    since = before.first_reviewed_at if before else None
    # Answers that came with the dataset are compared with the dataset itself: of the others only the names count.
    compared = submission.bundle.kind != PUBLISHED
    earlier = read_earlier(results, submission.place, since, sketches=compared) if results else []
    earlier = [one for one in earlier if results and not _withdrawn_by(submitter, results, one.place)]
    checked = check_submission(submission, datasets, earlier, most_unscored=most_unscored)
    if checked.problems or checked.dataset is None:
        return SubmissionReport(checked.problems, checked.held, checked.flags, checked.remarks, submission=submission)
    if results and not standing and (there := _standing(submission, results)):
        return SubmissionReport((there,), submission=submission)
    disputes = (
        submitter.disputes(submission.place, submission.bundle.model, results, since) if submitter and results else []
    )
    rejudged = rejudge(submission, checked.dataset) if rejudged is None else [*rejudged]
    if before is not None and results is not None:
        rejudged += kept_verdicts(before, results, submission.place, rejudged)
    made = review_submission(
        submission,
        checked.dataset,
        rejudged,
        flags=checked.flags,
        held=[*disputes, *checked.held],
        adopt=adopt,
        seed=seed,
        accept=accept,
        before=before,
        submitter=submitter.name or None if submitter else None,
        collected_by=collected_by,
    )
    more = tuple(reason for reason in made.review.reasons if reason not in checked.flags)
    # Where a person has let it in, these are shown beside the row.
    held, flags = ((), (*more, *checked.flags)) if made.review.accepted else (more, checked.flags)
    rows = tuple(_preview(submission, made, who, found, results) for who, found in made.results.items())
    return SubmissionReport((), held, flags, checked.remarks, made.review.status, submission, made, rows)


def _withdrawn_by(submitter: Submitter | None, results: Path, place: str) -> bool:
    """Whether a submission was withdrawn by whom this one is of: who sends a run again copies nobody.

    What somebody else withdrew was public all the same, and a copy of it is one. A folder of one's own has one owner.
    """
    notices = read_notices if submitter is None else HubNotices(submitter.repo)
    if not any(notice.kind == "withdrawal" for notice in notices(results, place)):
        return False
    return submitter is None or handed_in_by(submitter.repo, results, place) == submitter.name


def _earlier_review(submission: Submission, results: Path) -> Review | None:
    try:
        return read_review(results, submission.place)
    except (DataError, OSError):
        # A spoilt review is made anew.
        return None


def _standing(submission: Submission, results: Path) -> Problem | None:
    told = results / SUBMISSIONS / submission.place / BUNDLE
    if not told.is_file():
        return None
    # It names the hash of every other file.
    same = told.read_bytes() == submission.files[BUNDLE]
    if same:
        return Problem(submission.place, "this very submission is there already")
    return Problem(submission.place, "another submission of this run is there", "history stays: withdraw that one")


def _preview(
    submission: Submission, made: MadeReview, who: tuple[str, str], found: Results, results: Path | None
) -> PreviewRow:
    bundle, review, place = submission.bundle, made.review, submission.place
    judge = next(one for one in review.judges if (one.judge, one.rubric) == who)
    board = _board(submission, who, results)
    others = [row.ranked_as for row in board.rows if row.bundle != f"{SUBMISSIONS}/{place}"] if board else []
    row = board_row(
        bundle.model,
        found.overall,
        kind=bundle.kind,
        run_id=bundle.run_id,
        collected_at=bundle.collected_at,
        judge=who,
        status=HELD if review.status == HELD else judge.status,
        evidence=[one.in_words() for one in judge.evidence],
        reasons=[*review.reasons, *judge.reasons],
        departures=submission.departures,
        ranked=ranked_among(found.overall, others, board.ranked_by if board else RANKED_BY, kind=bundle.kind),
        corrected=found.corrected,
        place=place,
        verdicts=verdicts_path(judge, place),
        submitter=review.submitter,
    )
    return PreviewRow(who[0], who[1], row, board)


def _board(submission: Submission, who: tuple[str, str], results: Path | None) -> Board | None:
    if results is None or not (results / FILE_NAME).is_file():
        return None
    try:
        boards = read_leaderboard(results).boards
    except InputError:
        return None
    same = (submission.bundle.dataset.cases_hash, *board_of(*who), len(submission.run.case_ids))
    return next((b for b in boards if (b.cases_hash, b.judge, b.rubric, b.n_cases) == same), None)
