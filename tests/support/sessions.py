"""Sittings for tests: a budget, what one call is expected to cost, and how many at once."""

from __future__ import annotations

from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import FREE, Estimate
from dataset_builder.work.session import Session


def session(budget: float | None = None, call_cost: float = 0.0, concurrency: int = 3) -> Session:
    """A sitting over an unknown number of items, each expected to cost at most ``call_cost`` US dollars."""
    choice = ModelChoice(
        model="m", price=FREE, budget=budget, concurrency=concurrency, base_url="http://127.0.0.1:9/v1"
    )
    return Session("test", 0, choice, Estimate(1, 0, (0, 0), (0.0, call_cost), FREE))
