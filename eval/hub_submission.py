"""Handing a submission in at the results repository: what will be public, and the pull requests.

A page calls the same functions with a ``Hub`` that is signed in with the visitor's token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from dataset_builder.errors import DataError, InputError
from dataset_builder.hub import Hub
from dataset_builder.hub_records import Committed
from dataset_builder.hub_requests import open_requests
from eval.bundle_schema import BUNDLE, RESPONSES, RUN, Bundle, BundleRun
from eval.dataset import OpenedDataset
from eval.hub_results import PATH as HUB_RESULTS
from eval.hub_results import eval_results_yaml
from eval.results_folder import SUBMISSIONS, is_place
from eval.results_repo import FOR_CHECKS, KIND, ResultsRepo
from eval.submission_report import Rejudge, SubmissionReport, maintainers_verdicts, report_on_files

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
    return report_on_files(files, datasets, copy, rejudge=rejudge)


def public_lines(files: Mapping[str, bytes], account: str, repo: ResultsRepo) -> list[str]:
    """What a submission makes public, in words, before it is sent."""
    bundle = msgspec.json.decode(files[BUNDLE], type=Bundle)
    run = msgspec.json.decode(files[RUN], type=BundleRun)
    lines = [
        f"To be public at {repo.url}, by the account {account}:",
        f"  model: {bundle.model.name} (id {bundle.model.id}; asked at {run.endpoint or 'a place that is not told'})",
        f"  cases: {len(run.case_ids):,} of {bundle.dataset.name} ({bundle.dataset.cases_hash[:12]})",
        f"  settings: temperature {run.temperature}, at most {run.max_tokens} tokens, "
        f"system prompt {'as written' if run.system_prompt else 'none'}, reasoning {run.reasoning or 'not set'}",
        f"  every answer in full, with reasoning text, error texts, costs and times: {RESPONSES}",
    ]
    if bundle.judges:
        lines.append(f"  verdicts of {', '.join(one.judge for one in bundle.judges)}")
    if bundle.note:
        lines.append(f"  note: {bundle.note}")
    return lines + [f"  {SUBMISSIONS}/{_place(bundle)}/{name}: {len(data):,} bytes" for name, data in files.items()]


def hand_in(report: SubmissionReport, repo: ResultsRepo) -> Committed:
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


def hand_in_model_card(
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


def _place(bundle: Bundle) -> str:
    return f"{bundle.model.slug}/{bundle.run_id}"


def check_stands(repo: ResultsRepo, place: str, revision: str) -> None:
    """Raise InputError where there is no such submission in the repository."""
    path = f"{SUBMISSIONS}/{place}/{BUNDLE}"
    if not is_place(place) or path not in repo.hub.list_files(repo.name, KIND, revision):
        raise InputError(f"{place}: no such submission in {repo.url}; expected ORGANIZATION__MODEL/RUN.")


def check_model_repo(hub: Hub, model_repo: str) -> None:
    """Raise InputError where there is no such model on the Hub."""
    if hub.state(model_repo, "model") is None:
        raise InputError(f"{model_repo}: no such model on {hub.endpoint}, or it is private. Expected ORG/MODEL.")
