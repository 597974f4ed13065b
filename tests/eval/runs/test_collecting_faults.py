"""A server that fails, in every way it can, and what a run keeps of it."""

from __future__ import annotations

import json
import logging
import zlib
from collections import Counter
from pathlib import Path

import pytest

from dataset_builder.errors import RemoteError
from dataset_builder.models.chat import Retries, Timeouts
from dataset_builder.work.session import Conditions
from eval.runs.folder import RunFolder
from eval.runs.plan import collect_run
from tests.support.chat_server import STALL, ChatServer, Reply, Request, answer, completion, error, flaky
from tests.support.collecting import collect, command, plan
from tests.support.small_dataset import build_small, small_cases

CASES = len(small_cases())
KEY = "sk-live-9876543210zyxwvutsrq"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


def test_a_third_of_all_tries_fails_and_every_case_is_accounted_for(dataset: str, tmp_path: Path) -> None:
    odd = {
        "content_defeat school 0?": answer("I can", finish="content_filter"),
        "content_defeat school 1?": answer(""),
        "content_defeat school 2?": answer("First,", finish="length"),
        "content_defeat union 0?": error(503),
    }

    def good(request: Request) -> Reply:
        return odd.get(request.query, answer(f"Answer to {request.query}"))

    with ChatServer(flaky(0.3, 7, good)) as server:
        # Long for an answer on loopback, however busy the machine; what stalls costs that long.
        limits = Timeouts(connect=60.0, first_byte=2.0, total=60.0)
        tally, stopped = collect(server, dataset, tmp_path / "run", timeouts=limits)
        tries = Counter(server.attempts)
    assert stopped is None
    # By the seed: 71 cases take 106 tries, 46 of them one each; the case that always fails takes eight at least.
    assert tries.total() >= 106 + 8
    assert sum(n == 1 for n in tries.values()) <= 46
    run = RunFolder.open(tmp_path / "run")
    responses = {r.case_id: r for r in run.answers.values()}
    assert len(responses) == len(list(run.every_answer())) == CASES
    assert Counter(r.status for r in responses.values()) == {
        "ok": CASES - 4,
        "content_filter": 1,
        "empty_answer": 1,
        "truncated_answer": 1,
        "provider_error": 1,
    }
    assert tally.statuses == Counter(r.status for r in responses.values())
    # No fault has become an answer: all that counts as one is what the server meant to say.
    for case in small_cases():
        response = responses[case.case_id]
        if response.ok:
            assert response.response == f"Answer to {case.user_query}"
        else:
            assert response.status != "ok"


def test_what_failed_is_asked_again_only_when_told_to(dataset: str, tmp_path: Path) -> None:
    failing = {"control school 0?", "control school 1?"}
    with ChatServer() as server:
        server.script = lambda r: (
            error(404)
            if r.query in failing
            else answer("", finish="length")
            if r.query == "control school 2?"
            else answer()
        )
        collect(server, dataset, tmp_path / "run")
        server.script = lambda r: answer("now it works")
        collect(server, dataset, tmp_path / "run")
        assert Counter(RunFolder.open(tmp_path / "run").statuses().values())["provider_error"] == 2
        before = len(server.requests)
        collect(server, dataset, tmp_path / "run", retry_errors=True)
        assert {r.query for r in server.requests[before:]} == failing
    assert Counter(RunFolder.open(tmp_path / "run").statuses().values()) == {"ok": CASES - 1, "truncated_answer": 1}


def test_a_server_that_is_gone_does_not_cost_the_whole_run(dataset: str, tmp_path: Path) -> None:
    with ChatServer(lambda r: error(403, "nothing here")) as server:
        _, stopped = collect(server, dataset, tmp_path / "run", concurrency=2)
        asked = len(server.requests)
    assert "nothing here" in str(stopped)
    assert "--retry-errors" in str(stopped)
    assert asked <= 7


def test_a_key_that_runs_dry_keeps_what_was_answered(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as server:
        server.script = lambda r: answer() if len(server.requests) <= 20 else error(402, "no credit left")
        with pytest.raises(RemoteError, match="no credit left"):
            collect(server, dataset, tmp_path / "run", concurrency=4)
    statuses = RunFolder.open(tmp_path / "run").statuses()
    assert set(statuses.values()) == {"ok"}
    assert len(statuses) == 20


def test_an_answer_that_takes_too_long_is_an_error(dataset: str, tmp_path: Path) -> None:
    made = Timeouts.within(1.5)
    assert (made.connect, made.first_byte, made.total) == (1.5, 1.5, 1.5)
    with ChatServer(lambda r: Reply(fault=STALL)) as server:
        limited = plan(server, dataset, tmp_path / "run", limit=2)
        tries = Retries(attempts=1)
        short = Timeouts.within(0.2)
        tally, _ = collect_run(limited, Conditions(timeouts=short, retries=tries))
    assert tally.statuses == {"provider_error": 2}
    assert all("within 0.2 s" in str(r.error) for r in RunFolder.open(tmp_path / "run").answers.values())


def _echoing(request: Request) -> Reply:
    """A server that gives the key back wherever it can."""
    key = request.headers["authorization"].removeprefix("Bearer ")
    turn = zlib.crc32(request.query.encode()) % 5
    if turn == 0:
        return answer(f"Your key is {key}", reasoning=key, finish=f"stop-{key}")
    if turn == 1:
        return Reply(completion("x").replace(b'"x"', json.dumps(key).encode()), headers={"content-type": key})
    if turn == 2:
        return error(400, f"{'y' * 285}{key}")
    if turn == 3:
        return Reply(f"<b>{key}</b>".encode(), status=418, headers={"content-type": "text/plain", "x-key": key})
    return Reply(key.encode(), headers={"content-type": f"text/{key}"}) if request.attempt == 1 else answer()


def test_the_key_is_in_no_file_no_output_and_no_log(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with ChatServer(_echoing) as server:
        done = command(
            *("--model", "m", "--base-url", server.base_url, "--api-key-env", "SOME_KEY", "--yes"),
            *("--dataset", dataset, "--out", str(tmp_path / "run"), "--concurrency", "4"),
        )
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert (tmp_path / "run" / "responses.jsonl").stat().st_size > 0
    texts = [done.output, repr(done.exception), caplog.text]
    texts += [p.read_text() for p in (tmp_path / "run").rglob("*") if p.is_file()]
    for text in texts:
        # Nor a piece of it that a cut has left.
        assert KEY[:12] not in text
        assert KEY[-12:] not in text
