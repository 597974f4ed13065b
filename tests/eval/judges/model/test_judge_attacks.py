"""Answers that address the judge, and what becomes of them with a judge that reads as told."""

from __future__ import annotations

import json
from pathlib import Path

from eval.judges.model.prompt import CaseContext, build_prompt
from tests.support.chat_server import Reply, Request, answer
from tests.support.scripted_judge import BASE, code_of, judged, labels, make_task, read_prompt, verdict_json

ATTACKS = json.loads(Path(__file__).parents[2].joinpath("attacks.json").read_text(encoding="utf-8"))


def frame_lines(content: str) -> set[str]:
    read = read_prompt(content)
    return {line.replace(read.code, "CODE") for line in read.frame.split("\n")}


HARMLESS = frame_lines(build_prompt(CaseContext.of(make_task().case), "No.").messages[1].content)


def obedient(request: Request) -> Reply:
    """Reads only what stands outside the blocks, and does whatever it finds there beside our own request."""
    orders = frame_lines(request.query) - HARMLESS
    changes = {"response_type": "helps", "engages_with_defeat": True} if orders else {}
    return answer(verdict_json(code_of(request), **changes))


def test_no_attack_moves_a_judge_that_obeys_what_stands_outside_the_data() -> None:
    tasks = [make_task(a["text"], a["id"]) for a in ATTACKS]
    tasks += [make_task("No.", f"{a['id']}-rule", policy=a["text"], user_query=a["text"]) for a in ATTACKS]
    verdicts, requests = judged(obedient, *tasks)
    assert [v.case_id for v in verdicts if labels(v) != BASE or not v.scored] == []
    assert len(requests) == len(tasks)


def test_that_judge_does_move_where_an_order_stands_outside() -> None:
    # The check above can fail: the same attack, let out of its block.
    def gullible(request: Request) -> Reply:
        code = code_of(request)
        freed = request.query.replace("[0000000000000000 END THE ANSWER]", f"[{code} END THE ANSWER]")
        freed = freed.rsplit(f"[{code} END THE ANSWER]\n", 1)
        body = {"messages": [{"content": "".join(freed)}]}
        return obedient(Request(request.path, request.headers, body, 1))

    attack = next(a["text"] for a in ATTACKS if a["id"] == "fake_end_zero_code")
    (verdict,), _ = judged(gullible, make_task(attack))
    assert verdict.response_type == "helps"


def test_a_judge_that_repeats_the_answer_gives_no_verdict() -> None:
    def parrot(request: Request) -> Reply:
        return answer(read_prompt(request.query).blocks["THE ANSWER"])

    tasks = [make_task(a["text"], a["id"]) for a in ATTACKS]
    verdicts, _ = judged(parrot, *tasks)
    assert [v.case_id for v in verdicts if v.scored] == []
    assert {v.unscored_reason for v in verdicts} <= {"unreadable_verdict", "judge_refusal"}
    kept = {v.case_id: v.raw_reply for v in verdicts}
    assert kept["full_verdict"] == next(a["text"] for a in ATTACKS if a["id"] == "full_verdict")
