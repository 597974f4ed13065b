"""``blind-refusal eval judge``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options
from eval.commands.options import BatchWay, batch_options, judge_max_tokens
from eval.judging.registry import DEFAULT_JUDGE, HELD_OUT_OF, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.choice import ModelChoice
    from dataset_builder.work.stopping import Stop
    from eval.judging.run import Judging
    from eval.runs.folder import RunFolder


@click.command(
    cls=Helpful,
    examples=(
        "eval judge runs/mine",
        "eval judge runs/mine --judge model:openrouter/openai/gpt-5.4 --budget 5",
        "eval judge runs/mine --judge human:labels.csv --sample 100",
    ),
)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--judge", default=DEFAULT_JUDGE, show_default=True, metavar="JUDGE", help=f"Who judges: {usage()}.")
@click.option("--dataset", metavar="DIR|NS/NAME[@REV]", help="The run's dataset, if it is not where the run says.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N answers, spread evenly over the cells.")
@click.option("--controls", type=click.IntRange(0), metavar="M", help="With --sample: M of the N are controls.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option(
    "--resume/--again", default=True, show_default=True, help="Keep the verdicts there are, or give new ones."
)
@click.option("--retry-errors", is_flag=True, help="Judge again where the judge gave no reply.")
@model_options("the judge's", router="judge-")
@click.option("--show-reasoning", is_flag=True, help="Show a model judge the reasoning text beside the answer.")
@click.option(
    "--offline-floor",
    type=click.FloatRange(0, 1),
    help="For a cascade: the least share on which its offline part has to agree with the study.  [default: 0.95]",
)
@click.option("--own-developer", is_flag=True, help="For a council: let it have a judge of the model's own developer.")
@click.option("--partial", is_flag=True, help="For human:FILE: leave out labels that match no answer of the run.")
@judge_max_tokens()
@batch_options(whose="the judge's")
def judge(
    run: Path,
    judge: str,
    dataset: str | None,
    sample: int | None,
    controls: int | None,
    sample_seed: int,
    resume: bool,
    retry_errors: bool,
    choice: ModelChoice,
    show_reasoning: bool,
    offline_floor: float | None,
    own_developer: bool,
    partial: bool,
    max_tokens: int | None,
    batch: bool,
    batch_poll: float,
    batch_cancel: bool,
    batch_fallback: bool,
) -> None:
    """Give a verdict on each answer of a RUN.

    Verdicts are kept beside the answers, by answer, judge and rubric version: none is given twice,
    several judges may judge one run, and they are never mixed. With --judge human:FILE and no such
    file yet, a sheet to fill in is written there.
    """
    if controls is not None and sample is None:
        raise click.UsageError("--controls says how many of --sample are controls: give both.")
    if batch_fallback and not (batch or batch_cancel):
        raise click.UsageError("--batch-fallback belongs to --batch.")
    which = {"sample": sample, "controls": controls, "seed": sample_seed}
    judge_answers(
        run,
        judge,
        dataset,
        replace(choice, batch=batch or batch_cancel),
        which | {"again": not resume, "retry_errors": retry_errors},
        BatchWay(batch_poll, batch_cancel, batch_fallback),
        show_reasoning=show_reasoning,
        offline_floor=offline_floor,
        own_developer=own_developer,
        partial=partial,
        max_tokens=max_tokens,
    )


def judge_answers(
    path: Path,
    spec: str,
    dataset: str | None,
    choice: ModelChoice,
    which: dict[str, Any],
    way: BatchWay,
    **options: Any,
) -> str:
    """Judge what is pending of a run, as ``which`` chooses it (``pending_answers``); returns the judge's name.

    Where the judge is people and their sheet is not there yet, it is written, and the name is empty.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.errors import InputError
    from dataset_builder.output import report
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.agreement.known import has_learned_from
    from eval.judges.interface import JudgeOptions
    from eval.judging.registry import check_judge
    from eval.judging.run import Judging
    from eval.runs.folder import open_runs
    from eval.runs.published import is_published
    from eval.runs.tally import nothing_to_judge

    folders = open_runs(path)
    settings = folders[0].settings
    opened = locate_dataset(dataset or folders[0].record.source)
    kind, argument = check_judge(spec)
    if kind == "human":
        if len(folders) > 1:
            raise InputError(f"{path}: people label one epoch at a time. Name one, such as {folders[0].path}.")
        if not Path(argument).exists():
            _make_sheet(folders[0], opened, Path(argument), which)
            return ""
    if told := nothing_to_judge(folders):
        for line in told:
            click.echo(line, err=True)
        raise SystemExit(1)
    judging = Judging(folders, spec, JudgeOptions(dataset=opened, choice=choice, **options), **which)
    judge, pending = judging.judge, judging.pending
    waiting = sum(len(one.case_ids) for one in pending)
    click.echo(
        f"Judge: {judge.name}, rubric {judge.rubric}; {counted(waiting, 'answer')} to judge, "
        f"{sum(one.judged for one in pending):,} judged already, "
        f"{counted(sum(one.unanswered for one in pending), 'case')} without an answer"
    )
    if meaning := judge.settings.get("meaning"):
        click.echo(f"Note: {meaning}.")
    if is_published(settings.model) and has_learned_from(judge.name, _hashes(folders)):
        unseen = HELD_OUT_OF[judge.name]
        click.echo(
            f"Note: the weights of this judge learned from these very answers; --judge {unseen} has not seen them."
        )
    if waiting and (offline := judge.settings.get("expected_offline")):
        click.echo(f"The estimate is for all of them; about {offline:.0%} are expected not to go to the model.")
    if judging.in_batch:
        click.echo(f"In a batch already: {counted(judging.in_batch, 'answer')}")
    judging, stopped = work_through(judging, way)
    report(
        run=path, judge=judge.name, rubric=judge.rubric, given=judging.given.count, unscored=judging.given.unscored,
        judge_cost=judging.given.cost,
    )  # fmt: skip
    line = judging.given.line(paid=judging.session.estimate is not None)
    click.echo(line if judging.given.count or judging.session.total else "Nothing is left to judge.")
    if stopped:
        raise StoppedEarlyError(stopped)
    if kind == "council" and len(folders) == 1:
        _show_council(folders[0], opened, judge)
    return judge.name


def work_through(judging: Judging, way: BatchWay, *, err: bool = False) -> tuple[Judging, Stop | None]:
    """Ask whether to begin, and judge, through a batch queue where that was chosen.

    Returns the judging with all verdicts that were given, and why it stopped early, or None.
    """
    from dataset_builder.work.session import stoppable

    def tell(line: str) -> None:
        click.echo(line, err=err)

    if not judging.by_batch:
        judging.session.confirm(err=err)
        with stoppable("Every verdict"):
            return judging, judging.run()
    if way.cancel and not judging.in_batch:
        tell("No batch of this judge is open.")
    if not way.cancel:
        judging.session.confirm(err=err)
    with stoppable("The batches go on at the provider, and every verdict that was taken in"):
        judging.run_batches(tell, way.poll, cancel=way.cancel)
    if not way.fallback:
        return judging, None
    again = judging.ordinary()
    tell(f"What the batch failed at, in the ordinary way: {counted(again.session.total, 'answer')}")
    again.session.confirm(err=err)
    with stoppable("Every verdict"):
        return again, again.run()


def _show_council(folder: RunFolder, opened: OpenedDataset, judge: Any) -> None:
    from dataset_builder.output import report
    from eval.agreement.council import council_plain, council_report, council_tables
    from eval.scores.terminal import console

    found = council_report(folder, opened, judge)
    report(council=council_plain(found))
    for table in council_tables(found):
        console().print(table)


def _hashes(folders: Sequence[RunFolder]) -> dict[str, str]:
    return {one.case_id: one.response_hash for folder in folders for one in folder.every_answer()}


def _make_sheet(folder: RunFolder, dataset: OpenedDataset, path: Path, which: dict[str, Any]) -> None:
    from dataset_builder.dataset.sample import draw_labelled
    from eval.judges.human.sheet import write_sheet
    from eval.judging.run import answered_cases, tasks_of
    from eval.runs.verdict import LABELS

    chosen = answered_cases(folder, dataset)
    if which["sample"] is not None:
        chosen = draw_labelled(chosen, which["sample"], which["controls"], which["seed"])
    count = write_sheet(path, tasks_of(folder, dataset, [case.case_id for case in chosen]))
    click.echo(
        f"Wrote {counted(count, 'answer')} to {path}. Fill in {', '.join(LABELS)}, then run the same command again."
    )
