"""Collecting from a loopback server, for the tests of what a run keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from dataset_builder.models.chat import Retries, Timeouts
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import FREE
from dataset_builder.work.session import Conditions
from eval.cli import eval_group
from eval.runs.plan import RunOptions, collect_run, plan_run
from tests.support.chat_client import PATIENT
from tests.support.chat_server import ChatServer

QUICK = Retries(attempts=8, first_wait_s=0.01, longest_wait_s=0.05)


def command(*arguments: str) -> Result:
    """``eval run`` without a judge; a server of the test's own is free unless it says otherwise."""
    free = ("--price", "0,0") if "--base-url" in arguments and "--price" not in arguments else ()
    return CliRunner().invoke(eval_group, ["run", "--judge", "none", *free, *arguments])


def plan(server: ChatServer, dataset: str, out: Path, choice: dict[str, Any] | None = None, **options: Any) -> Any:
    chosen = {"model": "m", "base_url": server.base_url, "price": FREE} | (choice or {})
    return plan_run(RunOptions(choice=ModelChoice(**chosen), dataset=dataset, out=out, **options))


def collect(
    server: ChatServer,
    dataset: str,
    out: Path,
    budget: float | None = None,
    timeouts: Timeouts = PATIENT,
    concurrency: int = 16,
    **options: Any,
) -> Any:
    choice = {"budget": budget, "concurrency": concurrency}
    return collect_run(plan(server, dataset, out, choice, **options), Conditions(timeouts=timeouts, retries=QUICK))
