from __future__ import annotations

import json
import logging
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.chat import Retries, Timeouts
from dataset_builder.errors import DataError, InputError, RemoteError
from dataset_builder.run_progress import run_progress
from eval.cli import eval_group
from eval.collecting import collect_run
from eval.run_folder import RunFolder
from eval.run_plan import Wishes, plan_run
from tests.support.chat_server import ChatServer, Reply, Request, answer, completion, error, flaky
from tests.support.small_dataset import build_small, small_cases

QUICK = Retries(attempts=8, first_wait_s=0.01, longest_wait_s=0.05)
SHORT = Timeouts(connect=2.0, first_byte=0.3, total=0.6)
CASES = len(small_cases())
KEY = "sk-live-9876543210zyxwvutsrq"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(eval_group, ["run", "--judge", "none", *arguments])


def plan(server: ChatServer, dataset: str, out: Path, **wishes: Any) -> Any:
    return plan_run(Wishes(model="m", base_url=server.base_url, dataset=dataset, out=out, **wishes))


def collect(server: ChatServer, dataset: str, out: Path, budget: float | None = None, **wishes: Any) -> Any:
    return collect_run(
        plan(server, dataset, out, **wishes), budget_usd=budget, timeouts=SHORT, retries=QUICK, progress=run_progress
    )


def test_a_whole_run_as_the_study_did_it(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as server:
        done = command("--model", "m", "--base-url", server.base_url, "--dataset", dataset, "--out", f"{tmp_path}/run")
        bodies = [r.body for r in server.requests]
    assert done.exit_code == 0, done.output
    assert f"{CASES} cases: {CASES} ok" in done.output
    assert "Departs" not in done.output
    assert {(b["temperature"], b["max_tokens"], len(b["messages"]), b["messages"][0]["role"]) for b in bodies} == {
        (0.0, 8000, 1, "user")
    }
    assert sorted(b["messages"][0]["content"] for b in bodies) == sorted(c.user_query for c in small_cases())
    run = RunFolder.open(tmp_path / "run")
    assert set(run.settings.case_ids) == {c.case_id for c in small_cases()}
    assert run.record.departures == []
    for response in run.responses():
        assert (response.usage.prompt_tokens, response.cost, response.served_model) == (100, 0.0, "test-model-0")


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
        tally, stopped = collect(server, dataset, tmp_path / "run")
        tries = len(server.requests)
    assert stopped is None
    assert tries > 1.3 * CASES
    run = RunFolder.open(tmp_path / "run")
    responses = {r.case_id: r for r in run.responses()}
    assert len(responses) == len(list(run.every_response())) == CASES
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


def test_a_stopped_run_is_resumed_and_asks_nothing_twice(dataset: str, tmp_path: Path) -> None:
    with ChatServer(lambda r: answer(cost=0.01)) as server:
        _, stopped = collect(server, dataset, tmp_path / "run", budget=0.2)
        first = len(server.requests)
        assert "budget of $0.2 is used up" in str(stopped)
        assert 0 < first < CASES
        _, stopped = collect(server, dataset, tmp_path / "run")
        assert stopped is None
        assert Counter(r.query for r in server.requests) == {c.user_query: 1 for c in small_cases()}
        again, _ = collect(server, dataset, tmp_path / "run")
        assert again.done == 0
        assert len(server.requests) == CASES
    assert len(RunFolder.open(tmp_path / "run").statuses()) == CASES


def test_the_budget_holds_over_sittings(dataset: str, tmp_path: Path) -> None:
    with ChatServer(lambda r: answer(cost=0.01)) as server:
        for _ in range(3):
            collect(server, dataset, tmp_path / "run", budget=0.2, concurrency=4)
    spent = sum(r.cost or 0 for r in RunFolder.open(tmp_path / "run").every_response())
    assert 0.15 < spent <= 0.2 + 1e-9


def test_a_budget_that_cannot_be_kept_stops_the_run(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as server:
        made = plan(server, dataset, tmp_path / "run")
        blind = type(made)(**{n: getattr(made, n) for n in made.__slots__} | {"price": None})
        _, stopped = collect_run(blind, budget_usd=1.0, timeouts=SHORT, retries=QUICK, progress=run_progress)
    assert "does not tell what an answer costs" in str(stopped)


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
    with ChatServer(lambda r: error(404, "no such model")) as server:
        _, stopped = collect(server, dataset, tmp_path / "run", concurrency=2)
        asked = len(server.requests)
    assert "no such model" in str(stopped)
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
    with ChatServer(lambda r: Reply(fault="stall")) as server:
        limited = plan(server, dataset, tmp_path / "run", limit=2)
        tries = Retries(attempts=1)
        short = Timeouts.within(0.2)
        tally, _ = collect_run(limited, timeouts=short, retries=tries, progress=run_progress)
    assert tally.statuses == {"provider_error": 2}
    assert all("within 0.2 s" in str(r.error) for r in RunFolder.open(tmp_path / "run").responses())


def test_settings_are_not_mixed(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as server:
        base = ["--model", "m", "--base-url", server.base_url, "--dataset", dataset, "--out", str(tmp_path / "run")]
        assert command(*base, "--limit", "3").exit_code == 0
        refused = command(*base, "--limit", "3", "--temperature", "0.7", "--max-tokens", "50")
        assert len(server.requests) == 3
    assert isinstance(refused.exception, DataError)
    assert "temperature: 0.0 there, 0.7 asked for now" in str(refused.exception)
    assert "max_tokens: 8000 there, 50 asked for now" in str(refused.exception)
    assert len(RunFolder.open(tmp_path / "run").statuses()) == 3


def test_departures_are_shown_and_recorded(dataset: str, tmp_path: Path) -> None:
    with ChatServer() as server:
        done = command(
            *("--model", "m", "--base-url", server.base_url, "--dataset", dataset, "--out", str(tmp_path / "run")),
            *("--sample", "stratified:6", "--temperature", "default", "--reasoning", "low", "--seed", "4"),
        )
        (body, *_) = [r.body for r in server.requests]
    assert "temperature" not in body
    assert (body["reasoning_effort"], body["seed"]) == ("low", 4)
    for told in ("temperature the server's default", "reasoning set to 'low'", "6 cases (stratified:6, seed 0)"):
        assert told in done.output
        assert any(told in departure for departure in RunFolder.open(tmp_path / "run").record.departures)


def test_the_usual_folder_is_found_again_and_follows_the_settings(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ChatServer() as server:
        base = ["--model", "a/B:c", "--base-url", server.base_url, "--dataset", dataset, "--limit", "2"]
        for extra in ([], [], ["--temperature", "1"]):
            assert command(*base, *extra).exit_code == 0
        assert len(server.requests) == 4
    assert len(list((tmp_path / "runs").glob("a-b-c-*"))) == 2
    with ChatServer() as server:
        again = command(*base, "--temperature", "1")
        assert "Nothing is left to ask." in again.output
        assert server.requests == []


def test_nobody_is_asked_for_money_without_being_there(dataset: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    refused = command(
        *("--model", "openrouter/openai/gpt-5.4", "--dataset", dataset, "--out", str(tmp_path / "run"), "--limit", "10")
    )
    # 10 queries of at most 35 characters: 10 x (9 + 8) tokens at most; 10 x 327 to 10 x 2816 to get at $15.
    assert "Calls: 10" in refused.output
    assert "3,270 to 28,160 to get" in refused.output
    assert "Cost: $0.05 to $0.42" in refused.output
    assert isinstance(refused.exception, InputError)
    assert "--yes" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "gpt-5"], "no telling where it runs"),
        (["--model", "openrouter/x"], "OPENROUTER_API_KEY is not set"),
        (["--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--price", "2"], "expected two amounts"),
        (["--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--sample", "half"], "expected stratified:N"),
        (
            ["--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--sample", "stratified:3", "--limit", "3"],
            "not both",
        ),
        (["--model", "local/gpt-9"], "the one local model there is"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(
    arguments: list[str], said: str, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    done = command("--dataset", dataset, *arguments)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
    assert list(tmp_path.iterdir()) == []


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


def test_a_second_collector_is_refused(dataset: str, tmp_path: Path) -> None:
    begun = threading.Event()

    def slow(_: Request) -> Reply:
        begun.set()
        return answer(delay=0.15)

    with ChatServer(slow) as server:
        first = threading.Thread(target=collect, args=(server, dataset, tmp_path / "run"), kwargs={"concurrency": 64})
        first.start()
        assert begun.wait(5)
        with pytest.raises(InputError, match="another process"):
            collect(server, dataset, tmp_path / "run")
        first.join()


def test_published_answers_become_a_run(dataset: str, tmp_path: Path) -> None:
    runner: Callable[..., Result] = CliRunner().invoke
    out = str(tmp_path / "run")
    arguments = ["run", "--model", "published/alpha-1", "--dataset", dataset, "--out", out, "--judge", "published"]
    for _ in range(2):
        done = runner(eval_group, arguments)
        assert done.exit_code == 0, done.output
    run = RunFolder.open(tmp_path / "run")
    assert Counter(run.statuses().values()) == {"ok": CASES - 1, "provider_error": 1}
    verdicts = list(run.verdicts("published"))
    assert len(verdicts) == CASES - 1
    assert len((tmp_path / "run" / "verdicts.jsonl").read_text().splitlines()) == CASES - 1
    assert all(v.scored for v in verdicts)
    unknown = runner(eval_group, ["run", "--model", "published/gamma", "--dataset", dataset])
    assert "alpha-1, beta-2" in str(unknown.exception)
