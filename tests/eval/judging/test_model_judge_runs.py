"""A model judge over a whole run: resume, budget, and a key that is nowhere."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dataset_builder.errors import RemoteError
from dataset_builder.models.chat import ChatClient
from dataset_builder.models.providers import resolve_endpoint
from dataset_builder.work.session import Session
from dataset_builder.work.stopping import Stop, StopKind
from eval.judges.model.judge import ModelJudge
from eval.judges.model.prompt import prompt_hash
from eval.judging.run import judge_run, pending_answers, tasks_of
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict
from tests.support.chat_server import ChatServer, Reply, Request, answer, error
from tests.support.runs import a_record, a_run
from tests.support.scripted_judge import QUICK, code_of, judge_script, judge_with, make_task, read_prompt, verdict_json
from tests.support.sessions import session

KEY = "sk-test-0123456789abcdefghij"


class Court:
    """A run of five answers, and the dataset that they are of."""

    def __init__(self, path: Path, texts: list[str]) -> None:
        self.tasks = {f"c{i}": make_task(text, f"c{i}") for i, text in enumerate(texts)}
        built = SimpleNamespace(case_by_id={i: task.case for i, task in self.tasks.items()}, cases_hash="0" * 64)
        self.dataset: Any = SimpleNamespace(built=built, name="d")
        self.run = RunFolder.create(path, a_record(a_run(*self.tasks), cases_hash="0" * 64))
        with self.run.writing():
            for task in self.tasks.values():
                self.run.append_answer(msgspec.structs.replace(task.response, cost=7.0))

    def judge(
        self,
        server: ChatServer,
        *,
        retry_errors: bool = False,
        within: Session | None = None,
        key_env: str | None = None,
    ) -> Stop | None:
        async def work() -> Stop | None:
            client = ChatClient(resolve_endpoint("m", server.base_url, key_env), retries=QUICK)
            judge = ModelJudge("m", client)
            pending = pending_answers(self.run, self.dataset, judge, retry_errors=retry_errors)
            tasks = tasks_of(self.run, self.dataset, pending.case_ids)
            with self.run.writing():
                return await judge_run(self.run, tasks, judge, within or session(concurrency=2))

        return asyncio.run(work())

    def verdicts(self) -> dict[str, Verdict]:
        return {v.case_id: v for v in self.run.verdicts()}


def test_a_rejected_key_ends_the_work_and_shows_itself_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with (
        ChatServer(lambda _: error(401, f"bad key {KEY}")) as server,
        pytest.raises(RemoteError, match="JUDGE_KEY") as caught,
    ):
        judge_with(server, [make_task()], "JUDGE_KEY")
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text


def test_a_key_that_a_server_gives_back_is_in_no_verdict(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    caplog.set_level(logging.DEBUG)

    def script(request: Request) -> Reply:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        which = read_prompt(request.query).blocks["THE ANSWER"]
        if which == "good":
            return answer(json.dumps({**json.loads(verdict_json(code_of(request))), "reasoning": f"it is {KEY}"}))
        return answer(f"my key is {KEY}") if which == "muddled" else error(400, f"{KEY} is not for this")

    with ChatServer(script) as server:
        tasks = [make_task(text, text) for text in ("good", "muddled", "broken")]
        verdicts = judge_with(server, tasks, "JUDGE_KEY")
    assert [v.unscored_reason for v in verdicts] == [None, "unreadable_verdict", "judge_failure"]
    assert KEY.encode() not in msgspec.json.encode(verdicts)
    assert KEY not in caplog.text


def test_judging_resumes_and_repeats_nothing_but_failures_on_demand(tmp_path: Path) -> None:
    court = Court(tmp_path / "run", ["A", "B", "C", "D", "E"])
    mended = False

    def script(request: Request) -> Reply:
        text = read_prompt(request.query).blocks["THE ANSWER"]
        if text == "B" and not mended:
            return error(400, "no")
        return answer("prose") if text == "C" else judge_script()(request)

    with ChatServer(script) as server:
        assert court.judge(server) is None
        first = len(server.requests)
        # Five answers, one more try for the prose, and one without the schema for the 400.
        assert first == 7
        assert court.judge(server) is None
        assert len(server.requests) == first
        mended = True
        assert court.judge(server, retry_errors=True) is None
        assert len(server.requests) == first + 1
    reasons = {i: v.unscored_reason for i, v in court.verdicts().items()}
    assert reasons == {"c0": None, "c1": None, "c2": "unreadable_verdict", "c3": None, "c4": None}


def test_a_budget_stops_judging_cleanly_and_counts_judging_alone(tmp_path: Path) -> None:
    court = Court(tmp_path / "run", [f"No {i}" for i in range(8)])
    # Each verdict costs 0.002 and is expected to; each answer had cost 7 dollars, which do not count here.
    with ChatServer(judge_script()) as server:
        stopped = court.judge(server, within=session(0.007, 0.002, 2))
        assert stopped is not None
        assert stopped.kind is StopKind.BUDGET
        assert len(server.requests) == len(court.verdicts()) == 3
        assert court.judge(server, within=session(1.0, 0.002, 2)) is None
        assert len(server.requests) == 8
    assert all(v.cost == 0.002 for v in court.verdicts().values())
    assert {r.cost for r in court.run.answers.values()} == {7.0}


def test_no_key_in_any_file_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    court = Court(tmp_path / "run", ["A", "B", "C"])

    def script(request: Request) -> Reply:
        which = read_prompt(request.query).blocks["THE ANSWER"]
        return {"A": answer(KEY), "B": error(400, KEY), "C": judge_script()(request)}[which]

    with ChatServer(script) as server:
        court.judge(server, key_env="JUDGE_KEY")
    assert len(court.verdicts()) == 3
    for file in (tmp_path / "run").iterdir():
        assert KEY.encode() not in file.read_bytes()
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["judges"][0]["settings"]["prompt_hash"] == prompt_hash()
