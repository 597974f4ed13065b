"""``blind-refusal board worker``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options
from eval.commands.options import datasets, results_option

if TYPE_CHECKING:
    from dataset_builder.work.choice import ModelChoice
    from eval.repository.request_queue import RequestQueue


@click.command(
    cls=Helpful,
    examples=("board worker --results acme/results --dataset acme/blind-refusal --once --budget 60",),
)
@results_option("The results repository on the Hub.", metavar="NS/NAME")
@datasets("Whose cases it can ask")
@click.option("--once", is_flag=True, help="Do one request at most, then end: for a scheduled job.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("runs/worker"),
    show_default=True,
    help="Where runs are kept.",
)
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

    It claims the oldest request, runs it, submits the run, checked, and rebuilds the leaderboard.
    Several workers never take the same request; what one leaves unfinished another goes on with.
    """
    import time

    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.patience import Patience
    from dataset_builder.output import tell
    from eval.repository.hub import ResultsRepo
    from eval.repository.request_queue import RequestQueue
    from eval.reviews.worker import Worker

    hub = Hub(token_env=token_env, patience=Patience(notice=tell))
    queue = RequestQueue(ResultsRepo(hub, results))
    busy = Worker(
        queue,
        [locate_dataset(one) for one in datasets],
        work,
        choice=choice,
        say=tell,
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
                click.echo("nothing to do" + _waiting(queue, results))
            return
        time.sleep(poll)


def _waiting(queue: RequestQueue, results: str) -> str:
    """What to do about requests that nobody has merged yet; empty where there are none."""
    if not (found := queue.waiting()):
        return ""
    verb = "waits as a pull request" if len(found) == 1 else "wait as pull requests"
    return (
        f"; {counted(len(found), 'request')} {verb}, such as {found[0].url}: "
        f"'blind-refusal board check --results {results} --merge' lets in what is right"
    )
