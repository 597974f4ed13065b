"""Requests gathered into batches, whatever answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dataset_builder.models.in_process.answers import Batches, Generated
from dataset_builder.models.request import ChatRequest


class Small:
    """Holds two requests at once, and says what it is asked."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def generate(self, requests: Sequence[ChatRequest]) -> list[Generated]:
        self.sizes.append(len(requests))
        assert len({one.seed for one in requests}) == 1
        if any(one.seed == 7 for one in requests):
            raise ValueError("no such seed")
        if len(requests) > 2:
            raise MemoryError("out of memory")
        return [Generated(f"<think>hm</think>{one.messages[0].content}") for one in requests]

    def close(self) -> None:
        self.sizes.append(0)


def answers(small: Small, requests: Sequence[ChatRequest], size: int = 8) -> list[tuple[str, str, str | None]]:
    async def work() -> list[tuple[str, str, str | None]]:
        client = Batches(small, size)
        found = await asyncio.gather(*map(client.complete, requests))
        await client.aclose()
        return [(one.status, one.text, one.reasoning or one.error) for one in found]

    return asyncio.run(work())


def test_a_batch_without_room_is_halved() -> None:
    small = Small()
    found = answers(small, [ChatRequest.of_user(f"text {n}") for n in range(10)])
    # Read as a server's answer would be.
    assert found == [("ok", f"text {n}", "hm") for n in range(10)]
    # Eight and four do not fit; then no batch of more than two is tried again.
    assert small.sizes == [8, 4, 2, 2, 2, 2, 2, 0]


def test_what_is_asked_otherwise_is_in_another_batch() -> None:
    small = Small()
    found = answers(small, [ChatRequest.of_user("text", seed=seed) for seed in (1, 2, 1, 7)], 2)
    assert found == [("ok", "text", "hm")] * 3 + [("provider_error", "", "ValueError: no such seed")]
    assert small.sizes == [2, 1, 1, 0]
