"""``blind-refusal demo``: the whole thing on this machine, with no key and no network.

It runs the same commands that a user types, shows each of them, and stops at the first that fails.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from dataset_builder.helping import Helpful
from dataset_builder.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL: Final = "local/smollm2-135m"
CASES: Final = 24


class Step(NamedTuple):
    """One command of the demo: what it is for, where it lives, and its words."""

    why: str
    target: str
    words: tuple[str, ...]


@click.command(
    cls=Helpful,
    examples=(
        "demo",
        "demo --cases 12 --no-serve",
    ),
)
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port of the leaderboard.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("build"), show_default=True, help="Where all of it goes."
)
@click.option("--cases", default=CASES, show_default=True, type=click.IntRange(5), help="Cases that the model answers.")
@click.option("--serve/--no-serve", default=True, show_default=True, help="End by serving the leaderboard.")
def demo(port: int, out: Path, cases: int, serve: bool) -> None:
    """Show the whole thing on this machine: dataset, a real model, its scores, the leaderboard.

    Takes a few minutes the first time; what is done is not done again.
    """
    study = _study_dataset(out / "dataset")
    starter, run, results = out / "starter", out / "demo-run", out / "demo-results"
    steps = [
        Step(
            "Build the starter set, our own cases that come with the package.",
            "dataset_builder.commands.build:build",
            ("dataset", "build", "--source", "starter", "--out", str(starter)),
        ),
        Step(
            "Ask a small model, on this machine, to help with some of them; judge and score its answers.",
            "eval.commands.run:run",
            _words(
                "eval run --model",
                MODEL,
                "--dataset",
                starter,
                "--sample",
                f"{cases}",
                "--out",
                run,
                "--yes",
            ),
        ),
        Step(
            "Hand the run in to a leaderboard of your own.",
            "eval.commands.submit:submit",
            _words("eval submit", run, "--dataset", starter, "--results", results),
        ),
        Step(
            "Rebuild that leaderboard from what was handed in.",
            "eval.commands.board.aggregate:aggregate",
            _words("board aggregate --results", results, "--dataset", starter),
        ),
    ]
    for number, step in enumerate(steps, start=1):
        _run(step, number, len(steps) + serve)
        if step.words[:2] == ("eval", "submit"):
            for held in let_in(results, starter):
                _run(held, number, len(steps) + serve)
    if study is not None:
        click.echo(
            "\nThe study's dataset is built too. Its eighteen models, on a leaderboard:\n"
            f"  blind-refusal eval score {study}\n"
            f"  blind-refusal eval submit {study} --results {out / 'results'}\n"
            f"  blind-refusal board aggregate --results {out / 'results'} --dataset {study}\n"
            f"  blind-refusal space serve --dataset {study} --results {out / 'results'}"
        )
    if serve:
        step = Step(
            "Look at it in a browser.",
            "space.commands.serve:serve",
            _words("space serve --dataset", starter, "--results", results, "--port", port),
        )
        _run(step, len(steps) + 1, len(steps) + 1)


def let_in(results: Path, dataset: Path) -> list[Step]:
    """What lets in each submission that waits for a look: so small a model says much that the judge does not know."""
    from eval.repository.folder import places, read_review
    from eval.repository.leaderboard import HELD

    reviews = {place: read_review(results, place) for place in places(results)}
    return [
        Step(
            "It is held until somebody has looked at it. The leaderboard is yours, so let it in.",
            "eval.commands.board.check:check",
            (
                *_words("board check --results", results, "--dataset", dataset, "--accept", place),
                "--reason",
                "answers of a run on this machine",
            ),
        )
        for place, review in reviews.items()
        if review is not None and review.status == HELD
    ]


def _words(start: str, *rest: object) -> tuple[str, ...]:
    return (*start.split(), *map(str, rest))


def _study_dataset(out: Path) -> Path | None:
    """Build the study's dataset where its archive can be had; otherwise say so and go on without it."""
    from dataset_builder.build.build import build_dataset
    from dataset_builder.errors import SourceError
    from dataset_builder.sources import STUDY, read_source
    from dataset_builder.storage.progress import download_progress

    if (out / "manifest.json").is_file():
        return out
    _say("Look for the study's archive.", ("dataset", "build", "--out", str(out)))
    try:
        with download_progress("study archive") as progress:
            read = read_source(STUDY, progress=progress)
    except SourceError as error:
        reason = str(error).splitlines()[0]
        click.echo(f"It cannot be had here: {reason}\nGoing on with the starter set alone.")
        return None
    build_dataset(read.records, [read.source], out)
    click.echo(
        f"Built {out}: {counted(len(read.records.cases), 'case')} and the answers of "
        f"{counted(len(read.records.responses), 'model')}."
    )
    return out


def _run(step: Step, number: int, total: int) -> None:
    _say(f"{number}/{total}  {step.why}", step.words)
    module, _, name = step.target.partition(":")
    command: click.Command = getattr(importlib.import_module(module), name)
    _call(command, step.words)


def _call(command: click.Command, words: Sequence[str]) -> Any:
    # The first two words name the command itself.
    return command.main(args=list(words[2:]), prog_name=f"blind-refusal {words[0]} {words[1]}", standalone_mode=False)


def _say(why: str, words: Sequence[str]) -> None:
    click.secho(f"\n{why}", bold=True)
    click.echo(f"$ blind-refusal {shlex.join(words)}")
    sys.stdout.flush()
