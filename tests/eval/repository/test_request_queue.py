"""The queue of requests over a real Hub on loopback."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from dataset_builder.errors import DataError, InputError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.pull_requests import open_requests
from eval.repository.hub import ResultsRepo
from eval.repository.request_queue import ClaimLostError, RequestQueue, request_path
from eval.repository.requests import EvalRequest, Policy, Price, check_model, check_request, make_request
from eval.reviews.maintainer import review_requests
from tests.support.hub_client import quick
from tests.support.hub_server import ALICE, BOB, HubServer

REPO, CASES = "alice/blind-refusal-results", "c" * 64
GLM = "openrouter/z-ai/glm-5"


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_of(clock: Clock, token: str = ALICE.token) -> RequestQueue:
    hub = Hub(token=token, patience=quick())
    return RequestQueue(ResultsRepo(hub, REPO), clock)


@pytest.fixture
def queue(hub: HubServer, clock: Clock) -> RequestQueue:
    made = queue_of(clock)
    made.repo.hub.ensure_repo(REPO, "dataset")
    return made


def asked(model: str = GLM, by: str = "bob", at: str = "2026-11-21T11:00:00Z", **more: Any) -> EvalRequest:
    return make_request(model, CASES, by, at, **more)


def any_request(_: EvalRequest, __: Policy) -> bool:
    return True


def test_a_request_goes_through_its_states(queue: RequestQueue, hub: HubServer, clock: Clock) -> None:
    one = asked(note="please")
    queue.ask(one)
    assert queue.read().requests == (one,)
    mine = queue.claim("w1", any_request)
    assert mine is not None
    assert (mine.state, mine.worker, mine.claims) == ("running", "w1", 1)
    assert queue.claim("w2", any_request) is None
    clock.time += timedelta(minutes=5)
    mine = queue.beat(mine, pieces=[b"{}\n"], answered=1, cases=9, spent=0.5)
    assert (mine.pieces, mine.answered, mine.heartbeat_at) == (1, 1, "2026-11-21T12:05:00Z")
    assert queue.pieces(mine) == [b"{}\n"]
    done = queue.finish(mine, "a__b/c", {"submissions/a__b/c/bundle.json": b"{}"})
    assert (done.state, done.submission, done.claim, done.pieces) == ("done", "a__b/c", None, 0)
    assert queue.read().requests == (done,)
    assert sorted(hub.repo(REPO).files) == [".gitattributes", request_path(one.id), "submissions/a__b/c/bundle.json"]
    titles = [commit.title for commit in reversed(hub.repo(REPO).history("main"))][1:]
    assert titles == [f"Ask for {GLM} ({one.id})", f"Claim {one.id}", f"Work on {one.id}", f"Evaluate {GLM}"]


def test_of_two_workers_racing_one_gets_it(queue: RequestQueue, hub: HubServer, clock: Clock) -> None:
    """Five requests, three workers at once: each request is claimed once."""
    for number in range(5):
        queue.ask(asked(f"openrouter/acme/m{number}", by=f"user{number}"))
    taken: list[tuple[str, str]] = []
    start = threading.Barrier(3)

    def work(name: str) -> None:
        own = queue_of(clock)
        start.wait()
        while one := own.claim(name, any_request):
            taken.append((one.id, name))

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 5
    assert len({request_id for request_id, _ in taken}) == 5
    assert {one.worker for one in queue.read().requests} == {name for _, name in taken}
    assert all(one.claims == 1 for one in queue.read().requests)


def test_a_claim_that_meets_another_looks_again(queue: RequestQueue, hub: HubServer, clock: Clock) -> None:
    """The other worker's commit falls between this one's look and its own commit."""
    queue.ask(asked("openrouter/acme/a"))
    queue.ask(asked("openrouter/acme/b"))
    other = queue_of(clock)
    times = []

    def slow(one: EvalRequest, _: Policy) -> bool:
        times.append(one.model)
        if len(times) == 1:
            assert other.claim("quick", any_request) is not None
        return True

    mine = queue.claim("slow", slow)
    assert mine is not None
    first, second = queue.read().requests
    assert {first.worker, second.worker} == {"quick", "slow"}
    assert any("412" in str(a.status) for a in hub.asked("POST .*/commit/"))


def test_a_silent_workers_request_is_taken_over(queue: RequestQueue, clock: Clock) -> None:
    queue.ask(asked())
    first = queue.claim("w1", any_request)
    assert first is not None
    first = queue.beat(first, pieces=[b"1\n"])
    clock.time += timedelta(seconds=1800)
    assert queue.claim("w2", any_request) is None
    clock.time += timedelta(seconds=1)
    second = queue.claim("w2", any_request)
    assert second is not None
    assert (second.worker, second.claims, second.pieces) == ("w2", 2, 1)
    # The first comes back to life and is told so, whatever it tries.
    for attempt in (
        lambda: queue.beat(first, pieces=[b"2\n"]),
        lambda: queue.fail(first, "x"),
        lambda: queue.finish(first, "a__b/c", {"x": b""}),
        lambda: queue.release(first, "x"),
    ):
        with pytest.raises(ClaimLostError):
            attempt()
    assert queue.read().requests == (second,)


def test_an_answer_lost_after_the_commit_claims_once(queue: RequestQueue, hub: HubServer) -> None:
    queue.ask(asked())
    hub.fail("POST .*/commit/", kind="lost")
    mine = queue.claim("w1", any_request)
    assert mine is not None
    assert queue.read().requests == (mine,)
    hub.fail("POST .*/commit/", status=503, times=2)
    assert queue.release(mine, "later").state == "pending"
    hub.fail("POST .*/commit/", status=429, retry_after="0", times=2)
    assert queue.claim("w1", any_request) is not None


def test_what_failed_can_be_asked_for_again(queue: RequestQueue, clock: Clock) -> None:
    queue.ask(asked())
    mine = queue.claim("w1", any_request)
    assert mine is not None
    failed = queue.fail(mine, "no answer\x00 at all")
    assert (failed.state, failed.error) == ("failed", "no answer  at all")
    queue.ask(asked(at="2026-11-21T11:30:00Z"))
    assert [one.state for one in queue.read().requests] == ["failed", "pending"]


def test_limits_are_told_all_at_once() -> None:
    at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    policy = Policy(open_per_user=1, per_user_and_day=2, per_day=2)
    known = [asked(), asked("openrouter/a/b")]
    told = "\n".join(map(str, check_request(asked(by="bob", at="2026-11-21T11:59:00Z"), known, policy, at)))
    for expected in ("is asked for already, by bob", "bob has 2 open", "bob asked 2 times in 24", "2 requests in 24"):
        assert expected in told
    # A day later those of the day count no more.
    later = at + timedelta(days=1)
    (left,) = check_request(asked("openrouter/c/d", at="2026-11-22T11:59:00Z"), known, policy, later)
    assert "open requests" in left.what
    assert check_request(asked("openrouter/c/d", by="ann"), known, Policy(), at) == []


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("evil/../../x", "provider 'evil' is not one of"),
        ("vllm/x", "provider 'vllm'"),
        ("custom/x", "provider 'custom'"),
        ("http://10.0.0.1/x", "provider 'http:'"),
        ("openai/secret-model", "its price is not known"),
        ("openrouter/study/gpt", "kept for the study's own"),
    ],
)
def test_only_allowed_models_may_be_asked_for(model: str, said: str) -> None:
    (problem,) = check_model(asked(model), Policy())
    assert said in str(problem)


def test_dear_models_and_odd_settings_are_refused() -> None:
    cheap = Policy(most_per_million=Price(input=0.5, output=1.0))
    (problem,) = check_model(asked(GLM), cheap)
    assert "costs $0.6 and $1.92 for a million tokens; at most $0.5 and $1" in problem.what
    assert check_model(asked(GLM), Policy()) == []
    (problem,) = check_model(asked(GLM, reasoning="extreme"), Policy())
    assert "reasoning 'extreme'" in problem.what
    for text in ("a\nb", "<b>", "x" * 300):
        with pytest.raises(InputError, match="cannot be made"):
            asked(text)


def test_a_user_asks_by_pull_request_and_only_for_themselves(queue: RequestQueue, hub: HubServer, clock: Clock) -> None:
    bob = queue_of(clock, BOB.token)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    good = asked(at=now)
    bob.ask(good, as_request=True)
    bob.ask(asked("openrouter/acme/x", by="alice", at=now), as_request=True)
    forged = msgspec.structs.replace(asked("openrouter/acme/y", at=now), state="done", submission="x__y/z")
    bob.ask(forged, as_request=True)
    found = review_requests(queue.repo, [], merge=True)
    assert [one.record for one in found] == ["request"] * 3
    assert [one.merged for one in found] == [True, False, False]
    assert "says that alice asks, but bob opened it" in str(found[1].report.problems)
    assert "is not as `eval request` writes it" in str(found[2].report.problems)
    assert queue.read().requests == (good,)
    assert len(open_requests(queue.repo.hub, REPO, "dataset")) == 2


def test_unreadable_requests_are_passed_over(queue: RequestQueue) -> None:
    queue.ask(asked())
    queue.repo.commit("Spoil", {"requests/x.json": b"{", "requests/y.json": b"{}"}, parent=queue.repo.head())
    found = queue.read()
    assert found.requests == (asked(),)
    assert found.unreadable == ("x.json", "y.json")
    queue.repo.commit("Policy", {"policy.json": b'{"providers": ["hf"]}'}, parent=queue.repo.head())
    assert queue.read().policy.providers == ["hf"]
    with pytest.raises(DataError, match="'openrouter' is not one of hf"):
        queue.ask(asked("openrouter/acme/z", by="ann"))
