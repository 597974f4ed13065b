"""The addresses of pinned versions: ``at/RESULTS-DATASET/…`` holds every page, file and endpoint as it was.

A link with ``?at=RESULTS-DATASET`` leads there. Everything below that address works as it does without it, as the app
is told that it stands there; what it reads is the pinned version.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dataset_builder.errors import BlindRefusalError, RemoteError
from space.data.facing import reading
from space.frame.outside import BANNER, ICON, PICTURE
from space.frame.page import DATA, SITE, Page
from space.frame.versions import AT, PINNED
from space.hosting.pinned import BusyError, Pinned, PinnedVersions, UnknownVersionError
from space.ui import palette
from space.ui.templates import template

_PIN: Final = r"[0-9a-z]{4,64}-[0-9a-z]{4,64}"
_ASKED: Final = re.compile(_PIN)
_BELOW: Final = re.compile(rf"/{AT}/({_PIN})(/.*)?")
# What reads the data; all else of gradio is the same whatever version is shown.
_READS: Final = (f"{DATA}/", "gradio_api/queue", "gradio_api/call", "gradio_api/run", "gradio_api/mcp")
# Seconds that a page is waited for before the visitor is told so, and anything else.
_PATIENCE: Final = 4.0
_LONGEST: Final = 120.0
_AGAIN: Final = 2
_SUBMIT: Final = "submit"
_fill = template("frame/outside.html.j2", colours=palette)


class PinnedPages:
    """ASGI middleware around the app and all other middleware that reads its data."""

    def __init__(self, app: ASGIApp, versions: PinnedVersions, pages: Sequence[Page]) -> None:
        self._app, self._versions = app, versions
        self._pages = {page.address for page in pages}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lead to the version that a link pins, answer for one, or pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        path = scope["path"].removeprefix(root)
        below = _BELOW.fullmatch(path)
        if below is None:
            to = self._leads_to(scope, root, path)
            await (self._app if to is None else RedirectResponse(to, 307))(scope, receive, send)
            return
        asked, rest = below[1], below[2]
        address, query = (rest or "").strip("/"), scope.get("query_string", b"").decode("latin-1")
        plain = f"{root}/{address}" + (f"?{query}" if query else "")
        is_page = scope["method"] in ("GET", "HEAD") and address in self._pages
        if rest is None:
            await RedirectResponse(f"{root}{path}/" + (f"?{query}" if query else ""), 307)(scope, receive, send)
        elif is_page and (address == _SUBMIT or asked == self._versions.newest):
            # What is handed in goes to the newest.
            await RedirectResponse(plain, 307)(scope, receive, send)
        elif asked == self._versions.newest or not (is_page or address == PICTURE or address.startswith(_READS)):
            await self._app({**scope, "root_path": f"{root}/{AT}/{asked}"}, receive, send)
        else:
            found = await self._found(asked, is_page, plain, f"{root}/{ICON}")
            if isinstance(found, Response):
                await found(scope, receive, send)
                return
            if is_page and found.pin != asked:
                to = f"{root}/{AT}/{found.pin}/{address}" + (f"?{query}" if query else "")
                await RedirectResponse(to, 307)(scope, receive, send)
                return
            banner = _fill("banner", older=found.older, newest=plain)
            inside = {**scope, "root_path": f"{root}/{AT}/{asked}", PINNED: found.data, BANNER: banner}
            with reading(found.data):
                await self._app(inside, receive, send)

    def _leads_to(self, scope: Scope, root: str, path: str) -> str | None:
        """Where a link that pins another version than the newest leads; None where it pins none that may be had."""
        address = path.strip("/")
        if scope["method"] != "GET" or address not in self._pages:
            return None
        query = QueryParams(scope.get("query_string", b""))
        asked = query.get(AT, "")
        if not _ASKED.fullmatch(asked) or asked == self._versions.newest or not self._versions.may_have(asked):
            return None
        rest = QueryParams([pair for pair in query.multi_items() if pair[0] != AT])
        return f"{root}/{AT}/{asked}/{address}" + (f"?{rest}" if rest else "")

    async def _found(self, asked: str, is_page: bool, newest: str, icon: str) -> Pinned | Response:
        """The version, or what is said in its place."""
        try:
            if not self._versions.may_have(asked):
                raise UnknownVersionError("There is no such version here")
            future = self._versions.get(asked)
            return await asyncio.wait_for(
                asyncio.shield(asyncio.wrap_future(future)), _PATIENCE if is_page else _LONGEST
            )
        except TimeoutError:
            title, status, headers = "This version is being fetched", 202, {"Refresh": str(_AGAIN)}
            why = "The page comes by itself as soon as it is there, mostly within a minute"
        except BlindRefusalError as error:
            title, headers = "This version cannot be shown", {}
            status = 404 if isinstance(error, UnknownVersionError) else 503
            if isinstance(error, (BusyError, RemoteError)):
                headers = {"Retry-After": "60"}
            why = str(error).splitlines()[0].rstrip(".")
        headers["Cache-Control"] = "no-store"
        if not is_page:
            return JSONResponse({"error": f"{title}: {why}."}, status, headers=headers)
        told = _fill("no_version", site=SITE, title=title, why=why, newest=newest, icon=icon)
        return HTMLResponse(told, status, headers=headers)
