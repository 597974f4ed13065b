from __future__ import annotations

import asyncio

import pytest

from dataset_builder.work.asking import work_through
from dataset_builder.work.cost import Budget


def spend(
    limit: float | None, cost: float | None, calls: int, *, call_cost: float | None = None
) -> tuple[int, str | None]:
    """How many of some calls of equal cost are let in, eight at once, and why no more."""
    done = 0

    async def run() -> str | None:
        budget = Budget(limit, call_cost=call_cost)

        async def do(_: int) -> None:
            nonlocal done
            await asyncio.sleep(0)
            done += 1
            await budget.settle(cost, answered=True)

        return await work_through(range(calls), do, concurrency=8, admit=budget.admit)

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
    ],
)
def test_no_more_is_spent_than_there_is(limit: float | None, cost: float, call_cost: float | None, done: int) -> None:
    got, reason = spend(limit, cost, 100, call_cost=call_cost)
    assert got == done
    assert (reason is None) == (done == 100)


def test_an_unknown_cost_ends_a_run_with_a_limit() -> None:
    done, reason = spend(10.0, None, 100)
    assert done <= 8
    assert "--price" in str(reason)


def test_a_failure_stops_the_work_and_lets_what_is_under_way_end() -> None:
    ended: list[int] = []

    async def admit() -> None:
        return None

    async def do(item: int) -> None:
        await asyncio.sleep(0.001 * (item + 1))
        if item == 2:
            raise KeyError(item)
        ended.append(item)

    with pytest.raises(KeyError):
        asyncio.run(work_through(range(100), do, concurrency=5, admit=admit))
    # 0 to 4 began together, 5 and 6 took the places of 0 and 1; all but 2 ended, and no other began.
    assert sorted(ended) == [0, 1, 3, 4, 5, 6]
