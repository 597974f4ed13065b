from __future__ import annotations

import asyncio

import pytest

from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.session import Session
from dataset_builder.work.stopping import Budget, Spent, Stop, StopKind


def session(concurrency: int) -> Session:
    return Session("test", 0, ModelChoice(model="m", base_url="http://127.0.0.1:9/v1", concurrency=concurrency), None)


def spend(
    limit: float | None, cost: float | None, calls: int, *, call_cost: float | None = None
) -> tuple[int, Stop | None]:
    """How many of some calls of equal cost are let in, eight at once, and why no more."""
    done = 0

    async def run() -> Stop | None:
        sitting = session(8)
        sitting.budget = Budget(limit, call_cost=call_cost)

        async def do(_: int) -> Spent:
            nonlocal done
            await asyncio.sleep(0)
            done += 1
            return Spent(cost, answered=True)

        return await sitting.work_through(range(calls), do)

    reason = asyncio.run(asyncio.wait_for(run(), 60))
    return done, reason


@pytest.mark.parametrize(
    ("limit", "cost", "call_cost", "done"),
    [
        (None, 1.0, None, 100),
        (1000.0, 1.0, 2.0, 100),
        # 40 at 0.25 are 10: not one more.
        (10.0, 0.25, 0.25, 40),
        # Thought dearer than it is: until ten costs are known one goes at a time, and none is over.
        (10.0, 0.25, 5.0, 40),
        (0.1, 0.25, 0.25, 0),
        # Of unknown price: one goes alone until its cost is known, so that the limit is kept all the same.
        (10.0, 0.25, None, 40),
        (0.2, 0.25, None, 1),
    ],
)
def test_no_more_is_spent_than_there_is(limit: float | None, cost: float, call_cost: float | None, done: int) -> None:
    got, reason = spend(limit, cost, 100, call_cost=call_cost)
    assert got == done
    assert (reason is None) == (done == 100)


def test_an_unknown_cost_ends_a_run_with_a_limit() -> None:
    done, stop = spend(10.0, None, 100)
    assert done <= 8
    assert stop is not None
    assert stop.kind is StopKind.UNKNOWN_COST
    assert "--price" in str(stop)


def test_reserved_money_is_not_called_used() -> None:
    _, stop = spend(1.0, 0.3, 100, call_cost=0.3)
    # 0.3 three times are 0.9: a fourth would go over, and 0.1 is left.
    assert stop is not None
    assert stop.kind is StopKind.BUDGET
    assert "leaves too little for another request ($0.9000 spent, and one may cost $0.3000)" in stop.reason
    _, stop = spend(0.9, 0.3, 100, call_cost=0.3)
    assert stop is not None
    assert "is used up ($0.9000 spent)" in stop.reason


def test_a_failure_stops_the_work_and_lets_what_is_under_way_end() -> None:
    ended: list[int] = []

    async def do(item: int) -> Spent:
        await asyncio.sleep(0.001 * (item + 1))
        if item == 2:
            raise KeyError(item)
        ended.append(item)
        return Spent(0.0, answered=True)

    with pytest.raises(KeyError):
        asyncio.run(session(5).work_through(range(100), do))
    # 0 to 4 began together, 5 and 6 took the places of 0 and 1; all but 2 ended, and no other began.
    assert sorted(ended) == [0, 1, 3, 4, 5, 6]
