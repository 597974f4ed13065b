"""``blind-refusal eval agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options
from eval.commands.options import judge_max_tokens

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.choice import ModelChoice
    from eval.agreement.report import AgreementReport
    from eval.judges.interface import JudgeOptions


@click.command(
    cls=Helpful,
    examples=(
        "eval agreement --dataset build/dataset",
        "eval agreement --dataset build/dataset --judge heldout --measure runs/check",
        "eval agreement --dataset build/dataset --verdicts runs/glm-5",
        "eval agreement --dataset build/dataset --verdicts runs/mine --judge embedded --against model:ollama/qwen3:8b",
    ),
)
@click.option("--dataset", required=True, metavar="DIR|NS/NAME[@REV]", help="A dataset built from the study.")
@click.option(
    "--verdicts",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="RUN|FILE",
    help="A run of its answers, verdicts on them (JSON lines), or labels/READER of results; several times too.",
)
@click.option("--judge", help="The judge in question. Default: the study's, or that of --verdicts.")
@click.option(
    "--measure",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Let --judge label answers first, in runs there.",
)
@click.option(
    "--sample", type=click.IntRange(0), metavar="N",
    help="With --measure: N answers beside all that the reviewers labelled.  [default: 400; all where judging is free]",
)  # fmt: skip
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@model_options("the judge's", router="judge-")
@judge_max_tokens()
@click.option(
    "--against", metavar="study|reviewer_1|reviewer_2|JUDGE",
    help="Whom with; a judge of the runs in --verdicts too.  [default: the study's judge and the reviewers]",
)  # fmt: skip
@click.option("--store/--no-store", default=True, help="Keep the result, for every score by this judge to show.")
@click.option("--full", is_flag=True, help="Show every column, however narrow the terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def agreement(
    dataset: str,
    verdicts: tuple[Path, ...],
    judge: str | None,
    measure: Path | None,
    sample: int | None,
    sample_seed: int,
    choice: ModelChoice,
    max_tokens: int | None,
    against: str | None,
    store: bool,
    full: bool,
    as_json: bool,
) -> None:
    """How a judge agrees with the study's judge and the reviewers, and these with each other.

    Cohen's kappa and percent agreement with 95 % intervals, the table of labels, precision,
    recall and negative predictive value for each label, Krippendorff's alpha of all, and for
    the study's judge the help rates corrected for its errors. What is found of a judge by one
    rubric is kept with it (BLIND_REFUSAL_JUDGES, or your data folder).
    """
    from dataset_builder.dataset.opened import locate_dataset
    from eval.agreement.report import agreement_report, report_plain, report_tables
    from eval.agreement.two_judges import judge_against_judge
    from eval.scores.labels import REVIEWERS, STUDY

    opened = locate_dataset(dataset)
    if measure is not None:
        from eval.judges.interface import JudgeOptions

        if judge is None or verdicts:
            raise click.UsageError("--measure takes the judge from --judge, and no --verdicts.")
        options = JudgeOptions(opened, choice=choice, max_tokens=max_tokens)
        judge, verdicts = _measure(opened, measure, judge, options, sample, sample_seed)
    if against is None or against in (STUDY, *REVIEWERS):
        report = agreement_report(opened.built, verdicts=verdicts, judge=judge, against=against)
    else:
        report = judge_against_judge(opened.built, verdicts, judge, against)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report_plain(report)), indent=1))
    else:
        from eval.scores.terminal import console

        out = console(full=full)
        for part in report_tables(report):
            out.print(part)
    if store and verdicts and against is None:
        _store(report, opened)


def _measure(
    dataset: OpenedDataset, folder: Path, spec: str, options: JudgeOptions, sample: int | None, seed: int
) -> tuple[str, tuple[Path, ...]]:
    from dataset_builder.work.session import stoppable
    from dataset_builder.work.stopping import StoppedEarlyError
    from eval.agreement.measure import measuring_runs, usual_sample
    from eval.judging.run import Judging

    size = usual_sample(spec) if sample is None else sample
    runs = measuring_runs(dataset, folder, sample=size, seed=seed)
    judging = Judging(runs, spec, options)
    click.echo(
        f"Judge: {judging.judge.name}, rubric {judging.judge.rubric}; "
        f"{counted(judging.session.total, 'answer')} to judge, "
        f"in the runs of {counted(len(runs), 'model')} in {folder}",
        err=True,
    )
    judging.session.confirm(err=True)
    with stoppable("Every verdict"):
        stopped = judging.run()
    if stopped:
        raise StoppedEarlyError(stopped)
    return judging.judge.name, tuple(run.path for run in runs)


def _store(report: AgreementReport, dataset: OpenedDataset) -> None:
    from eval.agreement.known import is_in_sample, store_record
    from eval.agreement.measure import record_of
    from eval.judging.registry import HELD_OUT_OF

    if is_in_sample(report.judge):
        click.echo(
            "Not kept: the weights of this judge were trained on these answers, so it looks better than it is; "
            f"--judge {HELD_OUT_OF[report.judge]} has not seen them. "
            "Scores show the agreement in its manifest, on answers new to it.",
            err=True,
        )
        return
    record = record_of(report, dataset)
    path = store_record(record)
    click.echo(f"Kept in {path}" + (f". Mind: {record.note}." if record.note else ""), err=True)
