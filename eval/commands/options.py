"""Options that several commands on results have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from dataset_builder.models.in_process.named import AUTO, DTYPES

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def results_option(
    told: str = "Where: a results folder, or a repository on the Hub.",
    *,
    metavar: str = "DIR|NS/NAME",
    required: bool = True,
) -> Decorator:
    """``--results``: every command names a results folder or repository by it, ``hf://`` before the name or not."""
    return click.option("--results", metavar=metavar, required=required, help=told)


def datasets(what: str) -> Decorator:
    """``--dataset``, once for each dataset; ``what`` says what it is for."""
    return click.option(
        "--dataset",
        "datasets",
        multiple=True,
        default=["build/dataset"],
        show_default=True,
        metavar="DIR|NS/NAME[@REV]",
        help=f"{what}; give it once for each dataset.",
    )


class BatchWay(NamedTuple):
    """How batches are waited for: seconds between two looks, whether they are ended, whether failures are asked."""

    poll: float = 60.0
    cancel: bool = False
    fallback: bool = False


def batch_options(*, whose: str = "the run's", flag: bool = True) -> Decorator:
    """How answers or verdicts come through a provider's batch queue; without ``flag`` a file says whether they do."""
    options = [
        click.option(
            "--batch-poll",
            type=click.FloatRange(0, min_open=True),
            default=60.0,
            show_default=True,
            metavar="SECONDS",
            help="How often to look whether batches have ended.",
        ),
        click.option("--batch-cancel", is_flag=True, help=f"End {whose} batches, and keep what they have answered."),
        click.option("--batch-fallback", is_flag=True, help="Ask what a batch failed at in the ordinary way."),
    ]
    if flag:
        told = "at half the price, within a day. The laptop may be closed; the same command goes on."
        options.insert(0, click.option("--batch", is_flag=True, help=f"Through the provider's batch queue: {told}"))

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


judge_batch: Decorator = click.option(
    "--judge-batch", is_flag=True, help="Ask a model judge through its provider's batch queue, at half the price."
)


def judge_max_tokens(name: str = "max_tokens") -> Decorator:
    """``--judge-max-tokens``, for commands that may ask a model judge."""
    return click.option(
        "--judge-max-tokens",
        name,
        type=click.IntRange(1),
        help="Most tokens of a model judge's reply, its reasoning included.  [default: 4000]",
    )


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What else a request may carry, and how fast requests may go; read by ``eval.runs.parameters.parameters``."""
    options = (
        click.option("--system-prompt", metavar="TEXT|@FILE", help="Goes before each query; the study sent none."),
        click.option("--top-p", type=click.FloatRange(0, 1), help="Nucleus sampling.  [default: not sent]"),
        click.option("--stop", multiple=True, metavar="TEXT", help="Ends an answer; give it once for each."),
        click.option(
            "--extra-body",
            metavar="JSON|@FILE",
            help="""Further fields of each request, as '{"chat_template_kwargs": {"enable_thinking": false}}'.""",
        ),
        click.option(
            "--header",
            "headers",
            multiple=True,
            metavar="NAME=VARIABLE",
            help="A header whose value is in an environment variable; it is stored nowhere.",
        ),
        click.option("--rpm", type=click.FloatRange(0, min_open=True), help="Most requests a minute."),
        click.option("--tpm", type=click.FloatRange(0, min_open=True), help="Most tokens a minute, both ways."),
        click.option(
            "--timeout", type=click.FloatRange(1), metavar="S", help="Seconds for a whole answer.  [default: 900]"
        ),
        click.option("--stream", is_flag=True, help="Ask for event streams, for servers that take no other calls."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def in_process_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How a model is run in this process; read by ``eval.runs.parameters.parameters``."""
    for option in (
        click.option(
            "--device",
            metavar="NAME",
            help="With transformers: where it is computed: cuda:1, cpu, or auto for all GPUs.",
        ),
        click.option("--dtype", type=click.Choice(DTYPES), default=AUTO, show_default=True, help="Its precision."),
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            metavar="N",
            help="Requests answered together.  [default: transformers 8, vllm 128]",
        ),
        click.option(
            "--completion", is_flag=True, help="With transformers: and vllm: go on from the bare text, for base models."
        ),
    ):
        command = option(command)
    return command
