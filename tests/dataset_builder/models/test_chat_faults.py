"""What the client does when a server fails."""

from __future__ import annotations

import asyncio
import re
import threading

import pytest

from dataset_builder.errors import RemoteError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.chat import ChatClient, Retries, Timeouts
from dataset_builder.models.providers import resolve_endpoint
from dataset_builder.models.request import ChatRequest
from tests.support.chat_client import PATIENT, SHORT, ask, reply
from tests.support.chat_server import (
    PASSING_FAULTS,
    STALL,
    UNREADABLE,
    ChatServer,
    Reply,
    Request,
    answer,
    completion,
    error,
)

every_passing_fault = pytest.mark.parametrize(
    "fault", PASSING_FAULTS, ids=[f.fault or f"{f.status}-{f.body[:24]!r}" for f in PASSING_FAULTS]
)


def limits(fault: Reply) -> Timeouts:
    return SHORT if fault.fault == STALL else PATIENT


@every_passing_fault
def test_a_passing_fault_is_tried_again(fault: Reply) -> None:
    got = reply(lambda r: fault if r.attempt <= 2 else answer("At last."), timeouts=limits(fault))
    assert (got.status, got.text, got.error) == ("ok", "At last.", None)
    # Where the limits are short, a busy machine may be too slow for a sound answer too.
    assert got.attempts == 3 or (got.attempts > 3 and fault.fault == STALL)


@every_passing_fault
def test_a_lasting_fault_is_an_error_with_a_reason_and_never_an_answer(fault: Reply) -> None:
    got = reply(fault, retries=Retries(attempts=3, refusals=3, first_wait_s=0.001), timeouts=limits(fault))
    assert (got.status, got.text, got.attempts) == ("provider_error", "", 3)
    assert got.error


@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda f: repr(f.body[:24]))
def test_what_cannot_be_read_is_asked_for_once_more_as_it_may_be_paid(fault: Reply) -> None:
    got = reply(lambda r: fault if r.attempt == 1 else answer("At last."))
    assert (got.status, got.text, got.attempts, got.lost_tries) == ("ok", "At last.", 2, 1)
    got = reply(fault)
    assert (got.status, got.text, got.attempts, got.lost_tries) == ("provider_error", "", 2, 2)
    assert got.error
    assert got.lost.completion_tokens


def test_an_error_that_no_try_can_mend_is_not_tried_again() -> None:
    got = reply(error(400, "nothing here"))
    assert (got.status, got.attempts, got.http_status) == ("provider_error", 1, 400)
    assert got.error == "HTTP 400: nothing here"


def test_a_redirect_is_not_followed() -> None:
    with ChatServer(lambda _: Reply(status=307, headers={"location": "http://127.0.0.1:9/steal"})) as server:
        got = ask(server)[0]
        assert len(server.requests) == 1
    assert (got.status, got.http_status) == ("provider_error", 307)
    assert got.error == "HTTP 307: the server points to http://127.0.0.1:9/steal, and redirects are not followed"


@pytest.mark.parametrize("status", [301, 308])
def test_an_address_that_has_moved_is_told_with_the_new_one(status: int) -> None:
    there = "https://new.example/v1/chat/completions?key=secret#x"
    with ChatServer(lambda _: Reply(status=status, headers={"location": there})) as server:
        with pytest.raises(RemoteError) as caught:
            ask(server)
        assert len(server.requests) == 1
    assert "redirects are not followed" in str(caught.value)
    assert "--base-url https://new.example/v1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_retry_after_is_honoured() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def script(request: Request) -> Reply:
        return error(503, headers={"retry-after": "40"}) if request.attempt == 1 else answer()

    got = reply(script, sleep=sleep)
    assert (got.status, got.attempts) == ("ok", 2)
    # What is asked for, and up to a tenth and half the first wait (0.01 s) more, so that not all come back at once.
    (waited,) = waits
    assert 40 <= waited <= 40 + 4 + 0.005


def test_a_server_that_asks_for_hours_is_given_up() -> None:
    got = reply(error(429, "daily quota", headers={"retry-after": "3600"}))
    assert (got.status, got.attempts) == ("provider_error", 1)
    assert "wait 3600 s" in str(got.error)


def test_a_crowded_server_is_sent_fewer_requests_at_once() -> None:
    adapted = threading.Event()
    with ChatServer() as server:
        # Four are served at once, and none is let go before the client sends no more than four.
        server.script = lambda r: error(429) if server.under_way > 4 else answer(until=adapted)

        async def run() -> list[ChatAnswer]:
            retries = Retries(refusals=10_000, first_wait_s=0.02, longest_wait_s=0.1)
            endpoint = resolve_endpoint("m", server.base_url)
            async with ChatClient(endpoint, concurrency=32, retries=retries, timeouts=PATIENT) as client:
                requests = [ChatRequest.of_user(f"q{i}") for i in range(200)]
                asking = asyncio.gather(*(client.complete(r) for r in requests))
                while client.concurrency.limit > 4 and not asking.done():
                    await asyncio.sleep(0.005)
                adapted.set()
                return list(await asking)

        answers = asyncio.run(run())
    assert {a.status for a in answers} == {"ok"}
    assert adapted.is_set()


def test_a_slow_drip_is_cut_off() -> None:
    # It would drip for ever: what ends it is the limit.
    whole = Timeouts(connect=60.0, first_byte=60.0, total=0.5)
    got = reply(Reply(fault="drip"), retries=Retries(attempts=2, first_wait_s=0.001), timeouts=whole)
    assert (got.status, got.attempts) == ("provider_error", 2)
    assert "no whole answer within 0.5 s" in str(got.error)


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    got = reply(Reply(completion("x" * 200_000)), max_body=100_000)
    assert (got.status, got.attempts) == ("provider_error", 1)
    assert "larger than 100000 bytes" in str(got.error)


def test_nothing_listens() -> None:
    with ChatServer() as server:
        url = server.base_url
    server.port = int(url.rpartition(":")[2].removesuffix("/v1"))
    with pytest.raises(RemoteError, match=f"nothing listens at {re.escape(url)}"):
        ask(server, retries=Retries(attempts=2, first_wait_s=0.001))
