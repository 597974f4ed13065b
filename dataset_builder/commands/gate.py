"""``blind-refusal dataset gate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dataset_builder.wording import counted
from dataset_builder.work.options import model_options

if TYPE_CHECKING:
    from dataset_builder.gates.gate import Gate
    from dataset_builder.gates.gating import GateSession
    from dataset_builder.work.choice import ModelChoice
    from dataset_builder.work.stopping import Stop

EMBEDDED = "embedded"


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--gate",
    "gates",
    metavar="operational_validity,reasonable_judge,dual_use",
    help="Some of the gates, with commas.  [default: all]",
)
@model_options(
    model="Who judges, with its provider first; `embedded` is the classifier that comes with the package: a first "
    "pass that decides nothing.",
    default="openrouter/openai/gpt-5.4",
    metavar="ID|embedded",
)
@click.option("--max-tokens", type=click.IntRange(1), default=4000, show_default=True, help="Most tokens of a reply.")
@click.option("--retry-errors", is_flag=True, help="Ask again where a gate gave no readable verdict.")
@click.option("--agreement", is_flag=True, help="Measure the model against the study's own gate verdicts instead.")
@click.option("--source", default="study", show_default=True, help="With --agreement: the study's archive.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="With --agreement: N cases, over all cells.")
@click.option("--sample-seed", default=0, show_default=True, help="With --agreement: seed of that draw.")
@click.option("--json", "as_json", is_flag=True, help="With --agreement: print the figures as JSON.")
def gate(
    folder: Path | None,
    gates: str | None,
    choice: ModelChoice,
    max_tokens: int,
    retry_errors: bool,
    agreement: bool,
    source: str,
    sample: int | None,
    sample_seed: int,
    as_json: bool,
) -> None:
    """Ask the quality gates about each generated case in DIR, and write what becomes of it.

    Operational validity and reasonable judge block; dual use only flags. A verdict that cannot be read
    is an error and never a pass. The same command resumes what was stopped. With --agreement, DIR is
    where the verdicts on the study's cases are kept.
    """
    from dataset_builder.errors import InputError
    from dataset_builder.gates.registry import gates_named

    if agreement:
        from dataset_builder.gates.agreement import MEASURABLE

        chosen = gates_named(gates if gates is not None else ",".join(MEASURABLE))
        _agreement(folder, choice, chosen, max_tokens, retry_errors, source, sample, sample_seed, as_json)
        return
    if folder is None:
        raise InputError("Which folder? Expected DIR, as 'blind-refusal dataset generate --out DIR' made it.")
    if choice.model == EMBEDDED:
        _first_pass(folder, gates)
        return
    _gate(folder, choice, gates_named(gates), max_tokens, retry_errors)


def _gate(
    path: Path,
    choice: ModelChoice,
    gates: tuple[Gate, ...],
    max_tokens: int,
    retry_errors: bool,
) -> None:
    from dataset_builder.batch.folder import GenerationFolder
    from dataset_builder.dataset.validate import UNGATED
    from dataset_builder.gates.gating import GateSession, gate_tasks, refuse_empty, spent_on_gates
    from dataset_builder.generation.report import write_report
    from dataset_builder.work.stopping import StoppedEarlyError

    folder = GenerationFolder.open(path)
    lines = folder.lines()
    refuse_empty(lines, folder)
    tasks = gate_tasks(lines, gates, folder.gates, choice.model, retry_errors=retry_errors)
    session = GateSession(folder.gates, tasks, choice, spent_on_gates(folder), max_tokens)
    with folder.writing():
        stopped = _run(session)
    found = write_report(folder)
    for line in found.lines():
        click.echo(line)
    if stopped:
        raise StoppedEarlyError(stopped)
    if found.outcomes[UNGATED]:
        click.echo(f"Next: blind-refusal dataset gate {path}, for the gates that have not spoken yet")
    else:
        click.echo(f"Next: blind-refusal dataset review {path}, or dataset build --source study --add generated:{path}")


def _run(gating: GateSession) -> Stop | None:
    from dataset_builder.work.session import stoppable

    choice = gating.session.choice
    click.echo(f"Gates: {counted(len(gating.tasks), 'verdict')} to give, by {choice.model} at {choice.host}")
    if not gating.tasks:
        return None
    gating.session.confirm()
    with stoppable("Every verdict"):
        return gating.run()


def _first_pass(path: Path, gates: str | None) -> None:
    from dataset_builder.batch.folder import GenerationFolder
    from dataset_builder.gates.embedded import TRAINED, first_pass
    from dataset_builder.gates.registry import gates_named

    folder = GenerationFolder.open(path)
    lines = folder.lines()
    with folder.writing():
        for line in first_pass(folder, lines, gates_named(gates if gates is not None else ",".join(TRAINED))):
            click.echo(line)
    click.echo(
        "A first pass decides nothing; a model asked afterwards takes the cases that are likeliest to pass first."
    )


def _agreement(
    path: Path | None,
    choice: ModelChoice,
    gates: tuple[Gate, ...],
    max_tokens: int,
    retry_errors: bool,
    source: str,
    sample: int | None,
    seed: int,
    as_json: bool,
) -> None:
    if choice.model == EMBEDDED:
        import json

        from dataset_builder.gates.embedded import heldout_lines, manifest

        # Measured on cells that the weights were not fitted on; on those that they were, it would be flattered.
        click.echo(json.dumps(manifest()["heldout"], indent=1) if as_json else "\n".join(heldout_lines(gates)))
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
    lines = measured.study_lines(records, gates, sample, seed)
    out = path or Path("build") / "gate-agreement"
    out.mkdir(parents=True, exist_ok=True)
    file = RecordFile(out / GATES_NAME, GateRecord)
    with held(out, "this folder"):
        known = list(file)
        tasks = gate_tasks(lines, gates, known, choice.model, retry_errors=retry_errors)
        session = GateSession(file, tasks, choice, sum(r.cost or 0.0 for r in known), max_tokens)
        file.open()
        try:
            stopped = _run(session) if tasks else None
        finally:
            file.close()
    wanted = {line.case_id for line in lines}
    prompts = {prompt_hash(one) for one in gates}
    mine = [r for r in file if r.case_id in wanted and r.model == choice.model and r.prompt in prompts]
    found = measured.gate_agreement(records, mine, gates)
    if as_json:
        click.echo(measured.as_json(found))
    else:
        click.echo(f"{choice.model} against the study's gates, verdicts in {out}")
        for one in found:
            for line in one.lines():
                click.echo(line)
    if stopped:
        raise StoppedEarlyError(stopped)
