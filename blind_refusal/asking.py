"""Asking what a caller handed over: a client, a pipeline. Each answers as a server would, as a function does.

What comes back is read by the reader of servers' replies, so that reasoning in the text, marks of a chat
format, empty answers and filters mean the same everywhere. What fails is an answer with a status, as for servers.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from dataset_builder.dataset.taxonomy import CONTENT_FILTER, CONTEXT_LIMIT, PROVIDER_ERROR
from dataset_builder.errors import RemoteError
from dataset_builder.models.answer import ChatAnswer, read_answer
from dataset_builder.models.faults import LastingFault, ProviderFault
from dataset_builder.models.in_process.answers import answer_of_text, failed, messages_of
from dataset_builder.models.in_process.function import elsewhere
from dataset_builder.models.providers import CUSTOM, Endpoint, Provider
from dataset_builder.models.replies.usage import completed
from dataset_builder.models.request import ChatRequest, Dialect
from dataset_builder.net.secret import MIN_SECRET_CHARS, scrub_error

_JSON: Final = "application/json"
# Fields that every client takes as arguments; others go into the body as they are.
_ARGUMENTS: Final = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "stop",
        "seed",
        "reasoning_effort",
    }
)
# How often a request is put differently because the server does not know how it was put.
_SPELLINGS: Final = 4


class Pipeline:
    """A text-generation pipeline of transformers, through the chat template of its tokenizer."""

    def __init__(self, pipeline: Callable[..., Any]) -> None:
        self._pipeline = pipeline

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The assistant's message that the pipeline adds."""
        sampling: dict[str, Any] = {"do_sample": bool(request.temperature)}
        if request.temperature:
            sampling["temperature"] = request.temperature
        try:
            given = self._pipeline(
                messages_of(request), max_new_tokens=request.max_tokens, return_full_text=False, **sampling
            )
            text = _generated(given)
        except Exception as error:
            return failed(error)
        return answer_of_text(text, request, self._finish(text, request.max_tokens))

    def _finish(self, text: str, most: int | None) -> str:
        """Why it ended: the pipeline does not tell, so the tokens of the answer are counted."""
        tokenizer = getattr(self._pipeline, "tokenizer", None)
        if most is None or tokenizer is None:
            return "stop"
        return "length" if len(tokenizer(text, add_special_tokens=False)["input_ids"]) >= most else "stop"


class ChatCompletions:
    """The method ``chat.completions.create`` of a client, OpenAI's or one like it, plain or async.

    Such clients try again themselves where a server is busy. ``endpoint`` lends the spelling of options.
    """

    def __init__(self, create: Callable[..., Any], secret: str | None) -> None:
        self._create = create
        self._secret = secret if secret and len(secret) >= MIN_SECRET_CHARS else None
        self.endpoint = Endpoint(Provider(CUSTOM, "A client of the caller's", ""), "", None)
        self._dialect: Dialect | None = None

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The end of one request. Raises RemoteError where no request can succeed, as the key is rejected."""
        plain = Dialect(self.endpoint.provider.token_field)
        dialect = self._dialect or plain
        for _ in range(_SPELLINGS):
            try:
                answer = await self._ask(request, dialect)
            except LastingFault as fault:
                raise RemoteError(f"{self._clean(str(fault.message))}. The client's server will not answer.") from None
            except ProviderFault as fault:
                adapted = dialect.adapted(request, fault)
                if adapted is None or adapted.stream:
                    return _end_of(fault)
                dialect = adapted
                continue
            except Exception as error:
                return failed(error, self._clean)
            self._dialect = dialect
            return msgspec.structs.replace(answer, adapted=dialect.departures(plain))
        return failed(RuntimeError("the server refuses every spelling of the request"))

    async def _ask(self, request: ChatRequest, dialect: Dialect) -> ChatAnswer:
        payload = json.loads(request.encode(self.endpoint, dialect))
        payload.pop("stream")
        arguments = {name: value for name, value in payload.items() if name in _ARGUMENTS}
        if more := {name: value for name, value in payload.items() if name not in _ARGUMENTS}:
            arguments["extra_body"] = more
        try:
            # A plain client waits for its server; an async one returns what is awaited here.
            given = await asyncio.to_thread(self._create, **arguments)
            if inspect.isawaitable(given):
                given = await elsewhere(given)
        except Exception as error:
            status, body, kind = _said(error)
            if status is None:
                raise
            # Raises the fault that this reply is.
            return read_answer(status, kind, body, clean=self._clean)
        answer = read_answer(200, _JSON, json.dumps(_plain(given), default=str).encode(), clean=self._clean)
        chars = len(answer.text) + len(answer.reasoning or "")
        return msgspec.structs.replace(
            answer, usage=completed(answer.usage, request.chars, chars), http_status=200, text=self._kept(answer.text)
        )

    def _kept(self, text: str) -> str:
        return text.replace(self._secret, "[key]") if self._secret else text

    def _clean(self, text: str) -> str:
        return scrub_error((), self._kept(text))


def _end_of(fault: ProviderFault) -> ChatAnswer:
    if fault.broken_off is not None:
        return fault.broken_off
    status = CONTENT_FILTER if fault.filtered else CONTEXT_LIMIT if fault.context else PROVIDER_ERROR
    return ChatAnswer(status=status, error=fault.message, http_status=fault.http_status)


def _said(error: Exception) -> tuple[int | None, bytes, str]:
    """The reply behind a client's exception: its status, body and content type; no status where there was none."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if not isinstance(status, int) or 200 <= status < 300:
        return None, b"", ""
    content = getattr(response, "content", None)
    if not isinstance(content, bytes):
        content = json.dumps({"error": {"message": str(error)}}).encode()
    headers = getattr(response, "headers", None)
    kind = headers.get("content-type", _JSON) if isinstance(headers, Mapping) else _JSON
    return status, content, str(kind)


def _plain(given: Any) -> Any:
    for name in ("model_dump", "to_dict", "dict"):
        dump = getattr(given, name, None)
        if callable(dump):
            return dump()
    return given


def _generated(given: Any) -> str:
    """The text in what a pipeline returns: ``[{"generated_text": …}]``, with a text or with messages."""
    first = given[0] if isinstance(given, list) and given else given
    found = first.get("generated_text") if isinstance(first, dict) else None
    if isinstance(found, list) and found and isinstance(found[-1], dict):
        found = found[-1].get("content")
    if not isinstance(found, str):
        raise TypeError("the pipeline returned no generated_text; expected one for the task text-generation")
    return found
