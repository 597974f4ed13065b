"""The worker against a Hub and a model's server, both on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import RemoteError
from dataset_builder.hub.client import Hub
from dataset_builder.models.chat import Retries
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import FREE
from dataset_builder.work.session import Conditions
from eval.repository.hub import ResultsRepo
from eval.repository.leaderboard import read_leaderboard
from eval.repository.request_queue import RequestQueue, request_path
from eval.repository.requests import EvalRequest, make_request
from eval.reviews.maintainer import aggregate_repo, review_repo
from eval.reviews.worker import HEARTBEAT, Worker
from space.cli import command as program
from tests.support.chat_client import PATIENT
from tests.support.chat_server import ChatServer, Reply, Request, answer, error
from tests.support.hub_client import quick
from tests.support.hub_server import ALICE, HubServer
from tests.support.small_dataset import small_cases
from tests.support.submissions import OURS, answer_text, judge_again

REPO = "alice/blind-refusal-results"
CASES = len(small_cases())
POLICY = {"providers": ["custom", "openrouter"], "heartbeat_s": 300, "stale_s": 1}
QUICK = Retries(attempts=2, first_wait_s=0.01, longest_wait_s=0.05)


class Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(hub: HubServer, clock: Clock) -> RequestQueue:
    client = Hub(token=ALICE.token, patience=quick())
    client.ensure_repo(REPO, "dataset")
    client.commit(REPO, "dataset", message="Policy", add={"policy.json": json.dumps(POLICY).encode()})
    return RequestQueue(ResultsRepo(client, REPO), clock)


def ask(
    queue: RequestQueue, dataset: OpenedDataset, model: str = "custom/acme/model-1", by: str = "bob"
) -> EvalRequest:
    asked = make_request(model, dataset.built.cases_hash, by, queue.now())
    queue.ask(asked)
    return asked


def worker(queue: RequestQueue, dataset: OpenedDataset, work: Path, server: ChatServer, **more: Any) -> Worker:
    limits = {name: more.pop(name) for name in ("budget", "concurrency") if name in more}
    options: dict[str, Any] = {"name": "w1", "piece_size": 10}
    return Worker(
        queue,
        [dataset],
        work,
        ModelChoice(base_url=server.base_url, price=FREE, **({"concurrency": 4} | limits)),
        conditions=Conditions(retries=QUICK, timeouts=PATIENT),
        rejudge=judge_again,
        **(options | more),
    )


def sure(request: Request) -> Reply:
    return answer(answer_text(request.query, helps=not request.query.startswith("control")))


def test_a_request_becomes_a_row(queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, hub: HubServer) -> None:
    asked = ask(queue, dataset)
    with ChatServer(sure) as server:
        (done,) = worker(queue, dataset, tmp_path / "work", server).work_through()
        assert Counter(r.query for r in server.requests).most_common(1)[0][1] == 1
        assert len(server.requests) == CASES
    assert (done.request.state, done.request.answered, done.request.cases) == ("done", CASES, CASES)
    assert done.request.submission is not None
    assert done.request.submission.startswith("acme__model-1/")
    copy, _ = queue.repo.copy(["leaderboard.json"], dest=tmp_path / "copy")
    (board,) = read_leaderboard(copy).boards
    (row,) = board.rows
    # It helps wherever the rule is defeated and nowhere else.
    assert (board.judge, row.model, row.metrics["discrimination"].estimate) == (OURS, "acme/model-1", 1.0)
    # Whose the answers are is known, and stays known when they are judged again.
    assert (row.status, row.evidence) == ("verified", ["the maintainers' own worker (w1) asked the model"])
    review_repo(queue.repo, [dataset], again=True, rejudge=judge_again)
    assert aggregate_repo(queue.repo, [dataset])[0].boards[0].rows[0].status == "verified"
    # The pieces of the run are gone from main, and the folder of the run too.
    assert not [path for path in hub.repo(REPO).files if path.startswith(f"requests/{asked.id}/")]
    assert list((tmp_path / "work").iterdir()) == []


def test_another_worker_elsewhere_finishes_with_nothing_repeated(
    queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, clock: Clock
) -> None:
    """The first dies after 30 answers that it put into pieces; the second has another disk."""
    ask(queue, dataset)
    asked: list[str] = []

    def script(request: Request) -> Reply:
        asked.append(request.query)
        return sure(request)

    class Dies(BaseException):
        pass

    first_work = tmp_path / "first"
    with ChatServer(script) as server:
        first = worker(queue, dataset, first_work, server, concurrency=1)
        mine = queue.claim("w1", lambda *_: True)
        assert mine is not None
        plan, kept = first._plan(mine, queue.read().policy)
        from eval.reviews.worker import _Heartbeat

        heartbeat = _Heartbeat(queue, mine, plan.run, kept, 10, 300)
        count = 0

        def dying(title: str, total: int) -> Any:
            from contextlib import contextmanager

            @contextmanager
            def progress() -> Any:
                def move(detail: str) -> None:
                    nonlocal count
                    count += 1
                    if count == 30:
                        heartbeat.beat()
                        raise Dies

                yield move

            return progress()

        from eval.runs.plan import collect_run

        with pytest.raises(Dies):
            collect_run(plan, Conditions(retries=QUICK, progress=dying))
        assert len(asked) == 30
        clock.time += timedelta(seconds=2)
        (done,) = worker(queue, dataset, tmp_path / "second", server, name="w2").work_through()
    assert (done.request.state, done.request.worker, done.request.claims) == ("done", "w2", 2)
    assert len(asked) == CASES
    assert max(Counter(asked).values()) == 1


def test_a_killed_worker_goes_on_in_its_folder(
    queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, hub: HubServer, clock: Clock
) -> None:
    """A process that is killed in the middle; the next one on the same disk asks only what is left."""
    asked = ask(queue, dataset)
    halfway, killed = threading.Event(), threading.Event()

    def script(request: Request) -> Reply:
        if len(server.requests) < 20:
            return sure(request)
        halfway.set()
        return answer(f"Sure: {request.query}", until=killed)

    with ChatServer(script) as server:
        arguments = ["board", "worker", "--results", REPO, "--dataset", dataset.name, "--once", "--name", "w1"]
        arguments += [
            "--base-url",
            server.base_url,
            "--price",
            "0,0",
            "--work",
            str(tmp_path / "work"),
            "--concurrency",
            "1",
        ]
        program = f"from space.cli import command; command({arguments!r})"
        environment = os.environ | hub.environment(str(tmp_path / "home"))
        process = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=Path(__file__).parents[3])
        begun = halfway.wait(120)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.set()
        assert begun
        assert len(server.requests) == 20
        clock.time = datetime.now(UTC) + timedelta(minutes=5)
        (done,) = worker(queue, dataset, tmp_path / "work", server, name="w2").work_through()
        times = Counter(r.query for r in server.requests)
    assert done.request.state == "done"
    assert len(times) == CASES
    # The one that was under way when it was killed is asked again; nothing else is.
    assert sum(times.values()) == CASES + 1
    assert done.request.id == asked.id


def test_a_model_that_does_not_answer_fails_with_its_error(
    queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, hub: HubServer
) -> None:
    asked = ask(queue, dataset)
    with ChatServer(lambda r: error(503, "out of cards")) as server:
        (done,) = worker(queue, dataset, tmp_path, server).work_through()
    assert done.request.state == "failed"
    assert "out of cards" in (done.request.error or "")
    assert "--retry-errors" not in (done.request.error or "")
    assert [path for path in hub.repo(REPO).files if path.startswith("submissions/")] == []
    again = make_request("custom/acme/model-1", dataset.built.cases_hash, "bob", "2030-01-01T00:00:00Z")
    queue.ask(again)
    assert {one.state for one in queue.read().requests} == {"failed", "pending"}
    assert asked.id != again.id


def test_too_many_unanswered_cases_fail_it(queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path) -> None:
    ask(queue, dataset)
    with ChatServer(lambda r: sure(r) if " 0?" not in r.query else answer("")) as server:
        (done,) = worker(queue, dataset, tmp_path, server).work_through()
    assert done.request.state == "failed"
    assert "33.3 % of the cases have no answer" in (done.request.error or "")


def test_a_used_up_budget_puts_it_back_with_what_there_is(
    queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path
) -> None:
    ask(queue, dataset)
    with ChatServer(lambda r: answer(f"Sure: {r.query}", cost=0.01)) as server:
        (first,) = worker(queue, dataset, tmp_path / "a", server, budget=0.2, concurrency=1).work_through()
        assert first.request.state == "pending"
        n = len(server.requests)
        assert 15 <= n <= 20
        assert first.spent == pytest.approx(0.01 * n)
        (second,) = worker(queue, dataset, tmp_path / "b", server, budget=5.0).work_through()
        assert len(server.requests) == CASES
    assert second.request.state == "done"
    assert second.spent == pytest.approx(0.01 * (CASES - n))
    assert second.request.spent == pytest.approx(0.01 * CASES)


def test_a_request_dearer_than_allowed_fails(queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path) -> None:
    told = {**POLICY, "most_usd_per_request": 0.2}
    queue.repo.commit("Policy", {"policy.json": json.dumps(told).encode()}, parent=queue.repo.head())
    ask(queue, dataset)
    with ChatServer(lambda r: answer(f"Sure: {r.query}", cost=0.01)) as server:
        (done,) = worker(queue, dataset, tmp_path, server, concurrency=1).work_through()
    assert done.request.state == "failed"
    assert "costs more than $0.2" in (done.request.error or "")


def test_a_lost_claim_stops_the_work(queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, clock: Clock) -> None:
    ask(queue, dataset)
    stolen: list[EvalRequest] = []

    def script(request: Request) -> Reply:
        if len(server.requests) == 15:
            clock.time += timedelta(minutes=5)
            taken = queue.claim("thief", lambda *_: True)
            assert taken is not None
            stolen.append(taken)
        elif stolen:
            # Answers come as fast as the machine can; the beat after the theft must get its turn.
            for thread in threading.enumerate():
                if thread.name == HEARTBEAT:
                    thread.join(30)
        return sure(request)

    with ChatServer(script) as server:
        said: list[str] = []
        # The first beat is due after the theft: an earlier one could still be under way then, and find it too soon.
        options = {"concurrency": 1, "piece_size": 15, "say": said.append}
        (done,) = worker(queue, dataset, tmp_path, server, **options).work_through()
        assert len(server.requests) == 16
    assert "is no longer this worker's" in said[-1]
    assert queue.read().requests == tuple(stolen)
    assert done.request.worker == "w1"


def test_a_rejected_key_gives_it_back_and_in_the_end_up(
    queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path
) -> None:
    ask(queue, dataset)
    with ChatServer(lambda r: error(401, "bad key")) as server:
        for _ in range(2):
            with pytest.raises(RemoteError):
                list(worker(queue, dataset, tmp_path, server).work_through())
            assert queue.read().requests[0].state == "pending"
        (done,) = worker(queue, dataset, tmp_path, server).work_through()
    assert done.request.state == "failed"
    assert "bad key" in (done.request.error or "")


def test_what_a_worker_cannot_run_is_left_for_another(
    queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    ask(queue, dataset, "openrouter/z-ai/glm-5")
    queue.ask(make_request("custom/a/b", "f" * 64, "ann", queue.now()))
    said: list[str] = []
    with ChatServer(sure) as server:
        assert list(worker(queue, dataset, tmp_path, server, say=said.append).work_through()) == []
    assert "OPENROUTER_API_KEY" in said[0]
    assert {one.state for one in queue.read().requests} == {"pending"}


def test_a_model_no_longer_allowed_fails(queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path) -> None:
    ask(queue, dataset)
    queue.repo.commit("Policy", {"policy.json": b'{"providers": ["hf"]}'}, parent=queue.repo.head())
    with ChatServer(sure) as server:
        (done,) = worker(queue, dataset, tmp_path, server).work_through()
        assert server.requests == []
    assert done.request.state == "failed"
    assert "provider 'custom' is not one of hf" in (done.request.error or "")


def test_from_the_command_line(queue: RequestQueue, dataset: OpenedDataset, tmp_path: Path, hub: HubServer) -> None:
    def command(*arguments: Any) -> Any:
        return CliRunner().invoke(program, [str(a) for a in arguments])

    there = ("--results", f"hf://{REPO}", "--dataset", dataset.name)
    asked_for = command("eval", "request", *there, "--model", "custom/acme/model-2")
    assert asked_for.exit_code == 0, asked_for.output
    idle = command("board", "worker", *there, "--once", "--work", tmp_path / "work").output
    assert "nothing to do; 1 request waits as a pull request, such as http" in idle
    assert f"'blind-refusal board check --results hf://{REPO} --merge' lets in what is right" in idle
    done = command("eval", "request", *there, "--model", "custom/acme/model-1", "--direct")
    assert done.exit_code == 0, done.output
    assert "waits in the queue" in done.output
    (asked,) = queue.read().requests
    assert request_path(asked.id) in hub.repo(REPO).files
    assert asked.by == "alice"
    with ChatServer(sure) as server:
        did = command(
            "board",
            "worker",
            *there,
            "--once",
            "--base-url",
            server.base_url,
            "--price",
            "0,0",
            "--work",
            tmp_path / "work",
        )
    assert did.exit_code == 0, did.output
    assert f"{asked.id}: done; acme__model-1/" in did.output
    assert "nothing to do" in command("board", "worker", *there, "--once", "--work", tmp_path / "work").output
