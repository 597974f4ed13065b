"""The batch queues of OpenAI and of Anthropic on loopback, with their ordinary calls, as their documentation has them.

``answer`` says what becomes of one request: a text, or a failure. A batch ends after ``looks`` looks at it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.support.loopback import LoopbackServer, Silent

KEY = "sk-test-key-of-the-batch-server"


STOPPED = {"type": "refusal", "category": "cyber", "explanation": "Not\nhere."}


@dataclass(frozen=True)
class Failed:
    """A request that brought nothing: its error's status and words, or ``expired``, or ``lost`` without a line."""

    status: int = 500
    message: str = "internal error"
    expired: bool = False
    lost: bool = False


Answer = Callable[[str], str | Failed]
# A status and a body, and maybe headers.
Sent = tuple[int, bytes] | tuple[int, bytes, dict[str, str]]


@dataclass
class Batch:
    """A batch as the server holds it."""

    requests: dict[str, dict[str, Any]]
    metadata: dict[str, str] = field(default_factory=dict)
    looked: int = 0
    status: str = "in_progress"


class BatchServer(LoopbackServer):
    """``with BatchServer(answer) as server``; ``server.base_url`` ends in /v1."""

    def __init__(self, answer: Answer = lambda query: "Here is how.", *, looks: int = 2) -> None:
        self.answer, self.looks = answer, looks
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.keys: set[str] = set()
        # Once: make the batch and close the connection without a word of it.
        self.cut_off = False
        self.refuses: tuple[int, str] | None = None
        self.stops_at_look = False
        # The models that it lists; it lists none where this is empty.
        self.models: tuple[str, ...] = ()
        # Fields that no request of a batch may hold.
        self.refuses_fields: tuple[str, ...] = ()
        # For ordinary requests, where they are answered otherwise.
        self.direct: Answer | None = None
        self._lock = threading.Lock()
        outer = self

        class Handler(Silent):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # noqa: N802
                self._reply(b"")

            def do_POST(self) -> None:  # noqa: N802
                self._reply(self.rfile.read(int(self.headers.get("content-length", 0))))

            def _reply(self, body: bytes) -> None:
                with outer._lock:
                    found = outer._handle(self.command, self.path, dict(self.headers), body)
                if found is None:
                    self.close_connection = True
                    return
                status, content, *more = found
                self.send_response(status)
                for name, value in more[0].items() if more else ():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        super().__init__(Handler)

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def _handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Sent | None:
        headers = {name.lower(): value for name, value in headers.items()}
        key = headers.get("x-api-key") or headers.get("x-goog-api-key")
        self.keys.add(key or headers.get("authorization", "").removeprefix("Bearer "))
        path, _, asked = path.partition("?")
        if path.startswith("/v1/models") and self.models:
            return self._model(path.removeprefix("/v1/models").strip("/"))
        self.calls[f"{method} {re.sub(r'(batch|file|msgbatch)_[0-9]+', '…', path)}"] += 1
        if self.refuses and method == "POST":
            return self._error(*self.refuses)
        anthropic = "anthropic-version" in headers
        if path == "/v1/chat/completions":
            return 200, _json(self._completion(json.loads(body), self.direct))
        if path == "/v1/messages":
            return self._message(json.loads(body), self.direct)
        if path == "/v1/files":
            content = re.split(rb"\r\n\r\n", body.split(b'name="file"', 1)[1], maxsplit=1)[1]
            return 200, _json({"id": self._file(content[: content.rindex(b"\r\n--")])})
        if match := re.fullmatch(r"/v1/files/(file_[0-9]+)/content", path):
            return 200, self.files[match[1]]
        if path in ("/v1/batches", "/v1/messages/batches"):
            if method == "GET":
                return 200, _json(self._listed(asked, anthropic))
            return self._make(json.loads(body), anthropic)
        if match := re.fullmatch(r"/v1/(?:messages/)?batches/((?:batch|msgbatch)_[0-9]+)(/cancel|/results)?", path):
            return self._one(match[1], match[2], anthropic)
        return 404, _json({"error": {"message": f"Unknown path {path}"}})

    def _model(self, name: str) -> Sent:
        if name:
            return (200, b"{}") if name in self.models else self._error(404, "no such model")
        return 200, _json({"data": [{"id": one} for one in self.models]})

    def _listed(self, asked: str, anthropic: bool) -> dict[str, Any]:
        """The newest first, two at a time."""
        names = list(reversed(self.batches))
        after = parse_qs(asked).get("after_id" if anthropic else "after")
        names = names[names.index(after[0]) + 1 :] if after else names
        return {"data": [self._told(name, anthropic) for name in names[:2]], "has_more": len(names) > 2}

    def _make(self, given: dict[str, Any], anthropic: bool) -> tuple[int, bytes] | None:
        if anthropic:
            batch = Batch({one["custom_id"]: one["params"] for one in given["requests"]})
        else:
            lines = self.files[given["input_file_id"]].splitlines()
            rows = [json.loads(line) for line in lines]
            batch = Batch({one["custom_id"]: one["body"] for one in rows}, given["metadata"])
        name = f"{'msg' if anthropic else ''}batch_{len(self.batches) + 1}"
        self.batches[name] = batch
        if self.cut_off:
            self.cut_off = False
            return None
        return 200, _json(self._told(name, anthropic))

    def _one(self, name: str, what: str | None, anthropic: bool) -> tuple[int, bytes]:
        batch = self.batches[name]
        if what == "/cancel":
            batch.status = "cancelled"
        elif what == "/results":
            return 200, self._results(batch)
        else:
            batch.looked += 1
            if batch.looked >= self.looks and batch.status == "in_progress" and not self.stops_at_look:
                batch.status = "completed"
        return 200, _json(self._told(name, anthropic))

    def _told(self, name: str, anthropic: bool) -> dict[str, Any]:
        batch = self.batches[name]
        ended, n = batch.status != "in_progress", len(batch.requests)
        if anthropic:
            counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
            counts["succeeded" if ended else "processing"] = n
            url = f"{self.root}/v1/messages/batches/{name}/results" if ended else None
            return {
                "id": name,
                "type": "message_batch",
                "processing_status": "ended" if ended else "in_progress",
                "request_counts": counts,
                "created_at": "2099-01-01T00:00:00Z",
                "results_url": url,
            }
        told = {"id": name, "status": batch.status, "metadata": batch.metadata}
        told["request_counts"] = {"total": n, "completed": n if ended else 0, "failed": 0}
        if ended:
            good, bad = self._outputs(batch)
            told |= {"output_file_id": self._file(good), "error_file_id": self._file(bad) if bad else None}
        return told

    def _outputs(self, batch: Batch) -> tuple[bytes, bytes]:
        good, bad = [], []
        for name, body in batch.requests.items():
            found = self._found(body)
            if batch.status == "cancelled":
                found = Failed(expired=True)
            if isinstance(found, str):
                good.append({"custom_id": name, "response": {"status_code": 200, "body": self._completion(body)}})
            elif found.expired:
                bad.append({"custom_id": name, "response": None, "error": {"code": "batch_expired", "message": "late"}})
            elif not found.lost:
                error = {"error": {"message": found.message}}
                bad.append({"custom_id": name, "response": {"status_code": found.status, "body": error}, "error": None})
        return _lines(good), _lines(bad)

    def _found(self, body: dict[str, Any]) -> str | Failed:
        for name in self.refuses_fields:
            if name in body:
                instead = ". Use 'max_completion_tokens' instead" if name == "max_tokens" else ""
                return Failed(400, f"Unsupported parameter: '{name}' is not supported with this model{instead}.")
        return self.answer(body["messages"][-1]["content"])

    def _results(self, batch: Batch) -> bytes:
        lines: list[dict[str, Any]] = []
        for name, body in batch.requests.items():
            found = self._found(body)
            result: dict[str, Any]
            if batch.status == "cancelled":
                result = {"type": "canceled"}
            elif isinstance(found, str):
                result = {"type": "succeeded", "message": self._as_message(body, found)}
            elif found.lost:
                continue
            else:
                kind = "invalid_request_error" if found.status == 400 else "api_error"
                error = {"type": "error", "error": {"type": kind, "message": found.message}}
                result = {"type": "expired"} if found.expired else {"type": "errored", "error": error}
            lines.append({"custom_id": name, "result": result})
        return _lines(lines)

    def _completion(self, body: dict[str, Any], answer: Answer | None = None) -> dict[str, Any]:
        found = (answer or self.answer)(body["messages"][-1]["content"])
        text = found if isinstance(found, str) else "Asked again."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 100, "completion_tokens": 20}
        return {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}

    def _message(self, body: dict[str, Any], answer: Answer | None) -> tuple[int, bytes]:
        found = (answer or self.answer)(body["messages"][-1]["content"])
        if isinstance(found, Failed):
            error = {"type": "api_error", "message": found.message}
            return found.status, _json({"type": "error", "error": error})
        return 200, _json(self._as_message(body, found))

    def _as_message(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        refused = text == "refuse"
        content: list[dict[str, Any]] = [] if refused else [{"type": "text", "text": text}]
        if body.get("thinking"):
            content.insert(0, {"type": "thinking", "thinking": "Let me see.", "signature": "x"})
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": "refusal" if refused else "end_turn",
            "stop_details": STOPPED if refused else None,
            "usage": {"input_tokens": 100, "output_tokens": 20},
        }

    def _file(self, content: bytes) -> str:
        name = f"file_{len(self.files) + 1}"
        self.files[name] = content
        return name

    def _error(self, status: int, message: str) -> tuple[int, bytes]:
        return status, _json({"error": {"message": message}})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(_json(row) + b"\n" for row in rows)
