"""Submitting to a results folder of one's own: no account, no network; the owner is the maintainer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.errors import DataError, InputError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.naming import repo_meant
from dataset_builder.hub.pull_requests import open_requests
from dataset_builder.hub.records import Committed
from dataset_builder.wording import counted
from eval.interop.hub_yaml import PATH as HUB_RESULTS
from eval.interop.hub_yaml import eval_results_yaml
from eval.repository.bundle import BUNDLE, RESPONSES, RUN, Bundle, MadeBundle
from eval.repository.folder import SUBMISSIONS, add_review, add_submission, is_place, read_review
from eval.repository.hub import FOR_CHECKS, KIND, ResultsRepo
from eval.repository.owners import Submitter
from eval.repository.review import Review
from eval.results.answer_set import is_run
from eval.reviews.ahead import done_ahead
from eval.reviews.report import SubmissionReport, report_on_files
from eval.reviews.verdicts import Rejudge, maintainers_verdicts
from eval.runs.folder import RUN as RUN_FILE
from eval.runs.folder import RunFolder, holds_run
from eval.runs.other_forms import refuse_other_form
from eval.runs.run import Run
from eval.submissions.make import bundle_of_run
from eval.submissions.published import bundles_of_dataset
from eval.submissions.submission import read_submission
from eval.submissions.upload import open_upload


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was put into a results folder at a place, with its review; ``new`` is False where it stood there."""

    place: str
    review: Review
    new: bool


def bundles_of(
    target: str,
    dataset: str | None = None,
    *,
    model_repo: str | None = None,
    note: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[OpenedDataset, Collection[MadeBundle]]:
    """The bundles of a run, of a set of them, of a dataset's published answers, or one that is there; and the dataset.

    Of a set, runs under another framing than the leaderboard's (a system prompt, a user who insists) and runs that were
    not judged are left out, and ``progress`` is told. Raises InputError for a target that is none of these, and as the
    makers of bundles do.
    """
    if is_bundle(target):
        if dataset is None or model_repo or note:
            raise InputError(f"{target} is a bundle: name its dataset with --dataset; the rest is in its bundle.json.")
        files = open_upload(Path(target))
        return locate_dataset(dataset), [MadeBundle(read_submission(files).bundle, files)]
    if is_run(target):
        run = RunFolder.open(Path(target))
        found = locate_dataset(dataset or run.record.source)
        return found, [bundle_of_run(run, found, model_repo=model_repo, note=note)]
    if several := _runs_in(Path(target)):
        if model_repo:
            raise InputError("--model-repo is for one run; this folder holds several, each of a model of its own.")
        return _bundles_of_set(Path(target), several, dataset, note, progress)
    refuse_other_form(Path(target))
    if repo_meant(target) is None and not Path(target).exists():
        raise InputError(f"{target}: no such folder or file. Expected a run, the runs of a set, a dataset or a bundle.")
    found = locate_dataset(target)
    if model_repo:
        raise InputError("--model-repo is for a run: answers that came with a dataset are of many models.")
    return found, bundles_of_dataset(found, progress).values()


def _runs_in(folder: Path) -> list[Path]:
    """The runs of a set, by name; none where this is no folder of them."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if holds_run(one))


def _bundles_of_set(
    target: Path, several: Sequence[Path], dataset: str | None, note: str | None, progress: Callable[[str], None]
) -> tuple[OpenedDataset, list[MadeBundle]]:
    runs: list[RunFolder] = []
    for path in several:
        run = RunFolder.open(path) if (path / RUN_FILE).is_file() else None
        if run is None:
            why = "several answers to each case; submit one of its epochs alone"
        elif run.settings.system_prompt is not None:
            why = "a system prompt, which is another question than the leaderboard's"
        elif run.settings.pressure is not None:
            why = "the user insists, which is another question than the leaderboard's"
        elif run.settings.language is not None:
            why = "translated requests, which are other questions than the leaderboard's"
        elif not run.verdicts():
            why = "no verdicts; judge it first" if run.answers else "no answers yet"
        else:
            runs.append(run)
            continue
        progress(f"left out: {path.name}: {why}")
    if not runs:
        raise InputError(f"{target}: holds {counted(len(several), 'run')}, and none that a leaderboard takes.")
    if len({run.record.dataset.cases_hash for run in runs}) > 1:
        raise InputError(f"{target}: its runs are of different datasets. Submit them one by one.")
    found = locate_dataset(dataset or runs[0].record.source)
    return found, [bundle_of_run(run, found, note=note) for run in runs]


def is_bundle(target: str) -> bool:
    """Whether this names a bundle's folder or a zip file."""
    path = Path(target)
    return (path / BUNDLE).is_file() or (path.is_file() and path.suffix.lower() == ".zip")


def submit_locally(
    bundles: Collection[MadeBundle],
    dataset: OpenedDataset,
    results: Path,
    progress: Callable[[str], None] = lambda _: None,
    rejudge: Rejudge = maintainers_verdicts,
) -> list[Submitted]:
    """Put bundles into a results folder, each reviewed: the owner lets their own verdicts in.

    A bundle that stands there with its review is left alone. Raises InputError where another
    submission has its place, DataError with all problems where one is not fit to be submitted.
    """
    done = []
    for number, ahead in enumerate(done_ahead(bundles, dataset, results, rejudge), start=1):
        made = ahead.made
        progress(f"checking {made.place}" + (f" ({number} of {len(bundles)})" if len(bundles) > 1 else ""))
        folder = results / SUBMISSIONS / made.place
        review = read_review(results, made.place) if folder.is_dir() else None
        if review is not None and not add_submission(results, made):
            done.append(Submitted(made.place, review, False))
            continue
        report = report_on_files(
            made.files,
            [dataset],
            results,
            most_unscored=None,
            adopt=True,
            seed=None,
            rejudge=rejudge,
            standing=True,
            read=ahead.read,
            rejudged=ahead.rejudged,
        )
        done.append(add_reviewed(report, results))
    return done


def add_reviewed(report: SubmissionReport, results: Path) -> Submitted:
    """Put what was checked and judged into a results folder, as it stands in the report.

    Raises DataError with all problems where it is not fit, InputError where another submission has its place.
    """
    submission = report.submission
    if submission is None or report.problems or report.reviewed is None:
        raise DataError(f"{submission.place if submission else 'It'} cannot be submitted", report.problems)
    made = MadeBundle(submission.bundle, submission.files)
    new = add_submission(results, made)
    add_review(results, made.place, report.reviewed.files)
    return Submitted(made.place, report.reviewed.review, new)


# Handing a submission in at the results repository: what will be public, and the pull requests.


_TITLE: Final = "Submit"


def check_for_repo(
    files: dict[str, bytes],
    datasets: Sequence[OpenedDataset],
    repo: ResultsRepo,
    *,
    rejudge: Rejudge = maintainers_verdicts,
) -> SubmissionReport:
    """Check a bundle as the maintainers will, against the submissions that the repository holds now."""
    copy, _ = repo.copy(FOR_CHECKS)
    return report_on_files(files, datasets, copy, rejudge=rejudge, submitter=Submitter(repo.hub.whoami(), repo))


def public_lines(files: Mapping[str, bytes], account: str, repo: ResultsRepo) -> list[str]:
    """What a submission makes public, in words, before it is sent."""
    return [f"To be public at {repo.url}, by the account {account}:", *content_lines(files)]


def content_lines(files: Mapping[str, bytes]) -> list[str]:
    """What a submission holds, in words."""
    bundle = msgspec.json.decode(files[BUNDLE], type=Bundle)
    run = msgspec.json.decode(files[RUN], type=Run)
    lines = [
        f"  model: {bundle.model.name} (id {bundle.model.id}; asked at {run.endpoint or 'a place that is not told'})",
        f"  cases: {len(run.case_ids):,} of {bundle.dataset.name} ({bundle.dataset.cases_hash[:12]})",
        f"  settings: temperature {_told(run.temperature)}, most tokens {_told(run.max_tokens)}, "
        f"system prompt {'as written' if run.system_prompt else 'none'}, reasoning {run.reasoning or 'not set'}",
        f"  every answer in full, with reasoning text, error texts, costs and times: {RESPONSES}",
    ]
    if bundle.judges:
        lines.append(f"  verdicts of {', '.join(one.judge for one in bundle.judges)}")
    if bundle.note:
        lines.append(f"  note: {bundle.note}")
    return lines + [
        f"  {SUBMISSIONS}/{MadeBundle(bundle, {}).place}/{name}: {len(data):,} bytes" for name, data in files.items()
    ]


def _told(value: float | None) -> str:
    return "not told" if value is None else f"{value:,g}"


def open_pull_request(report: SubmissionReport, repo: ResultsRepo) -> Committed:
    """Open the pull request that adds a checked submission, by the account of ``repo.hub``.

    Raises DataError where the report has problems, InputError where the submission is there or waits
    in an open request already, RemoteError where the Hub refuses.
    """
    if report.submission is None or not report.ok:
        raise DataError("The submission cannot be sent", report.problems)
    submission = report.submission
    head = repo.head()
    path = f"{SUBMISSIONS}/{submission.place}"
    if f"{path}/{BUNDLE}" in repo.hub.list_files(repo.name, KIND, head):
        raise InputError(f"{repo.url} holds {path} already.")
    title = f"{_TITLE} {submission.place}"
    for request in open_requests(repo.hub, repo.name, KIND):
        if request.title == title:
            raise InputError(f"{submission.place} waits in an open pull request already: {request.url}")
    add = {f"{path}/{name}": data for name, data in submission.files.items()}
    return repo.commit(title, add, parent=head, create_pr=True)


def open_model_card_request(
    report: SubmissionReport, hub: Hub, model_repo: str, *, dataset_id: str | None, source_url: str
) -> Committed:
    """Open the pull request that puts the score on the model's own page, by the verdicts made here.

    Raises InputError without a dataset on the Hub, without a score, or where that file says the same already.
    """
    if report.reviewed is None or not report.reviewed.results:
        raise InputError("There is no score to put on the model's page.")
    results = next(iter(report.reviewed.results.values()))
    text = eval_results_yaml(results, dataset_id=dataset_id, source_url=source_url).encode()
    head = hub.head(model_repo, "model")
    if HUB_RESULTS in hub.list_files(model_repo, "model", head) and (
        hub.read_file(model_repo, "model", HUB_RESULTS, head) == text
    ):
        raise InputError(f"{model_repo} has these results already.")
    return hub.commit(
        model_repo,
        "model",
        message="Add results of the blind-refusal benchmark",
        add={HUB_RESULTS: text},
        parent=head,
        create_pr=True,
    )


def check_stands(repo: ResultsRepo, place: str, revision: str) -> None:
    """Raise InputError where there is no such submission in the repository."""
    path = f"{SUBMISSIONS}/{place}/{BUNDLE}"
    if not is_place(place) or path not in repo.hub.list_files(repo.name, KIND, revision):
        raise InputError(f"{place}: no such submission in {repo.url}; expected ORGANIZATION__MODEL/RUN.")


def check_model_repo(hub: Hub, model_repo: str) -> None:
    """Raise InputError where there is no such model on the Hub."""
    if hub.state(model_repo, "model") is None:
        raise InputError(f"{model_repo}: no such model on {hub.endpoint}, or it is private. Expected ORG/MODEL.")
