"""``blind-refusal dataset backfill``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dataset_builder.commands import stages
from dataset_builder.helping import Helpful
from dataset_builder.wording import counted
from dataset_builder.work.options import model_options

if TYPE_CHECKING:
    from dataset_builder.batch.targets import Cell
    from dataset_builder.work.choice import ModelChoice

GENERATE: Final = "generate"
GATE: Final = "gate"


@click.command(
    cls=Helpful,
    examples=(
        "dataset backfill build/batch --targets targets.yaml --budget 20",
        "dataset backfill build/batch --only gate --gate-model ollama/llama3.2",
        "dataset backfill build/batch --targets targets.yaml --build build/extended",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML or JSON: how many kept cases each cell is to have; * stands for any name.",
)
@click.option("--cell", "cells", multiple=True, metavar="FAMILY:AUTHORITY", help="A cell to fill; may be repeated.")
@click.option("--all", "every", is_flag=True, help="All cells that are plausible.")
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="With --cell or --all: cases a cell."
)
@click.option(
    "--only",
    type=click.Choice([GENERATE, GATE]),
    help="One stage alone: write as many cases as are wanted, or gate the cases that are there.",
)
@model_options("the writer's", model="The writer.", default="openrouter/google/gemini-3-pro-preview")
@model_options(
    "the gates'",
    prefix="gate",
    model="The gates. With --only gate also `embedded`, a classifier that makes a first pass and decides nothing.",
    default="openrouter/openai/gpt-5.4",
    limits=(),
)
@click.option(
    "--gate", "gates", metavar="NAME,…", help="With --only gate: operational_validity, reasonable_judge, dual_use."
)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True, help="Of the writer.")
@click.option("--max-tokens", type=click.IntRange(1), default=8000, show_default=True, help="Most tokens of a case.")
@click.option(
    "--gate-max-tokens", type=click.IntRange(1), default=4000, show_default=True, help="Most tokens of a verdict."
)
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Of the requests (ISO 639-1).")
@click.option("--seed", default=0, show_default=True, help="Seed of the plots.")
@click.option(
    "--existing",
    multiple=True,
    metavar="SOURCE|DIR",
    help="Cases that must not be repeated and whose gaps are filled first; may be repeated.  "
    "[default: study and starter]",
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Most rounds of writing.")
@click.option("--retry-errors", is_flag=True, help="Ask again where a gate gave no readable verdict.")
@click.option(
    "--build", "out", type=click.Path(path_type=Path), metavar="OUT", help="Then build the extended dataset there."
)
@click.option("--source", default="study", show_default=True, help="With --build: what is extended.")
@click.option("--force", is_flag=True, help="Order cases for implausible cells too.")
def backfill(
    folder: Path,
    targets: Path | None,
    cells: tuple[str, ...],
    every: bool,
    count: int,
    only: str | None,
    choice: ModelChoice,
    gate_choice: ModelChoice,
    gates: str | None,
    gate_max_tokens: int,
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
    if only is not None and out is not None:
        raise click.UsageError("--build is for both stages together; without --only, or by 'dataset build --add'.")
    if gates is not None and only != GATE:
        raise click.UsageError("--gate is for --only gate: a case is kept where all of them let it pass.")
    asked = gate_choice.limited_as(choice)
    if only == GATE:
        if targets is not None or cells or every:
            raise click.UsageError("--only gate takes every case of DIR, and no --targets, --cell or --all.")
        stages.gate(folder, asked, gates, gate_max_tokens, retry_errors=retry_errors)
        return
    wanted = _wanted(cells, every, targets, count, force)
    if only == GENERATE:
        stages.generate(folder, wanted, choice, **settings)
        return
    if asked.model == stages.EMBEDDED:
        raise click.UsageError("--gate-model embedded decides nothing: it is for --only gate, before a model's gates.")
    _fill(folder, wanted, choice, asked, gate_max_tokens, rounds, retry_errors, settings, out, source)


def _wanted(cells: tuple[str, ...], every: bool, file: Path | None, count: int, force: bool) -> dict[Cell, int]:
    """How many cases each cell is to have. Raises InputError where that is not said in one way."""
    from dataset_builder.batch.targets import PLAUSIBLE_CELLS, parse_cell, read_targets, same_target
    from dataset_builder.errors import InputError

    if (bool(cells) + every + (file is not None)) != 1:
        raise InputError("Which cells? Expected one of --targets FILE, --cell FAMILY:AUTHORITY and --all.")
    if file is not None:
        return read_targets(file, force=force)
    return same_target(PLAUSIBLE_CELLS if every else [parse_cell(c, force=force) for c in cells], count)


def _fill(
    folder: Path,
    wanted: dict[Cell, int],
    choice: ModelChoice,
    gates: ModelChoice,
    gate_max_tokens: int,
    rounds: int,
    retry_errors: bool,
    settings: dict[str, Any],
    out: Path | None,
    source: str,
) -> None:
    from dataset_builder.dataset.validate import KEPT
    from dataset_builder.errors import InputError
    from dataset_builder.generation.backfill import Backfill
    from dataset_builder.generation.checks import unchecked
    from dataset_builder.generation.report import account, write_report
    from dataset_builder.generation.write import writing_session
    from dataset_builder.output import report
    from dataset_builder.work.session import confirm, stoppable
    from dataset_builder.work.stopping import StoppedEarlyError

    session = writing_session(wanted, choice, out=folder, **settings)
    short = account(session.folder).short(wanted)
    if short:
        # Better now than when the first cases are paid for.
        gates.check()
    if warning := unchecked(session.folder.settings.language):
        click.echo(f"Note: {warning}.")
    for line in (*session.lines(), *session.session.lines()):
        click.echo(line)
    work = Backfill(session, gates, wanted, rounds, retry_errors, gate_max_tokens)
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
