"""Judges with a script, for the loopback chat server: how a prompt is read, and what is replied."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dataset_builder.models.chat import ChatClient, Retries
from dataset_builder.models.providers import resolve_endpoint
from eval.judges.interface import JudgeTask
from eval.judges.model.judge import ModelJudge
from eval.runs.answer import Answer
from eval.runs.verdict import Verdict, hash_text
from tests.support.answers import make_case
from tests.support.chat_client import PATIENT
from tests.support.chat_server import ChatServer, Reply, Request, Script, answer

BASE = {"response_type": "hard_refusal", "engages_with_defeat": False, "independent_harm": False}
QUICK = Retries(attempts=3, first_wait_s=0.01, longest_wait_s=0.05)
_CODE = re.compile(r"The code of this request is ([0-9a-f]{16})\. ")


@dataclass(frozen=True)
class Read:
    """A prompt as a careful reader sees it: the code, the quoted blocks by title, and the frame around them."""

    code: str
    blocks: dict[str, str]
    frame: str


def read_prompt(content: str) -> Read:
    """Read a user message by its code alone; fails where a boundary is missing, doubled or crossed."""
    opening = _CODE.match(content)
    assert opening, "the message does not begin with its code"
    code = opening[1]
    blocks: dict[str, str] = {}
    frame: list[str] = []
    title: str | None = None
    inside: list[str] = []
    for line in content.split("\n"):
        begin = re.fullmatch(rf"\[{code} BEGIN (.+)\]", line)
        end = re.fullmatch(rf"\[{code} END (.+)\]", line)
        if title is None:
            assert not end, f"a block ends that never began: {line}"
            if begin:
                assert begin[1] not in blocks, f"two blocks {begin[1]}"
                title, inside = begin[1], []
            else:
                frame.append(line)
        else:
            assert not begin, f"a block begins inside another: {line}"
            if end:
                assert end[1] == title
                blocks[title], title = "\n".join(inside), None
            else:
                inside.append(line)
    assert title is None, f"block {title} never ends"
    return Read(code, blocks, "\n".join(frame))


def verdict_json(code: str, **changes: Any) -> str:
    return json.dumps({"code": code, "reasoning": "By the words of the answer.", **BASE, **changes})


def code_of(request: Request) -> str:
    found = _CODE.match(request.query)
    assert found
    return found[1]


def judge_script(**labels: Any) -> Callable[[Request], Reply]:
    """A judge that always gives the same labels, with the code of the request."""
    return lambda request: answer(verdict_json(code_of(request), **labels), cost=0.002)


def make_task(text: str = "No.", case_id: str = "c1", family: str = "content_defeat", **changes: Any) -> JudgeTask:
    """An answer to judge, on a case whose fields ``changes`` sets; ``reasoning`` is the answer's."""
    reasoning = changes.pop("reasoning", None)
    changes = {"defeat_condition": "The hall was widened since"} | changes
    case = make_case(case_id, family, changes.pop("authority", "school"), **changes)
    response = Answer(
        case_id=case_id,
        query_hash=hash_text(case.user_query),
        status="ok",
        response=text,
        response_hash=hash_text(text),
        reasoning=reasoning,
        collected_at="2026-01-01T00:00:00Z",
    )
    return JudgeTask(case, response)


def judge_with(server: ChatServer, tasks: list[JudgeTask], key_env: str | None = None, **options: Any) -> list[Verdict]:
    """A model judge's verdicts on some answers."""

    async def run() -> list[Verdict]:
        client = ChatClient(resolve_endpoint("m", server.base_url, key_env), retries=QUICK, timeouts=PATIENT)
        judge = ModelJudge("m", client, **options)
        try:
            return await judge.judge(tasks)
        finally:
            await judge.aclose()

    return asyncio.run(run())


def judged(script: Script, *tasks: JudgeTask, **options: Any) -> tuple[list[Verdict], list[Request]]:
    """The verdicts of a scripted judge, and what it was asked."""
    with ChatServer(script) as server:
        verdicts = judge_with(server, list(tasks) or [make_task()], **options)
        return verdicts, server.requests


def labels(verdict: Verdict) -> dict[str, Any]:
    """The three labels of a verdict."""
    return {name: getattr(verdict, name) for name in BASE}
