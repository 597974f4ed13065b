"""``blind-refusal dataset generate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_builder.work.options import model_options

if TYPE_CHECKING:
    from dataset_builder.batch.targets import Cell
    from dataset_builder.work.choice import ModelChoice


@click.command()
@click.option("--cell", "cells", multiple=True, metavar="FAMILY:AUTHORITY", help="A cell to fill; may be repeated.")
@click.option("--all", "every", is_flag=True, help="All cells that are plausible.")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML or JSON: a number of cases for each cell; * stands for any name.",
)
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Orders for each cell.")
@model_options(
    model="The writer, with its provider first; with --base-url as the server calls it.",
    default="openrouter/google/gemini-3-pro-preview",
)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True)
@click.option("--max-tokens", type=click.IntRange(1), default=8000, show_default=True, help="Most tokens of a reply.")
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Of the requests (ISO 639-1).")
@click.option("--seed", default=0, show_default=True, help="Seed of the plots.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/generated"),
    show_default=True,
    metavar="DIR",
    help="The folder of this batch.",
)
@click.option(
    "--existing",
    multiple=True,
    metavar="SOURCE|DIR",
    help="Cases that must not be repeated and whose gaps are filled first; may be repeated.  "
    "[default: study and starter]",
)
@click.option("--force", is_flag=True, help="Order cases for implausible cells too.")
def generate(
    cells: tuple[str, ...],
    every: bool,
    targets: Path | None,
    count: int,
    force: bool,
    choice: ModelChoice,
    **settings: Any,
) -> None:
    """Have a model write new cases, a cell at a time, and check what code can check.

    Each order is tried twice at most, and each try is kept. The same command resumes a run that was
    stopped; with a larger --count it adds to the folder. Then: blind-refusal dataset gate DIR.
    """
    from dataset_builder.errors import RemoteError
    from dataset_builder.generation.checks import unchecked
    from dataset_builder.generation.report import write_report
    from dataset_builder.generation.write import writing_session
    from dataset_builder.output import report
    from dataset_builder.work.session import stoppable
    from dataset_builder.work.stopping import StoppedEarlyError

    wanted = _targets(cells, every, targets, count, force)
    session = writing_session(wanted, choice, **settings)
    if warning := unchecked(session.folder.settings.language):
        click.echo(f"Note: {warning}.")
    for line in session.lines():
        click.echo(line)
    stopped = None
    if session.orders:
        session.session.confirm()
        with stoppable("Every reply"):
            stopped = session.run()
    found = write_report(session.folder)
    report(folder=session.folder.path, unfinished=found.unfinished)
    for line in found.lines():
        click.echo(line)
    click.echo(f"Next: blind-refusal dataset gate {session.folder.path}")
    if stopped:
        raise StoppedEarlyError(stopped)
    if found.unfinished:
        raise RemoteError(
            f"{found.unfinished} orders got no answer from the provider. Run the same command to ask again."
        )


def _targets(cells: tuple[str, ...], every: bool, file: Path | None, count: int, force: bool) -> dict[Cell, int]:
    from dataset_builder.batch.targets import PLAUSIBLE_CELLS, parse_cell, read_targets, same_target
    from dataset_builder.errors import InputError

    if (bool(cells) + every + (file is not None)) != 1:
        raise InputError("Which cells? Expected one of --cell FAMILY:AUTHORITY, --all and --targets FILE.")
    if file is not None:
        return read_targets(file, force=force)
    return same_target(PLAUSIBLE_CELLS if every else [parse_cell(c, force=force) for c in cells], count)
