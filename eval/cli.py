"""The sub-commands of ``blind-refusal eval`` and ``board``, in files of their own under ``commands/``."""

from __future__ import annotations

import click

from dataset_builder.cli import LazyGroup, Target

_AT = "eval.commands."
_EVALUATE, _READ, _SHARE = "Evaluate", "Read and compare", "Share"


@click.group(
    "eval",
    cls=LazyGroup,
    examples=(
        "eval run --model ollama/llama3.2  # asks, judges, scores",
        "eval score runs/mine --by family  # reads the result again",
        "eval compare runs/mine grok-4-fast  # beside a model of the study",
        "eval submit runs/mine --dry-run  # what would be public",
    ),
    targets={
        "run": Target(_AT + "run:run", "Collect a model's answers, judge them, print its scores.", _EVALUATE),
        "set": Target(_AT + "sets:run_set", "Collect, judge and compare many models from one file.", _EVALUATE),
        "job": Target(_AT + "job:job", "Run one of these on the Hub's machines.", _EVALUATE),
        "import": Target(_AT + "exchange:import_", "Make a run of answers that were collected elsewhere.", _EVALUATE),
        "judge": Target(_AT + "judge:judge", "Give a verdict on each answer of a run.", _EVALUATE),
        "review": Target(
            _AT + "review:review", "Have people label a run's answers on a page, and say how they agree.", _EVALUATE
        ),
        "score": Target(
            _AT + "score:score", "Rates with intervals: of a run, or of all models as a leaderboard.", _READ
        ),
        "compare": Target(_AT + "compare:compare", "Paired differences between two runs or models.", _READ),
        "agreement": Target(_AT + "agreement:agreement", "How a judge agrees with the study's and with people.", _READ),
        "reproduce": Target(_AT + "compare:reproduce", "The paper's figures beside the recomputed ones.", _READ),
        "export": Target(_AT + "exchange:export", "Write a run as a log of Inspect, a shared record, or rows.", _READ),
        "submit": Target(_AT + "submit:submit", "Submit a finished run to a leaderboard.", _SHARE),
        "request": Target(_AT + "request:request", "Ask for the evaluation of a model.", _SHARE),
        "withdraw": Target(_AT + "submit:withdraw", "Take a submission off the leaderboard.", _SHARE),
    },
)
def eval_group() -> None:
    """Collect answers, judge them, and compute scores."""


@click.group(
    "board",
    cls=LazyGroup,
    examples=(
        "board check --results acme/results --merge  # looks at open pull requests, merges what is right",
        "board aggregate --results acme/results  # rebuilds the leaderboard",
        "board worker --results acme/results --once  # evaluates one model that was asked for",
    ),
    targets={
        "check": Target(_AT + "board.check:check", "Check what was submitted, judge it again, audit its verdicts."),
        "aggregate": Target(_AT + "board.aggregate:aggregate", "Rebuild the leaderboard from the submissions."),
        "worker": Target(_AT + "board.worker:worker", "Evaluate the models that were asked for."),
    },
)
def board() -> None:
    """Keep a leaderboard: check what is submitted, rebuild it, evaluate what is asked for."""
