"""An OpenAI-compatible server on loopback that answers well, slowly, or wrongly on purpose.

A script decides what becomes of each request: a function of the request (with its user message and
which try at it this is) that returns a Reply. As a program (``python tests/support/chat_server.py``)
it prints its address and serves until its standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

STALL_S = 3600.0
STALL = "stall"


@dataclass(frozen=True)
class Request:
    """One request as the server got it; ``attempt`` counts from 1 for each user message."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    attempt: int

    @property
    def query(self) -> str:
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True)
class Reply:
    """What the server sends: a status and a body after ``delay`` seconds, or a fault of the connection.

    With ``until`` it sends nothing before that event is set, so that a test need not guess how long something takes.

    ``fault`` is ``drop`` (close without a byte), ``cut`` (close in the middle of the body), ``stall``
    (never answer) or ``drip`` (the head at once, then a byte of space every 20 ms and no end).
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    delay: float = 0.0
    fault: str | None = None
    until: threading.Event | None = None
    # Sent one after the other as a stream of chunks, in place of the body.
    pieces: tuple[bytes, ...] = ()


Script = Callable[[Request], Reply]


def completion(text: Any = "Here is how.", *, finish: Any = "stop", cost: float | None = None, **message: Any) -> bytes:
    """The JSON of a chat completion."""
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "test-model-0",
            "choices": [
                {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
            ],
            "usage": usage if cost is None else {**usage, "cost": cost},
        }
    ).encode()


def answer(
    text: Any = "Here is how.", *, delay: float = 0.0, until: threading.Event | None = None, **kwargs: Any
) -> Reply:
    return Reply(completion(text, **kwargs), delay=delay, until=until)


def error(status: int, message: str = "no luck", *, headers: dict[str, str] | None = None, **members: Any) -> Reply:
    body = json.dumps({"error": {"message": message, "code": status, **members}}).encode()
    return Reply(body, status=status, headers={"content-type": "application/json", **(headers or {})})


def html(status: int = 502) -> Reply:
    return Reply(b"<html><body>Bad gateway</body></html>", status=status, headers={"content-type": "text/html"})


def events(text: str, *, finish: str | None = "stop", done: bool = True, **delta: Any) -> Reply:
    """An answer as a stream of events, a few words in each."""
    words = text.split(" ")
    deltas: list[dict[str, Any]] = [{"role": "assistant", **delta}]
    deltas += [{"content": (" " if at else "") + " ".join(words[at : at + 3])} for at in range(0, len(words), 3)]
    head = {"id": "x", "object": "chat.completion.chunk", "model": "test-model-0"}
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas
    ]
    if finish:
        chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        chunks.append({**head, "choices": [], "usage": usage})
    lines = [b": keep-alive\n\n", *(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)]
    return Reply(
        pieces=(*lines, b"data: [DONE]\n\n") if done else tuple(lines),
        headers={"content-type": "text/event-stream; charset=utf-8"},
    )


# Answered, and maybe paid for, with nothing that can be read: tried once more and no more often.
UNREADABLE: tuple[Reply, ...] = (
    html(200),
    Reply(completion()[:-30]),
    Reply(b'{"choices": "none"}'),
    Reply(b'{"choices": [{"message": {"content": 12}}]}'),
)
# Each is a failure that another try may mend.
PASSING_FAULTS: tuple[Reply, ...] = (
    error(429, "slow down", headers={"retry-after": "0"}),
    error(503, "overloaded"),
    html(502),
    Reply(fault="drop"),
    Reply(completion(), fault="cut"),
    Reply(fault=STALL),
    Reply(json.dumps({"error": {"message": "upstream died", "code": 502}}).encode()),
)


def flaky(rate: float, seed: int, good: Script = lambda r: answer(f"Here is how: {r.query[:40]}")) -> Script:
    """A script that fails the given share of tries, each in a way drawn from PASSING_FAULTS.

    Which try at which message fails hangs on the seed alone, and not on the order in which they arrive.
    """

    def script(request: Request) -> Reply:
        rng = random.Random(f"{seed} {request.query} {request.attempt}")
        return rng.choice(PASSING_FAULTS) if rng.random() < rate else good(request)

    return script


class ChatServer:
    """The server, in a thread with a loop of its own; ``with ChatServer(script) as server``."""

    def __init__(self, script: Script = lambda request: answer(), *, keep: bool = True) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.attempts: Counter[str] = Counter()
        self.under_way = self.most_under_way = self.connections = 0
        self.port = 0
        # What it lists, which need not be what it answers for.
        self.models: tuple[str, ...] = ()
        self._keep = keep
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.serve(self._ready.set))
        self._loop.close()

    async def serve(self, ready: Callable[[], None], port: int = 0) -> None:
        """Serve until ``stop``; calls ``ready`` when the port is known."""
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = self._loop_of().create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _loop_of() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if head[0].startswith("GET "):
            listing = {"data": [{"id": name} for name in self.models]}
            return await self._send(Reply(json.dumps(listing).encode()), writer)
        path = head[0].split(" ")[1]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            query = str(body["messages"][-1]["content"])
            if self._keep:
                self.attempts[query] += 1
            request = Request(path, headers, body, self.attempts[query] if self._keep else 1)
            if self._keep:
                self.requests.append(request)
            return await self._send(self.script(request), writer)
        finally:
            self.under_way -= 1

    async def _send(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        while reply.until is not None and not reply.until.is_set():
            await asyncio.sleep(0.005)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.fault == "drop":
            return False
        if reply.fault == STALL:
            await asyncio.sleep(STALL_S)
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{k}: {v}" for k, v in reply.headers.items())]
        if reply.pieces:
            head = "\r\n".join([*lines, "transfer-encoding: chunked", "", ""])
            writer.write(head.encode("latin-1"))
            for piece in (*reply.pieces, b""):
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                await writer.drain()
            return reply.fault is None
        length = 10**6 if reply.fault == "drip" else len(reply.body)
        head = "\r\n".join([*lines, f"content-length: {length}", "", ""]).encode("latin-1")
        if reply.fault == "drip":
            writer.write(head)
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.write(head + (reply.body[: len(reply.body) // 2] if reply.fault == "cut" else reply.body))
        await writer.drain()
        return reply.fault is None


def main() -> None:
    """Serve answers after a fixed delay until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--chars", type=int, default=840)
    options = parser.parse_args()
    sentence = "To hang it without a mark, use adhesive strips rated for the weight. "
    text = (sentence * (options.chars // len(sentence) + 1))[: options.chars]
    good = answer(text, delay=options.delay)
    server = ChatServer(lambda _: good, keep=False)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        serving = loop.create_task(server.serve(lambda: print(server.base_url, flush=True)))
        await loop.run_in_executor(None, sys.stdin.read)
        serving.cancel()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
