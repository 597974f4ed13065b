"""How many requests may be under way at once: fewer after "too many", more again with success.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): each success adds
one divided by the limit, a refusal halves the limit. Requests that were sent before a halving do not
halve it again, as they tell of the same crowding.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

FLOOR: Final = 1.0
DECREASE: Final = 0.5
_MINUTE: Final = 60.0


class Pace:
    """A server's limits on requests and on tokens a minute; None for no limit.

    Requests start evenly over the minute. Tokens of a request count when it starts, those of its answer when it
    has come, as nobody knows them before. ``clock`` gives seconds and never goes back.
    """

    def __init__(
        self, requests: float | None = None, tokens: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.requests, self.tokens = requests, tokens
        self._clock = clock
        self._next_request = self._next_tokens = 0.0

    def wait(self, tokens: float) -> float:
        """Take the next place for a request of so many tokens; returns the seconds until it may start."""
        if self.requests is None and self.tokens is None:
            return 0.0
        now = self._clock()
        due = max(now, self._next_request, self._next_tokens)
        if self.requests is not None:
            self._next_request = max(now, self._next_request) + _MINUTE / self.requests
        self.came(tokens)
        return due - now

    def came(self, tokens: float) -> None:
        """Count tokens: those of an answer that came."""
        if self.tokens is not None:
            self._next_tokens = max(self._clock(), self._next_tokens) + _MINUTE * tokens / self.tokens


class Concurrency:
    """A limit on requests under way that adapts, and a pause that all requests share.

    ``clock`` gives seconds and never goes back. Used from one event loop.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = float(max(1, most))
        self.limit = self.most
        self.under_way = 0
        self.lowest = self.most
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._blocked_until = 0.0
        self._halved_at = -1.0

    async def acquire(self) -> float:
        """Wait for a place and for the end of a pause; returns when the request may start.

        The returned time is to be given to ``refused``.
        """
        if self._waiting or self.under_way >= int(self.limit):
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.release()
                raise
        else:
            self.under_way += 1
        try:
            # Others may lengthen the pause while this one sleeps.
            while (pause := self._blocked_until - self._clock()) > 0:
                await asyncio.sleep(pause)
        except BaseException:
            self.release()
            raise
        return self._clock()

    def release(self) -> None:
        """Give a place back."""
        self.under_way -= 1
        self._admit()

    def succeeded(self) -> None:
        """A request got through: allow a little more."""
        if self.limit < self.most:
            self.limit = min(self.most, self.limit + 1 / self.limit)
            self._admit()

    def refused(self, started: float, wait: float | None) -> None:
        """A request sent at ``started`` was one too many; the server asks all to wait ``wait`` seconds."""
        if started > self._halved_at:
            self._halved_at = self._clock()
            self.limit = max(FLOOR, self.limit * DECREASE)
            self.lowest = min(self.lowest, self.limit)
        if wait:
            self.pause(wait)

    def pause(self, seconds: float) -> None:
        """Let no request start for some seconds."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)

    def _admit(self) -> None:
        while self._waiting and self.under_way < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.under_way += 1
                place.set_result(None)
