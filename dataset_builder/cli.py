"""The sub-commands of ``blind-refusal dataset``, each in a file of its own under ``commands/``."""

from __future__ import annotations

import click

from dataset_builder.command_group import LazyGroup, Target

_AT = "dataset_builder.commands."


@click.group(
    cls=LazyGroup,
    targets={
        "build": Target(_AT + "build:build", "Build the dataset from a source into a folder."),
        "check": Target(_AT + "check:check", "List everything that is wrong with a built folder."),
        "publish": Target(_AT + "publish:publish", "Publish a built folder to the Hugging Face Hub in one commit."),
    },
)
def dataset() -> None:
    """Build, check and publish the dataset."""
