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
        "diff": Target(_AT + "diff:diff", "List what changed from one built dataset to another."),
        "generate": Target(_AT + "generate:generate", "Have a model write new cases, and check what code can check."),
        "gate": Target(_AT + "gate:gate", "Ask the quality gates about generated cases, or measure a gate model."),
        "backfill": Target(_AT + "backfill:backfill", "Write and gate cases until every cell has its target."),
        "review": Target(
            _AT + "review:review", "Have people review generated cases on a page, and say how they agree."
        ),
        "publish": Target(_AT + "publish:publish", "Publish a built folder to the Hugging Face Hub in one commit."),
    },
)
def dataset() -> None:
    """Build, check, extend and publish the dataset."""
