"""The same questions as tools of an MCP server, at the address where clients look for one of a gradio app.

Gradio has such a server of its own (``mcp_server=True``), which imports and describes everything before the app
answers at all. Here the package ``mcp`` is imported by the first request for it; it is an extra, as gradio imports it,
where it is installed, for each app that is started (0.2 s of 2.5 s).
"""

from __future__ import annotations

import asyncio
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dataset_builder import __version__
from dataset_builder.errors import InputError
from space.api.asked import request_of, schema_of
from space.api.tools import Tools, guarded

ADDRESS: Final = "/gradio_api/mcp"
_ABOUT: Final = (
    "Blind refusal: whether language models tell rules that deserve compliance from rules that do not. "
    "Rates are shares from 0 to 1. Help where the rule is defeated is right, help where it holds (controls) is not; "
    "discrimination is the first minus the second. Begin with leaderboard; its ids name models everywhere."
)
_NOT_HERE: Final = "No MCP server here: install the package mcp beside this one (pip install 'blind-refusal[mcp]')."


class McpServer:
    """ASGI middleware around the app; the server is made when the first client comes."""

    def __init__(self, app: ASGIApp, tools: Tools) -> None:
        self._app, self._tools = app, tools
        self._making = asyncio.Lock()
        self._manager: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the address of the server, and pass everything else on."""
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/") if scope["type"] == "http" else ""
        if path != ADDRESS:
            await self._app(scope, receive, send)
        elif find_spec("mcp") is None:
            await JSONResponse({"error": _NOT_HERE}, 404)(scope, receive, send)
        else:
            manager = await self._ready()
            await manager.handle_request(scope, receive, send)

    async def _ready(self) -> Any:
        async with self._making:
            if self._manager is None:
                manager = await run_in_threadpool(_manager, self._tools)
                started = asyncio.Event()

                async def hold() -> None:
                    async with manager.run():
                        started.set()
                        await asyncio.Event().wait()

                # Its requests run in a group of tasks, which lives as long as the app.
                self._tasks.add(asyncio.create_task(hold(), name="mcp"))
                await started.wait()
                self._manager = manager
        return self._manager


def _manager(tools: Tools) -> Any:
    """What answers requests: every one by itself, with JSON, so that nothing is kept of a client."""
    from mcp import types
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    server: Any = Server("blind-refusal", version=__version__, instructions=_ABOUT)
    functions = {one.__name__: guarded(one, InputError) for one in tools.all}
    listed = [
        types.Tool(
            name=one.__name__,
            description=" ".join((one.__doc__ or "").split()),
            inputSchema=schema_of(request_of(one)),
            annotations=types.ToolAnnotations(readOnlyHint=True, openWorldHint=False),
        )
        for one in tools.all
    ]

    @server.list_tools()  # type: ignore[untyped-decorator]
    async def list_tools() -> list[Any]:
        return listed

    # Arguments are checked by the functions, whose messages say what was expected.
    @server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]
    async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
        if name not in functions:
            raise InputError(f"{name[:80]!a}: no such tool; expected one of {', '.join(functions)}")
        answer = await run_in_threadpool(partial(functions[name], **arguments))
        text = msgspec.json.encode(answer).decode()
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structuredContent=answer)

    return StreamableHTTPSessionManager(app=server, json_response=True, stateless=True)
