"""Files of other programs where a run or a log is expected: the message says what they are and what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from dataset_builder.errors import InputError
from eval.cli import eval_group
from eval.runs.answer import Answer
from eval.runs.other_forms import form_of
from eval.runs.verdict import Verdict, hash_text

CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}
HARNESS = {"doc_id": 0, "doc": {"case_id": "a"}, "target": "", "arguments": {}, "resps": [["Yes."]]}
BATCH = {"id": "b", "custom_id": "a", "response": {"status_code": 200, "body": CHAT}, "error": None}
ASKED = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}
ANSWER = Answer(case_id="a", query_hash=hash_text("q"), status="ok", response="Yes.", response_hash=hash_text("Yes."))
VERDICT = Verdict(case_id="a", response_hash=hash_text("Yes."), judge="j", rubric="1", response_type="helps")

FORMS: list[tuple[Any, str]] = [
    (HARNESS, "samples of lm-evaluation-harness"),
    (BATCH, "output of an OpenAI batch"),
    (ASKED, "requests of an OpenAI batch"),
    ({"custom_id": "a", "result": {"type": "expired"}}, "output of an Anthropic batch"),
    ({"case_id": "a", "response": "Yes."}, "answers in a table"),
    ({"results": {}, "config": {}, "versions": {}}, "results of lm-evaluation-harness"),
    (msgspec.to_builtins(ANSWER), "answers of a run of ours"),
    (msgspec.to_builtins(VERDICT), "verdicts of a run of ours"),
]


@pytest.mark.parametrize(("first", "form"), FORMS, ids=[form for _, form in FORMS])
@pytest.mark.parametrize("command", ["judge", "score", "submit"])
def test_a_form_that_is_known_is_named_with_the_ways_in(tmp_path: Path, first: Any, form: str, command: str) -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps(first) + "\n" for _ in range(2)), encoding="utf-8-sig")
    more = ["--results", str(tmp_path / "results")] if command == "submit" else []
    done = CliRunner().invoke(eval_group, [command, str(file), *more])
    assert isinstance(done.exception, InputError)
    assert form in str(done.exception)
    assert "blind-refusal eval import" in str(done.exception)


def test_one_object_over_several_lines_and_a_list_are_known_too(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    file.write_text(json.dumps({"results": {}, "config": {}, "versions": {}}, indent=1))
    assert form_of(file) == "results of lm-evaluation-harness"
    file.write_text(json.dumps([HARNESS, HARNESS], indent=1))
    assert form_of(file) == "samples of lm-evaluation-harness"
    file.write_text('"Response";case_id\nYes;a\n')
    assert form_of(file) == "answers in a table"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"case_id,response_type\n", b"[]", b"3\n", b"\xff\xfe\x00", b"[" * 9999]
)
def test_what_is_not_known_has_no_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    assert form_of(tmp_path / "f") is None
