"""``blind-refusal eval run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eval.judging.registry import DEFAULT_JUDGE, usage

if TYPE_CHECKING:
    from eval.runs.folder import RunFolder
    from eval.runs.plan import RunPlan

NO_JUDGE = "none"
# A budget must be more than nothing; a judge that costs nothing does not ask for it.
_NOTHING = 1e-9


class _Temperature(click.ParamType[float | None]):
    """A number of 0 or more, or ``default`` to leave the choice to the server."""

    name = "temperature"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "default":
            return None
        return float(click.FloatRange(0, 2).convert(value, param, ctx))


@click.command()
@click.option(
    "--model",
    required=True,
    metavar="ID",
    help="With its provider first: openrouter/…, openai/…, hf/…, vllm/…, ollama/…, llamacpp/…, local/smollm2-135m "
    "for a small model that comes with the extra `local`, or published/SLUG for answers that the dataset holds. "
    "With --base-url: as the server calls it.",
)
@click.option("--base-url", metavar="URL", help="Address of an OpenAI-compatible server, up to and with its /v1.")
@click.option("--api-key-env", "key_env", metavar="NAME", help="The environment variable that holds the key.")
@click.option("--dataset", default="build/dataset", show_default=True, metavar="DIR|REPO[@REV]", help="Whose cases.")
@click.option("--out", type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run.  [default: in runs/]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N cases alone.")
@click.option("--sample", metavar="stratified:N", help="N cases, spread evenly over the cells.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option("--concurrency", type=click.IntRange(1, 512), default=16, show_default=True, help="Requests at once.")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of an answer.  [default: 8000; local/…: 512]")
@click.option(
    "--temperature", type=_Temperature(), default=0.0, show_default=True, help="`default` leaves it to the server."
)
@click.option("--reasoning", metavar="LEVEL", help="Reasoning effort, for example low.  [default: not sent]")
@click.option("--seed", type=int, help="Seed of the sampling, where the server takes one.")
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="Let OpenRouter ask this provider alone; give it once for each.",
)
@click.option(
    "--exclude-provider",
    "excluded_providers",
    multiple=True,
    metavar="NAME",
    help="Let OpenRouter not ask this provider; give it once for each.",
)
@click.option("--stream", is_flag=True, help="Ask for event streams, for servers that take no other calls.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before it is exceeded.")
@click.option("--price", metavar="IN,OUT", help="US dollars for a million tokens, where the price is not known.")
@click.option("--timeout", type=click.FloatRange(1), metavar="S", help="Seconds for a whole answer.  [default: 900]")
@click.option(
    "--judge",
    default=DEFAULT_JUDGE,
    show_default=True,
    metavar=f"{usage()}|{NO_JUDGE}",
    help="Who judges the answers afterwards.",
)
@click.option(
    "--judge-base-url",
    "base_url_of_judge",
    metavar="URL",
    help="Address of a model judge's server, where it has one of "
    "its own. All else about judging: --judge none, then `eval judge RUN`.",
)
@click.option(
    "--judge-api-key-env", "key_of_judge", metavar="NAME", help="The environment variable that holds its key."
)
@click.option("--judge-price", "price_of_judge", metavar="IN,OUT", help="Its price, where that is not known.")
@click.option(
    "--judge-max-tokens",
    "tokens_of_judge",
    type=click.IntRange(1),
    help="Most tokens of a model judge's reply, its reasoning included.  [default: 4000]",
)
@click.option("--retry-errors", is_flag=True, help="Ask again what failed or came back empty.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    judge: str,
    base_url_of_judge: str | None,
    key_of_judge: str | None,
    price_of_judge: str | None,
    tokens_of_judge: int | None,
    budget: float | None,
    timeout: float | None,
    yes: bool,
    **wishes: Any,
) -> None:
    """Collect a model's answers, judge them and print its scores.

    By default as the study did it: the query alone, no system prompt, temperature 0, at most 8,000
    tokens. The same command resumes a run that was stopped, whenever and however.
    """
    from dataset_builder.errors import RemoteError
    from dataset_builder.models.chat import Timeouts
    from dataset_builder.storage.progress import run_progress
    from dataset_builder.work.asking import confirm, may_ask
    from dataset_builder.work.cost import parse_price
    from eval.judging.registry import check_judge
    from eval.runs.plan import Wishes, collect_run, plan_run
    from eval.runs.published import copy_published, is_published
    from eval.runs.tally import oddities_of, statuses_line

    if judge != NO_JUDGE:
        check_judge(judge)
    of_judge = {"base_url": base_url_of_judge, "key_env": key_of_judge}
    if price_of_judge is not None:
        parse_price(price_of_judge)
    asked = Wishes(**wishes)
    if is_published(asked.model):
        folder = copy_published(asked)
        click.echo(f"Run: {folder.path}")
        stopped = None
    else:
        plan = plan_run(asked)
        folder = plan.run
        for line in plan.lines():
            click.echo(line)
        if judge != NO_JUDGE and _judge_is_paid(plan, judge, of_judge, price_of_judge):
            click.echo(f"Judge: {judge}; what it costs is shown and asked about when the answers are there")
            may_ask(yes=yes)
        if plan.queries:
            confirm(plan.estimate, yes=yes)
        try:
            sitting, stopped = collect_run(
                plan,
                budget_usd=budget,
                timeouts=Timeouts.within(timeout) if timeout else Timeouts(),
                progress=run_progress,
            )
        except KeyboardInterrupt:
            click.echo("Stopped. Every answer that came is kept; the same command goes on from there.", err=True)
            sys.exit(130)
        click.echo(statuses_line(_count(folder.statuses()), len(folder.settings.case_ids)))
        if sitting.done:
            click.echo(f"Tokens: {sitting.token_line()}. Cost: {sitting.cost_line()}.")
        for line in oddities_of(folder).lines():
            click.echo(line)
    if stopped:
        raise RemoteError(f"Stopped early: {stopped}")
    if judge != NO_JUDGE:
        left = None if budget is None else max(budget - _spent(folder), _NOTHING)
        how = {
            **of_judge,
            "price": price_of_judge,
            "max_tokens": tokens_of_judge,
            "concurrency": wishes["concurrency"],
        }
        _judge_and_score(ctx, folder.path, judge, wishes["dataset"], budget=left, yes=yes, **how)


def _count(statuses: dict[str, str]) -> dict[str, int]:
    from collections import Counter

    return Counter(statuses.values())


def _judge_is_paid(plan: RunPlan, spec: str, where: dict[str, Any], price: str | None) -> bool:
    """Whether a judge may cost money.

    Raises InputError now, and not after the collection, where it lacks an address, a key or a file.
    """
    import asyncio

    from dataset_builder.errors import InputError
    from dataset_builder.models.providers import resolve_endpoint
    from dataset_builder.work.cost import FREE, parse_price, price_of
    from eval.judges.interface import JudgeOptions, PaidJudge
    from eval.judging.registry import resolve_judge

    try:
        judge = resolve_judge(spec, JudgeOptions(dataset=plan.dataset, model=plan.run.settings.model, **where))
    except InputError as error:
        # There are two models and two addresses: it has to say which is meant.
        asks = spec.startswith(("model:", "cascade:"))
        hint = " For the judge these are --judge-base-url and --judge-api-key-env." if asks else ""
        raise InputError(f"--judge {spec}: {error}{hint}") from None
    asyncio.run(judge.aclose())
    if not isinstance(judge, PaidJudge):
        return False
    known = parse_price(price) if price else price_of(resolve_endpoint(spec.partition(":")[2], where["base_url"]))
    return known != FREE


def _spent(folder: RunFolder) -> float:
    return sum(response.cost or 0.0 for response in folder.every_response())


def _judge_and_score(
    ctx: click.Context, path: Path, judge: str, dataset: str, *, budget: float | None, yes: bool, **how: Any
) -> None:
    from eval.commands.judge import judge as judge_command
    from eval.commands.score import score
    from eval.runs.folder import RunFolder

    name = ctx.invoke(judge_command, run=path, judge=judge, dataset=dataset, budget=budget, yes=yes, **how)
    if next(RunFolder.open(path).verdicts(name), None) is None:
        click.echo("No scores: there was no whole answer to judge.")
        return
    ctx.invoke(score, target=str(path), judge=name, dataset=dataset)
