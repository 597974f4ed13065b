"""How much each visitor may send: looked at before a byte of an upload is read."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from space.intake.desk import LONGEST, MOST_BYTES_OF_A_VISITOR

# In an hour; whoever mends a bundle and tries again stays far below.
MOST_UPLOADS: Final = 30
MOST_SENT: Final = 3 * MOST_BYTES_OF_A_VISITOR
# What a page or a program asks with is a few kilobytes.
MOST_ASKED: Final = 1024 * 1024
# Set by the Hub in every Space.
_SPACE: Final = "SPACE_ID"
# Where gradio takes files.
_ADDRESS: Final = "/gradio_api/upload"


def host_of(client: tuple[str, int] | None, forwarded: str | None) -> str:
    """The address that a request came from; in a Space it is the one that the Hub's own proxy added last."""
    if os.environ.get(_SPACE) and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return client[0] if client else ""


class UploadLimits:
    """ASGI middleware around the app: refuses huge requests, and uploads beyond a number and a size for each address.

    Uploads are counted over an hour.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock
        self._lock = threading.Lock()
        self._sent: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refused = self._refusal(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await refused(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).rstrip("/")
        size = Headers(scope=scope).get("content-length", "")
        if path != _ADDRESS:
            # Without a length it comes in pieces, as no page's or client's does.
            if size.isascii() and size.isdecimal() and int(size[:20]) <= MOST_ASKED:
                return None
            return PlainTextResponse(f"A request is at most {MOST_ASKED:,} bytes, and says how long it is.", 413)
        if not (size.isascii() and size.isdecimal()):
            return PlainTextResponse("An upload has to say how large it is.", 411)
        now, host = self._clock(), host_of(scope.get("client"), Headers(scope=scope).get("x-forwarded-for"))
        with self._lock:
            for other in [other for other, sent in self._sent.items() if not sent or now - sent[-1][0] > LONGEST]:
                del self._sent[other]
            mine = self._sent[host]
            while mine and now - mine[0][0] > LONGEST:
                mine.popleft()
            if len(mine) >= MOST_UPLOADS or sum(bytes_ for _, bytes_ in mine) + int(size) > MOST_SENT:
                return PlainTextResponse("That is more than one visitor may upload in an hour. Come back later.", 429)
            mine.append((now, int(size)))
        return None
