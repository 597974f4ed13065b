"""The first request of a client: it goes alone for a moment, and what no request can mend shows there.

A wrong address, key or name of a model, a field that the server does not take, a server that is not running:
each is told in one sentence with its remedy, before a case is spent on it. Once a server has answered, the
same failures are those of single requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import time
from collections.abc import Sequence
from typing import Final

import httpx
import msgspec

from dataset_builder.models.faults import LastingFault, ProviderFault, shorten
from dataset_builder.models.providers import Endpoint
from dataset_builder.models.request import ChatRequest, refused_option
from dataset_builder.wording import counted

# How long it goes alone: a refusal is there by then, and of a run's minutes it is little. Whatever the others come to
# meanwhile, nothing that lasts is kept as a case's end.
_ALONE_S: Final = 0.2
# The others then go one after the other: sent at once, they would come back at once, and so all along, which leaves the
# server idle while we read all of them.
_APART_S, _MOST_APART_S = 0.002, 0.25
# Of the models that a server lists, how many with a name like the one asked for are offered, and how like they are.
_NEAR, _LIKENESS = 3, 0.5
_MOST_BYTES: Final = 8 * 2**20
_NO_SUCH_PAGE: Final = (404, 405)


class FirstRequest:
    """Lets the first request of a client go ``alone_s`` ahead of the others, from when it was last sent.

    Used from one event loop.
    """

    def __init__(self, endpoint: Endpoint, alone_s: float = _ALONE_S) -> None:
        self._endpoint = endpoint
        self._alone_s = alone_s
        # When the others go at the latest; None before the first has begun.
        self._until: float | None = None
        self._over = asyncio.Event()
        self._lasting: LastingFault | None = None
        # How many have waited.
        self._waited = 0
        # Whether the server has answered at all.
        self.answered = False

    async def wait(self) -> None:
        """Wait until the first request has come back or a moment has passed; raises what it came to, if that lasts."""
        if self._over.is_set():
            return
        if self._until is None:
            self.sent()
            return
        while not self._over.is_set() and (left := self._until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._over.wait()
        self._over.set()
        self._waited += 1
        await asyncio.sleep(min(self._waited * _APART_S, _MOST_APART_S))
        if self._lasting is not None and not self.answered:
            raise self._lasting

    def sent(self) -> None:
        """The first request goes out, or goes again in other words; the others wait from now."""
        self._until = time.monotonic() + self._alone_s

    def ended(self, lasting: LastingFault | None = None) -> None:
        """Let the others go, or have them come to the same."""
        self._lasting = self._lasting or lasting
        self._over.set()

    def unreachable(self, error: str) -> LastingFault | None:
        """What a connection that was refused means: nothing runs on this machine that could be waited for."""
        if self.answered or not self._endpoint.is_local:
            return None
        where = self._endpoint.provider.base_url
        return LastingFault(f"nothing listens at {where} ({error})", remedy="Start the server, or mend the address.")

    def meant(self, request: ChatRequest, fault: ProviderFault) -> LastingFault | None:
        """What a failure means where nothing was answered yet and no request can mend it; None for any other."""
        base = self._endpoint.provider.base_url
        below = "" if "/v1" in base else f" Most servers answer below /v1: {base}/v1"
        # A page where an answer should be says little, unless there is an address that is more likely.
        a_page = fault.unreadable and below
        if self.answered or isinstance(fault, LastingFault) or (fault.retryable and not a_page):
            return None
        if option := refused_option(request, fault):
            remedy = f"Leave out {option}, or ask a server that takes it."
        elif a_page or (fault.http_status in _NO_SUCH_PAGE and not fault.filtered):
            remedy = f"Is the address right? Asked was {self._endpoint.url}.{below}"
        else:
            return None
        return LastingFault(fault.message, remedy=remedy, http_status=fault.http_status)


async def near_names(client: httpx.AsyncClient, endpoint: Endpoint, patience_s: float) -> str | None:
    """What to do about a model that a server does not know, by the models that it lists; None where it lists none."""
    try:
        async with (
            asyncio.timeout(patience_s),
            client.stream("GET", f"{endpoint.provider.base_url}/models") as response,
        ):
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    return None
        listed = [one["id"] for one in msgspec.json.decode(bytes(body))["data"]]
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError, KeyError, TypeError):
        return None
    return nearest([name for name in listed if isinstance(name, str)], endpoint)


def nearest(names: Sequence[str], endpoint: Endpoint) -> str | None:
    """Which of the names that a server lists are like that of its model; None where it lists none."""
    last = endpoint.model.rpartition("/")[2].lower()
    holding = [name for name in names if last in name.lower()]
    near = holding or difflib.get_close_matches(endpoint.model, names, _NEAR, _LIKENESS) or names
    if not near:
        return None
    told = ", ".join(shorten(name) for name in near[:_NEAR])
    return f"It lists {counted(len(names), 'model')}, {'nearest' if len(names) > _NEAR else 'namely'} {told}."
