"""``blind-refusal dataset backfill``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="YAML or JSON: how many kept cases each cell is to have; * stands for any name.",
)
@click.option(
    "--model", default="openrouter/google/gemini-3-pro-preview", show_default=True, metavar="ID", help="The writer."
)
@click.option("--base-url", metavar="URL", help="Address of the writer's OpenAI-compatible server.")
@click.option("--api-key-env", "key_env", metavar="NAME", help="The environment variable that holds its key.")
@click.option("--price", metavar="IN,OUT", help="The writer's US dollars for a million tokens, where not known.")
@click.option("--gate-model", default="openrouter/openai/gpt-5.4", show_default=True, metavar="ID", help="The gates.")
@click.option("--gate-base-url", metavar="URL", help="Address of the gates' server.")
@click.option("--gate-api-key-env", "gate_key_env", metavar="NAME", help="The variable that holds its key.")
@click.option("--gate-price", metavar="IN,OUT", help="The gates' price.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True)
@click.option("--max-tokens", type=click.IntRange(1), default=8000, show_default=True, help="Most tokens of a case.")
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Of the requests (ISO 639-1).")
@click.option("--seed", default=0, show_default=True, help="Seed of the plots.")
@click.option("--existing", multiple=True, metavar="SOURCE|DIR", help="As for generate.  [default: study and starter]")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Most rounds of writing.")
@click.option("--concurrency", type=click.IntRange(1, 512), default=16, show_default=True, help="Requests at once.")
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="USD",
    help="Stop before it is exceeded; all that DIR has cost counts.",
)
@click.option("--retry-errors", is_flag=True, help="Ask again where a gate gave no readable verdict.")
@click.option(
    "--build", "out", type=click.Path(path_type=Path), metavar="OUT", help="Then build the extended dataset there."
)
@click.option("--source", default="study", show_default=True, help="With --build: what is extended.")
@click.option("--force", is_flag=True, help="Order cases for implausible cells too.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
def backfill(
    folder: Path,
    targets: Path,
    gate_model: str,
    gate_base_url: str | None,
    gate_key_env: str | None,
    gate_price: str | None,
    rounds: int,
    retry_errors: bool,
    out: Path | None,
    source: str,
    force: bool,
    yes: bool,
    **wishes: Any,
) -> None:
    """Write and gate cases in DIR until every cell has its target, or the budget or the rounds end.

    What was removed, by gates or by people, is replaced by new orders; DIR/report.md accounts for every
    one. The same command goes on where it was stopped, also after a review. Exit code 2 where cells are
    still short; they are listed, and with --build the extension is built all the same.
    """
    from dataset_builder.batch.targets import read_targets
    from dataset_builder.dataset.validate import KEPT
    from dataset_builder.errors import InputError, RemoteError
    from dataset_builder.generation.backfill import Backfill
    from dataset_builder.generation.checks import unchecked
    from dataset_builder.generation.report import account, write_report
    from dataset_builder.generation.write import writing_session
    from dataset_builder.storage.progress import run_progress
    from dataset_builder.work.asking import confirm
    from dataset_builder.work.choice import ModelChoice

    wanted = read_targets(targets, force=force)
    gates = ModelChoice(
        model=gate_model,
        base_url=gate_base_url,
        key_env=gate_key_env,
        price=gate_price,
        concurrency=wishes["concurrency"],
    )
    where = gates.host
    session = writing_session(wanted, out=folder, **wishes)
    if warning := unchecked(session.folder.settings.language):
        click.echo(f"Note: {warning}.")
    for line in session.lines():
        click.echo(line)
    click.echo(f"Gates: {gates.model} at {where}; their cost and that of what is replaced come on top")
    if account(session.folder).short(wanted):
        confirm(session.estimate, yes=yes)
    try:
        ended = Backfill(session, gates, wanted, rounds, retry_errors).run(run_progress, click.echo)
    except KeyboardInterrupt:
        click.echo("Stopped. All that was done is kept; the same command goes on from there.", err=True)
        sys.exit(130)
    finally:
        found = write_report(session.folder, wanted)
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
        raise RemoteError(f"Stopped early: {ended.stopped}\n{_short(ended.short)}")
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
    return f"{sum(short.values()):,} cases short of the targets:\n{listed}"
