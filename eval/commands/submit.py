"""``blind-refusal eval submit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.wording import counted
from eval.commands.options import results_option

if TYPE_CHECKING:
    from collections.abc import Collection

    from dataset_builder.dataset.opened import OpenedDataset
    from eval.repository.bundle import MadeBundle
    from eval.reviews.report import SubmissionReport


@click.command(
    cls=Helpful,
    examples=(
        "eval submit runs/mine --dry-run",
        "eval submit runs/mine --results results",
        "eval submit runs/mine --results acme/results",
    ),
)
@click.argument("target", metavar="RUN|RUNS|DATASET|BUNDLE")
@results_option("Where to: a folder of your own, or a repository on the Hub, as a pull request.", required=False)
@click.option(
    "--dataset", metavar="DIR|NS/NAME[@REV]", help="The run's dataset, where it is not the one that it names."
)
@click.option(
    "--model-repo", metavar="ORG/MODEL", help="The model on the Hub; with a repository also a request to its page."
)
@click.option("--dataset-id", metavar="NS/NAME", help="With --model-repo: the dataset's repository, if it is a folder.")
@click.option("--note", help="A remark for readers of the leaderboard.")
@click.option("--dry-run", is_flag=True, help="Check it, say what would be public, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@token_env
def submit(
    target: str,
    results: str | None,
    dataset: str | None,
    model_repo: str | None,
    dataset_id: str | None,
    note: str | None,
    dry_run: bool,
    yes: bool,
    token_env: str,
) -> None:
    """Submit a finished RUN, all RUNS of a set, the answers that came with a DATASET, or a BUNDLE of other software.

    Into a folder it goes with no account and no network; `board aggregate` then rebuilds its leaderboard.
    To a repository it is checked as the maintainers will, you are shown what will be public, and a pull
    request is opened.
    """
    from dataset_builder.output import report, tell
    from eval.repository.hub import results_repo
    from eval.reviews.submitter import bundles_of, submit_locally

    if results is None and not dry_run:
        raise click.UsageError("Where to? Give --results DIR or --results NS/NAME; --dry-run needs neither.")
    repo = results_repo(results) if results is not None else None
    folder = Path(results) if results is not None else None
    found, bundles = bundles_of(target, dataset, model_repo=model_repo, note=note, progress=tell)
    if repo is not None:
        for made in bundles:
            _send(made, found, repo, model_repo, dataset_id, token_env, dry_run=dry_run, yes=yes)
        return
    if dry_run:
        _check(bundles, found, folder)
        return
    assert folder is not None  # noqa: S101 - without --dry-run it was given
    done = submit_locally(bundles, found, folder, progress=tell)
    report(submissions=[{"place": one.place, "status": one.review.status, "new": one.new} for one in done])
    for one in done:
        judges = ", ".join(f"{judge.judge} ({judge.status})" for judge in one.review.judges) or "no judge"
        click.echo(f"{'added' if one.new else 'stands already'}: {one.place}: {one.review.status}; {judges}")
        for reason in one.review.reasons:
            click.echo(f"  {reason}")


def _check(bundles: Collection[MadeBundle], dataset: OpenedDataset, results: Path | None) -> None:
    """Check as the maintainers will, beside what a results folder holds, and send nothing."""
    from dataset_builder.errors import DataError
    from eval.reviews.report import report_on_files
    from eval.reviews.submitter import content_lines

    for made in bundles:
        report = report_on_files(made.files, [dataset], results if results and results.is_dir() else None)
        if not report.ok:
            raise DataError(f"{made.place} would be refused", report.problems)
        for line in ("To be public:", *content_lines(made.files), *report.lines()):
            click.echo(line)
        _preview(report)
    click.echo("dry run: nothing was sent")


def _preview(report: SubmissionReport) -> None:
    for preview in report.rows:
        value = preview.row.metrics["discrimination"]
        shown = "no value" if value.estimate is None else f"discrimination {100 * value.estimate:.1f} points"
        present = len(preview.board.rows) if preview.board else 0
        click.echo(f"by {preview.judge}: {shown}, rank {preview.row.rank or '-'} beside {counted(present, 'row')}")


def _send(
    made: MadeBundle,
    dataset: OpenedDataset,
    name: str,
    model_repo: str | None,
    dataset_id: str | None,
    token_env: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    from dataset_builder.errors import DataError, InputError
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.patience import Patience
    from dataset_builder.output import is_quiet, tell
    from eval.repository.hub import ResultsRepo
    from eval.reviews.submitter import (
        check_for_repo,
        check_model_repo,
        open_model_card_request,
        open_pull_request,
        public_lines,
    )

    hub = Hub(token_env=token_env, patience=Patience(notice=tell))
    repo = ResultsRepo(hub, name)
    account = hub.whoami()
    if model_repo:
        check_model_repo(hub, model_repo)
    report = check_for_repo(made.files, [dataset], repo)
    if not report.ok:
        raise DataError(f"{made.place} would be refused", report.problems)
    for line in (*public_lines(made.files, account, repo), *report.lines()):
        click.echo(line)
    _preview(report)
    if dry_run:
        click.echo("dry run: nothing was sent")
        return
    if not yes:
        if is_quiet():
            raise InputError("Nobody is to be asked whether to send it: give --yes.")
        click.confirm("Send it?", abort=True)
    done = open_pull_request(report, repo)
    click.echo(f"pull request: {done.pr_url}")
    if model_repo:
        card = open_model_card_request(report, hub, model_repo, dataset_id=dataset_id, source_url=repo.url)
        click.echo(f"pull request: {card.pr_url}")


# ``blind-refusal eval withdraw``.


@click.command(
    cls=Helpful,
    examples=("eval withdraw acme__model-1/2026-01-31-0a1b2c3d --results acme/results --reason 'wrong weights'",),
)
@click.argument("place", metavar="ORG__MODEL/RUN")
@results_option()
@click.option("--reason", required=True, help="Why; it is shown.")
@click.option("--by", help="Who; with a repository the account that is signed in.")
@token_env
def withdraw(place: str, results: str, reason: str, by: str | None, token_env: str) -> None:
    """Take a submission off the leaderboard, by a record that says why; its files stay.

    On the Hub this opens a pull request, which the submitter can do for their own submission; maintainers let
    it in with `board check --merge`.
    """
    from dataset_builder.storage.files import now
    from eval.repository.bundle import to_json
    from eval.repository.hub import ResultsRepo, results_repo
    from eval.repository.notices import Notice, add_notice, notice_path

    if results_repo(results) is None:
        notice = Notice(place=place, kind="withdrawal", reason=reason, by=by or "the owner", at=now())
        click.echo(
            f"wrote {add_notice(Path(results), notice)}; 'blind-refusal board aggregate --results {results}' applies it"
        )
        return
    from dataset_builder.hub.client import Hub
    from eval.reviews.submitter import check_stands

    hub = Hub(token_env=token_env)
    repo = ResultsRepo(hub, results)
    notice = Notice(place=place, kind="withdrawal", reason=reason, by=hub.whoami(), at=now())
    head = repo.head()
    check_stands(repo, place, head)
    done = repo.commit(f"Withdraw {place}", {notice_path(notice): to_json(notice)}, parent=head, create_pr=True)
    click.echo(f"pull request: {done.pr_url}")
