"""The maintainers' side: reviewing what came in, letting it in, and rebuilding the leaderboard on the Hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import ConflictError, DataError, InputError, Problem
from dataset_builder.hub.pull_requests import Changes, PullRequest, changes_of, comment_on, merge_request, open_requests
from eval.boards.aggregate import aggregated_files
from eval.repository.bundle import RESULTS
from eval.repository.folder import REVIEWS, SUBMISSIONS, add_review, files_of, is_place, places, read_review
from eval.repository.hub import FOR_AGGREGATION, FOR_CHECKS, KIND, ResultsRepo
from eval.repository.leaderboard import Leaderboard
from eval.repository.notices import HubNotices, Notice
from eval.repository.owners import Submitter, handed_in_by
from eval.repository.request_queue import RequestQueue
from eval.repository.requests import TITLE
from eval.reviews.labels import LabelDesk
from eval.reviews.records import Record, check_notice, hint_for, record_of
from eval.reviews.report import SubmissionReport, report_on_files
from eval.reviews.verdicts import Rejudge, maintainers_verdicts
from eval.submissions.checks import MOST_UNSCORED
from eval.submissions.upload import LIMITS

_SHOWN = 40


@dataclass(frozen=True)
class ReviewedRequest:
    """A pull request and what was found on it; ``merged`` where it was let in."""

    request: PullRequest
    report: SubmissionReport
    merged: bool = False
    # Of what hands in no run the report has only problems.
    record: Record = "submission"
    notice: Notice | None = None


def review_requests(
    repo: ResultsRepo,
    datasets: Sequence[OpenedDataset],
    *,
    number: int | None = None,
    merge: bool = False,
    say: bool = False,
    same_model: bool = False,
    rejudge: Rejudge = maintainers_verdicts,
    progress: Callable[[str], None] = lambda _: None,
) -> list[ReviewedRequest]:
    """Review the open pull requests (or one), and with ``merge`` let in those that nothing refuses.

    ``say`` puts the findings on the request; ``same_model`` confirms that the model of a request for an evaluation
    is the repository that it names. A request may add the files of one submission and nothing
    else. A review is a commit of its own after the merge: until it is there, the submission has no row.
    """
    done = []
    labels = LabelDesk(repo, datasets)
    for request in open_requests(repo.hub, repo.name, KIND):
        if number not in (None, request.number) or labels.is_one_too_many(request):
            continue
        progress(f"pull request {request.number}: {request.title}")
        changes = changes_of(repo.hub, repo.name, KIND, request.ref)
        record, path = record_of(changes)
        if record == "request":
            one = _review_queued(repo, request, path, merge=merge, same_model=same_model)
        elif record == "notice":
            one = _review_notice(repo, request, path, merge=merge)
        elif record == "label":
            one = _review_label(repo, request, labels.check(request, changes, path), merge=merge)
        else:
            one = None
        report = report_on_request(repo, request, changes, datasets, rejudge=rejudge) if one is None else one.report
        if say:
            text = "\n".join(["Checked by blind-refusal:", "", *(f"- {line}" for line in report.lines()[:_SHOWN])])
            comment_on(repo.hub, repo.name, KIND, request.number, text)
        if one is not None:
            done.append(one)
            continue
        merged = merge and report.ok and report.reviewed is not None
        if merged and report.submission is not None and report.reviewed is not None:
            merge_request(repo.hub, repo.name, KIND, request.number, "Checked; the review follows.")
            commit_review(repo, report.submission.place, report.reviewed.files)
        done.append(ReviewedRequest(request, report, merged))
    for left in labels.left():
        progress(str(left))
    return done


def report_on_request(
    repo: ResultsRepo,
    request: PullRequest,
    changes: Changes,
    datasets: Sequence[OpenedDataset],
    *,
    rejudge: Rejudge = maintainers_verdicts,
) -> SubmissionReport:
    """Check what a pull request would add."""
    only = "a submission adds the files of one run below submissions/ and nothing else"
    problems = [Problem(path, "would be changed", hint_for(path, only)) for path in sorted(changes.changed)]
    problems += [Problem(path, "would be deleted", hint_for(path, only)) for path in changes.deleted]
    folders = {PurePosixPath(path).parent.as_posix() for path in changes.added}
    for path, file in sorted(changes.added.items()):
        pure = PurePosixPath(path)
        place = pure.parent.as_posix().removeprefix(f"{SUBMISSIONS}/")
        if not path.startswith(f"{SUBMISSIONS}/") or not is_place(place) or len(folders) > 1:
            problems.append(Problem(path[:200], "would be added", hint_for(path, only)))
        elif pure.name not in LIMITS:
            problems.append(Problem(path[:200], "is no file of a bundle", "leave it out"))
        elif file.size > LIMITS[pure.name]:
            problems.append(Problem(path, f"{file.size:,} bytes; at most {LIMITS[pure.name]:,} are taken"))
    if request.title.startswith(TITLE):
        # By that title requests for evaluations are found in the history, with their times and authors.
        what = f"begins with {TITLE.strip()!r}, as the title of a request for an evaluation does"
        problems.append(Problem(request.url, what, "choose another title"))
    if not changes.added and not problems:
        problems.append(Problem(request.url, "adds nothing", only))
    if problems:
        more = len(problems) - _SHOWN
        rest = [Problem(request.url, f"and {more:,} more paths like these")] if more > 0 else []
        return SubmissionReport((*problems[:_SHOWN], *rest))
    (folder,) = folders
    files = {PurePosixPath(path).name: repo.hub.read_file(repo.name, KIND, path, request.ref) for path in changes.added}
    copy, _ = repo.copy(FOR_CHECKS)
    by = Submitter(request.author, repo)
    report = report_on_files(files, datasets, copy, seed=None, rejudge=rejudge, submitter=by)
    if report.submission is not None and f"{SUBMISSIONS}/{report.submission.place}" != folder:
        what = f"is not the folder that its bundle.json names, {SUBMISSIONS}/{report.submission.place}"
        return SubmissionReport((*report.problems, Problem(folder, what)), submission=report.submission)
    return report


def _review_queued(
    repo: ResultsRepo, request: PullRequest, path: str, *, merge: bool, same_model: bool
) -> ReviewedRequest:
    queue = RequestQueue(repo)
    data = repo.hub.read_file(repo.name, KIND, path, request.ref)
    problems = queue.check_new(path, data, request, same_model=same_model)
    if merge and not problems:
        merge_request(repo.hub, repo.name, KIND, request.number, "Into the queue.")
    return ReviewedRequest(request, SubmissionReport(tuple(problems)), merge and not problems, "request")


def _review_notice(repo: ResultsRepo, request: PullRequest, path: str, *, merge: bool) -> ReviewedRequest:
    notice, problems = check_notice(repo, request, path)
    if merge and not problems:
        merge_request(repo.hub, repo.name, KIND, request.number, "It holds when the leaderboard is rebuilt.")
    return ReviewedRequest(request, SubmissionReport(tuple(problems)), merge and not problems, "notice", notice)


def _review_label(repo: ResultsRepo, request: PullRequest, problems: list[Problem], *, merge: bool) -> ReviewedRequest:
    if merge and not problems:
        try:
            merge_request(repo.hub, repo.name, KIND, request.number, "Counted beside the verdicts.")
        except ConflictError as error:
            # Another label of the same reader on the same answer was let in since.
            problems = [Problem(request.url, str(error)[:300], "close it, and label the answer once more")]
    return ReviewedRequest(request, SubmissionReport(tuple(problems)), merge and not problems, "label")


def commit_review(repo: ResultsRepo, place: str, files: dict[str, bytes]) -> None:
    """Put a review into the repository, on top of whatever else came in meanwhile."""
    add = {f"{REVIEWS}/{place}/{name}": data for name, data in files.items()}
    repo.update(lambda head: repo.commit(f"Review {place}", add, parent=head))


def review_repo(
    repo: ResultsRepo,
    datasets: Sequence[OpenedDataset],
    *,
    accept: dict[str, str] | None = None,
    again: bool = False,
    only: str | None = None,
    rejudge: Rejudge = maintainers_verdicts,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, SubmissionReport]:
    """Review the submissions on main that have no review, as after a merge by hand; see ``review_folder``."""
    # With the settings of judges that are not asked again.
    copy, _ = repo.copy((*FOR_AGGREGATION, *FOR_CHECKS, f"{REVIEWS}/*/{RESULTS}"))
    found = _review(copy, datasets, accept or {}, again=again, only=only, repo=repo, rejudge=rejudge, progress=progress)
    for place, report in found.items():
        if report.reviewed is not None:
            commit_review(repo, place, report.reviewed.files)
    return found


def review_folder(
    results: Path,
    datasets: Sequence[OpenedDataset],
    *,
    accept: dict[str, str] | None = None,
    again: bool = False,
    only: str | None = None,
    rejudge: Rejudge = maintainers_verdicts,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, SubmissionReport]:
    """Review the submissions of a folder of one's own that have no review, or with ``again`` all of them.

    ``accept`` maps a place to why a person lets it in that the checks hold; ``only`` is the one place that is reviewed,
    all if None. Returns the reports by place. Raises
    InputError where there is no such folder, or no submission at a place to accept.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; expected one that 'blind-refusal eval submit --results' made.")
    found = _review(
        results, datasets, accept or {}, again=again, only=only, repo=None, rejudge=rejudge, progress=progress
    )
    for place, report in found.items():
        if report.reviewed is not None:
            add_review(results, place, report.reviewed.files)
    return found


def aggregate_repo(
    repo: ResultsRepo, datasets: Sequence[OpenedDataset], told: Callable[[str], None] = lambda _: None
) -> tuple[Leaderboard, bool]:
    """Rebuild the leaderboard on the Hub, in one commit; False where nothing has changed.

    ``told`` hears of each notice that does not count, as the Hub names somebody else than the submitter behind it.
    """

    def attempt(head: str) -> tuple[Leaderboard, bool]:
        copy, _ = repo.copy(FOR_AGGREGATION, head)
        notices = HubNotices(repo)
        made, _, files = aggregated_files(copy, datasets, notices=notices)
        changed = {
            name: data
            for name, data in files.items()
            if not (copy / name).is_file() or (copy / name).read_bytes() != data
        }
        if changed:
            repo.commit("Rebuild the leaderboard", changed, parent=head)
        for line in notices.ignored:
            told(line)
        return made, bool(changed)

    return repo.update(attempt)


def _review(
    results: Path,
    datasets: Sequence[OpenedDataset],
    accept: dict[str, str],
    *,
    again: bool,
    only: str | None,
    repo: ResultsRepo | None,
    rejudge: Rejudge,
    progress: Callable[[str], None],
) -> dict[str, SubmissionReport]:
    """Review what stands in a folder: one's own, or the copy of a repository."""
    found = {}
    there = places(results)
    for place in (*accept, *([only] if only else [])):
        if place not in there:
            known = f"; the nearest is {near[0]}" if (near := get_close_matches(place, there, 1, 0.5)) else ""
            raise InputError(f"{place}: no such submission; expected ORGANIZATION__MODEL/RUN{known}.")
    for place in there:
        if only is not None and place != only:
            continue
        if not again and place not in accept and only is None:
            try:
                if read_review(results, place) is not None:
                    continue
            except DataError:
                # A spoilt review is made again.
                pass
        progress(f"checking {place}")
        found[place] = report_on_files(
            files_of(results / SUBMISSIONS / place),
            datasets,
            results,
            seed=None,
            rejudge=rejudge,
            standing=True,
            accept=accept.get(place),
            most_unscored=None if repo is None else MOST_UNSCORED,
            adopt=repo is None,
            submitter=None if repo is None else Submitter(handed_in_by(repo, results, place), repo),
        )
    return found
