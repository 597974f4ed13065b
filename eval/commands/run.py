"""``blind-refusal eval run``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options
from eval.commands.options import batch_options, in_process_options, judge_max_tokens, request_options
from eval.judging.registry import DEFAULT_JUDGE, usage

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.choice import ModelChoice
    from dataset_builder.work.session import Conditions
    from dataset_builder.work.stopping import Stop
    from eval.runs.folder import RunFolder
    from eval.runs.plan import RunOptions, RunPlan
    from eval.runs.tally import Tally

NO_JUDGE = "none"
# A budget must be more than nothing; a judge that costs nothing does not ask for it.
NOTHING = 1e-9
DATASET = "build/dataset"


class _Temperature(click.ParamType[float | None]):
    """A number of 0 or more, or ``default`` to leave the choice to the server."""

    name = "temperature"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "default":
            return None
        return float(click.FloatRange(0, 2).convert(value, param, ctx))


@click.command(
    cls=Helpful,
    examples=(
        "eval run --model ollama/llama3.2",
        "eval run --model openrouter/z-ai/glm-5 --budget 10",
        "eval run --model m --base-url http://localhost:8000/v1 --sample 84",
    ),
)
@model_options(
    model="With its provider first: openrouter/…, openai/…, anthropic/…, hf/…, vllm/…, ollama/…, llamacpp/…, "
    "local/smollm2-135m for a small model that comes with the extra `local`, transformers:… or vllm:… with a folder or "
    "repository for one that this process runs, or published/SLUG for answers that the dataset holds. "
    "With --base-url: as the server calls it.",
    router="",
)
@click.option("--dataset", default=DATASET, show_default=True, metavar="DIR|NS/NAME[@REV]", help="Whose cases.")
@click.option("--out", type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run.  [default: in runs/]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N cases alone.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N cases, spread evenly over the cells.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option("--where", metavar="NAME=VALUE…", help="Only such cases, for example 'family=control authority=school'.")
@click.option(
    "--cases",
    "cases_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Only the cases that a file lists, an id a line.",
)
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of an answer.  [default: 8000; local/…: 512]")
@click.option(
    "--temperature", type=_Temperature(), default=0.0, show_default=True, help="`default` leaves it to the server."
)
@click.option("--reasoning", metavar="LEVEL", help="Reasoning effort, for example low.  [default: not sent]")
@click.option("--seed", type=int, help="Seed of the sampling, where the server takes one.")
@request_options
@in_process_options
@click.option(
    "--judge",
    default=DEFAULT_JUDGE,
    show_default=True,
    metavar="JUDGE",
    help=f"Who judges the answers afterwards: {usage()}, or {NO_JUDGE}. All else about judging: --judge none, then "
    "`eval judge RUN`.",
)
@model_options("a model judge's", prefix="judge", limits=(), router="judge-")
@judge_max_tokens("tokens_of_judge")
@click.option(
    "--epochs",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="K",
    help="Answers to each case, at a --temperature above 0: a run each, in one folder.",
)
@batch_options
@click.option("--retry-errors", is_flag=True, help="Ask again what failed or came back empty.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    choice: ModelChoice,
    judge: str,
    judge_choice: ModelChoice,
    tokens_of_judge: int | None,
    **given: Any,
) -> None:
    """Collect a model's answers, judge them and print its scores.

    By default as the study did it: the query alone, no system prompt, temperature 0, at most 8,000
    tokens. The same command resumes a run that was stopped, whenever and however.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.models.chat import Timeouts
    from dataset_builder.output import report
    from dataset_builder.work.session import Conditions, confirm, may_ask, stoppable
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.judging.registry import check_judge, model_of
    from eval.runs.parameters import parameters
    from eval.runs.plan import RunOptions, collect_run, plan_run
    from eval.runs.published import copy_published, is_published
    from eval.runs.tally import oddities_of, statuses_line, why_all_failed

    if judge != NO_JUDGE:
        check_judge(judge)
    timeout, epochs = given.pop("timeout"), given.pop("epochs")
    batch = {name: given.pop(f"batch_{name}") for name in ("poll", "cancel", "fallback")}
    if batch["fallback"] and not given["batch"]:
        raise click.UsageError("--batch-fallback belongs to --batch.")
    by_batch = given.pop("batch") or batch["cancel"]
    options = RunOptions(**parameters(replace(choice, batch=by_batch), given))
    choice = options.choice
    judge_choice = judge_choice.limited_as(choice)
    stopped = None
    if by_batch and (epochs > 1 or is_published(choice.model) or choice.is_local):
        raise click.UsageError("--batch is for one answer to each case of a model at a provider.")
    if not is_published(choice.model):
        choice.check()
        choice.check_route()
    if epochs > 1:
        _run_epochs(ctx, options, epochs, judge, judge_choice, tokens_of_judge, timeout)
        return
    dataset = locate_dataset(options.dataset)
    # Before the run's folder is made.
    checked = judge != NO_JUDGE and (model_of(judge) or not is_published(choice.model))
    paid = checked and judge_is_paid(dataset, choice.model, judge, judge_choice)
    if is_published(choice.model):
        folder = copy_published(options, dataset)
        click.echo(f"Run: {folder.path}")
    else:
        plan = plan_run(options, dataset)
        folder = plan.run
        for line in plan.lines():
            click.echo(line)
        if paid:
            click.echo(f"Judge: {judge}; what it costs is shown and asked about when the answers are there")
            may_ask(yes=choice.yes)
        conditions = Conditions(timeouts=Timeouts.within(timeout) if timeout else Timeouts())
        if by_batch:
            sitting, stopped = _collect_by_batch(plan, options, conditions, **batch)
        else:
            confirm(plan.estimate, yes=choice.yes)
            with stoppable("Every answer that came"):
                sitting, stopped = collect_run(plan, conditions)
        click.echo(statuses_line(Counter(folder.statuses().values()), len(folder.settings.case_ids)))
        if sitting.done:
            click.echo(f"Tokens: {sitting.token_line()}. Cost: {sitting.cost_line()}.")
        for line in oddities_of(folder).lines():
            click.echo(line)
    statuses = Counter(folder.statuses().values())
    report(run=folder.path, model=folder.settings.model, statuses=statuses, cost=_spent(folder))
    if stopped:
        raise StoppedEarlyError(stopped)
    if told := why_all_failed(folder):
        for line in told:
            click.echo(line, err=True)
        raise SystemExit(1)
    if judge != NO_JUDGE:
        if choice.budget is not None:
            judge_choice = replace(judge_choice, budget=max(choice.budget - _spent(folder), NOTHING))
        judge_and_score(ctx, folder.path, judge, options.dataset, judge_choice, tokens_of_judge)


def _collect_by_batch(
    plan: RunPlan, options: RunOptions, conditions: Conditions, *, poll: float, cancel: bool, fallback: bool
) -> tuple[Tally, Stop | None]:
    """What ``collect_run`` does, through the provider's batch queue; with ``fallback``, then ask what it failed at."""
    from dataset_builder.errors import InputError
    from dataset_builder.models.batches.queues import queue_of
    from dataset_builder.work.session import confirm, stoppable
    from eval.runs.batches import BatchWork, open_batches
    from eval.runs.plan import collect_run, plan_run
    from eval.runs.tally import Tally

    choice, folder = plan.choice, plan.run
    tally, before = Tally(), sum(1 for _ in folder.every_answer())
    waiting = {case_id for one in open_batches(folder) for case_id in one.case_ids}
    if waiting:
        click.echo(f"In a batch already: {counted(len(waiting), 'case')}")
    new = [query for query in plan.queries if query.case_id not in waiting]
    if cancel and not waiting:
        click.echo("No batch of this run is open.")
    estimate = choice.estimate((len(query.text) for query in new), folder.settings.token_limit)
    if new and not cancel:
        click.echo(f"Through the batch queue of {choice.endpoint.host}: answers come within a day")
        left = None if choice.budget is None else choice.budget - _spent(folder)
        most = estimate.cost[1] if estimate.cost else None
        if left is not None and (most is None or most > left):
            raise InputError(
                f"--budget {choice.budget:g}: a batch cannot be stopped half-way, and this one may cost "
                f"{'an unknown amount' if most is None else f'${most:,.2f}'}. Give a higher budget, or ask fewer cases."
            )
        confirm(estimate, yes=choice.yes)
    with (
        stoppable("The batch goes on at the provider, and what was taken in"),
        queue_of(choice.endpoint, choice.secret_headers) as queue,
    ):
        texts = {query.case_id: query.text for query in plan.every_query()}
        work = BatchWork(folder, queue, texts, choice.known_price, poll, tell=click.echo)
        if cancel:
            work.cancel()
        else:
            work.collect(plan.queries)
    for number, answer in enumerate(folder.every_answer()):
        if number >= before:
            tally.add(answer)
    if not fallback:
        return tally, None
    # At the ordinary price now.
    again = plan_run(replace(options, choice=replace(options.choice, batch=False), retry_errors=True), plan.dataset)
    click.echo(f"What the batch failed at, in the ordinary way: {counted(len(again.queries), 'case')}")
    confirm(again.estimate, yes=choice.yes)
    with stoppable("Every answer that came"):
        return collect_run(again, conditions)


def _run_epochs(
    ctx: click.Context,
    options: RunOptions,
    epochs: int,
    judge: str,
    judge_choice: ModelChoice,
    tokens_of_judge: int | None,
    timeout: float | None,
) -> None:
    """Collect several answers to each case, an epoch a run folder; one estimate, question and budget for all."""
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.errors import InputError
    from dataset_builder.output import report
    from dataset_builder.work.session import confirm, may_ask, stoppable
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.runs.published import is_published
    from eval.runs.tally import oddities_of, statuses_line, why_all_failed
    from eval.sets.collect import plan_epochs

    choice = options.choice
    if is_published(choice.model):
        raise InputError(f"{choice.model}: the dataset holds one answer to each case. Leave --epochs out.")
    dataset = locate_dataset(options.dataset)
    paid = judge != NO_JUDGE and judge_is_paid(dataset, choice.model, judge, judge_choice)
    found = plan_epochs(options, epochs, dataset, timeout)
    folders = [run.folder for run in found.runs]
    place = folders[0].path.parent
    click.echo(f"Run: {place}, {epochs} epochs")
    for line in found.lines():
        click.echo(line)
    if paid:
        click.echo(f"Judge: {judge}; what it costs is shown and asked about when the answers are there")
        may_ask(yes=choice.yes)
    if (estimate := found.estimate) is not None:
        confirm(estimate, yes=choice.yes)
    with stoppable("Every answer that came"):
        stopped = found.collect()
    statuses = sum((Counter(folder.statuses().values()) for folder in folders), Counter[str]())
    click.echo(statuses_line(statuses, sum(len(folder.settings.case_ids) for folder in folders), epochs))
    for line in dict.fromkeys(line for folder in folders for line in oddities_of(folder).lines()):
        click.echo(line)
    cost = sum(_spent(folder) for folder in folders)
    report(run=place, model=choice.model, epochs=epochs, statuses=statuses, cost=cost)
    ended = [run for run in found.runs if run.ended]
    for one in ended:
        click.echo(f"{one.name} stopped: {one.ended}", err=True)
    if stopped:
        raise StoppedEarlyError(stopped)
    told = [why_all_failed(folder) for folder in folders]
    if all(told) or ended:
        for line in (line for lines in told for line in lines):
            click.echo(line, err=True)
        raise SystemExit(1)
    if judge != NO_JUDGE:
        if choice.budget is not None:
            judge_choice = replace(judge_choice, budget=max(choice.budget - cost, NOTHING))
        judge_and_score(ctx, place, judge, options.dataset, judge_choice, tokens_of_judge)


def judge_is_paid(dataset: OpenedDataset, model: str, spec: str, choice: ModelChoice) -> bool:
    """Whether a judge of a model's answers may cost money.

    Raises InputError now, and not after the collection, where it lacks an address, a key, a file or a price.
    """
    import asyncio

    from dataset_builder.errors import InputError
    from dataset_builder.work.cost import FREE
    from eval.judges.interface import JudgeOptions
    from eval.judging.registry import model_of, resolve_judge
    from eval.judging.run import judging_session

    try:
        judge = resolve_judge(spec, JudgeOptions(dataset, model, choice=choice))
    except InputError as error:
        # There are two models and two addresses: it has to say which is meant.
        hint = " For the judge these are --judge-base-url and --judge-api-key-env." if model_of(spec) else ""
        raise InputError(f"--judge {spec}: {error}{hint}") from None
    try:
        session = judging_session(judge, (), 1, choice)
    finally:
        asyncio.run(judge.aclose())
    return session.estimate is not None and session.choice.known_price != FREE


def _spent(folder: RunFolder) -> float:
    return sum(response.cost or 0.0 for response in folder.every_answer())


def judge_and_score(
    ctx: click.Context, path: Path, judge: str, dataset: str, choice: ModelChoice, max_tokens: int | None
) -> None:
    """Judge the answers of a run and print its scores, as ``eval judge`` and ``eval score`` do."""
    from eval.commands.judge import judge_answers
    from eval.commands.score import score
    from eval.runs.folder import open_runs

    whole = {"sample": None, "controls": None, "seed": 0}
    name = judge_answers(path, judge, dataset, choice, whole, max_tokens=max_tokens)
    if not any(run.verdicts(name) for run in open_runs(path)):
        click.echo("No scores: there are no verdicts yet.")
        return
    ctx.invoke(score, target=str(path), judge=name, dataset=dataset)
