"""A Hub on loopback: a real HTTP server that speaks what huggingface_hub and datasets need of it.

Large files live on a second port, as the real Hub keeps them at another host: a redirect that
takes a token along, or an upload that does, shows in ``leaks``. See ``hub_store`` for what is
kept, ``hub_routes``, ``hub_files`` and ``hub_talk`` for the addresses, and ``hub_faults`` for how
to make it fail.

Not spoken: the Xet protocol (clients set HF_HUB_DISABLE_XET=1), multi-part uploads, organisations'
settings, gated repos, and search.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support import hub_talk
from tests.support.hub_faults import Asked, Fault, Faults
from tests.support.hub_files import with_range
from tests.support.hub_routes import Answer, Request, answer, refusal
from tests.support.hub_store import RefusedError, Repo, Store, User

assert hub_talk.discussions  # importing a module of routes is what registers them

ALICE = User("alice", "hf_alice0SecretSecretSecretSecret00", orgs=("wonderland",))
BOB = User("bob", "hf_bob00SecretSecretSecretSecret0000")
CAROL = User("carol", "hf_carol0SecretSecretSecretSecret00", orgs=("acme",))
"""A member of the organization acme."""
READER = User("alice", "hf_reader0SecretSecretSecretSecret0", writes=False)
"""Alice's token that may only read."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    hub: HubServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up; anything else is a fault of this server and is kept."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            self.hub.broken.append(repr(error))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Say nothing: ``Faults.asked`` is the log."""

    def _serve(self) -> None:
        hub = self.server.hub
        body = self._body()
        who = hub.store.name_of(self.headers.get("Authorization"))
        line = f"{self.command} {self.path}"
        hub.faults.settle(line)
        fault = hub.faults.take(line)
        silent = fault is not None and fault.kind in ("cut", "hang", "late", "lost")
        held = None
        if fault is not None and silent:
            hub.faults.log(self.command, self.path, who, 0)
            if fault.kind == "hang":
                hub.closing.wait()
            elif fault.kind == "late":
                held = hub.faults.hold(fault.pattern)
                held.go.wait()
        try:
            if self.server is hub.storage_server:
                reply = self._faulted(fault) or hub.store_or_send(self.command, self.path, dict(self._lower()), body)
            else:
                reply = self._faulted(fault) or answer(self._request(body))
        except RefusedError as refused:
            reply = refusal(refused)
        finally:
            if held is not None:
                held.done.set()
        if silent:
            self.close_connection = True
            return
        hub.faults.log(self.command, self.path, who, reply.status)
        self._send(reply, half=fault is not None and fault.kind == "cut_body")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _faulted(self, fault: Fault | None) -> Answer | None:
        """The answer of a fault that keeps the request from being carried out; None to carry it out."""
        if fault is None or fault.kind in ("cut_body", "late", "lost"):
            return None
        reply = refusal(RefusedError(fault.status, fault.message))
        reply.headers |= fault.headers
        if fault.retry_after is not None:
            reply.headers["Retry-After"] = fault.retry_after
        return reply

    def _lower(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _request(self, body: bytes) -> Request:
        hub, split = self.server.hub, urlsplit(self.path)
        user = hub.store.user_of(self.headers.get("Authorization"))
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        where = (hub.endpoint, hub.storage)
        return Request(self.command, split.path, query, body, user, hub.store, *where, self._lower())

    def _send(self, reply: Answer, *, half: bool) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if half else reply.body)
        self.close_connection = self.close_connection or half


class HubServer:
    """The running Hub; use it as a context manager."""

    def __init__(self, users: tuple[User, ...] = (ALICE, BOB, CAROL, READER)) -> None:
        self.store = Store(users)
        self.faults = Faults()
        self.closing = threading.Event()
        self.leaks: list[str] = []
        """Requests to the storage host that carried an Authorization header: there must be none."""
        self.broken: list[str] = []
        """Errors of this server's own making: there must be none."""
        self.api_server, self.storage_server = self._listen(), self._listen()
        self.endpoint = f"http://127.0.0.1:{self.api_server.server_port}"
        self.storage = f"http://127.0.0.1:{self.storage_server.server_port}"

    def _listen(self) -> _Server:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.hub = self
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.faults.settle()
        self.closing.set()
        for server in (self.api_server, self.storage_server):
            server.shutdown()
            server.server_close()

    def store_or_send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the storage host does: keep an object under its hash, or send it."""
        if "authorization" in headers:
            self.leaks.append(f"{method} {path}")
        oid = path.split("?")[0].removeprefix("/objects/")
        if method == "PUT":
            if hashlib.sha256(body).hexdigest() != oid:
                return Answer(400, b"the bytes are not those of the name")
            self.store.large[oid] = body
            return Answer(200, b"", {"ETag": f'"{oid}"'})
        if oid not in self.store.large:
            return Answer(404)
        request = Request(method, path, {}, b"", None, self.store, self.endpoint, self.storage, headers)
        return with_range(request, self.store.large[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})

    def repo(self, repo_id: str, kind: str = "dataset") -> Repo:
        return self.store.repos[kind, repo_id]

    def fail(self, pattern: str, **how: Any) -> None:
        """Commit a fault on the next requests that match; see ``Fault``."""
        self.faults.add(Fault(pattern, **how))

    def asked(self, pattern: str) -> list[Asked]:
        """The requests so far whose ``METHOD path?query`` matches."""
        return self.faults.matching(pattern)

    def environment(self, home: str, token: str | None = ALICE.token) -> dict[str, str]:
        """What a subprocess needs in its environment to talk to this Hub and to nothing else."""
        settings = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": home,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        return settings | ({"HF_TOKEN": token} if token else {})


@contextmanager
def alices_hub() -> Iterator[HubServer]:
    """A Hub with HF_ENDPOINT and HF_TOKEN (alice's) pointing to it, and nothing wrong with it at the end."""
    with HubServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.endpoint)
        patch.setenv("HF_TOKEN", ALICE.token)
        yield server
    assert server.leaks == [], "a token was sent to the storage host"
    assert server.broken == [], "the Hub of these tests failed by itself"
