"""``blind-refusal eval export``."""

from __future__ import annotations

from pathlib import Path

import click


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
    from eval.dataset import locate_dataset
    from eval.export_run import export_run
    from eval.run_folder import RunFolder

    folder = RunFolder.open(run)
    settings = folder.settings
    revision = f"@{settings.revision}" if settings.revision else ""
    opened = locate_dataset(dataset or f"{settings.dataset}{revision}")
    told = export_run(folder, opened, form, out, judge=judge, organization=organization)
    click.echo(f"Wrote {told} to {out}.")
