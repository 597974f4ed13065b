"""``blind-refusal eval request``."""

from __future__ import annotations

import click

from eval.commands.options import token_env


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
    from dataset_builder.hub import Hub
    from eval.dataset import locate_dataset
    from eval.request_queue import RequestQueue
    from eval.request_record import make_request
    from eval.results_repo import ResultsRepo

    hub = Hub(token_env=token_env)
    queue = RequestQueue(ResultsRepo(hub, results))
    cases_hash = locate_dataset(dataset).built.cases_hash
    asked = make_request(model, cases_hash, hub.whoami(), queue.now(), repo=model_repo, reasoning=reasoning, note=note)
    done = queue.ask(asked, as_request=not direct)
    click.echo(f"asked for {model}: {done.pr_url or f'request {asked.id} waits in the queue'}")
