"""The sub-commands of ``blind-refusal eval``, each in a file of its own under ``commands/``."""

from __future__ import annotations

import click

from dataset_builder.command_group import LazyGroup

_AT = "eval.commands."


@click.group(
    "eval",
    cls=LazyGroup,
    targets={},
)
def eval_group() -> None:
    """Collect answers, judge them, and compute scores."""
