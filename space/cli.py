"""The sub-commands of ``blind-refusal space``, each in a file of its own under ``commands/``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dataset_builder import __version__
from dataset_builder.cli import LazyGroup, Target
from dataset_builder.defaults import read_defaults
from dataset_builder.errors import BlindRefusalError
from dataset_builder.extras import needed_extras
from dataset_builder.helping import PROGRAM

_AT = "space.commands."


@click.group(
    cls=LazyGroup,
    examples=(
        "space serve --dataset build/dataset --results results",
        "space deploy --repo acme/leaderboard --dry-run",
    ),
    targets={
        "serve": Target(f"{_AT}serve:serve", "Show the leaderboard and the transcripts in a browser."),
        "deploy": Target(f"{_AT}deploy:deploy", "Put the leaderboard on the Hub as a Space."),
    },
)
def space() -> None:
    """Serve and deploy the leaderboard."""


# The one command, ``blind-refusal``: it gathers the packages' sub-commands and words their errors.


@click.group(
    cls=LazyGroup,
    examples=(
        "dataset build --source starter --out build/starter",
        "eval run --model ollama/llama3.2 --dataset build/starter",
        "space serve --dataset build/starter",
    ),
    targets={
        "dataset": Target("dataset_builder.cli:dataset", "Build, check and publish the dataset."),
        "eval": Target("eval.cli:eval_group", "Collect answers, judge them, and compute scores."),
        "judge": Target("eval.commands.tables.judge:judge", "Label the answers in any file of requests and answers."),
        "judge publish": Target(
            "eval.commands.tables.publish:publish", "Publish a trained judge to the Hub as a model."
        ),
        "board": Target("eval.cli:board", "Keep a leaderboard: check submissions, rebuild it, evaluate requests."),
        "space": Target("space.cli:space", "Serve and deploy the leaderboard."),
        "demo": Target("space.hosting.demo:demo", "Show the whole thing on this machine, with no key and no network."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM)
def command() -> None:
    """Measure whether a language model can tell rules that deserve compliance from rules that do not."""


# The name that the Hub's command calls its extension by, and what a user has typed then.
_EXTENSION, _AS_EXTENSION = "hf-blind-refusal", "hf blind-refusal"


def main() -> None:
    """Run the command: a known error is one plain message and its exit code, never a traceback."""
    name = _AS_EXTENSION if Path(sys.argv[0]).stem == _EXTENSION else PROGRAM
    try:
        with needed_extras():
            command.main(prog_name=name, standalone_mode=True, default_map=read_defaults())
    except BlindRefusalError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
