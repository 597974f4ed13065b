"""A text that was made in this process as an answer: read as if a server had sent it, so that marks mean the same.

``Batches`` is what asks a ``Generator``, which takes several requests at once. A function, a pipeline and a client of
a caller's own are asked one request at a time (``blind_refusal/asking.py``) and end in the same answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from dataset_builder.dataset.taxonomy import CONTEXT_LIMIT, PROVIDER_ERROR
from dataset_builder.models.answer import ChatAnswer, Usage, read_answer
from dataset_builder.models.faults import shorten
from dataset_builder.models.replies.usage import completed
from dataset_builder.models.request import ChatRequest
from dataset_builder.net.secret import scrub_error

_JSON: Final = "application/json"
# How long a batch waits to be filled: of the minutes that it takes to answer it is nothing.
_FILLING_S: Final = 0.02


class Generated(NamedTuple):
    """One text as an engine made it, why it ended (in a server's words), and its tokens where they were counted.

    ``too_long`` says, in words, that the request was longer than the model can hold; there is no text then.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    too_long: str | None = None


class Generator(Protocol):
    """What answers several requests at once, all of them with the same settings."""

    def generate(self, requests: Sequence[ChatRequest]) -> Sequence[Generated]:
        """A text for each request, in their order. Called in a thread, one call at a time."""
        ...

    def close(self) -> None:
        """End what is under way, and give the memory back."""
        ...


class Batches:
    """Gathers requests and has a generator answer up to ``size`` of them together.

    A batch that does not fit into memory is halved, and so are those after it.
    """

    def __init__(self, generator: Generator, size: int) -> None:
        self._generator = generator
        self.size = size
        self._waiting: list[tuple[ChatRequest, asyncio.Future[ChatAnswer]]] = []
        self._full = asyncio.Event()
        self._working: asyncio.Task[None] | None = None

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The answer to a request; what fails is an answer with a status."""
        answer: asyncio.Future[ChatAnswer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if len(self._waiting) >= self.size:
            self._full.set()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await answer

    async def aclose(self) -> None:
        """End what is under way."""
        if self._working is not None:
            self._working.cancel()
        await asyncio.to_thread(self._generator.close)

    async def _work(self) -> None:
        while self._waiting:
            self._full.clear()
            if len(self._waiting) < self.size:
                # Whoever got the last batch's answers is about to ask again.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), _FILLING_S)
            batch = self._next()
            requests = [request for request, _ in batch]
            clock = time.perf_counter()
            try:
                answers = await asyncio.to_thread(self._answers, requests)
            except Exception as error:
                answers = [failed(error)] * len(batch)
            took = round(time.perf_counter() - clock, 4)
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(msgspec.structs.replace(answer, latency_s=took))

    def _next(self) -> list[tuple[ChatRequest, asyncio.Future[ChatAnswer]]]:
        """The next batch: requests with the settings of the first that waits."""
        settings = _settings(self._waiting[0][0])
        batch = [one for one in self._waiting if _settings(one[0]) == settings][: self.size]
        self._waiting = [one for one in self._waiting if one not in batch]
        return batch

    def _answers(self, requests: Sequence[ChatRequest]) -> list[ChatAnswer]:
        answers: list[ChatAnswer] = []
        while rest := requests[len(answers) :]:
            part = rest[: self.size]
            try:
                made = self._generator.generate(part)
            except Exception as error:
                if len(part) == 1 or not _is_out_of_memory(error):
                    raise
                self.size = (len(part) + 1) // 2
                continue
            answers += [_answer(request, one) for request, one in zip(part, made, strict=True)]
        return answers


def _answer(request: ChatRequest, made: Generated) -> ChatAnswer:
    if made.too_long:
        return ChatAnswer(status=CONTEXT_LIMIT, error=made.too_long)
    usage = Usage(prompt_tokens=made.prompt_tokens, completion_tokens=made.completion_tokens)
    return answer_of_text(made.text, request, made.finish, usage)


def _settings(request: ChatRequest) -> ChatRequest:
    return msgspec.structs.replace(request, messages=())


def _is_out_of_memory(error: BaseException) -> bool:
    # torch.OutOfMemoryError, which was torch.cuda's before, and Python's own.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def messages_of(request: ChatRequest) -> list[dict[str, str]]:
    """A request's messages as chat templates and clients take them."""
    return [{"role": one.role, "content": one.content} for one in request.messages]


def answer_of_text(text: str, request: ChatRequest, finish: str = "stop", usage: Usage | None = None) -> ChatAnswer:
    """An answer's text as if a server had sent it; tokens that nobody counted are estimated."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    answer = read_answer(200, _JSON, json.dumps({"choices": [choice]}).encode())
    return msgspec.structs.replace(
        answer,
        usage=completed(usage or Usage(), request.chars, len(text)),
        schema_enforced=request.schema is None,
    )


def failed(error: BaseException, clean: Callable[[str], str] = lambda text: scrub_error((), text)) -> ChatAnswer:
    """The answer that an exception is: none, with what it says."""
    said = shorten(clean(str(error)))
    name = type(error).__name__
    return ChatAnswer(status=PROVIDER_ERROR, error=f"{name}: {said}" if said else name)
