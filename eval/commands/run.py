"""``blind-refusal eval run``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options
from eval.commands.options import (
    BatchWay,
    batch_options,
    in_process_options,
    judge_batch,
    judge_max_tokens,
    request_options,
)
from eval.judging.registry import DEFAULT_JUDGE, usage

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.choice import ModelChoice
    from dataset_builder.work.session import Conditions
    from dataset_builder.work.stopping import Stop
    from eval.runs.folder import RunFolder
    from eval.runs.plan import RunOptions, RunPlan
    from eval.runs.tally import Tally
    from eval.sets.collect import RunSet

NO_JUDGE = "none"
# A budget must be more than nothing; a judge that costs nothing does not ask for it.
NOTHING = 1e-9
DATASET = "build/dataset"


KEPT = "The batches go on at their providers, and what was taken in"


@dataclass(frozen=True, slots=True)
class JudgeWay:
    """Who judges a run when it is collected, and how: the options of ``eval judge`` that ``eval run`` has too."""

    spec: str
    choice: ModelChoice
    max_tokens: int | None
    batch: BatchWay

    def left_of(self, budget: float | None, spent: float) -> JudgeWay:
        """The same with what is left of a budget."""
        if budget is None:
            return self
        return replace(self, choice=replace(self.choice, budget=max(budget - spent, NOTHING)))


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
    model="With its provider first: openrouter/…, openai/…, anthropic/…, mistral/…, gemini/…, hf/…, vllm/…, ollama/…, "
    "llamacpp/…, local/smollm2-135m for a small model that comes with the extra `local`, transformers:… or "
    "vllm:… with a folder or repository for one that this process runs, python:FILE.py:NAME for a function, or "
    "published/SLUG for answers that the dataset holds. With --base-url: as the server calls it.",
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
@batch_options()
@judge_batch
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
    batch = BatchWay(*(given.pop(f"batch_{name}") for name in ("poll", "cancel", "fallback")))
    judge_by_batch = given.pop("judge_batch")
    by_batch = given.pop("batch") or batch.cancel
    if batch.fallback and not (by_batch or judge_by_batch):
        raise click.UsageError("--batch-fallback belongs to --batch or --judge-batch.")
    options = RunOptions(**parameters(replace(choice, batch=by_batch), given))
    choice = options.choice
    judge_choice = replace(judge_choice.limited_as(choice), batch=judge_by_batch)
    stopped = None
    if by_batch and (is_published(choice.model) or choice.is_local):
        raise click.UsageError("--batch is for a model at a provider.")
    judging = JudgeWay(judge, judge_choice, tokens_of_judge, batch)
    if not is_published(choice.model):
        choice.check()
        choice.check_route()
    if epochs > 1:
        _run_epochs(ctx, options, epochs, judging, timeout)
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
            sitting, stopped = _collect_by_batch(plan, options, conditions, batch)
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
    told = why_all_failed(folder)
    if stopped:
        for line in told:
            click.echo(line, err=True)
        raise StoppedEarlyError(stopped)
    if told:
        for line in told:
            click.echo(line, err=True)
        raise SystemExit(1)
    if judge != NO_JUDGE:
        judge_and_score(ctx, folder.path, options.dataset, judging.left_of(choice.budget, _spent(folder)))


def _collect_by_batch(
    plan: RunPlan, options: RunOptions, conditions: Conditions, way: BatchWay
) -> tuple[Tally, Stop | None]:
    """What ``collect_run`` does, through the provider's batch queue; with a fallback, then ask what it failed at."""
    from dataset_builder.models.batches.places import queue_of
    from dataset_builder.work.session import confirm, stoppable
    from eval.runs.batches import BatchWork, Questions, check_batch_budget, set_aside, wait_for
    from eval.runs.plan import collect_run, plan_run
    from eval.runs.tally import Tally

    choice, folder = plan.choice, plan.run
    tally, before = Tally(), sum(1 for _ in folder.every_answer())
    if way.cancel and not plan.in_batch:
        click.echo("No batch of this run is open.")
    queries = () if way.cancel else plan.queries
    if queries:
        click.echo(f"Through the batch queue of {choice.endpoint.host}: answers come within a day")
        check_batch_budget(choice.budget, plan.estimate, _spent(folder) + set_aside(folder))
        confirm(plan.estimate, yes=choice.yes)
    if queries or plan.in_batch:
        with stoppable(KEPT), queue_of(choice.endpoint, choice.secret_headers) as queue, folder.writing():
            texts = {query.case_id: query.text for query in plan.every_query()}
            questions = Questions(folder, plan.queries, texts, choice, asks=not way.cancel)
            work = BatchWork(folder, queue, choice, questions, click.echo)
            if way.cancel:
                work.cancel()
            else:
                work.begin()
            wait_for([work.look], way.poll)
    for number, answer in enumerate(folder.every_answer()):
        if number >= before:
            tally.add(answer)
    if not way.fallback:
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
    judging: JudgeWay,
    timeout: float | None,
) -> None:
    """Collect several answers to each case, an epoch a run folder; one estimate, question and budget for all."""
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.errors import InputError
    from dataset_builder.output import report
    from dataset_builder.work.session import may_ask
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.runs.published import is_published
    from eval.runs.tally import oddities_of, statuses_line, why_all_failed
    from eval.sets.collect import plan_epochs

    choice = options.choice
    if is_published(choice.model):
        raise InputError(f"{choice.model}: the dataset holds one answer to each case. Leave --epochs out.")
    dataset = locate_dataset(options.dataset)
    judge, way = judging.spec, judging.batch
    paid = judge != NO_JUDGE and judge_is_paid(dataset, choice.model, judge, judging.choice)
    found = plan_epochs(options, epochs, dataset, timeout)
    folders = [run.folder for run in found.runs]
    place = folders[0].path.parent
    click.echo(f"Run: {place}, {epochs} epochs")
    for line in found.lines():
        click.echo(line)
    if paid:
        click.echo(f"Judge: {judge}; what it costs is shown and asked about when the answers are there")
        may_ask(yes=choice.yes)
    found, stopped = collect_set(found, way, yes=choice.yes)
    folders = [run.folder for run in found.runs]
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
        judge_and_score(ctx, place, options.dataset, judging.left_of(choice.budget, cost))


def collect_set(
    runs: RunSet, way: BatchWay, *, yes: bool, ask: bool = True, err: bool = False
) -> tuple[RunSet, Stop | None]:
    """Ask whether to begin, unless that was ``ask``ed already, and collect the runs, batches and their failures too.

    Returns the runs as they are then, and the budget's stop, if that ended it.
    """
    from dataset_builder.work.session import confirm, stoppable

    def tell(line: str) -> None:
        click.echo(line, err=err)

    if not way.cancel:
        runs.check_batches()
        if ask and (estimate := runs.estimate) is not None:
            confirm(estimate, yes=yes)
    with stoppable(KEPT if runs.queued else "Every answer that came"):
        stopped = runs.collect(tell, way.poll, cancel=way.cancel)
    if stopped or not (way.fallback and runs.by_batch):
        return runs, stopped
    again = runs.after_batches()
    left = sum(len(run.plan.queries) for run in again.waiting if run.plan)
    tell(f"What the batches failed at, in the ordinary way: {counted(left, 'answer')}")
    if (estimate := again.estimate) is not None:
        # At the ordinary price now.
        confirm(estimate, yes=yes)
    with stoppable("Every answer that came"):
        return again, again.collect()


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


def judge_and_score(ctx: click.Context, path: Path, dataset: str, judging: JudgeWay) -> None:
    """Judge the answers of a run and print its scores, as ``eval judge`` and ``eval score`` do."""
    from eval.commands.judge import judge_answers
    from eval.commands.score import score
    from eval.runs.folder import open_runs

    whole = {"sample": None, "controls": None, "seed": 0}
    name = judge_answers(
        path, judging.spec, dataset, judging.choice, whole, judging.batch, max_tokens=judging.max_tokens
    )
    if not any(run.verdicts(name) for run in open_runs(path)):
        click.echo("No scores: there are no verdicts yet.")
        return
    ctx.invoke(score, target=str(path), judge=name, dataset=dataset)
