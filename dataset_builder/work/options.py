"""The options of every command that asks a model, in one wording; light, as ``--help`` imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final

import click

Command = Callable[..., Any]
_LIMITS: Final = {
    "concurrency": click.option(
        "--concurrency", type=click.IntRange(1, 512), default=16, show_default=True, help="Requests at once."
    ),
    "budget": click.option(
        "--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before it is exceeded."
    ),
    "yes": click.option("--yes", is_flag=True, help="Begin without asking."),
}


def model_options(
    whose: str = "",
    *,
    prefix: str = "",
    model: str | None = None,
    default: str | None = None,
    metavar: str = "ID",
    limits: Sequence[str] = tuple(_LIMITS),
    router: str | None = None,
) -> Callable[[Command], Command]:
    """Options that say which model to ask, where it is, what it costs and how much may be asked and spent.

    The command gets one ModelChoice, as ``choice`` or, with a ``prefix``, as ``PREFIX_choice``. ``whose`` goes
    into the help ("the judge's"). ``model`` is the help of ``--model``, which is left out where that is None and
    required where it has no ``default``. ``limits`` are those of ``--concurrency``, ``--budget`` and ``--yes`` that
    the command has; with none, those of another model hold (``ModelChoice.limited_as``). With ``router`` it has
    options for whom a router may ask, that text in their names (``judge-``: --judge-provider).
    """
    dashed, under = (f"{prefix}-", f"{prefix}_") if prefix else ("", "")
    whose = f"{whose} " if whose else ""
    options: list[Any] = [
        click.option(
            f"--{dashed}base-url",
            f"{under}base_url",
            metavar="URL",
            help=f"Address of {whose or 'an '}OpenAI-compatible server, up to and with its /v1.",
        ),
        click.option(
            f"--{dashed}api-key-env",
            f"{under}key_env",
            metavar="NAME",
            help="The environment variable that holds its key.",
        ),
        click.option(
            f"--{dashed}price",
            f"{under}price",
            metavar="IN,OUT",
            help="US dollars for a million tokens sent and got, where its price is not known; 0,0 if it is free.",
        ),
    ]
    if model is not None:
        named: dict[str, Any] = {"required": True} if default is None else {"default": default, "show_default": True}
        options.insert(0, click.option(f"--{dashed}model", f"{under}model", metavar=metavar, help=model, **named))
    if router is not None:
        options += _router_options(router, f"{under}providers", f"{under}excluded_providers", whose)
    options += [_LIMITS[name] for name in limits]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def wrapped(*args: Any, **given: Any) -> Any:
            from dataset_builder.work.choice import ModelChoice
            from dataset_builder.work.cost import parse_price

            names = ("model", "base_url", "key_env", "price")
            found = {name: given.pop(under + name) for name in names if under + name in given}
            found |= {name: given.pop(name) for name in limits}
            if router is not None:
                for name in ("providers", "excluded_providers"):
                    found[name] = tuple(given.pop(under + name))
            if found["price"] is not None:
                found["price"] = parse_price(found["price"], f"--{dashed}price")
            return command(*args, **{f"{under}choice": ModelChoice(prefix=dashed, **found)}, **given)

        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _router_options(of: str, only: str, ignored: str, whose: str) -> list[Any]:
    """The options that choose among those that a router asks; their values are called ``only`` and ``ignored``."""
    whom = whose.strip().removesuffix("'s")
    asked = f" for {whom}" if whom else ""
    return [
        click.option(
            f"--{of}provider",
            only,
            multiple=True,
            metavar="NAME",
            help=f"Let OpenRouter ask this provider alone{asked}; give it once for each.",
        ),
        click.option(
            f"--exclude-{of}provider",
            ignored,
            multiple=True,
            metavar="NAME",
            help=f"Let OpenRouter not ask this provider{asked}; give it once for each.",
        ),
    ]
