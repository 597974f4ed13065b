"""Asking a chat server one or more questions, with a client as the product makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.chat import ChatClient, Retries, Timeouts
from dataset_builder.models.providers import Endpoint, resolve_endpoint
from dataset_builder.models.request import ChatRequest
from tests.support.chat_server import ChatServer, Reply, Script

QUICK: Final = Retries(first_wait_s=0.01, longest_wait_s=0.05)
# A busy machine may take its time over a sound answer, so nothing but a server that never ends an answer
# is to meet the short limits.
PATIENT: Final = Timeouts(connect=60.0, first_byte=60.0, total=60.0)
SHORT: Final = Timeouts(connect=60.0, first_byte=0.3, total=0.5)


def ask(
    server: ChatServer,
    *queries: str,
    key_env: str | None = None,
    retries: Retries = QUICK,
    timeouts: Timeouts = PATIENT,
    endpoint: Endpoint | None = None,
    max_body: int = 2**20,
    concurrency: int = 16,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    **parameters: Any,
) -> list[ChatAnswer]:
    """Ask a server each of some questions, all at once."""

    async def run() -> list[ChatAnswer]:
        where = endpoint or resolve_endpoint("m", server.base_url, key_env)
        async with ChatClient(
            where, retries=retries, timeouts=timeouts, max_body=max_body, concurrency=concurrency, sleep=sleep
        ) as client:
            requests = [ChatRequest.of_user(q, **parameters) for q in queries or ("How?",)]
            return list(await asyncio.gather(*(client.complete(r) for r in requests)))

    return asyncio.run(run())


def reply(script: Script | Reply, **options: Any) -> ChatAnswer:
    """What the client makes of a reply, or of the replies of a script."""
    with ChatServer(script if callable(script) else lambda _: script) as server:
        return ask(server, **options)[0]
