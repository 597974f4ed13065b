"""``blind-refusal eval export`` and ``import``: runs to and from other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options
from eval.commands.options import judge_max_tokens
from eval.judging.registry import usage

if TYPE_CHECKING:
    from dataset_builder.work.choice import ModelChoice
    from eval.runs.folder import RunFolder


@click.command(
    cls=Helpful,
    examples=(
        "eval export runs/mine --format inspect --out mine.eval",
        "eval export runs/mine --format parquet --out mine.parquet",
    ),
)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--format", "form", type=click.Choice(["inspect", "eee", "jsonl", "parquet"]), required=True, help="See above."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Not there yet; for eee a folder."
)
@click.option("--judge", help="Whose verdicts, where there are several judges'. A log of Inspect holds all.")
@click.option("--dataset", metavar="DIR|NS/NAME[@REV]", help="The run's dataset, if it is not where the run says.")
@click.option("--organization", help="For eee: who evaluated.")
def export(run: Path, form: str, out: Path, judge: str | None, dataset: str | None, organization: str | None) -> None:
    """Write a RUN in a form that others read.

    inspect: a log that Inspect reads, by the name .eval or .json, and `eval import` takes back.
    eee: a folder as the datastore of Every Eval Ever has it, a record of the rates and a line for
    each answer beside it. jsonl, parquet: a row for each answer with its
    verdict, in the columns of the dataset's config `responses`.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.output import report
    from eval.interop.export import export_run
    from eval.runs.folder import RunFolder

    folder = RunFolder.open(run)
    opened = locate_dataset(dataset or folder.record.source)
    told = export_run(folder, opened, form, out, judge=judge, organization=organization)
    report(file=out, holds=told)
    click.echo(f"Wrote {told} to {out}.")


# ``blind-refusal eval import``.


@click.command(
    "import",
    cls=Helpful,
    examples=(
        "eval import answers.csv --model acme/model-1 --dataset build/dataset",
        "eval import samples.jsonl --model acme/model-1 --judge embedded",
        "eval import logs/task.eval",
    ),
)
@click.argument("files", type=click.Path(path_type=Path), metavar="FILE...", nargs=-1, required=True)
@click.option("--model", metavar="NAME", help="Which model answered. A log of Inspect says so itself.")
@click.option("--dataset", metavar="DIR|NS/NAME[@REV]", help="Whose cases were asked.  [default: build/dataset]")
@click.option("--out", type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run.  [default: in runs/]")
@click.option("--format", "form", metavar="FORM", help="table, lm-eval, openai-batch, anthropic-batch or inspect.")
@click.option("--temperature", type=click.FloatRange(0, 10), help="At which the answers were sampled, if no file says.")
@click.option("--max-tokens", type=click.IntRange(1), help="Limit on an answer's tokens, if no file says it.")
@click.option("--system-prompt", metavar="TEXT", help="What went before each query, if anything did.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N cases alone were asked.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="This draw of N cases alone was asked.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option("--epoch", type=click.IntRange(1), help="Of several answers to a case only these.  [default: all]")
@click.option("--partial", is_flag=True, help="Leave out rows whose case the dataset does not have.")
@click.option(
    "--judge", metavar="JUDGE", help=f"Judge the answers then, and print the scores: {usage()}.  [default: not]"
)
@model_options("a model judge's", prefix="judge", router="judge-")
@judge_max_tokens("tokens_of_judge")
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    files: tuple[Path, ...],
    judge: str | None,
    judge_choice: ModelChoice,
    tokens_of_judge: int | None,
    **given: Any,
) -> None:
    """Make a run of answers that were collected elsewhere.

    A FILE is a table (CSV, TSV, JSON lines, JSON, Parquet) with the columns case_id and response, and if known
    finish_reason, reasoning, tokens and more; samples of lm-evaluation-harness (--log_samples); the output of an
    OpenAI or Anthropic batch whose custom_id is the case_id; or a log of Inspect (.eval, .json), whose settings and
    verdicts come too. What the answers mean is read as from a live server. The same command again adds what is new.
    See docs/importing.md.
    """
    from eval.commands.options import BatchWay
    from eval.commands.run import JudgeWay, judge_and_score
    from eval.interop.answers.runs import import_epochs
    from eval.judging.registry import check_judge

    if judge is not None:
        check_judge(judge)
    notes: list[str] = []
    runs = import_epochs(files, tell=notes.append, **given)
    _tell(runs, notes)
    if judge is not None:
        judging = JudgeWay(judge, judge_choice, tokens_of_judge, BatchWay())
        judge_and_score(ctx, _whole(runs), runs[0].record.source, judging)


def _whole(runs: list[RunFolder]) -> Path:
    """What the other commands take for all of it."""
    return runs[0].path if len(runs) == 1 else runs[0].path.parent


def _tell(runs: list[RunFolder], notes: list[str]) -> None:
    """What came of an import."""
    from collections import Counter

    from dataset_builder.output import report
    from eval.runs.tally import oddities_of, statuses_line

    statuses = sum((Counter(run.statuses().values()) for run in runs), Counter[str]())
    departures = list(dict.fromkeys(line for run in runs for line in run.record.departures))
    report(run=_whole(runs), statuses=statuses, departures=departures, notes=notes)
    click.echo(f"Run: {_whole(runs)}" + (f", {len(runs)} epochs" if len(runs) > 1 else ""))
    click.echo(statuses_line(statuses, sum(len(run.settings.case_ids) for run in runs), len(runs)))
    for who, number in sorted(Counter((v.judge, v.rubric) for run in runs for v in run.verdicts()).items()):
        click.echo(f"Judge: {who[0]}, rubric {who[1]}: {counted(number, 'verdict')}")
    for line in departures:
        click.echo(f"Departs from the study's protocol: {line}")
    for note in notes:
        click.echo(f"Note: {note}")
    for line in dict.fromkeys(line for run in runs for line in oddities_of(run).lines()):
        click.echo(line)
