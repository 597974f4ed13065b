"""Options that several commands on results have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

token_env: Decorator = click.option(
    "--token-env", default="HF_TOKEN", show_default=True, metavar="NAME", help="Variable of the Hub's token."
)


def datasets(what: str) -> Decorator:
    """``--dataset``, once for each dataset; ``what`` says what it is for."""
    return click.option(
        "--dataset",
        "datasets",
        multiple=True,
        default=["build/dataset"],
        show_default=True,
        metavar="DIR|REPO[@REV]",
        help=f"{what}; give it once for each dataset.",
    )


def judge_max_tokens(name: str = "max_tokens") -> Decorator:
    """``--judge-max-tokens``, for commands that may ask a model judge."""
    return click.option(
        "--judge-max-tokens",
        name,
        type=click.IntRange(1),
        help="Most tokens of a model judge's reply, its reasoning included.  [default: 4000]",
    )
