"""Collecting from a loopback server, for the tests of what a run keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from dataset_builder.models.chat import Retries, Timeouts
from dataset_builder.storage.progress import run_progress
from eval.cli import eval_group
from eval.runs.plan import Wishes, collect_run, plan_run
from tests.support.chat_client import PATIENT
from tests.support.chat_server import ChatServer

QUICK = Retries(attempts=8, first_wait_s=0.01, longest_wait_s=0.05)


def command(*arguments: str) -> Result:
    """``eval run`` without a judge."""
    return CliRunner().invoke(eval_group, ["run", "--judge", "none", *arguments])


def plan(server: ChatServer, dataset: str, out: Path, **wishes: Any) -> Any:
    return plan_run(Wishes(model="m", base_url=server.base_url, dataset=dataset, out=out, **wishes))


def collect(
    server: ChatServer,
    dataset: str,
    out: Path,
    budget: float | None = None,
    timeouts: Timeouts = PATIENT,
    **wishes: Any,
) -> Any:
    return collect_run(
        plan(server, dataset, out, **wishes), budget_usd=budget, timeouts=timeouts, retries=QUICK, progress=run_progress
    )
