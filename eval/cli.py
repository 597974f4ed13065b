"""The sub-commands of ``blind-refusal eval``, each in a file of its own under ``commands/``."""

from __future__ import annotations

import click

from dataset_builder.cli import LazyGroup, Target

_AT = "eval.commands."


@click.group(
    "eval",
    cls=LazyGroup,
    targets={
        "run": Target(_AT + "run:run", "Collect a model's answers, judge them, print its scores.", "Evaluate"),
        "set": Target(_AT + "run:run_set", "Collect, judge and compare many models from one file.", "Evaluate"),
        "judge": Target(_AT + "judge:judge", "Give a verdict on each answer of a run.", "Evaluate"),
        "label": Target(
            _AT + "label:label", "Have people label a run's answers on a page, and say how they agree.", "Evaluate"
        ),
        "score": Target(
            _AT + "score:score",
            "Rates with intervals: of a run, or of all models as a leaderboard.",
            "Read and compare",
        ),
        "compare": Target(
            _AT + "compare:compare", "Paired differences between two runs or models.", "Read and compare"
        ),
        "agreement": Target(
            _AT + "agreement:agreement", "How a judge agrees with the study's and with people.", "Read and compare"
        ),
        "reproduce": Target(
            _AT + "compare:reproduce", "The paper's figures beside the recomputed ones.", "Read and compare"
        ),
        "import": Target(_AT + "exchange:import_", "Make a run of answers that were collected elsewhere.", "Evaluate"),
        "import-log": Target(_AT + "exchange:import_log", "Make a run of a log that Inspect wrote.", "Evaluate"),
        "export": Target(
            _AT + "exchange:export", "Write a run as a log of Inspect, a shared record, or rows.", "Read and compare"
        ),
        "submit": Target(_AT + "submit:submit", "Submit a finished run to a leaderboard.", "Share"),
        "review": Target(
            _AT + "review:review",
            "Check what was submitted: for maintainers. Of a run: label.",
            "For maintainers of a leaderboard",
        ),
        "aggregate": Target(
            _AT + "aggregate:aggregate",
            "Rebuild the leaderboard from the submissions.",
            "For maintainers of a leaderboard",
        ),
        "request": Target(_AT + "request:request", "Ask for the evaluation of a model.", "Share"),
        "worker": Target(
            _AT + "request:worker", "Evaluate the models that were asked for.", "For maintainers of a leaderboard"
        ),
        "withdraw": Target(_AT + "submit:withdraw", "Take a submission off the leaderboard.", "Share"),
    },
)
def eval_group() -> None:
    """Collect answers, judge them, and compute scores.

    \b
    eval run --model ollama/llama3.2 --dataset build/dataset    asks, judges, scores
    eval score runs/NAME --by family                            reads the result again
    eval compare runs/NAME grok-4-fast                          beside a model of the study
    eval submit runs/NAME --dry-run                             what would be public
    """
