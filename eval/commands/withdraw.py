"""``blind-refusal eval withdraw``."""

from __future__ import annotations

from pathlib import Path

import click

from eval.commands.options import token_env


@click.command()
@click.argument("results", metavar="RESULTS|REPO")
@click.argument("place", metavar="ORG__MODEL/RUN")
@click.option("--reason", required=True, help="Why; it is shown.")
@click.option("--by", help="Who; with a repository the account that is signed in.")
@token_env
def withdraw(results: str, place: str, reason: str, by: str | None, token_env: str) -> None:
    """Take a submission off the leaderboard, by a record that says why; its files stay.

    On the Hub this opens a pull request, which the submitter can do for their own submission.
    """
    from dataset_builder.timestamp import now
    from eval.bundle import to_json
    from eval.notices import Notice, add_notice, notice_path
    from eval.results_repo import ResultsRepo, names_repo

    if not names_repo(results):
        notice = Notice(place=place, kind="withdrawal", reason=reason, by=by or "the owner", at=now())
        click.echo(f"wrote {add_notice(Path(results), notice)}; 'blind-refusal eval aggregate {results}' applies it")
        return
    from dataset_builder.hub import Hub
    from eval.hub_submission import check_stands

    hub = Hub(token_env=token_env)
    repo = ResultsRepo(hub, results)
    notice = Notice(place=place, kind="withdrawal", reason=reason, by=hub.whoami(), at=now())
    head = repo.head()
    check_stands(repo, place, head)
    done = repo.commit(f"Withdraw {place}", {notice_path(notice): to_json(notice)}, parent=head, create_pr=True)
    click.echo(f"pull request: {done.pr_url}")
