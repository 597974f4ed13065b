"""What others see of the pages: title, description, picture and icon in the HTML that is served.

Gradio writes tags of its own into that HTML and draws the pages later, in the browser; programs that
show a link do not wait for that, and on a slow phone a reader waits ten seconds. So the HTML is changed on its
way out: it gets our head, and what a page gives ``at_once`` stands in it until gradio has drawn the same.
An unknown address gets a page with links to those that exist, where gradio would answer with JSON.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from space.data.data import SpaceData
from space.frame.card import LONGEST_ABOUT, LONGEST_TITLE, PICTURE_SIZE, Card, picture, shortened
from space.frame.page import SITE, Page, colophon, masthead
from space.ui import palette
from space.ui.palette import css_variables_at_once
from space.ui.sheet import style_sheet
from space.ui.templates import template

ICON, PICTURE = "icon.svg", "share.png"
_FOLDER: Final = files("space") / "assets"
# Where gradio wants a path.
ICON_FILE: Final = str(_FOLDER / ICON)
_FILES: Final = {ICON: "image/svg+xml", PICTURE: "image/png"}
_A_DAY: Final = "public, max-age=86400"
# Gradio's own, in the part of the head that stands before its scripts.
_THEIRS: Final = re.compile(rb"<title>[^<]*</title>|<meta\s+(?:property=\"og:|name=\"(?:twitter:|description\"))[^>]*>")
_HEAD: Final = re.compile(rb"<head[^>]*>\s*<meta charset=[^>]*>")
# Where gradio draws the page.
_APP: Final = b"<gradio-app"
_MOST_PAIRS: Final = 200
# Where a request carries what stands above all else of its page.
BANNER: Final = "blind_refusal.banner"
# Which page a picture is of.
_PAGE: Final = "share"
_MOST_KEPT: Final = 50
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:]+\](?::\d{1,5})?")
_fill = template("frame/outside.html.j2", colours=palette, font=palette.FONT)


class SeenFromOutside:
    """ASGI middleware around the app; ``pages`` are those that exist, at their addresses, and show ``data``."""

    def __init__(self, app: ASGIApp, pages: Sequence[Page], data: SpaceData | None = None) -> None:
        self._app, self._data = app, data
        self._kept: dict[object, Markup] = {}
        self._pages = {page.address: page for page in pages}
        self._files = {name: (_FOLDER / name).read_bytes() for name in _FILES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the icon and the picture, and change what the app answers for a page or an unknown address."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        address = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        query = QueryParams(scope.get("query_string", b""))
        if address == PICTURE and (drawn := await run_in_threadpool(self._drawn, query)) is not None:
            await Response(drawn, media_type="image/png", headers={"Cache-Control": _A_DAY})(scope, receive, send)
        elif address in self._files:
            found = Response(self._files[address], media_type=_FILES[address], headers={"Cache-Control": _A_DAY})
            await found(scope, receive, send)
        elif address in self._pages or "text/html" in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, _Changed(self, scope, address, receive, send))
        else:
            await self._app(scope, receive, send)

    def with_our_head(self, scope: Scope, address: str, html: bytes) -> bytes:
        """A page's HTML with our tags in place of gradio's."""
        early, script, rest = html.partition(b"<script")
        found = _HEAD.search(early)
        if found is None:
            return html
        page, query = self._pages[address], QueryParams(scope.get("query_string", b""))
        card = None if scope["method"] == "HEAD" else self._card(page, query.multi_items())
        ours = _fill(
            "head",
            title=page.title if card is None else shortened(card.title, LONGEST_TITLE),
            about=page.about if card is None else shortened(card.about, LONGEST_ABOUT),
            site=SITE,
            origin=origin_of(scope),
            # Of a state that has a card, address and picture are those of the state.
            address=address if card is None else f"{address}?{card.query}",
            picture=PICTURE if card is None else f"{PICTURE}?{_PAGE}={address}&{card.query}",
            icon=ICON,
            size=PICTURE_SIZE,
        )
        after = _THEIRS.sub(b"", early[found.end() :])
        # Gradio asks for its own page by HEAD, in a hurry, before it serves anybody.
        body = "" if scope["method"] == "HEAD" else scope.get(BANNER, "") + self._at_once(scope, address)
        if body:
            rest = rest.replace(_APP, body.encode() + _APP, 1)
        return early[: found.end()] + b"\n" + ours.encode() + after + script + rest

    def _at_once(self, scope: Scope, address: str) -> str:
        """What is seen before gradio has drawn the page; nothing where the page has none or it cannot be made."""
        page = self._pages[address]
        if page.at_once is None or self._data is None:
            return ""
        pairs = tuple(QueryParams(scope.get("query_string", b"")).multi_items())[:_MOST_PAIRS]
        theme = dict(pairs).get("__theme")
        key = (address, self._data.now, self._data.store, pairs)
        content = self._kept.get(key)
        if content is None:
            try:
                content = page.at_once(self._data, pairs)
            except Exception:
                # The page itself says what is wrong.
                return ""
            # Most visitors come to the same few addresses.
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = content
        head = masthead(list(self._pages.values()), page)
        return _fill(
            "at_once",
            colours=css_variables_at_once(theme),
            style=style_sheet(),
            masthead=head,
            content=content + colophon(self._data),
        )

    def _card(self, page: Page, pairs: Sequence[tuple[str, str]]) -> Card | None:
        """What a link to a state shows; None where the page has no card for it."""
        if page.card is None or self._data is None:
            return None
        try:
            return page.card(self._data, pairs[:_MOST_PAIRS])
        except Exception:
            # The page itself says what is wrong.
            return None

    def _drawn(self, query: QueryParams) -> bytes | None:
        """The picture of a state, which the address of the picture names; None where it names none."""
        page = self._pages.get(query.get(_PAGE, ""))
        card = None if page is None else self._card(page, query.multi_items())
        return None if card is None else picture(card, SITE)

    def nowhere(self, scope: Scope) -> HTMLResponse:
        """What an address that leads nowhere gets."""
        root = scope.get("root_path", "")
        page = _fill("nowhere", pages=list(self._pages.values()), site=SITE, root=root, icon=ICON)
        return HTMLResponse(page, status_code=404)

    def is_page(self, address: str) -> bool:
        """Whether there is a page at an address."""
        return address in self._pages


class _Changed:
    """Where the app sends its answer: what is HTML of a page, or not found, goes on changed; the rest as it is."""

    def __init__(self, outside: SeenFromOutside, scope: Scope, address: str, receive: Receive, send: Send) -> None:
        self._outside, self._scope, self._address = outside, scope, address
        self._receive, self._send = receive, send
        self._start: Message | None = None
        self._body = b""
        self._is_lost = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            self._is_lost = message["status"] == 404 and not self._outside.is_page(self._address)
            if self._is_lost or (message["status"] == 200 and self._outside.is_page(self._address) and "html" in kind):
                self._start = message
                return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        if self._is_lost:
            await self._outside.nowhere(self._scope)(self._scope, self._receive, self._send)
            return
        headers = MutableHeaders(raw=list(self._start["headers"]))
        body = b""
        if self._body:
            body = await run_in_threadpool(self._outside.with_our_head, self._scope, self._address, self._body)
            if "gzip" in Headers(scope=self._scope).get("accept-encoding", ""):
                body = gzip.compress(body, 6, mtime=0)
                headers["Content-Encoding"] = "gzip"
            headers.add_vary_header("Accept-Encoding")
            headers["Content-Length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def origin_of(scope: Scope) -> str:
    """Where the site is as its visitors name it, such as ``https://host``; empty where the host's name is no name."""
    headers = Headers(scope=scope)
    host = headers.get("x-forwarded-host", headers.get("host", "")).split(",")[0].strip()
    scheme = headers.get("x-forwarded-proto", scope.get("scheme", "http")).split(",")[0].strip()
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        return ""
    return f"{scheme}://{host}{scope.get('root_path', '')}"
