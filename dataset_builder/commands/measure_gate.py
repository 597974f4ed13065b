"""``blind-refusal dataset measure-gate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.commands.stages import EMBEDDED, ask_gates
from dataset_builder.helping import Helpful
from dataset_builder.work.options import model_options

if TYPE_CHECKING:
    from dataset_builder.work.choice import ModelChoice


@click.command(
    "measure-gate",
    cls=Helpful,
    examples=(
        "dataset measure-gate --model openrouter/openai/gpt-5.4 --sample 200",
        "dataset measure-gate --model embedded",
    ),
)
@model_options(
    model="Who judges, with its provider first; `embedded` is the classifier that comes with the package.",
    default="openrouter/openai/gpt-5.4",
    metavar="ID|embedded",
)
@click.option("--gate", "gates", metavar="NAME", help="reasonable_judge or dual_use.  [default: both]")
@click.option("--source", default="study", show_default=True, help="The study's archive.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N cases, spread evenly over the cells.")
@click.option("--sample-seed", default=0, show_default=True, help="Seed of that draw.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/gate-agreement"),
    show_default=True,
    metavar="DIR",
    help="Where the verdicts are kept.",
)
@click.option("--max-tokens", type=click.IntRange(1), default=4000, show_default=True, help="Most tokens of a reply.")
@click.option("--retry-errors", is_flag=True, help="Ask again where a gate gave no readable verdict.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def measure_gate(
    choice: ModelChoice,
    gates: str | None,
    source: str,
    sample: int | None,
    sample_seed: int,
    out: Path,
    max_tokens: int,
    retry_errors: bool,
    as_json: bool,
) -> None:
    """Measure a model as a quality gate: how it agrees with the study's own gates.

    The study published verdicts of two gates on every generated case. Verdicts are kept; the same command
    resumes what was stopped.
    """
    from dataset_builder.gates.agreement import MEASURABLE
    from dataset_builder.gates.registry import gates_named

    chosen = gates_named(gates if gates is not None else ",".join(MEASURABLE))
    if choice.model == EMBEDDED:
        import json

        from dataset_builder.gates.embedded import heldout_lines, manifest

        # Measured on cells that the weights were not fitted on; on those that they were, it would be flattered.
        click.echo(json.dumps(manifest()["heldout"], indent=1) if as_json else "\n".join(heldout_lines(chosen)))
        return
    from dataset_builder.batch.gate_records import GateRecord
    from dataset_builder.batch.lines import GATES_NAME
    from dataset_builder.gates import agreement as measured
    from dataset_builder.gates.gating import GateSession, gate_tasks
    from dataset_builder.gates.prompt import prompt_hash
    from dataset_builder.sources import read_source
    from dataset_builder.storage.files import held
    from dataset_builder.storage.record_file import RecordFile
    from dataset_builder.work.stopping import StoppedEarlyError

    records = read_source(source).records
    lines = measured.study_lines(records, chosen, sample, sample_seed)
    out.mkdir(parents=True, exist_ok=True)
    file = RecordFile(out / GATES_NAME, GateRecord)
    with held(out, "this folder"):
        known = list(file)
        tasks = gate_tasks(lines, chosen, known, choice.model, retry_errors=retry_errors)
        session = GateSession(file, tasks, choice, sum(r.cost or 0.0 for r in known), max_tokens)
        file.open()
        try:
            stopped = ask_gates(session) if tasks else None
        finally:
            file.close()
    wanted = {line.case_id for line in lines}
    prompts = {prompt_hash(one) for one in chosen}
    mine = [r for r in file if r.case_id in wanted and r.model == choice.model and r.prompt in prompts]
    found = measured.gate_agreement(records, mine, chosen)
    if as_json:
        click.echo(measured.as_json(found))
    else:
        click.echo(f"{choice.model} against the study's gates, verdicts in {out}")
        for one in found:
            for line in one.lines():
                click.echo(line)
    if stopped:
        raise StoppedEarlyError(stopped)
