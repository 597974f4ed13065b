"""The first request of a client goes ahead of the others, and they come to what it came to."""

from __future__ import annotations

import asyncio

import pytest

from dataset_builder.models.faults import LastingFault
from dataset_builder.models.first import FirstRequest
from dataset_builder.models.providers import resolve_endpoint

HERE = resolve_endpoint("m", "http://127.0.0.1:9/v1")


def test_the_others_wait_for_the_first_and_come_to_the_same_fault() -> None:
    async def run() -> None:
        first = FirstRequest(HERE, alone_s=60)
        await first.wait()
        others = [asyncio.create_task(first.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(other.done() for other in others)
        first.ended(LastingFault("no such key"))
        ends = await asyncio.gather(*others, return_exceptions=True)
        assert [str(end) for end in ends] == ["no such key"] * 3

    asyncio.run(run())


def test_the_others_go_when_the_first_has_come_or_takes_long() -> None:
    async def run() -> None:
        came = FirstRequest(HERE, alone_s=60)
        await came.wait()
        other = asyncio.create_task(came.wait())
        came.ended()
        await other
        slow = FirstRequest(HERE, alone_s=0.01)
        await slow.wait()
        await asyncio.gather(slow.wait(), slow.wait())

    asyncio.run(run())


def test_a_first_request_that_goes_again_in_other_words_keeps_the_others_waiting() -> None:
    async def run() -> None:
        first = FirstRequest(HERE, alone_s=0.05)
        await first.wait()
        other = asyncio.create_task(first.wait())
        await asyncio.sleep(0)
        first._alone_s = 60
        first.sent()
        # The time that it had at first has passed.
        await asyncio.sleep(0.1)
        assert not other.done()
        first.ended(LastingFault("no such model"))
        with pytest.raises(LastingFault):
            await other

    asyncio.run(run())


def test_only_before_the_first_answer_and_only_here_is_a_dead_port_final() -> None:
    first = FirstRequest(HERE)
    with pytest.raises(LastingFault, match=r"nothing listens at http://127\.0\.0\.1:9/v1"):
        raise first.unreachable("refused") or AssertionError
    first.answered = True
    assert first.unreachable("refused") is None
    assert FirstRequest(resolve_endpoint("m", "http://gpu:9/v1")).unreachable("refused") is None
