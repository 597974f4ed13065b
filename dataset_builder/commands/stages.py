"""The two stages of ``blind-refusal dataset backfill`` by themselves: ``--only generate`` and ``--only gate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dataset_builder.wording import counted

if TYPE_CHECKING:
    from dataset_builder.batch.folder import GenerationFolder
    from dataset_builder.batch.targets import Cell
    from dataset_builder.gates.gating import GateSession
    from dataset_builder.work.choice import ModelChoice
    from dataset_builder.work.stopping import Stop

# A gate's model that is no model: the classifiers that come with the package.
EMBEDDED: Final = "embedded"


def generate(path: Path, wanted: Mapping[Cell, int], choice: ModelChoice, **settings: Any) -> None:
    """Have a model write cases until each cell has had its number of orders, and check what code can check."""
    from dataset_builder.errors import RemoteError
    from dataset_builder.generation.checks import unchecked
    from dataset_builder.generation.report import write_report
    from dataset_builder.generation.write import writing_session
    from dataset_builder.output import report
    from dataset_builder.work.session import stoppable
    from dataset_builder.work.stopping import StoppedEarlyError

    session = writing_session(wanted, choice, out=path, **settings)
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
    report(folder=path, unfinished=found.unfinished)
    for line in found.lines():
        click.echo(line)
    click.echo(f"Next: blind-refusal dataset backfill {path} --only gate")
    if stopped:
        raise StoppedEarlyError(stopped)
    if found.unfinished:
        raise RemoteError(
            f"{counted(found.unfinished, 'order')} got no answer from the provider. Run the same command to ask again."
        )


def gate(path: Path, choice: ModelChoice, names: str | None, max_tokens: int, *, retry_errors: bool) -> None:
    """Ask gates about each case of a folder that they have not spoken of, and write what becomes of it."""
    from dataset_builder.batch.folder import GenerationFolder
    from dataset_builder.dataset.validate import UNGATED
    from dataset_builder.gates.gating import GateSession, gate_tasks, refuse_empty, spent_on_gates
    from dataset_builder.gates.registry import gates_named
    from dataset_builder.generation.report import write_report
    from dataset_builder.output import report
    from dataset_builder.work.stopping import StoppedEarlyError

    folder = GenerationFolder.open(path)
    if choice.model == EMBEDDED:
        _first_pass(folder, names)
        return
    lines = folder.lines()
    refuse_empty(lines, folder)
    tasks = gate_tasks(lines, gates_named(names), folder.gates, choice.model, retry_errors=retry_errors)
    session = GateSession(folder.gates, tasks, choice, spent_on_gates(folder), max_tokens)
    with folder.writing():
        stopped = ask_gates(session)
    found = write_report(folder)
    report(folder=path, outcomes=dict(found.outcomes))
    for line in found.lines():
        click.echo(line)
    if stopped:
        raise StoppedEarlyError(stopped)
    if found.outcomes[UNGATED]:
        click.echo(f"Next: blind-refusal dataset backfill {path} --only gate, for the gates that have not spoken yet")
    else:
        click.echo(f"Next: blind-refusal dataset review {path}, or dataset build --source study --add generated:{path}")


def ask_gates(gating: GateSession) -> Stop | None:
    """Say what is to be asked, have it confirmed, and ask; returns why that stopped early."""
    from dataset_builder.work.session import stoppable

    choice = gating.session.choice
    click.echo(f"Gates: {counted(len(gating.tasks), 'verdict')} to give, by {choice.model} at {choice.host}")
    if not gating.tasks:
        return None
    gating.session.confirm()
    with stoppable("Every verdict"):
        return gating.run()


def _first_pass(folder: GenerationFolder, names: str | None) -> None:
    from dataset_builder.gates.embedded import TRAINED, first_pass
    from dataset_builder.gates.registry import gates_named

    lines = folder.lines()
    with folder.writing():
        for line in first_pass(folder, lines, gates_named(names if names is not None else ",".join(TRAINED))):
            click.echo(line)
    click.echo(
        "A first pass decides nothing; a model asked afterwards takes the cases that are likeliest to pass first."
    )
