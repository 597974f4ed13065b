"""``blind-refusal dataset backfill``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_builder.wording import counted
from dataset_builder.work.options import model_options

if TYPE_CHECKING:
    from dataset_builder.work.choice import ModelChoice


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="YAML or JSON: how many kept cases each cell is to have; * stands for any name.",
)
@model_options("the writer's", model="The writer.", default="openrouter/google/gemini-3-pro-preview")
@model_options("the gates'", prefix="gate", model="The gates.", default="openrouter/openai/gpt-5.4", limits=())
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True)
@click.option("--max-tokens", type=click.IntRange(1), default=8000, show_default=True, help="Most tokens of a case.")
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Of the requests (ISO 639-1).")
@click.option("--seed", default=0, show_default=True, help="Seed of the plots.")
@click.option("--existing", multiple=True, metavar="SOURCE|DIR", help="As for generate.  [default: study and starter]")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Most rounds of writing.")
@click.option("--retry-errors", is_flag=True, help="Ask again where a gate gave no readable verdict.")
@click.option(
    "--build", "out", type=click.Path(path_type=Path), metavar="OUT", help="Then build the extended dataset there."
)
@click.option("--source", default="study", show_default=True, help="With --build: what is extended.")
@click.option("--force", is_flag=True, help="Order cases for implausible cells too.")
def backfill(
    folder: Path,
    targets: Path,
    choice: ModelChoice,
    gate_choice: ModelChoice,
    rounds: int,
    retry_errors: bool,
    out: Path | None,
    source: str,
    force: bool,
    **settings: Any,
) -> None:
    """Write and gate cases in DIR until every cell has its target, or the budget or the rounds end.

    What was removed, by gates or by people, is replaced by new orders; DIR/report.md accounts for every
    one. The same command goes on where it was stopped, also after a review. Exit code 2 where cells are
    still short; they are listed, and with --build the extension is built all the same.
    """
    from dataset_builder.batch.targets import read_targets
    from dataset_builder.dataset.validate import KEPT
    from dataset_builder.errors import InputError
    from dataset_builder.generation.backfill import Backfill
    from dataset_builder.generation.checks import unchecked
    from dataset_builder.generation.report import account, write_report
    from dataset_builder.generation.write import writing_session
    from dataset_builder.output import report
    from dataset_builder.work.session import confirm, stoppable
    from dataset_builder.work.stopping import StoppedEarlyError

    wanted = read_targets(targets, force=force)
    gates = gate_choice.limited_as(choice)
    session = writing_session(wanted, choice, out=folder, **settings)
    short = account(session.folder).short(wanted)
    if short:
        # Better now than when the first cases are paid for.
        gates.check()
    if warning := unchecked(session.folder.settings.language):
        click.echo(f"Note: {warning}.")
    for line in (*session.lines(), *session.session.lines()):
        click.echo(line)
    work = Backfill(session, gates, wanted, rounds, retry_errors)
    gating = work.estimate()
    click.echo(f"Gates: {gates.model} at {gates.host}, three verdicts a case")
    for line in (*gates.warnings(), *gating.lines()):
        click.echo(line)
    whole = session.estimate + gating
    if whole.cost:
        click.echo(
            f"Altogether: ${whole.cost[0]:,.2f} to ${whole.cost[1]:,.2f}; replacing what is removed comes on top"
        )
    if short:
        confirm(whole, yes=choice.yes)
    try:
        with stoppable("All that was done"):
            ended = work.run(click.echo)
    finally:
        found = write_report(session.folder, wanted)
    report(folder=folder, outcomes=dict(found.outcomes), short=dict(ended.short))
    for line in found.lines():
        click.echo(line)
    if out is not None:
        if found.outcomes[KEPT]:
            _build(source, folder, out)
        else:
            click.echo(f"No case was kept, so there is nothing to build and {out} is as it was")
    if not ended.short:
        click.echo("Every cell has its target")
    elif ended.stopped:
        raise StoppedEarlyError(ended.stopped, f"\n{_short(ended.short)}")
    else:
        raise InputError(f"{_short(ended.short)}\nMore --rounds may fill them, or another writer.")


def _build(source: str, folder: Path, out: Path) -> None:
    from dataset_builder.build.build import build_dataset, summary
    from dataset_builder.build.extend import extend
    from dataset_builder.sources import GENERATED_PREFIX, read_source

    base, added = read_source(source), read_source(f"{GENERATED_PREFIX}{folder}")
    manifest = build_dataset(extend(base, [added]).records, [base.source, added.source], out)
    click.echo(summary(manifest, out))


def _short(short: dict[str, int]) -> str:
    listed = "\n".join(f"  {name}: {number} short" for name, number in short.items())
    return f"{counted(sum(short.values()), 'case')} short of the targets:\n{listed}"
