"""``blind-refusal eval job``."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dataset_builder.helping import Helpful
from dataset_builder.hub.naming import token_env

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataset_builder.errors import InputError
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.jobs import JobPlan, StartedJob

# What may be run there; all else is quick, or needs somebody who looks at it.
_COMMANDS: Final = (("eval", "run"), ("eval", "set"), ("eval", "judge"), ("board", "worker"))
# Where it writes is made there.
_WRITTEN: Final = ("--out", "--work")
# Those that ask whether to begin, where nobody is.
_ASKING: Final = _COMMANDS[:2]
# Files of the command go along in variables.
_MOST_BYTES: Final = 64 * 1024
_FILES: Final = "/tmp/blind-refusal"  # noqa: S108 - a place in the job's own container


@click.command(
    cls=Helpful,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    examples=(
        "eval job --secret OPENROUTER_API_KEY --bucket acme/runs -- eval run --model openrouter/z-ai/glm-5 --yes",
        "eval job --schedule @hourly --secret HF_TOKEN -- board worker --results acme/results --once",
    ),
)
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option(
    "--flavor", default="cpu-basic", show_default=True, metavar="NAME", help="The machine: `hf jobs hardware`."
)
@click.option("--timeout", default="6h", show_default=True, metavar="TIME", help="End it after 90m, 6h, 1d.")
@click.option("--bucket", metavar="NS/NAME", help="A bucket of the Hub to keep the runs in; without one they are lost.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME", help="A variable of yours that the job needs; once for each."
)
@click.option("--package", metavar="SPEC", help="What to install there.  [default: this version of blind-refusal]")
@click.option("--schedule", metavar="CRON", help="Start it again and again: '0 * * * *', @hourly, @daily.")
@click.option("--namespace", metavar="NS", help="Whose account pays.  [default: the token's]")
@click.option("--detach", is_flag=True, help="Do not follow what it prints.")
@click.option("--dry-run", is_flag=True, help="Print what would be started, and start nothing.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
@token_env
def job(
    command: tuple[str, ...],
    flavor: str,
    timeout: str,
    bucket: str | None,
    secrets: tuple[str, ...],
    package: str | None,
    schedule: str | None,
    namespace: str | None,
    detach: bool,
    dry_run: bool,
    yes: bool,
    token_env: str,
) -> None:
    """Run a COMMAND of this program as a Job on the Hub's machines.

    COMMAND is `eval run`, `eval set`, `eval judge` or `board worker` with its options. Files that it names go along;
    datasets and results are named by their repositories. The account is charged by the minute.
    """
    from dataset_builder.hub.client import Hub
    from dataset_builder.hub.jobs import schedule_job, start_job
    from dataset_builder.output import report
    from dataset_builder.work.session import may_ask

    plan = _planned(command, flavor, timeout, bucket, secrets, package, namespace)
    for line in _lines(plan, command, schedule):
        click.echo(line)
    if dry_run:
        return
    may_ask(yes=yes)
    if not yes:
        click.confirm("Begin?", abort=True)
    hub = Hub(token_env=token_env)
    if schedule:
        made = schedule_job(hub, plan, schedule)
        report(schedule=made)
        click.echo(f"Scheduled: {made}. Stop it with `hf jobs scheduled delete {made}`.")
        return
    started = start_job(hub, plan)
    report(job=started.id, page=started.url)
    click.echo(f"Started: {started.url}")
    if not detach:
        _follow(hub, started)


def _planned(
    command: tuple[str, ...],
    flavor: str,
    timeout: str,
    bucket: str | None,
    secrets: Sequence[str],
    package: str | None,
    namespace: str | None,
) -> JobPlan:
    """What is to be started. Raises InputError for a command that cannot run there, and for a key that is missing."""
    import re
    import shlex

    from dataset_builder import __version__
    from dataset_builder.errors import InputError
    from dataset_builder.hub.jobs import WORK, JobPlan
    from dataset_builder.net.secret import ApiKey

    if command[:1] == ("blind-refusal",):
        command = command[1:]
    if command[:2] not in _COMMANDS:
        known = ", ".join(" ".join(words) for words in _COMMANDS)
        raise InputError(f"{' '.join(command[:2])}: not run as a job. Expected one of {known}, behind `--`.")
    if not re.fullmatch(r"[1-9][0-9]*[smhd]", timeout):
        raise InputError(f"--timeout {timeout!r}: expected a number with s, m, h or d behind it, such as 6h.")
    if command[:2] in _ASKING and "--yes" not in command:
        raise InputError("There is nobody to ask in a job: give the command its own --yes, and a --budget if it costs.")
    if missing := sorted(_keys_needed(command) - set(secrets)):
        raise InputError(
            f"The command needs {' and '.join(missing)}, which the job does not have. Give it "
            f"{' '.join(f'--secret {name}' for name in missing)}."
        )
    words, files = _with_files(command)
    run = ("uv", "run", "--with", package or f"blind-refusal=={__version__}", "blind-refusal", *words)
    where = WORK if bucket else "/root"
    folders = sorted({_FILES, *(place.rpartition("/")[0] for place, _ in files.values())})
    steps = [f"mkdir -p {shlex.join(folders)}", f"cd {where}"]
    steps += [f'printf %s "${name}" > {shlex.quote(place)}' for name, (place, _) in files.items()]
    return JobPlan(
        ("sh", "-c", " && ".join([*steps, 'exec "$@"']), "sh", *run),
        flavor,
        timeout,
        {name: text for name, (_, text) in files.items()},
        tuple(ApiKey(name, name, "--secret") for name in secrets),
        bucket,
        namespace=namespace,
    )


def _keys_needed(command: tuple[str, ...]) -> set[str]:
    """The variables that hold the keys of the providers and the tokens that a command names."""
    from dataset_builder.models.providers import PROVIDER_BY_ID

    needed = set()
    for word, value in pairwise(command):
        if word in ("--model", "--judge"):
            provider = PROVIDER_BY_ID.get(value.removeprefix("model:").partition("/")[0])
            if provider is not None and provider.key_env:
                needed.add(provider.key_env)
        elif word.endswith("api-key-env") or word == "--token-env":
            needed.add(value)
    if command[:2] == ("board", "worker"):
        needed.add("HF_TOKEN")
    return needed


class _Files:
    """The files that go along: each with its place there and its content, by the variable that holds it."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, str]] = {}
        self._left = _MOST_BYTES

    def add(self, path: Path, place: str | None = None) -> str:
        """Take a file along; returns its place there. Raises InputError for one that is no text, or too large."""
        from dataset_builder.errors import InputError

        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise InputError(f"{path}: no text in UTF-8 that can be sent along.") from None
        self._left -= len(text.encode())
        if self._left < 0:
            raise InputError(f"{path}: the files of the command are larger than {_MOST_BYTES:,} bytes together.")
        number = len(self.held)
        suffix = path.suffix if path.suffix[1:].isalnum() else ""
        whole = f"{_FILES}/{f'{number}{suffix}' if place is None else place}"
        self.held[f"BLIND_REFUSAL_FILE_{number}"] = whole, text
        return whole


def _with_files(command: tuple[str, ...]) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """The command as the job sees it, and the files that go along, as ``_Files`` holds them."""
    from dataset_builder.models.in_process.named import PYTHON, model_named

    words, files = list(command[:2]), _Files()
    for before, word in pairwise(command[1:]):
        named = model_named(word) if before == "--model" else None
        if named is not None and named.path is not None:
            if named.path.is_dir():
                raise _not_there(str(named.path))
            if named.function is not None and named.path.is_file():
                # By its own name, which is the model's.
                words.append(f"{PYTHON}:{files.add(named.path, f'model/{named.path.name}')}:{named.function}")
                continue
        name, at = (word[1:], "@") if word.startswith("@") else (word, "")
        path = Path(name)
        if before in _WRITTEN:
            words.append(word)
            continue
        if path.is_dir() and name:
            raise _not_there(name)
        if not path.is_file():
            words.append(word)
            continue
        words.append(at + files.add(path))
        if command[:2] == ("eval", "set") and path.suffix.lower() in (".yaml", ".yml"):
            _add_named(path, files)
    return words, files.held


def _add_named(path: Path, files: _Files) -> None:
    """What the file of a set names goes along, beside it as it is here. Raises InputError where it cannot."""
    from dataset_builder.errors import InputError
    from eval.sets.file import files_of, read_set

    found = read_set(path)
    if found.dataset is not None and Path(found.dataset).is_dir():
        raise _not_there(found.dataset)
    for name in files_of(found):
        here = path.parent / name
        if here.is_dir():
            raise _not_there(name)
        if not here.is_file():
            continue
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError(f"{path}: names {name}, which is not beside it. Put it into {path.resolve().parent}.")
        files.add(here, name)


def _not_there(name: str) -> InputError:
    from dataset_builder.errors import InputError

    return InputError(
        f"{name}: a folder of this machine, which the job does not have. Name a repository on the Hub "
        "(NAMESPACE/NAME), or --bucket and a folder in it."
    )


def _lines(plan: JobPlan, command: tuple[str, ...], schedule: str | None) -> list[str]:
    """What is about to be started, word for word."""
    import shlex

    told = [
        f"Job: {shlex.join(command)}",
        f"On: {plan.flavor}, for at most {plan.timeout}, in {plan.image}",
        f"It runs: {shlex.join(plan.command)}",
    ]
    told += [f"File {name}: {len(text.encode()):,} bytes" for name, text in plan.environment.items()]
    if plan.secrets:
        told.append(f"Secrets, by name: {', '.join(secret.env for secret in plan.secrets)}")
    told.append(
        f"Runs are kept in the bucket {plan.bucket}." if plan.bucket else "Without --bucket, what it writes is lost."
    )
    if schedule:
        told.append(f"Again and again: {schedule}, never two at once")
    return [*told, "The Hub charges the account by the minute."]


def _follow(hub: Hub, started: StartedJob) -> None:
    """Print what the job prints; exits with 1 where it does not complete."""
    from dataset_builder.hub.jobs import COMPLETED, follow_job, stage_of
    from eval.scores.terminal import printable

    try:
        for line in follow_job(hub, started):
            click.echo(printable(line))
        stage, message = stage_of(hub, started)
    except KeyboardInterrupt:
        click.echo(f"The job goes on: `hf jobs logs {started.id}` shows it, `hf jobs cancel` ends it.", err=True)
        raise SystemExit(130) from None
    click.echo(f"The job ended: {stage}{f' ({printable(message)})' if message else ''}", err=stage != COMPLETED)
    if stage != COMPLETED:
        raise SystemExit(1)
