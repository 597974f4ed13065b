"""One sitting of a run, from the first request to the account of what came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from dataset_builder.budget import Budget
from dataset_builder.chat import ChatClient, Retries, Timeouts
from dataset_builder.providers import Endpoint
from eval.run_plan import RunPlan
from eval.run_response import RunResponse
from eval.runner import collect
from eval.tally import Tally

_TIMEOUTS = Timeouts()
_RETRIES = Retries()


def collect_run(
    plan: RunPlan,
    *,
    budget_usd: float | None = None,
    timeouts: Timeouts = _TIMEOUTS,
    retries: Retries = _RETRIES,
    progress: Callable[[str, int], AbstractContextManager[Callable[[str], None]]],
) -> tuple[Tally, str | None]:
    """Ask what is outstanding and keep every answer.

    Returns what this sitting came to, and why it stopped early, or None. Raises as ``collect`` does.
    """
    paid = Tally()
    for response in plan.run.every_response():
        paid.add(response)
    sitting = Tally()
    if not plan.queries:
        return sitting, None
    with (
        plan.run.writing(),
        plan.reached() as endpoint,
        progress(plan.run.settings.model, len(plan.queries)) as move,
    ):

        def seen(response: RunResponse) -> None:
            sitting.add(response)
            move(_detail(paid.cost + sitting.cost, sitting))

        stopped = asyncio.run(_collect(plan, endpoint, budget_usd, paid.cost, timeouts, retries, seen))
    return sitting, stopped


async def _collect(
    plan: RunPlan,
    endpoint: Endpoint,
    budget_usd: float | None,
    paid: float,
    timeouts: Timeouts,
    retries: Retries,
    seen: Callable[[RunResponse], None],
) -> str | None:
    budget = Budget(budget_usd, spent=paid, call_cost=plan.estimate.call_cost)
    async with ChatClient(endpoint, concurrency=plan.concurrency, timeouts=timeouts, retries=retries) as client:
        return await collect(
            plan.run,
            plan.queries,
            client,
            concurrency=plan.concurrency,
            budget=budget,
            price=plan.price,
            seen=seen,
        )


def _detail(cost: float, sitting: Tally) -> str:
    money = f"${cost:.4f}" if sitting.priced else "cost not known"
    return f"{money}, {sitting.failed} without an answer"
