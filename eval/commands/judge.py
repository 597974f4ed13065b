"""``blind-refusal eval judge``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval.judging.registry import DEFAULT_JUDGE, usage

if TYPE_CHECKING:
    from dataset_builder.dataset.opened import OpenedDataset
    from dataset_builder.work.cost import Estimate, Price
    from eval.judges.interface import Judge
    from eval.judging.run import Docket
    from eval.runs.folder import RunFolder


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--judge", default=DEFAULT_JUDGE, show_default=True, metavar=usage(), help="Who judges.")
@click.option("--dataset", metavar="DIR|REPO[@REV]", help="The run's dataset, if it is not where the run says.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N answers, spread evenly over the cells.")
@click.option("--controls", type=click.IntRange(0), metavar="M", help="With --sample: M of the N are controls.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option(
    "--resume/--again", default=True, show_default=True, help="Keep the verdicts there are, or give new ones."
)
@click.option("--retry-errors", is_flag=True, help="Judge again where the judge gave no reply.")
@click.option("--base-url", metavar="URL", help="Address of the judge's OpenAI-compatible server.")
@click.option("--api-key-env", "key_env", metavar="NAME", help="The environment variable that holds its key.")
@click.option("--show-reasoning", is_flag=True, help="Show a model judge the reasoning text beside the answer.")
@click.option(
    "--agreement", type=click.FloatRange(0, 1), help="For a cascade: the agreement that its offline part keeps."
)
@click.option("--concurrency", type=click.IntRange(1, 512), default=16, show_default=True, help="Requests at once.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before it is exceeded.")
@click.option("--price", metavar="IN,OUT", help="US dollars for a million tokens, where the price is not known.")
@click.option(
    "--judge-max-tokens",
    "max_tokens",
    type=click.IntRange(1),
    help="Most tokens of a model judge's reply, its reasoning included.  [default: 4000]",
)
@click.option("--yes", is_flag=True, help="Begin without asking.")
def judge(
    run: Path,
    judge: str,
    dataset: str | None,
    sample: int | None,
    controls: int | None,
    sample_seed: int,
    resume: bool,
    retry_errors: bool,
    base_url: str | None,
    key_env: str | None,
    show_reasoning: bool,
    agreement: float | None,
    concurrency: int,
    budget: float | None,
    price: str | None,
    max_tokens: int | None,
    yes: bool,
) -> str:
    """Give a verdict on each answer of a RUN.

    Verdicts are kept beside the answers, by answer, judge and rubric version: none is given twice,
    several judges may judge one run, and they are never mixed. With --judge human:FILE and no such
    file yet, a sheet to fill in is written there.
    """
    import asyncio

    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.errors import RemoteError
    from dataset_builder.storage.progress import run_progress
    from dataset_builder.work.asking import confirm
    from dataset_builder.work.cost import Budget, parse_price
    from eval.agreement.known import is_in_sample
    from eval.judges.interface import JudgeOptions
    from eval.judging.registry import check_judge, resolve_judge
    from eval.judging.run import docket_of, judge_run, tasks_of
    from eval.results.answer_set import named_dataset
    from eval.runs.folder import RunFolder
    from eval.runs.published import is_published
    from eval.runs.tally import Verdicts
    from eval.runs.verdict import Verdict

    if controls is not None and sample is None:
        raise click.UsageError("--controls says how many of --sample are controls: give both.")
    folder = RunFolder.open(run)
    settings = folder.settings
    opened = locate_dataset(dataset or named_dataset(folder))
    given = parse_price(price) if price is not None else None
    options = JudgeOptions(
        dataset=opened,
        model=settings.model,
        run=run,
        base_url=base_url,
        key_env=key_env,
        concurrency=concurrency,
        show_reasoning=show_reasoning,
        agreement=agreement,
        price=given,
        max_tokens=max_tokens,
    )
    kind, argument = check_judge(judge)
    if kind == "human" and not Path(argument).exists():
        _make_sheet(folder, opened, Path(argument), sample, controls, sample_seed)
        return ""
    chosen = resolve_judge(judge, options)
    docket = docket_of(
        folder,
        opened,
        chosen,
        sample=sample,
        controls=controls,
        seed=sample_seed,
        again=not resume,
        retry_errors=retry_errors,
    )
    click.echo(
        f"Judge: {chosen.name}, rubric {chosen.rubric}; {len(docket.case_ids):,} answers to judge, "
        f"{docket.judged:,} judged already, {docket.unanswered:,} cases without an answer"
    )
    if meaning := chosen.settings.get("meaning"):
        click.echo(f"Note: {meaning}.")
    if is_in_sample(chosen.name) and is_published(settings.model):
        click.echo(
            "Note: the weights of this judge learned from these very answers; --judge heldout has not seen them."
        )
    expected = _estimate(folder, opened, chosen, docket, judge, base_url, given)
    if expected is not None and docket.case_ids:
        for line in expected.lines():
            click.echo(line)
        if offline := chosen.settings.get("expected_offline"):
            click.echo(f"That is if every answer goes to the model; about {offline:.0%} are expected not to.")
        confirm(expected, yes=yes)
    given_now = Verdicts()

    async def work() -> str | None:
        limit = Budget(
            budget if expected is not None else None,
            spent=sum(v.cost or 0.0 for v in folder.verdicts(chosen.name, chosen.rubric)),
            call_cost=expected.call_cost if expected else None,
        )
        return await judge_run(
            folder,
            tasks_of(folder, opened, docket.case_ids),
            chosen,
            concurrency=concurrency,
            budget=limit,
            seen=seen,
        )

    with folder.writing(), run_progress(chosen.name, len(docket.case_ids)) as move:

        def seen(verdict: Verdict) -> None:
            given_now.add(verdict)
            move(given_now.detail() if expected else "")

        try:
            stopped = asyncio.run(work())
        except KeyboardInterrupt:
            click.echo("Stopped. Every verdict is kept; the same command goes on from there.", err=True)
            sys.exit(130)
    click.echo(given_now.line(paid=expected is not None))
    if stopped:
        raise RemoteError(f"Stopped early: {stopped}")
    return chosen.name


def _estimate(
    folder: RunFolder,
    dataset: OpenedDataset,
    judge: Judge,
    docket: Docket,
    spec: str,
    base_url: str | None,
    given: Price | None,
) -> Estimate | None:
    """What a judge that asks a model will take; None for one that costs nothing."""
    from dataset_builder.models.providers import resolve_endpoint
    from dataset_builder.work.cost import estimate, price_of
    from eval.judges.interface import PaidJudge
    from eval.judging.run import tasks_of

    if not isinstance(judge, PaidJudge):
        return None
    price = given or price_of(resolve_endpoint(spec.partition(":")[2], base_url))
    lengths = (judge.request_chars(task) for task in tasks_of(folder, dataset, docket.case_ids))
    return estimate(
        lengths, judge.settings.get("max_tokens", 4000), price, price_is_given=given is not None, verdicts=True
    )


def _make_sheet(
    folder: RunFolder, dataset: OpenedDataset, path: Path, sample: int | None, controls: int | None, seed: int
) -> None:
    from dataset_builder.dataset.sample import draw_labelled
    from eval.judges.human.sheet import LABELS, write_sheet
    from eval.judging.run import answered_cases, tasks_of

    cases = answered_cases(folder, dataset)
    chosen = cases if sample is None else draw_labelled(cases, sample, controls, seed)
    count = write_sheet(path, tasks_of(folder, dataset, [case.case_id for case in chosen]))
    click.echo(f"Wrote {count:,} answers to {path}. Fill in {', '.join(LABELS)}, then run the same command again.")
