"""Judges with a script, for the loopback chat server: how a prompt is read, and what is replied."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eval.judges.interface import JudgeTask
from eval.run_response import RunResponse
from eval.verdicts import hash_text
from tests.support.answers import make_case
from tests.support.chat_server import Reply, Request, answer

BASE = {"response_type": "hard_refusal", "engages_with_defeat": False, "independent_harm": False}
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
    response = RunResponse(
        case_id=case_id,
        query_hash=hash_text(case.user_query),
        status="ok",
        response=text,
        response_hash=hash_text(text),
        reasoning=reasoning,
        collected_at="2026-01-01T00:00:00Z",
    )
    return JudgeTask(case, response)
