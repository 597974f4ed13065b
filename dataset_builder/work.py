"""Work through items a few at a time; collecting and judging both do it this way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def work_through(
    items: Iterable[T],
    do: Callable[[T], Awaitable[None]],
    *,
    concurrency: int,
    admit: Callable[[], Awaitable[str | None]],
) -> str | None:
    """Do something with each item, ``concurrency`` at once; items are drawn as they are needed.

    Before each item ``admit`` is awaited; the reason that it gives ends the work, and so does an
    exception of ``do``. In both cases what is under way is finished first, as it is paid for. Returns
    the reason, None where all items were done; raises the first exception.
    """
    remaining = iter(items)
    reason: str | None = None
    failure: Exception | None = None

    async def worker() -> None:
        nonlocal reason, failure
        while reason is None and failure is None:
            # Drawn first: whoever is let in must come out again, or others wait for the place.
            try:
                item = next(remaining)
            except StopIteration:
                return
            refused = await admit()
            if refused is not None:
                reason = reason or refused
                return
            try:
                await do(item)
            except Exception as error:
                failure = failure or error
                return

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    if failure is not None:
        raise failure
    return reason
