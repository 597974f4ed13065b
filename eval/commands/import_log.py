"""``blind-refusal eval import-log``."""

from __future__ import annotations

from pathlib import Path

import click


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

    from eval.import_log import import_log as read
    from eval.tally import statuses_line

    found = read(file, dataset=dataset, out=out, epoch=epoch)
    run = found.run
    click.echo(f"Run: {run.path}")
    click.echo(statuses_line(Counter(run.statuses().values()), len(run.settings.case_ids)))
    for who, number in sorted(Counter((v.judge, v.rubric) for v in run.verdicts()).items()):
        click.echo(f"Judge: {who[0]}, rubric {who[1]}: {number:,} verdicts")
    for line in run.record.departures:
        click.echo(f"Departs from the study's protocol: {line}")
    for note in found.notes:
        click.echo(f"Note: {note}")
