"""The sub-commands of ``blind-refusal space``, each in a file of its own under ``commands/``."""

from __future__ import annotations

import click

from dataset_builder.command_group import LazyGroup, Target

_AT = "space.commands."


@click.group(
    cls=LazyGroup,
    targets={
        "serve": Target(f"{_AT}serve:serve", "Show the leaderboard and the transcripts in a browser."),
        "deploy": Target(f"{_AT}deploy:deploy", "Put the leaderboard on the Hub as a Space."),
    },
)
def space() -> None:
    """Serve and deploy the leaderboard."""
