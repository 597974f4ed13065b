"""A run from the command to its files, with a server that works."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataset_builder.errors import DataError, InputError
from dataset_builder.work.session import Conditions
from dataset_builder.work.stopping import StopKind
from eval.cli import eval_group
from eval.runs.folder import RunFolder
from eval.runs.plan import collect_run
from tests.support.chat_client import PATIENT
from tests.support.chat_server import ChatServer, Reply, Request, answer
from tests.support.collecting import QUICK, collect, command, plan
from tests.support.small_dataset import build_small, small_cases

CASES = len(small_cases())


KEY = "sk-live-9876543210zyxwvutsrq"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_small(tmp_path_factory.mktemp("data") / "small").path)


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
    for response in run.answers.values():
        assert (response.prompt_tokens, response.cost, response.served_model) == (100, 0.0, "test-model-0")


def test_a_stopped_run_is_resumed_and_asks_nothing_twice(dataset: str, tmp_path: Path) -> None:
    with ChatServer(lambda r: answer(cost=0.01)) as server:
        _, stopped = collect(server, dataset, tmp_path / "run", budget=0.2)
        first = len(server.requests)
        assert stopped.kind is StopKind.BUDGET
        assert "budget of $0.2" in str(stopped)
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
    spent = sum(r.cost or 0 for r in RunFolder.open(tmp_path / "run").every_answer())
    assert 0.15 < spent <= 0.2 + 1e-9


def test_a_budget_that_cannot_be_kept_stops_the_run(dataset: str, tmp_path: Path) -> None:
    # It was said to tell what each answer costs, and does not.
    with ChatServer() as server:
        made = plan(server, dataset, tmp_path / "run", {"price": None, "tells_cost": True, "budget": 1.0})
        _, stopped = collect_run(made, Conditions(timeouts=PATIENT, retries=QUICK))
    assert stopped is not None
    assert stopped.kind is StopKind.UNKNOWN_COST
    assert "does not tell what an answer costs" in str(stopped)


def test_a_server_on_this_machine_is_not_taken_for_free(dataset: str, tmp_path: Path, monkeypatch: Any) -> None:
    """A gateway such as LiteLLM listens on localhost and passes requests on to a model that costs money."""
    monkeypatch.setenv("SOME_KEY", KEY)
    with ChatServer(lambda r: answer(cost=0.01)) as server:
        base = ["run", "--judge", "none", "--dataset", dataset, "--out", str(tmp_path / "run"), "--limit", "30"]
        base += ["--model", "m", "--base-url", server.base_url]
        asked = CliRunner().invoke(eval_group, [*base, "--api-key-env", "SOME_KEY"])
        limited = CliRunner().invoke(eval_group, [*base, "--budget", "0.01", "--yes"])
        assert server.requests == []
        priced = CliRunner().invoke(eval_group, [*base, "--budget", "0.05", "--yes", "--price", "1,1"])
        spent = len(server.requests)
    assert "Cost: not known" in asked.output
    assert "may pass requests on to a model that costs money" in asked.output
    assert "--yes" in str(asked.exception)
    assert isinstance(limited.exception, InputError)
    assert "Give --price IN,OUT" in str(limited.exception)
    # By the price an answer costs 0.000012 to 0.0029; the server says 0.01, and that counts.
    assert "the budget of $0.05" in str(priced.exception)
    assert 1 <= spent <= 16 + 5


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
            *("--sample", "6", "--temperature", "default", "--reasoning", "low", "--seed", "4"),
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
        (
            ["--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--sample", "3", "--limit", "3"],
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


def test_a_second_collector_is_refused(dataset: str, tmp_path: Path) -> None:
    begun, refused = threading.Event(), threading.Event()

    def held(_: Request) -> Reply:
        begun.set()
        return answer(until=refused)

    with ChatServer(held) as server:
        first = threading.Thread(target=collect, args=(server, dataset, tmp_path / "run"), kwargs={"concurrency": 64})
        first.start()
        try:
            assert begun.wait(60)
            with pytest.raises(InputError, match="another process"):
                collect(server, dataset, tmp_path / "run")
        finally:
            refused.set()
            first.join()
    assert len(RunFolder.open(tmp_path / "run").statuses()) == CASES


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
