"""``blind-refusal eval agreement``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from eval.agreement.report import AgreementReport
    from eval.judges.interface import JudgeOptions


@click.command()
@click.option("--dataset", required=True, metavar="DIR|REPO", help="A dataset built from the study.")
@click.option(
    "--verdicts",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="RUN|FILE",
    help="A run of its answers, or verdicts on them (JSON lines); may be given several times.",
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
@click.option("--base-url", metavar="URL", help="With --measure: address of the judge's OpenAI-compatible server.")
@click.option("--api-key-env", "key_env", metavar="NAME", help="The environment variable that holds its key.")
@click.option("--concurrency", type=click.IntRange(1, 512), default=16, show_default=True, help="Requests at once.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before it is exceeded.")
@click.option("--price", metavar="IN,OUT", help="US dollars for a million tokens, where the price is not known.")
@click.option(
    "--judge-max-tokens",
    "max_tokens",
    type=click.IntRange(1),
    help="With --measure: most tokens of a model judge's reply.  [default: 4000]",
)
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.option("--against", type=click.Choice(["study", "reviewer_1", "reviewer_2"]), help="Default: all that apply.")
@click.option("--store/--no-store", default=True, help="Keep the result, for every score by this judge to show.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def agreement(
    dataset: str,
    verdicts: tuple[Path, ...],
    judge: str | None,
    measure: Path | None,
    sample: int | None,
    sample_seed: int,
    base_url: str | None,
    key_env: str | None,
    concurrency: int,
    budget: float | None,
    max_tokens: int | None,
    price: str | None,
    yes: bool,
    against: str | None,
    store: bool,
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

    opened = locate_dataset(dataset)
    if measure is not None:
        from dataset_builder.work.cost import parse_price
        from eval.judges.interface import JudgeOptions

        if judge is None or verdicts:
            raise click.UsageError("--measure takes the judge from --judge, and no --verdicts.")
        options = JudgeOptions(
            dataset=opened,
            base_url=base_url,
            key_env=key_env,
            concurrency=concurrency,
            price=parse_price(price) if price is not None else None,
            max_tokens=max_tokens,
        )
        judge, verdicts = _measure(opened, measure, judge, options, sample, sample_seed, budget, yes)
    report = agreement_report(opened.built, verdicts=verdicts, judge=judge, against=against)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report_plain(report)), indent=1))
    else:
        from eval.scores.terminal import console

        out = console()
        for part in report_tables(report):
            out.print(part)
    if store and verdicts and against is None:
        _store(report, opened)


def _measure(
    dataset: OpenedDataset,
    folder: Path,
    spec: str,
    options: JudgeOptions,
    sample: int | None,
    seed: int,
    budget: float | None,
    yes: bool,
) -> tuple[str, tuple[Path, ...]]:
    import asyncio

    from dataset_builder.errors import RemoteError
    from dataset_builder.storage.progress import run_progress
    from dataset_builder.work.asking import confirm
    from eval.agreement.measure import Measuring, measuring_runs, usual_sample
    from eval.runs.tally import Verdicts
    from eval.runs.verdict import Verdict

    size = usual_sample(spec) if sample is None else sample
    runs = measuring_runs(dataset, folder, sample=size, seed=seed)
    measuring = Measuring(runs, dataset, spec, options)
    click.echo(
        f"Judge: {measuring.judge}, rubric {measuring.rubric}; {measuring.waiting:,} answers to judge, "
        f"in the runs of {len(runs):,} models in {folder}",
        err=True,
    )
    expected = measuring.estimate()
    if expected is not None and measuring.waiting:
        for line in expected.lines():
            click.echo(line, err=True)
        confirm(expected, yes=yes)
    given = Verdicts()
    stopped = None
    with run_progress(measuring.judge, measuring.waiting) as move:

        def seen(verdict: Verdict) -> None:
            given.add(verdict)
            move(given.detail() if expected else "")

        try:
            stopped = asyncio.run(measuring.work(budget, seen))
        except KeyboardInterrupt:
            click.echo("Stopped. Every verdict is kept; the same command goes on from there.", err=True)
            sys.exit(130)
    if stopped:
        raise RemoteError(f"Stopped early: {stopped}")
    return measuring.judge, tuple(run.path for run in runs)


def _store(report: AgreementReport, dataset: OpenedDataset) -> None:
    from eval.agreement.known import is_in_sample, store_record
    from eval.agreement.measure import record_of

    if is_in_sample(report.judge):
        click.echo(
            "Not kept: the weights of this judge were trained on these answers, so it looks better than it is; "
            "--judge heldout has not seen them. Scores show the agreement in its manifest, on answers new to it.",
            err=True,
        )
        return
    record = record_of(report, dataset)
    path = store_record(record)
    click.echo(f"Kept in {path}" + (f". Mind: {record.note}." if record.note else ""), err=True)
