"""``blind-refusal board check``."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.work.options import model_options
from eval.commands.options import datasets, judge_max_tokens, results_option

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.choice import ModelChoice
    from eval.reviews.report import SubmissionReport
    from eval.reviews.verdicts import Rejudge, Rejudged
    from eval.submissions.submission import Submission


@click.command(
    cls=Helpful,
    examples=(
        "board check --results acme/results --dataset acme/blind-refusal --merge",
        "board check --results acme/results --pr 12 --comment",
        "board check --results results --accept acme__model-1/2026-01-31-0a1b2c3d --reason 'read ten'",
    ),
)
@results_option()
@datasets("Whose cases may be answered")
@click.option("--pr", "number", type=int, metavar="N", help="One pull request alone.")
@click.option("--merge", is_flag=True, help="Merge the requests that nothing refuses, and add what was found.")
@click.option("--same-model", is_flag=True, help="With --pr: a request's model is the repository that it names.")
@click.option("--comment", "say", is_flag=True, help="Put the findings on each request.")
@click.option("--again", is_flag=True, help="Check what was checked before too, as after a new version of the judge.")
@click.option("--accept", metavar="ORG__MODEL/RUN", help="Let in what is held; give --reason.")
@click.option("--reason", help="Why.")
@click.option(
    "--judge",
    "spec",
    metavar="model:ID|human:FILE",
    help="A second judge: a model, which may cost, or people's labels.",
)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Show that judge N answers drawn at random.")
@click.option(
    "--only", metavar="ORG__MODEL/RUN", help="Check this submission alone, whether it was checked before or not."
)
@model_options("that judge's", prefix="judge", router="judge-")
@judge_max_tokens()
@token_env
def check(
    results: str,
    datasets: tuple[str, ...],
    number: int | None,
    merge: bool,
    same_model: bool,
    say: bool,
    again: bool,
    accept: str | None,
    reason: str | None,
    spec: str | None,
    sample: int | None,
    only: str | None,
    judge_choice: ModelChoice,
    max_tokens: int | None,
    token_env: str,
) -> None:
    """Check what was submitted, judge it again and audit its verdicts.

    Of a repository the open pull requests are checked, and what was merged unchecked.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.output import tell
    from eval.repository.hub import ResultsRepo, results_repo
    from eval.reviews.maintainer import review_folder, review_repo, review_requests
    from eval.reviews.verdicts import maintainers_verdicts

    if bool(accept) != bool(reason):
        raise click.UsageError("--accept and --reason belong together.")
    if same_model and number is None:
        raise click.UsageError("--same-model is for one request: name it with --pr N.")
    if sample is not None and spec is None:
        raise click.UsageError("--sample is for --judge.")
    accepted = {accept: reason} if accept and reason else {}
    opened = [locate_dataset(one) for one in datasets]
    rejudge = _rejudge_by(spec, judge_choice, max_tokens, sample) if spec else maintainers_verdicts
    if results_repo(results) is None:
        found = review_folder(
            Path(results), opened, accept=accepted, again=again, only=only, rejudge=rejudge, progress=tell
        )
        for place, report in found.items():
            _show(place, report)
        if not found:
            click.echo("nothing to check")
        return
    from dataset_builder.hub.client import Hub

    repo = ResultsRepo(Hub(token_env=token_env), results)
    requests = (
        []
        if only
        else review_requests(
            repo, opened, number=number, merge=merge, say=say, same_model=same_model, rejudge=rejudge, progress=tell
        )
    )
    for one in requests:
        what = f"pull request {one.request.number} by {one.request.author}"
        if one.record == "request" and not one.report.problems:
            click.echo(f"{what}: fit for the queue")
        elif one.record == "label" and not one.report.problems:
            click.echo(f"{what}: {one.request.title}: a reader's label, as it should be")
        elif one.notice is not None and not one.report.problems:
            click.echo(f"{what}: a {one.notice.kind} of {one.notice.place}: {one.notice.reason}")
        else:
            _show(what, one.report)
        click.echo(f"  {'merged' if one.merged else 'left open'}: {one.request.url}")
    found = review_repo(repo, opened, accept=accepted, again=again, only=only, rejudge=rejudge, progress=tell)
    for place, report in found.items():
        _show(place, report)
    if any(one.merged and one.record in ("submission", "notice") for one in requests):
        click.echo(f"Next: blind-refusal board aggregate --results {results}")
    if not requests and not found:
        click.echo("nothing to check")


def _rejudge_by(spec: str, choice: ModelChoice, max_tokens: int | None, sample: int | None) -> Rejudge:
    """The offline judge, and the one of that specification, made anew and asked about for each submission."""
    from eval.judges.interface import JudgeOptions
    from eval.judging.registry import check_judge, resolve_judge
    from eval.judging.run import judging_session
    from eval.reviews.verdicts import drawn_cases, rejudge, tasks_of

    check_judge(spec)
    spent = 0.0

    def judged(submission: Submission, dataset: OpenedDataset) -> list[Rejudged]:
        nonlocal spent
        judge = resolve_judge(spec, JudgeOptions(dataset, submission.run.model, choice=choice, max_tokens=max_tokens))
        # Drawn anew each time, so that nobody can prepare for it; the verdicts say which they were.
        chosen = drawn_cases(submission, sample, secrets.randbits(32)) if sample else None
        tasks = [one for one in tasks_of(submission, dataset) if chosen is None or one.case.case_id in chosen]
        session = judging_session(judge, tasks, len(tasks), choice, spent)
        session.confirm()
        found = rejudge(submission, dataset, [(judge, session)], chosen=chosen)
        spent = session.budget.spent
        return found

    return judged


def _show(what: str, report: SubmissionReport) -> None:
    click.echo(f"{what}: {report.status or 'refused'}")
    for line in report.lines():
        click.echo(f"  {line}")
