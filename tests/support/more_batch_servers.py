"""The batch queues of Mistral and of Gemini on loopback, with their ordinary calls, as their documentation has them."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.batch_server import Batch, BatchServer, Failed, Sent

GEMINI_BATCH = re.compile(r"/v1beta/(batches/[a-z0-9]+)(:cancel)?")


class MistralServer(BatchServer):
    """Files as OpenAI has them, and jobs; two a page, whatever is asked for."""

    def _handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Sent | None:
        place, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        if not place.startswith("/v1/batch/jobs") or (self.refuses and method == "POST"):
            return super()._handle(method, path, headers, body)
        self.calls[f"{method} {place}"] += 1
        if place == "/v1/batch/jobs" and method == "GET":
            page = int(query["page"][0])
            names = list(self.batches)[100 * page : 100 * (page + 1)]
            return 200, _json({"object": "list", "total": len(self.batches), "data": [self._job(n) for n in names]})
        if place == "/v1/batch/jobs":
            return self._made(json.loads(body))
        name, _, what = place.removeprefix("/v1/batch/jobs/").partition("/")
        batch = self.batches[name]
        batch.looked += what == ""
        if what == "cancel":
            batch.status = "cancelled"
        elif batch.looked >= self.looks and batch.status == "in_progress" and not self.stops_at_look:
            batch.status = "completed"
        return 200, _json(self._job(name))

    def _made(self, given: dict[str, Any]) -> Sent | None:
        (file,) = given["input_files"]
        rows = [json.loads(line) for line in self.files[file].splitlines()]
        name = f"5a9c3f-{len(self.batches) + 1}"
        requests = {one["custom_id"]: one["body"] for one in rows}
        assert all(body["model"] == given["model"] for body in requests.values())
        self.batches[name] = Batch(requests, given["metadata"])
        if self.cut_off:
            self.cut_off = False
            return None
        return 200, _json(self._job(name))

    def _job(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        ended, n = batch.status != "in_progress", len(batch.requests)
        status = {"in_progress": "RUNNING", "completed": "SUCCESS", "cancelled": "CANCELLED"}[batch.status]
        told: dict[str, Any] = {"id": name, "object": "batch", "status": status, "metadata": batch.metadata}
        told |= {"total_requests": n, "completed_requests": n if ended else 0, "errors": [], "output_file": None}
        if ended:
            good, bad = self._outputs(batch)
            told |= {"output_file": self._file(good), "error_file": self._file(bad) if bad else None}
        return told


class GeminiServer(BatchServer):
    """Ordinary calls as OpenAI has them, below /v1beta/openai; files, batches and their lines as the native API."""

    def _handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Sent | None:
        place, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        lower = {name.lower(): value for name, value in headers.items()}
        if place == "/v1beta/openai/chat/completions":
            return super()._handle(method, "/v1/chat/completions", headers, body)
        # Whoever sends the key as OpenAI's clients do is not let in here.
        assert "authorization" not in lower
        self.keys.add(lower["x-goog-api-key"])
        self.calls[f"{method} {place}"] += 1
        if self.refuses and method == "POST":
            return self._error(*self.refuses)
        if place == "/upload/v1beta/files" and "upload_id" not in query:
            assert lower["x-goog-upload-command"] == "start"
            self.name = json.loads(body)["file"]["display_name"]
            return 200, b"{}", {"x-goog-upload-url": f"{self.root}/upload/v1beta/files?upload_id=u1"}
        if place == "/upload/v1beta/files":
            assert lower["x-goog-upload-command"] == "upload, finalize"
            return 200, _json({"file": {"name": f"files/{self._file(body)}", "displayName": self.name}})
        if match := re.fullmatch(r"/download/v1beta/files/(file_[0-9]+):download", place):
            return 200, self.files[match[1]]
        if place.endswith(":batchGenerateContent"):
            return self._made(json.loads(body)["batch"])
        if place == "/v1beta/batches":
            names = [name for name in self.batches if name > query.get("pageToken", [""])[0]]
            more = {"nextPageToken": names[0]} if len(names) > 1 else {}
            return 200, _json({"operations": [self._operation(name) for name in names[:1]]} | more)
        if place.startswith("/v1beta/models"):
            name = place.removeprefix("/v1beta/models").strip("/")
            listed = [{"name": f"models/{one}"} for one in self.models]
            known = not name or name in self.models
            return (200, _json({"models": listed})) if self.models and known else self._error(404, "not found")
        match = GEMINI_BATCH.fullmatch(place)
        assert match, place
        batch = self.batches[match[1]]
        if match[2]:
            batch.status = "cancelled"
            return 200, b"{}"
        batch.looked += 1
        if batch.looked >= self.looks and batch.status == "in_progress" and not self.stops_at_look:
            batch.status = "completed"
        return 200, _json(self._operation(match[1]))

    def _made(self, given: dict[str, Any]) -> Sent | None:
        lines = self.files[given["input_config"]["file_name"].removeprefix("files/")].splitlines()
        rows = [json.loads(line) for line in lines]
        name = f"batches/b{len(self.batches) + 1}"
        self.batches[name] = Batch({one["key"]: one["request"] for one in rows}, {"name": given["display_name"]})
        if self.cut_off:
            self.cut_off = False
            return None
        return 200, _json({"name": name, "metadata": {"state": "BATCH_STATE_PENDING"}})

    def _operation(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        ended, n = batch.status != "in_progress", len(batch.requests)
        state = {"in_progress": "RUNNING", "completed": "SUCCEEDED", "cancelled": "CANCELLED"}[batch.status]
        stats = {"requestCount": str(n), "pendingRequestCount": "0" if ended else str(n)}
        about = {"state": f"BATCH_STATE_{state}", "displayName": batch.metadata["name"], "batchStats": stats}
        told: dict[str, Any] = {"name": name, "metadata": about, "done": ended}
        if batch.status == "completed":
            told["response"] = {"responsesFile": f"files/{self._file(self._responses(batch))}"}
        return told

    def _responses(self, batch: Batch) -> bytes:
        lines = []
        for key, request in batch.requests.items():
            found = self.answer(request["contents"][-1]["parts"][0]["text"])
            if isinstance(found, str):
                lines.append({"key": key, "response": _generated(found)})
            elif not found.lost:
                lines.append({"key": key, "error": {"code": 13, "message": found.message}})
        return b"".join(_json(line) + b"\n" for line in lines)


def _generated(text: str) -> dict[str, Any]:
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 15, "thoughtsTokenCount": 5, "totalTokenCount": 120}
    told: dict[str, Any] = {"usageMetadata": usage, "modelVersion": "gemini-test"}
    if text == "blocked":
        return told | {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    parts = [{"text": "Let me see.", "thought": True}, {"text": text}]
    finish = "MAX_TOKENS" if text == "long" else "STOP"
    return told | {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}]}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


__all__ = ["Failed", "GeminiServer", "MistralServer"]
