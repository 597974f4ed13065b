"""``blind-refusal eval set``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.work.options import model_options
from eval.commands.judge import work_through
from eval.commands.options import BatchWay, batch_options, judge_batch, judge_max_tokens
from eval.commands.run import DATASET, NO_JUDGE, NOTHING, collect_set, judge_is_paid
from eval.judging.registry import DEFAULT_JUDGE, usage

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.choice import ModelChoice
    from eval.sets.collect import RunSet
    from eval.sets.file import Planned


@click.command(
    "set",
    cls=Helpful,
    examples=(
        "eval set models.yaml --dry-run",
        "eval set models.yaml --budget 40",
    ),
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--dataset", metavar="DIR|NS/NAME[@REV]", help=f"Whose cases.  [default: as the file says, or {DATASET}]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the runs.  [default: runs/FILE]")
@click.option(
    "--judge",
    metavar="JUDGE",
    help=f"Who judges: {usage()}, or {NO_JUDGE}.  [default: as the file says, or {DEFAULT_JUDGE}]",
)
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="For all runs together.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.option("--dry-run", is_flag=True, help="Say what it would take, and ask nobody anything.")
@click.option("--retry-errors", is_flag=True, help="Ask again what failed or came back empty.")
@model_options("a model judge's", prefix="judge", limits=(), router="judge-")
@judge_max_tokens("tokens_of_judge")
@judge_batch
@batch_options(whose="the set's", flag=False)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Put what it came to into a results folder, for the page on arms; it counts on no leaderboard.",
)
@click.option("--full", is_flag=True, help="Show every pair of models and every column.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; all else goes to standard error.")
def run_set(
    file: Path,
    dataset: str | None,
    out: Path | None,
    judge: str | None,
    budget: float | None,
    yes: bool,
    dry_run: bool,
    retry_errors: bool,
    judge_choice: ModelChoice,
    tokens_of_judge: int | None,
    judge_batch: bool,
    batch_poll: float,
    batch_cancel: bool,
    batch_fallback: bool,
    results: Path | None,
    full: bool,
    as_json: bool,
) -> None:
    """Collect, judge and compare many models, under one or several framings, from one YAML FILE.

    One estimate, one question, one budget. A run that fails stops no other, the same command goes on
    where it was stopped, and every run is an ordinary run folder. docs/sets.md shows the file.
    """
    import tempfile

    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.errors import InputError
    from dataset_builder.work.session import confirm, may_ask
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.judging.registry import check_judge, model_of
    from eval.runs.published import is_published
    from eval.runs.tally import why_all_failed
    from eval.sets.collect import plan_set
    from eval.sets.file import planned_runs, read_set
    from eval.sets.pressure import take_up_all
    from eval.sets.translations import judge_is_foreign

    found = read_set(file)
    judge = judge or found.judge or DEFAULT_JUDGE
    if judge != NO_JUDGE:
        check_judge(judge)
    name = dataset or found.dataset or DATASET
    folder = out or (Path(found.out) if found.out else Path("runs") / file.stem)
    opened = locate_dataset(name)
    choice = replace(judge_choice, budget=budget, yes=yes, batch=judge_batch or found.judge_batch)
    way = BatchWay(batch_poll, batch_cancel, batch_fallback)
    with tempfile.TemporaryDirectory() as nowhere:
        planned = planned_runs(found, file, name, folder, retry_errors=retry_errors)
        _refuse_in_sample(judge, planned, opened)
        if told := judge_is_foreign(judge, (one.options.language for one in planned if one.options.language)):
            raise InputError(told)
        models = [one.options.choice.model for one in planned]
        asked = [model for model in models if model_of(judge) or not is_published(model)]
        paid = judge != NO_JUDGE and bool(asked) and judge_is_paid(opened, asked[0], judge, choice)
        if dry_run:
            # What is there counts, and nothing is made.
            planned = [one if one.is_begun else one.at(Path(nowhere) / one.name) for one in planned]
        runs = plan_set([one for one in planned if one.first is None], file, opened, budget, found.timeout)
        pressed = plan_set([one for one in planned if one.first is not None], file, opened, budget, found.timeout)
        for line in runs.joined(pressed).lines():
            click.echo(line, err=as_json)
        if pressed.runs:
            click.echo("Where the user insists, only refusals are asked again, so this is the most.", err=as_json)
            if judge == NO_JUDGE:
                raise click.UsageError("An arm with `pressure:` needs a judge, which says what was refused.")
        if dry_run:
            return
    if paid:
        click.echo(f"Judge: {judge}; what it costs is shown and asked about when the answers are there", err=as_json)
        may_ask(yes=yes)
    if not batch_cancel:
        runs.check_batches()
        if (estimate := runs.joined(pressed).estimate) is not None:
            confirm(estimate, yes=yes)

    def collected(part: RunSet) -> tuple[RunSet, str | None]:
        """Collect and judge a part of the set; returns it as it is then, and the judge's name, None without one."""
        part, stopped = collect_set(part, way, yes=yes, ask=False, err=as_json)
        for run in part.runs:
            for line in run.lines():
                click.echo(line, err=as_json)
        if stopped:
            raise StoppedEarlyError(stopped)
        if judge == NO_JUDGE:
            return part, None
        every = (*part.before, *part.runs)
        spent = sum(answer.cost or 0.0 for run in every for answer in run.folder.every_answer())
        left = choice if budget is None else replace(choice, budget=max(budget - spent, NOTHING))
        return part, _judge_set(part, judge, left, tokens_of_judge, way, err=as_json)

    runs, name_of_judge = collected(runs)
    if name_of_judge is not None and pressed.runs:
        pressed, _ = collected(take_up_all(pressed, runs, name_of_judge))
    if name_of_judge is not None:
        _show_set(runs.joined(pressed), name_of_judge, file.stem, results, full=full, as_json=as_json)
    failed = [one.name for one in runs.joined(pressed).runs if one.ended or why_all_failed(one.folder)]
    if failed:
        click.echo(f"Not whole: {', '.join(failed)}. The same command goes on with them.", err=True)
        raise SystemExit(1)


def _refuse_in_sample(judge: str, planned: Sequence[Planned], dataset: OpenedDataset) -> None:
    """Raise InputError where a judge would stand by verdicts on answers that its weights learned from."""
    from dataset_builder.errors import InputError
    from eval.agreement.known import has_learned_from, is_in_sample
    from eval.runs.published import PREFIX, is_published, published_rows

    if not is_in_sample(judge):
        return
    for one in planned:
        model = one.options.choice.model
        if not is_published(model):
            continue
        rows = published_rows(dataset.built, model.removeprefix(PREFIX))
        if not has_learned_from(judge, {row.case_id: row.response_hash or "" for row in rows}):
            continue
        raise InputError(
            f"{one.model}: the weights of {judge} learned from these very answers, so it cannot stand beside other "
            "models. Leave it out, and compare with `eval compare RUN MODEL` or `eval score RUN --beside study`, "
            "which take verdicts by weights that had not seen it."
        )


def _judge_set(
    runs: RunSet, spec: str, choice: ModelChoice, max_tokens: int | None, way: BatchWay, *, err: bool
) -> str:
    """Judge every answer that this judge has not judged; returns its name."""
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.judges.interface import JudgeOptions
    from eval.judging.run import Judging

    options = JudgeOptions(dataset=runs.dataset, choice=choice, max_tokens=max_tokens)
    judging = Judging([run.folder for run in runs.runs], spec, options)
    judging, stopped = work_through(judging, way, err=err)
    given = judging.given.line(paid=judging.session.estimate is not None)
    told = given if judging.given.count or judging.session.total else "nothing is left to judge."
    click.echo(f"Judge {judging.judge.name}: {told}", err=err)
    if stopped:
        raise StoppedEarlyError(stopped)
    return judging.judge.name


def _show_set(runs: RunSet, judge: str, name: str, results: Path | None, *, full: bool, as_json: bool) -> None:
    from eval.scores.terminal import console
    from eval.sets.document import document_of, write_document
    from eval.sets.summary import as_plain, set_result, tables

    result = set_result(runs, judge)
    if result is None:
        click.echo("No scores: no run has an answer that was judged.", err=True)
        raise SystemExit(1)
    if results is not None:
        click.echo(f"For the page on arms: {write_document(document_of(runs, result, name), results)}", err=True)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(as_plain(result)), indent=1))
        return
    page = console(full=full)
    for part in tables(result, full=full):
        page.print(part)
