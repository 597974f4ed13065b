"""Asking before money is spent."""

from __future__ import annotations

import sys

import click

from dataset_builder.errors import InputError
from dataset_builder.estimate import Estimate


def confirm(estimate: Estimate, *, yes: bool) -> None:
    """Ask whether to begin, unless ``yes`` or it costs nothing.

    Raises InputError where there is nobody to ask, click.Abort where the answer is no.
    """
    if yes or not estimate.calls or (estimate.cost is not None and estimate.cost[1] == 0):
        return
    may_ask(yes=yes)
    click.confirm("Begin?", abort=True)


def may_ask(*, yes: bool) -> None:
    """Raise InputError where money may be spent, nobody said ``yes`` and there is nobody to ask."""
    if not yes and not sys.stdin.isatty():
        raise InputError("This may cost money, and there is nobody to ask. Give --yes to begin.")
