from __future__ import annotations

import asyncio

from dataset_builder.models.concurrency import Concurrency


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_refusals_halve_the_limit_and_successes_raise_it() -> None:
    clock = Clock()
    concurrency = Concurrency(16, clock)
    concurrency.refused(started=100.0, wait=None)
    assert concurrency.limit == 8
    # Sent before the halving: the same crowding, so no second halving.
    concurrency.refused(started=99.0, wait=None)
    assert concurrency.limit == 8
    clock.now = 101.0
    concurrency.refused(started=100.5, wait=None)
    assert concurrency.limit == 4
    concurrency.succeeded()
    assert concurrency.limit == 4.25
    for _ in range(1000):
        concurrency.succeeded()
    assert concurrency.limit == 16
    assert concurrency.lowest == 4


def test_the_limit_never_falls_below_one() -> None:
    clock = Clock()
    concurrency = Concurrency(4, clock)
    for _ in range(10):
        clock.now += 1
        concurrency.refused(started=clock.now, wait=None)
        clock.now += 1
    assert concurrency.limit == 1


def test_no_more_than_the_limit_are_under_way_and_none_waits_for_ever() -> None:
    async def run() -> tuple[int, int]:
        concurrency = Concurrency(3)
        most = done = 0

        async def work() -> None:
            nonlocal most, done
            await concurrency.acquire()
            most = max(most, concurrency.under_way)
            await asyncio.sleep(0)
            done += 1
            concurrency.release()

        await asyncio.gather(*(work() for _ in range(50)))
        assert concurrency.under_way == 0
        return most, done

    assert asyncio.run(run()) == (3, 50)


def test_a_cancelled_wait_gives_its_place_back() -> None:
    async def run() -> int:
        concurrency = Concurrency(1)
        await concurrency.acquire()
        waiting = asyncio.create_task(concurrency.acquire())
        await asyncio.sleep(0)
        # The place is granted and the waiter cancelled in the same turn of the loop.
        concurrency.release()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(concurrency.acquire(), 60)
        return concurrency.under_way

    assert asyncio.run(run()) == 1


def test_a_pause_holds_everyone() -> None:
    async def run() -> float:
        concurrency = Concurrency(2)
        concurrency.pause(0.05)
        loop = asyncio.get_running_loop()
        before = loop.time()
        await concurrency.acquire()
        return loop.time() - before

    assert asyncio.run(run()) >= 0.045
