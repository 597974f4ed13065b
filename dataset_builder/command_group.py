"""A click group that imports a sub-command only when it is run.

``blind-refusal --help`` has to answer at once, while some commands need pandas, pyarrow or
gradio: so a group knows each command's help line and where it lives, and imports it last.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click


class Target(NamedTuple):
    """Where a sub-command lives (``package.module:attribute``) and its one help line."""

    path: str
    help: str


class LazyGroup(click.Group):
    """A group whose ``targets`` are imported when they are invoked, not when they are listed."""

    def __init__(self, *args: Any, targets: dict[str, Target] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.targets = targets or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all sub-commands, in the order in which they were given."""
        return [*self.targets, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one sub-command; None where there is none of that name."""
        target = self.targets.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = target.path.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{target.path} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands with their help lines, importing none of them."""
        if not self.targets:
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, target.help) for name, target in self.targets.items()])
