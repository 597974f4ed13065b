"""The chat client: one request to an OpenAI-compatible server, and every way in which it can end.

A request that fails for good is an answer with a status, not an exception, so that a thousand
requests need no thousand handlers; only what no request after it can succeed with raises: a rejected
key, an empty account, a model that is not there, a used-up day, an address that has moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from dataset_builder import __version__
from dataset_builder.errors import RemoteError
from dataset_builder.models.answer import ChatAnswer, Usage, end_of, read_answer
from dataset_builder.models.concurrency import Concurrency, Pace
from dataset_builder.models.faults import AccountFault, LastingFault, ProviderFault, sentence, shorten
from dataset_builder.models.first import FirstRequest, near_names
from dataset_builder.models.providers import Endpoint
from dataset_builder.models.replies.usage import amount, completed, prompt_tokens
from dataset_builder.models.request import ChatRequest, Dialect
from dataset_builder.net.retry_after import exhausted_for, retry_after
from dataset_builder.net.secret import ApiKey, scrub, scrub_error

# A server whose limit is used up may ask for hours; no answer that came is a reason to wait that long.
LONGEST_PAUSE_S: Final = 60.0
_NO_TOKENS: Final = Usage()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for the first byte of an answer, and for the whole of it.

    Many servers send nothing before an answer is complete, so its first byte may take nearly as long.
    """

    connect: float = 10.0
    first_byte: float = 600.0
    total: float = 900.0

    @classmethod
    def within(cls, seconds: float) -> Self:
        """For whole answers within some seconds."""
        return cls(min(cls().connect, seconds), seconds, seconds)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long to try again.

    Waits double from ``first_wait_s`` up to ``longest_wait_s``, drawn evenly between nothing and
    that (full jitter). A server that asks for more than ``longest_asked_s`` is given up. Being told
    "too many" is no fault of the request, so it may happen more often; ``patience_s`` bounds it all.
    ``unreadable`` is how often a server may answer with nothing that can be read: each may have to be paid.
    """

    attempts: int = 8
    unreadable: int = 2
    refusals: int = 30
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_asked_s: float = 120.0
    patience_s: float = 1800.0


@dataclass(slots=True)
class _Call:
    """The tries that one request has had."""

    attempts: int = 0
    refusals: int = 0
    latency_s: float = 0.0
    # Answered, and maybe paid for, with nothing that could be read.
    lost_tries: int = 0
    lost: Usage = _NO_TOKENS
    lost_before: Usage = _NO_TOKENS
    # A spelling that is tried for this request; the client keeps it once it has worked.
    dialect: Dialect | None = None
    # Whether the next try is this one in other words, which nothing is to be waited for.
    reworded: bool = False


class ChatClient:
    """A client for one model at one endpoint, used as ``async with ChatClient(endpoint) as client``.

    Every request under way has an HTTP client of its own: a pool that many share walks through all
    its connections for each request, which costs most of the rate (see ``benchmarks/collect.py``).

    ``concurrency`` is a number of requests, or the limit that several clients of a server share.
    ``transport`` makes the transport of each of these clients; by default the network, with the
    proxies of the environment. ``sleep`` waits for some seconds between two tries. ``stream`` asks for
    event streams, for servers that take no other calls; ``headers`` go with each request, their values
    hidden as a key's are; ``pace`` keeps to the server's limits a minute. Raises InputError where the key's
    variable is not set.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        concurrency: int | Concurrency = 16,
        timeouts: Timeouts = Timeouts(),
        retries: Retries = Retries(),
        max_body: int = 16 * 2**20,
        stream: bool = False,
        headers: Sequence[ApiKey] = (),
        pace: Pace | None = None,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.concurrency = concurrency if isinstance(concurrency, Concurrency) else Concurrency(concurrency)
        self.timeouts = timeouts
        self.retries = retries
        self.max_body = max_body
        self._key = ApiKey(endpoint.key_env, endpoint.key_header) if endpoint.key_env else None
        self._secrets = (*((self._key,) if self._key else ()), *headers)
        self._logs = contextlib.ExitStack()
        for secret in self._secrets:
            self._logs.enter_context(secret.kept_from_logs())
        self._pace = pace or Pace()
        self._transport = transport
        self._sleep = sleep
        self._verify: ssl.SSLContext | None = None
        self._idle: list[httpx.AsyncClient] = []
        self._first = FirstRequest(endpoint)
        self._dialect = self._plain = Dialect(endpoint.provider.token_field, stream=stream)
        self._backoff = wait_random_exponential(multiplier=retries.first_wait_s, max=retries.longest_wait_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._idle.pop().aclose()
        self._logs.close()

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The answer to a request, or the status that says why there is none.

        Raises RemoteError where no request can succeed: the key is rejected, the account out of credit, the
        model unknown, the day's limit used up, the address another.
        """
        call = _Call()
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda e: isinstance(e, ProviderFault) and e.retryable),
            stop=lambda state: self._give_up(call, state),
            wait=lambda state: 0.0 if call.reworded else self._wait(state),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: ChatAnswer = await retrying(self._attempt, request, call)
        except LastingFault as fault:
            if fault.unknown_model and not self._first.answered:
                fault.remedy = await self._near_names() or fault.remedy
            self._first.ended(fault)
            raise RemoteError(lasting_message(fault, self.endpoint)) from None
        except ProviderFault as fault:
            answer = self._end_of(fault, call)
        self._first.ended()
        return msgspec.structs.replace(
            answer,
            attempts=call.attempts,
            latency_s=round(call.latency_s, 4),
            lost_tries=call.lost_tries,
            lost=call.lost,
        )

    def _end_of(self, fault: ProviderFault, call: _Call) -> ChatAnswer:
        """What is left of a request that failed for good."""
        too_long = fault.wait is not None and fault.wait > self.retries.longest_asked_s
        asked = f" (the server asks to wait {fault.wait:.0f} s)" if too_long else ""
        if fault.broken_off is not None:
            # The last try is this answer, whose tokens it carries itself.
            call.lost_tries -= 1
            call.lost = call.lost_before
        return end_of(fault, asked)

    def _give_up(self, call: _Call, state: RetryCallState) -> bool:
        fault = state.outcome.exception() if state.outcome else None
        asked = fault.wait if isinstance(fault, ProviderFault) and fault.wait else 0.0
        return (
            call.attempts - call.refusals >= self.retries.attempts
            or call.refusals >= self.retries.refusals
            or call.lost_tries >= self.retries.unreadable
            or asked > self.retries.longest_asked_s
            or (state.seconds_since_start or 0.0) + asked > self.retries.patience_s
        )

    def _wait(self, state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked = fault.wait if isinstance(fault, ProviderFault) else None
        if asked is None:
            return self._backoff(state)
        # Spread out, so that not all come back in the same instant.
        return asked + random.uniform(0, 0.1 * asked + self.retries.first_wait_s / 2)  # noqa: S311

    async def _near_names(self) -> str | None:
        client = self._open()
        try:
            found = await near_names(client, self.endpoint, self.timeouts.connect)
        finally:
            await client.aclose()
        return scrub(self._secrets, found) if found else None

    async def _attempt(self, request: ChatRequest, call: _Call) -> ChatAnswer:
        if not call.attempts:
            await self._first.wait()
        started = await self.concurrency.acquire()
        try:
            await self._sleep_until_due(request)
        except BaseException:
            self.concurrency.release()
            raise
        call.attempts += 1
        call.reworded = False
        client = self._idle.pop() if self._idle else self._open()
        clock = time.perf_counter()
        sound = False
        try:
            answer = await self._exchange(client, request, call)
            sound = True
        except ProviderFault as fault:
            sound = fault.http_status is not None
            if fault.may_be_paid:
                call.lost_tries += 1
            if fault.too_many:
                call.refusals += 1
                asked = fault.wait if fault.wait is None else min(fault.wait, self.retries.longest_asked_s)
                self.concurrency.refused(started, asked)
            raise
        finally:
            call.latency_s = time.perf_counter() - clock
            if sound:
                self._idle.append(client)
            else:
                # Whatever broke may have left the connection in any state.
                await asyncio.shield(client.aclose())
            self.concurrency.release()
        self.concurrency.succeeded()
        self._pace.came(answer.usage.completion_tokens or 0)
        return answer

    async def _sleep_until_due(self, request: ChatRequest) -> None:
        if wait := self._pace.wait(prompt_tokens(request.chars)):
            await self._sleep(wait)

    def _open(self) -> httpx.AsyncClient:
        # Reading the certificates takes 20 ms, so all clients share them.
        self._verify = self._verify or httpx.create_ssl_context()
        return httpx.AsyncClient(
            verify=self._verify,
            transport=self._transport() if self._transport else None,
            timeout=httpx.Timeout(self.timeouts.total, connect=self.timeouts.connect),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            headers={
                "User-Agent": f"blind-refusal/{__version__}",
                "Accept": "application/json",
                # Answers are small, and what is not packed cannot be a bomb.
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                **self.endpoint.provider.headers,
                **{name: value for secret in self._secrets for name, value in secret.header().items()},
            },
        )

    async def _exchange(self, client: httpx.AsyncClient, request: ChatRequest, call: _Call) -> ChatAnswer:
        dialect = call.dialect or self._dialect
        content = request.encode(self.endpoint, dialect)
        limits = self.timeouts
        try:
            async with asyncio.timeout(limits.total):
                try:
                    async with asyncio.timeout(limits.first_byte):
                        message = client.build_request("POST", self.endpoint.url, content=content)
                        response = await client.send(message, stream=True)
                except TimeoutError:
                    raise ProviderFault(f"no answer began within {limits.first_byte:g} s", retryable=True) from None
                try:
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ProviderFault(f"no whole answer within {limits.total:g} s", retryable=True) from None
        except httpx.ConnectTimeout:
            raise ProviderFault(f"no connection within {limits.connect:g} s", retryable=True) from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise ProviderFault(self._describe(error), retryable=False) from None
        except (httpx.HTTPError, OSError) as error:
            refused = self._first.unreachable(self._describe(error)) if isinstance(error, httpx.ConnectError) else None
            if refused is not None:
                raise refused from None
            raise ProviderFault(self._describe(error), retryable=True) from None
        return self._interpret(response, body, request, dialect, call)

    async def _read(self, response: httpx.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self.max_body:
                raise ProviderFault(f"the answer is larger than {self.max_body} bytes", retryable=False)
            chunks.append(chunk)
        return b"".join(chunks)

    def _interpret(
        self, response: httpx.Response, body: bytes, request: ChatRequest, dialect: Dialect, call: _Call
    ) -> ChatAnswer:
        headers, now = response.headers, time.time()
        wait = retry_after(headers, now) if not response.is_success else None
        try:
            answer = read_answer(
                response.status_code,
                headers.get("content-type", ""),
                body,
                wait,
                lambda s: scrub_error(self._secrets, s),
                headers.get("location", ""),
            )
        except ProviderFault as fault:
            if fault.broken_off is not None:
                fault.broken_off = self._completed(fault.broken_off, response, request, dialect)
                call.lost_before, call.lost = call.lost, call.lost + fault.broken_off.usage
            elif fault.unreadable:
                call.lost += completed(Usage(), request.chars, len(body))
            adapted = dialect.adapted(request, fault, call.attempts)
            if adapted is None:
                if lasting := self._first.meant(request, fault):
                    raise lasting from None
                raise
            call.dialect, call.reworded = adapted, True
            self._first.sent()
            raise ProviderFault(fault.message, retryable=True, http_status=fault.http_status) from None
        self._first.answered = True
        if call.dialect is not None:
            self._dialect = call.dialect
        pause = exhausted_for(headers, now)
        if pause:
            self.concurrency.pause(min(pause, LONGEST_PAUSE_S))
        return self._completed(answer, response, request, dialect)

    def _completed(
        self, answer: ChatAnswer, response: httpx.Response, request: ChatRequest, dialect: Dialect
    ) -> ChatAnswer:
        """An answer with what the reply's head and the request tell of it, and without the key."""

        def clean(text: str | None) -> str | None:
            return scrub(self._secrets, text) if text else None

        thought = len(answer.reasoning or "")
        return msgspec.structs.replace(
            answer,
            text=scrub(self._secrets, answer.text),
            reasoning=clean(answer.reasoning),
            finish_reason=clean(answer.finish_reason),
            native_finish_reason=clean(answer.native_finish_reason),
            served_model=clean(answer.served_model),
            provider=clean(answer.provider),
            system_fingerprint=clean(answer.system_fingerprint),
            error=clean(answer.error),
            usage=completed(answer.usage, request.chars, len(answer.text) + thought),
            cost=_told_cost(response.headers) if answer.cost is None else answer.cost,
            http_status=response.status_code,
            schema_enforced=request.schema is None or dialect.takes_schema,
            adapted=dialect.departures(self._plain),
        )

    def _describe(self, error: Exception) -> str:
        text = shorten(scrub_error(self._secrets, str(error)))
        return f"{type(error).__name__}: {text}" if text else type(error).__name__


def lasting_message(fault: LastingFault, endpoint: Endpoint) -> str:
    """Why no request can succeed, and what to do, in words."""
    where = endpoint.host
    if not isinstance(fault, AccountFault):
        return f"{where}: {sentence(fault.message)} {fault.remedy}"
    if fault.payment:
        return f"{where} wants payment ({fault.message}). Add credit to the account, then run the same command."
    source = f"the environment variable {endpoint.key_env}" if endpoint.key_env else "--api-key-env (none was given)"
    return f"{where} rejected the key ({fault.message}). Check {source}."


def _told_cost(headers: httpx.Headers) -> float | None:
    """US dollars that a gateway (LiteLLM) tells in a header; its 0 is what it says of a price that it does not know."""
    try:
        return amount(float(headers.get("x-litellm-response-cost", ""))) or None
    except ValueError:
        return None
