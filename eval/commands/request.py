"""``blind-refusal eval request``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.work.options import model_options
from eval.commands.options import datasets, token_env

if TYPE_CHECKING:
    from dataset_builder.work.choice import ModelChoice


@click.command()
@click.option("--model", required=True, metavar="ID", help="With its provider first, such as openrouter/z-ai/glm-5.")
@click.option("--results", required=True, metavar="NS/NAME", help="The results repository.")
@click.option("--dataset", default="build/dataset", show_default=True, metavar="DIR|REPO[@REV]", help="Whose cases.")
@click.option("--model-repo", metavar="ORG/MODEL", help="The model's repository on the Hub, where it has one.")
@click.option("--reasoning", metavar="LEVEL", help="Reasoning effort, for example low.  [default: not sent]")
@click.option("--note", help="A remark for readers.")
@click.option("--direct", is_flag=True, help="Commit it, as only the repository's owners can; else a pull request.")
@token_env
def request(
    model: str,
    results: str,
    dataset: str,
    model_repo: str | None,
    reasoning: str | None,
    note: str | None,
    direct: bool,
    token_env: str,
) -> None:
    """Ask for the evaluation of a model by a worker of the results repository."""
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.hub.client import Hub
    from dataset_builder.output import report
    from eval.repository.hub import ResultsRepo
    from eval.repository.request_queue import RequestQueue
    from eval.repository.requests import make_request

    hub = Hub(token_env=token_env)
    queue = RequestQueue(ResultsRepo(hub, results))
    cases_hash = locate_dataset(dataset).built.cases_hash
    asked = make_request(model, cases_hash, hub.whoami(), queue.now(), repo=model_repo, reasoning=reasoning, note=note)
    done = queue.ask(asked, as_request=not direct)
    report(model=model, request=asked.id, pull_request=done.pr_url)
    click.echo(f"asked for {model}: {done.pr_url or f'request {asked.id} waits in the queue'}")


# ``blind-refusal eval worker``.


@click.command()
@click.option("--results", required=True, metavar="NS/NAME", help="The results repository.")
@datasets("Whose cases it can ask")
@click.option("--once", is_flag=True, help="Do one request at most, then end: for a scheduled job.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/worker"), show_default=True, help="Folder.")
@click.option("--name", help="What the queue shows it as.  [default: host and process]")
@model_options("the `custom` models'", limits=("concurrency", "budget"))
@click.option("--poll", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds between two looks.")
@token_env
def worker(
    results: str,
    datasets: tuple[str, ...],
    once: bool,
    work: Path,
    name: str | None,
    choice: ModelChoice,
    poll: float,
    token_env: str,
) -> None:
    """Evaluate the models that were asked for, one after the other.

    It claims the oldest request, runs it, submits the run with its review and rebuilds the leaderboard.
    Several workers never take the same request; what one leaves unfinished another goes on with.
    """
    import time

    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.patience import Patience
    from eval.repository.hub import ResultsRepo
    from eval.repository.request_queue import RequestQueue
    from eval.reviews.worker import Worker

    def say(line: str) -> None:
        click.echo(line, err=True)

    hub = Hub(token_env=token_env, patience=Patience(notice=say))
    busy = Worker(
        RequestQueue(ResultsRepo(hub, results)),
        [locate_dataset(one) for one in datasets],
        work,
        choice=choice,
        say=say,
        name=name or "",
    )
    while True:
        seen = False
        for done in busy.work_through(once=once):
            seen = True
            what = done.request.submission or done.request.error or ""
            click.echo(f"{done.request.id}: {done.request.state}; {what} (${done.spent:.4f})")
        if once or not busy.has_money:
            if not seen:
                click.echo("nothing to do")
            return
        time.sleep(poll)
