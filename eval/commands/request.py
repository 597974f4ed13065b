"""``blind-refusal eval request``."""

from __future__ import annotations

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env
from eval.commands.options import results_option


@click.command(
    cls=Helpful,
    examples=("eval request --model openrouter/z-ai/glm-5 --results acme/results",),
)
@click.option("--model", required=True, metavar="ID", help="With its provider first, such as openrouter/z-ai/glm-5.")
@results_option("The results repository on the Hub.", metavar="NS/NAME")
@click.option("--dataset", default="build/dataset", show_default=True, metavar="DIR|NS/NAME[@REV]", help="Whose cases.")
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
