"""``blind-refusal eval export``."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_builder.wording import counted


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--format", "form", type=click.Choice(["inspect", "eee", "jsonl", "parquet"]), required=True, help="See above."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Not there yet.")
@click.option("--judge", help="Whose verdicts, where there are several judges'. A log of Inspect holds all.")
@click.option("--dataset", metavar="DIR|REPO[@REV]", help="The run's dataset, if it is not where the run says.")
@click.option("--organization", help="For eee: who evaluated.")
def export(run: Path, form: str, out: Path, judge: str | None, dataset: str | None, organization: str | None) -> None:
    """Write a RUN in a form that others read.

    inspect: a log that Inspect reads, by the name .eval or .json, and `eval import-log` takes back.
    eee: an Every Eval Ever record of the rates. jsonl, parquet: a row for each answer with its
    verdict, in the columns of the dataset's config `responses`.
    """
    from dataset_builder.dataset.opened import locate_dataset
    from eval.interop.export import export_run
    from eval.runs.folder import RunFolder

    folder = RunFolder.open(run)
    opened = locate_dataset(dataset or folder.record.source)
    told = export_run(folder, opened, form, out, judge=judge, organization=organization)
    click.echo(f"Wrote {told} to {out}.")


# ``blind-refusal eval import-log``.


@click.command("import-log")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--out", type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run.  [default: in runs/]")
@click.option("--dataset", metavar="DIR|REPO[@REV]", help="The log's dataset, if it is not where the log says.")
@click.option("--epoch", type=click.IntRange(1), default=1, show_default=True, help="Of several answers to a case.")
def import_log(file: Path, out: Path | None, dataset: str | None, epoch: int) -> None:
    """Make a run of a log that Inspect wrote (.eval or .json) of the task blind_refusal.

    Answers, statuses and settings come over, and the grader's verdicts as those of model:ID. The
    same command again adds what the log has got since.
    """
    from collections import Counter

    from eval.interop.import_log import import_log as read
    from eval.runs.tally import statuses_line

    found = read(file, dataset=dataset, out=out, epoch=epoch)
    run = found.run
    click.echo(f"Run: {run.path}")
    click.echo(statuses_line(Counter(run.statuses().values()), len(run.settings.case_ids)))
    for who, number in sorted(Counter((v.judge, v.rubric) for v in run.verdicts()).items()):
        click.echo(f"Judge: {who[0]}, rubric {who[1]}: {counted(number, 'verdict')}")
    for line in run.record.departures:
        click.echo(f"Departs from the study's protocol: {line}")
    for note in found.notes:
        click.echo(f"Note: {note}")
