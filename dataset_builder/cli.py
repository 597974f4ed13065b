"""The sub-commands of ``blind-refusal dataset``, each in a file of its own under ``commands/``."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from dataset_builder.defaults import as_parameters, with_variables
from dataset_builder.helping import Examples
from dataset_builder.output import spoken

# A click group that imports a sub-command only when it is run.


class Target(NamedTuple):
    """Where a sub-command lives (``package.module:attribute``), its help in a line, and the heading above it."""

    path: str
    help: str
    section: str = "Commands"


class LazyGroup(Examples, click.Group):
    """A group whose ``targets`` are imported when they are invoked, not when they are listed.

    A name of two words (``judge publish``) is a command beside ``judge``, which takes arguments of its own.
    """

    def __init__(
        self, *args: Any, targets: dict[str, Target] | None = None, examples: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.targets, self.examples = targets or {}, examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all sub-commands, in the order in which they were given."""
        return [*self.targets, *super().list_commands(ctx)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take the first two words for a command where it is called by both."""
        both = " ".join(args[:2])
        return super().resolve_command(ctx, [both, *args[2:]] if both in self.targets else args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one sub-command; None where there is none of that name."""
        target = self.targets.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = target.path.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{target.path} is not a click command")
        if isinstance(command, click.Group):
            return command
        path = " ".join([*_names(ctx), cmd_name]) if ctx.parent else f"{self.name} {cmd_name}"
        command = spoken(command, path)
        with_variables(command, path)
        if ctx.default_map and cmd_name in ctx.default_map:
            ctx.default_map = {**ctx.default_map, cmd_name: as_parameters(command, ctx.default_map[cmd_name], path)}
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples before all else."""
        self.show_examples(ctx, formatter)
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands with their help lines, importing none of them."""
        for section in dict.fromkeys(target.section for target in self.targets.values()):
            with formatter.section(section):
                some = [(name, one.help) for name, one in self.targets.items() if one.section == section]
                formatter.write_dl(some)


def _names(ctx: click.Context) -> list[str]:
    """The names of the groups on the way here, without that of the program, which may be called anything."""
    return [*_names(ctx.parent), str(ctx.info_name)] if ctx.parent else []


_AT = "dataset_builder.commands."


@click.group(
    cls=LazyGroup,
    examples=(
        "dataset build  # the study's cases and answers, fetched",
        "dataset build --source starter --out build/starter  # our own cases, with no network",
        "dataset check build/dataset  # everything that is wrong with a build",
    ),
    targets={
        "build": Target(_AT + "build:build", "Build the dataset from a source into a folder.", "Build and check"),
        "check": Target(_AT + "check:check", "List everything that is wrong with a built folder.", "Build and check"),
        "diff": Target(_AT + "diff:diff", "List what changed from one built dataset to another.", "Build and check"),
        "backfill": Target(
            _AT + "backfill:backfill", "Write and gate cases until every cell has its target.", "Extend"
        ),
        "review": Target(
            _AT + "review:review", "Have people review generated cases on a page, and say how they agree.", "Extend"
        ),
        "measure-gate": Target(
            _AT + "measure_gate:measure_gate", "How a model agrees with the study's quality gates.", "Extend"
        ),
        "publish": Target(
            _AT + "publish:publish", "Publish a built folder to the Hugging Face Hub in one commit.", "For maintainers"
        ),
    },
)
def dataset() -> None:
    """Build, check, extend and publish the dataset."""
