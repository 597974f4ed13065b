"""Gemini's batch queue: its own requests and replies, in files of its own. Written from the API's documentation.

Ordinary requests go to Gemini's OpenAI-compatible address. That address has batches too, but neither their files nor a
mark to find them again by, so what is handed in is put into the form of the native API, and what comes is read from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import msgspec

from dataset_builder.errors import InputError, RemoteError
from dataset_builder.models.answer import ChatAnswer, read_kept
from dataset_builder.models.batches.queues import (
    MARK,
    MOST_PAGES,
    BatchState,
    HandedIn,
    Queue,
    count_in,
    id_in,
    named,
    object_in,
    objects_in,
)
from dataset_builder.models.providers import Endpoint
from dataset_builder.models.request import ChatRequest, Dialect
from dataset_builder.net.secret import ApiKey

_API: Final = "/v1beta"
_COMPATIBLE: Final = "/v1beta/openai"
_NAME: Final = "key"
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})
# Two spellings are documented.
_STATE: Final = re.compile(r"(?:BATCH|JOB)_STATE_")
_BATCH: Final = re.compile(r"batches/[\w.-]+")
_FILE: Final = re.compile(r"files/[\w.-]+")


class GeminiQueue(Queue):
    """Batches of the Gemini API, handed in as a file."""

    models = f"{_API}/models", "models", "name"
    most_requests = 50_000
    most_bytes = 190 * 2**20

    def __init__(self, endpoint: Endpoint, headers: Sequence[ApiKey] = (), **waiting: Any) -> None:
        root = endpoint.provider.base_url.removesuffix(_COMPATIBLE)
        native = replace(endpoint.provider, base_url=root, key_header="x-goog-api-key")
        super().__init__(replace(endpoint, provider=native), headers, **waiting)

    def line(self, name: str, request: ChatRequest, dialect: Dialect) -> bytes:
        """One request of the file."""
        if not dialect.takes_schema:
            request = msgspec.structs.replace(request, schema=None)
        return json.dumps({_NAME: name, "request": native_request(request)}).encode()

    def submit(self, lines: Sequence[bytes], mark: str) -> str:
        """Upload the file, then make the batch."""
        told = self._http.upload_resumably(f"/upload{_API}/files", f"{MARK}-{mark}", b"\n".join(lines) + b"\n")
        file = _checked(id_in(object_in(told.get("file")), "name"), _FILE)
        batch = {"display_name": f"{MARK}-{mark}", "input_config": {"file_name": file}}
        model = quote(self._endpoint.model.removeprefix("models/"), safe="")
        made = self._http.post(f"{_API}/models/{model}:batchGenerateContent", {"batch": batch})
        return _checked(id_in(made, "name"), _BATCH)

    def find(self, known: HandedIn) -> str | None:
        """The batch with the mark for a name."""
        for one in self._batches():
            if object_in(one.get("metadata")).get("displayName") == f"{MARK}-{known.mark}":
                return _checked(id_in(one, "name"), _BATCH)
        return None

    def look(self, batch: str) -> BatchState:
        """Its state, with the error that ended it."""
        told = self._http.get(f"{_API}/{_checked(batch, _BATCH)}")
        about = object_in(told.get("metadata"))
        status = _STATE.sub("", str(about.get("state") or "")).lower()
        counts = object_in(about.get("batchStats"))
        total, open_still = count_in(counts.get("requestCount")), count_in(counts.get("pendingRequestCount"))
        output = object_in(told.get("response")).get("responsesFile") or object_in(about.get("output")).get(
            "responsesFile"
        )
        problem = object_in(told.get("error")).get("message")
        return BatchState(
            batch,
            status,
            status in _ENDED,
            total - open_still if counts else 0,
            total,
            self._http.clean(str(problem)) if problem else None,
            (_checked(str(output), _FILE),) if output else (),
        )

    def answers(self, state: BatchState) -> Iterator[tuple[str, ChatAnswer]]:
        """The lines of the file of responses."""
        for file in state.outputs:
            for line in self._http.lines(f"/download{_API}/{file}:download?alt=media"):
                yield named(line, native_line, _NAME)

    def cancel(self, batch: str) -> None:
        """Ask for the batch to be cancelled."""
        self._http.post(f"{_API}/{_checked(batch, _BATCH)}:cancel", {})

    def _batches(self) -> Iterator[dict[str, Any]]:
        """The account's batches, page by page."""
        more = ""
        for _ in range(MOST_PAGES):
            told = self._http.get(f"{_API}/batches?pageSize=100{more}")
            yield from objects_in(told.get("operations"))
            if not (token := told.get("nextPageToken")):
                return
            more = f"&pageToken={quote(str(token), safe='')}"


def native_request(request: ChatRequest) -> dict[str, Any]:
    """A request in the form of the native API. Raises InputError for what has no counterpart there."""
    for option, given in (("--extra-body", request.extra), ("--reasoning", request.reasoning)):
        if given:
            raise InputError(
                f"{option}: Gemini's batches take requests in another form than its ordinary calls, which has no such "
                f"field. Leave {option} out, or --batch."
            )
    config: dict[str, Any] = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
    }
    if request.schema is not None:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": request.schema}
    roles = {"user": "user", "assistant": "model"}
    turns = [m for m in request.messages if m.role in roles]
    native: dict[str, Any] = {
        "contents": [{"role": roles[m.role], "parts": [{"text": m.content}]} for m in turns],
        "generationConfig": {name: value for name, value in config.items() if value is not None},
    }
    if system := "\n\n".join(m.content for m in request.messages if m.role == "system"):
        native["systemInstruction"] = {"parts": [{"text": system}]}
    return native


def native_line(line: Mapping[str, Any]) -> ChatAnswer:
    """A line of a batch's responses. Raises InputError where it holds neither a response nor an error."""
    if isinstance(response := line.get("response"), dict):
        return read_kept(_completion(response))
    if error := line.get("error") or line.get("status"):
        return read_kept({"error": error})
    raise InputError("holds neither a response nor an error")


def _completion(response: Mapping[str, Any]) -> dict[str, Any]:
    """A native response as a chat completion: its parts are parts of a content already."""
    counts = object_in(response.get("usageMetadata"))
    thought = count_in(counts.get("thoughtsTokenCount"))
    usage: dict[str, Any] = {}
    if counts:
        usage = {
            "prompt_tokens": count_in(counts.get("promptTokenCount")),
            "completion_tokens": count_in(counts.get("candidatesTokenCount")) + thought,
            "completion_tokens_details": {"reasoning_tokens": thought},
            "prompt_tokens_details": {"cached_tokens": count_in(counts.get("cachedContentTokenCount"))},
        }
    kept = {"model": response.get("modelVersion"), "usage": usage, "promptFeedback": response.get("promptFeedback")}
    choices = []
    for number, one in enumerate(objects_in(response.get("candidates"))):
        parts = objects_in(object_in(one.get("content")).get("parts"))
        calls = [part for part in parts if "functionCall" in part]
        message = {"role": "assistant", "content": [p for p in parts if p not in calls], "tool_calls": calls}
        choices.append({"index": number, "message": message, "finish_reason": one.get("finishReason")})
    return kept | {"choices": choices}


def _checked(name: str, pattern: re.Pattern[str]) -> str:
    """A name that goes into a path."""
    if not pattern.fullmatch(name):
        raise RemoteError(f"the server calls what it made {name[:80]!r}, which is no name of that kind")
    return name
