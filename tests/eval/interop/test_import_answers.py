"""Answers that were collected elsewhere, as files of every form, made a run."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.errors import BlindRefusalError, DataError, InputError
from dataset_builder.models.answer import read_answer
from eval.cli import eval_group
from eval.interop.answers.collected import number, time_of
from eval.interop.answers.runs import import_answers
from eval.runs.folder import RunFolder
from tests.support.small_dataset import build_small

A, B, C = (f"control:union:{n}" for n in range(3))
# To the letter: blanks at both ends, line ends of every kind inside.
SAID = '  Yes: “do” this.\nThen;\tthat,\u2028and "so".\x85Done. '


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("small") / "dataset").path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(eval_group, [*arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def imported(tmp_path: Path, dataset: Path, content: str | bytes, name: str = "a.jsonl", **options: Any) -> RunFolder:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_answers(path, "acme/m", dataset, out=tmp_path / "run", **options)


def statuses(*rows: dict[str, Any], at: Path, dataset: Path, **options: Any) -> list[str]:
    made = imported(at, dataset, lines(*rows), **options)
    return [answer.status for answer in made.answers.values()]


def sheet(delimiter: str, rows: list[dict[str, Any]], head: str = "") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return head + text.getvalue()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[list[dict[str, Any]]], str | bytes]] = {
    "a.csv": lambda rows: sheet(",", rows),
    "bom.csv": lambda rows: sheet(";", rows, head="\ufeff"),
    "sep.csv": lambda rows: sheet(";", rows, head="sep=;\n"),
    "wide.tsv": lambda rows: sheet("\t", rows).encode("utf-16"),
    "a.jsonl": lambda rows: lines(*rows),
    "raw.ndjson": lambda rows: "\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
    "bom.jsonl": lambda rows: "\ufeff" + lines(*rows),
    "list.json": lambda rows: json.dumps(rows, indent=1),
    "lines.json": lambda rows: lines(*rows),
    "no-suffix": lambda rows: lines(*rows),
    "a.parquet": parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_in_any_way_it_is_saved_becomes_a_run(tmp_path: Path, dataset: Path, name: str) -> None:
    rows = [{"case_id": A, "Response": SAID}, {"case_id": f" {B}\u00a0", "Response": "No."}]
    made = imported(tmp_path, dataset, WRITERS[name](rows), name)
    assert {case: answer.response for case, answer in made.answers.items()} == {A: SAID, B: "No."}
    assert made.settings.case_ids[:1] == ("content_defeat:school:0",)
    assert len(made.settings.case_ids) == 72
    assert made.settings.model == "acme/m"
    assert made.record.departures == [
        "the temperature is not known or the server's default (the study's was 0)",
        "the limit on an answer's tokens is not known",
        "run by an unnamed program (answers from a table)",
    ]


def test_a_western_code_page_is_read_and_bytes_that_are_no_text_are_not(tmp_path: Path, dataset: Path) -> None:
    text = sheet(";", [{"case_id": A, "response": "Überall, né?"}])
    made = imported(tmp_path, dataset, text.encode("cp1252"), "a.csv")
    assert made.answers[A].response == "Überall, né?"
    # 0x81 stands for nothing in that code page.
    with pytest.raises(InputError, match="neither UTF-8 nor Western European"):
        imported(tmp_path, dataset, text.encode("cp1252") + b"\x81", "b.csv")
    # JSON is UTF-8, so there is nothing to guess.
    with pytest.raises(InputError, match=r"line 2\).*Save it as UTF-8"):
        imported(tmp_path, dataset, b'{"case_id": "x"}\n{"response": "\xe9"}\n', "c.jsonl")


def test_what_else_a_table_tells_is_kept(tmp_path: Path, dataset: Path) -> None:
    row = {
        "case_id": A,
        "response": "Yes.",
        "finish_reason": "stop",
        "reasoning_content": "Hm.",
        "prompt_tokens": "7",
        "output_tokens": 5,
        "reasoning_tokens": 3.0,
        "cost": "0,25",
        "model": "m-2026",
        "provider": "P",
        "latency_s": 1.5,
        "attempts": 2,
        "collected_at": "2026-01-02T03:04:05Z",
        "temperature": 0.5,
        "max_tokens": 100,
        "system_prompt": "Be kind.",
        "user_query": "control union 0?",
        "nonsense": 1,
    }
    told: list[str] = []
    made = imported(tmp_path, dataset, lines(row), tell=told.append)
    answer = made.answers[A]
    assert (answer.status, answer.finish_reason, answer.reasoning) == ("ok", "stop", "Hm.")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.reasoning_tokens) == (7, 5, 3)
    assert (answer.cost, answer.served_model, answer.provider) == (0.25, "m-2026", "P")
    assert (answer.latency_s, answer.attempts, answer.collected_at) == (1.5, 2, "2026-01-02T03:04:05+00:00")
    settings = made.settings
    assert (settings.temperature, settings.max_tokens, settings.system_prompt) == (0.5, 100, "Be kind.")
    assert told == ["Columns that mean nothing here were passed over: nonsense"]


def test_what_is_not_told_is_not_made_up(tmp_path: Path, dataset: Path) -> None:
    told: list[str] = []
    answer = imported(tmp_path, dataset, lines({"case_id": A, "response": "Yes."}), tell=told.append).answers[A]
    unknown = (answer.latency_s, answer.attempts, answer.collected_at, answer.cost, answer.prompt_tokens)
    assert unknown == (None,) * 5
    assert told == ["No row says how its answer ended, so one that a limit cut off counts as whole"]


@pytest.mark.parametrize(
    ("row", "status", "text"),
    [
        ({"response": "Yes.", "finish_reason": "length"}, "truncated_answer", "Yes."),
        ({"response": "I'm sorry, but", "finish_reason": "sensitive"}, "content_filter", "I'm sorry, but"),
        ({"response": "I'm sorry, but", "finish_reason": "OTHER"}, "unknown_finish", "I'm sorry, but"),
        ({"response": "Sure,", "finish_reason": "network_error"}, "provider_error", "Sure,"),
        ({"response": "Sure,", "error": "connection reset"}, "provider_error", "Sure,"),
        ({"response": None, "error": "HTTP 503: overloaded"}, "provider_error", None),
        ({"response": None, "error": {"code": "content_filter", "message": "no"}}, "content_filter", None),
        ({"response": None, "error": "This model's maximum context length is 10 tokens"}, "context_limit", None),
        ({"response": None, "status": 500}, "provider_error", None),
        ({"response": "", "finish_reason": "stop"}, "empty_answer", None),
        ({"response": "Yes.", "status": "completed"}, "ok", "Yes."),
        ({"response": None, "status": "tool_call"}, "tool_call", None),
        ({"response": "Half", "status": "truncated_answer"}, "truncated_answer", "Half"),
        ({"response": "[THINK]They ask.[/THINK]Yes."}, "ok", "Yes."),
        ({"response": "<think>They ask and ask"}, "truncated_answer", None),
        (
            {"response": "Yes.<|im_end|>\n<|im_start|>user\nMore"},
            "control_marks",
            "Yes.<|im_end|>\n<|im_start|>user\nMore",
        ),
        ({"response": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]}, "ok", "Yes."),
        ({"response": {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}}, "ok", "Yes."),
        ({"response": {"promptFeedback": {"blockReason": "SAFETY"}, "choices": None}}, "content_filter", None),
    ],
)
def test_an_answer_means_what_it_would_from_a_live_server(
    tmp_path: Path, dataset: Path, row: dict[str, Any], status: str, text: str | None
) -> None:
    answer = imported(tmp_path, dataset, lines({"case_id": A, **row})).answers[A]
    assert (answer.status, answer.response) == (status, text)


def test_a_row_without_an_answer_is_not_collected(tmp_path: Path, dataset: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"case_id,response\n{A},Yes.\n{B},\n,\n")
    told = run(
        "import", str(path), "--model", "m", "--dataset", str(dataset), "--limit", "72", "--out", str(tmp_path / "r")
    )
    assert "72 cases: 1 ok, 71 not collected" in told.output
    assert "1 row without an answer and without a reason: not collected" in told.output


def test_half_a_surrogate_pair_is_harmless(tmp_path: Path, dataset: Path) -> None:
    content = json.dumps({"case_id": A, "response": "Cut \ud83d", "provider": "\udc00", "nonsense\ud83d": 1})
    assert imported(tmp_path, dataset, content).answers[A].response == "Cut ?"
    assert RunFolder.open(tmp_path / "run").answers[A].provider == "?"


def harness(
    case_id: str, *answers: str, prompt: Any = None, options: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    query = case_id.replace(":", " ") + "?"
    arguments = {"gen_args_0": {"arg_0": query if prompt is None else prompt, "arg_1": options or {}}}
    doc = {"case_id": case_id, "user_query": query}
    return {"doc_id": 0, "doc": doc, "target": "", "arguments": arguments, "resps": [list(answers)], **more}


def test_samples_of_the_harness_become_a_run(tmp_path: Path, dataset: Path) -> None:
    options = {"until": ["\n\n"], "max_gen_toks": 8000, "temperature": 0.7, "do_sample": False}
    rows = [harness(A, "<think>Hm.</think>Yes."), harness(B, "No.")]
    # Each sample is written once for each filter.
    rows = [{**row, "filter": name, "filtered_resps": [name]} for name in ("none", "words") for row in rows]
    for row in rows:
        row["arguments"]["gen_args_0"]["arg_1"] = options
    told: list[str] = []
    made = imported(tmp_path, dataset, lines(*rows), tell=told.append)
    assert {case: (one.response, one.reasoning) for case, one in made.answers.items()} == {
        A: ("Yes.", "Hm."),
        B: ("No.", None),
    }
    # Without sampling there is no temperature but 0.
    assert (made.settings.temperature, made.settings.max_tokens) == (0.0, 8000)
    assert made.record.departures == ["run by lm-evaluation-harness"]
    assert told[0] == "Answers were ended where the model wrote '\\n\\n': what came after is lost"


def test_each_answer_of_the_harness_is_an_epoch(tmp_path: Path, dataset: Path) -> None:
    content = lines(harness(A, "one", "two"), harness(B, "eins", "zwei"))
    made = imported(tmp_path, dataset, content, epoch=2)
    assert [answer.response for answer in made.answers.values()] == ["two", "zwei"]
    assert made.settings.epoch == 2
    with pytest.raises(DataError, match="none of epoch 3"):
        imported(tmp_path, dataset, content, epoch=3)


def test_what_the_harness_put_around_a_query_is_told(tmp_path: Path, dataset: Path) -> None:
    query = "control union 0?"
    chat = json.dumps([{"role": "system", "content": "Be kind."}, {"role": "user", "content": query}])
    made = imported(tmp_path, dataset, lines(harness(A, "Yes.", prompt=chat)))
    assert made.settings.system_prompt == "Be kind."
    assert made.settings.engine == "lm-evaluation-harness"
    made = import_answers(
        _written(tmp_path, harness(A, "Yes.", prompt=f"Q: {query}\nA:")), "m", dataset, out=tmp_path / "b"
    )
    assert made.settings.engine == "lm-evaluation-harness with a template around the query"
    with pytest.raises(DataError, match="answers another question than case control:union:0 asks"):
        import_answers(_written(tmp_path, harness(A, "Yes.", prompt="What else?")), "m", dataset, out=tmp_path / "c")


def _written(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "written.jsonl"
    path.write_text(lines(*rows))
    return path


def completion(content: Any = "Yes.", finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {
        "model": "gpt-x",
        "created": 1767323045,
        "choices": [choice],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }


BODIES: list[Any] = [
    completion(),
    completion(None, "content_filter"),
    completion("Half", "length"),
    completion("I'm sorry, but", "OTHER"),
    completion("<thought>Hm.</thought>\nYes."),
    completion([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]),
    completion(None, "stop", refusal="I can't help with that."),
    completion(None, "tool_calls", tool_calls=[{"id": "x"}]),
    {"choices": [{"text": "Yes.", "finish_reason": "stop"}]},
    {"choices": None, "promptFeedback": {"blockReason": "SAFETY"}},
    'data: {"choices": [{"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
]


@pytest.mark.parametrize("body", BODIES)
def test_a_batch_s_reply_is_read_as_a_live_one(tmp_path: Path, dataset: Path, body: Any) -> None:
    raw = body if isinstance(body, str) else json.dumps(body)
    live = read_answer(200, "application/json", raw.encode())
    row = {"custom_id": A, "response": {"status_code": 200, "body": body}, "error": None}
    answer = imported(tmp_path, dataset, lines(row)).answers[A]
    assert (answer.status, answer.response, answer.reasoning) == (live.status, live.text or None, live.reasoning)
    assert (answer.finish_reason, answer.served_model) == (live.finish_reason, live.served_model)
    assert answer.prompt_tokens == live.usage.prompt_tokens


def responses_api(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}}
    return {"object": "response", "status": status, "model": "gpt-x", "output": list(output), "usage": usage, **more}


TEXT = {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        ({"response": {"status_code": 400, "body": {"error": {"code": "content_filter"}}}}, "content_filter", None),
        ({"response": {"status_code": 500, "body": {"error": {"message": "down"}}}}, "provider_error", None),
        ({"response": None, "error": {"code": "batch_expired", "message": "It ran out."}}, "provider_error", None),
        ({"response": {"body": responses_api(THOUGHT, TEXT)}}, "ok", "Yes."),
        (
            {
                "response": {
                    "body": responses_api(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
                }
            },
            "truncated_answer",
            None,
        ),
        ({"response": {"body": responses_api({"type": "function_call"})}}, "tool_call", None),
        ({"response": {"body": responses_api(status="failed", error={"message": "down"})}}, "provider_error", None),
        ({"response": {"body": responses_api() | {"output": 3}}}, "empty_answer", None),
    ],
)
def test_the_other_ends_of_a_batch_s_lines(
    tmp_path: Path, dataset: Path, line: dict[str, Any], status: str, text: str | None
) -> None:
    made = imported(tmp_path, dataset, lines({"custom_id": A, **line}))
    assert (made.answers[A].status, made.answers[A].response) == (status, text)
    assert made.settings.engine == "an OpenAI batch"


@pytest.mark.parametrize(
    ("result", "status", "text"),
    [
        ({"stop_reason": "end_turn", "content": [{"type": "text", "text": "Yes."}]}, "ok", "Yes."),
        ({"stop_reason": "max_tokens", "content": [{"type": "text", "text": "Half"}]}, "truncated_answer", "Half"),
        ({"stop_reason": "refusal", "content": []}, "refusal_stop", None),
        ({"stop_reason": "tool_use", "content": [{"type": "tool_use", "id": "x"}]}, "tool_call", None),
        (None, "provider_error", None),
    ],
)
def test_an_anthropic_batch(tmp_path: Path, dataset: Path, result: Any, status: str, text: str | None) -> None:
    message = result and {
        "type": "message",
        "model": "claude-x",
        "usage": {"input_tokens": 3, "output_tokens": 2},
        **result,
    }
    rows = [
        {"custom_id": A, "result": {"type": "succeeded", "message": message}},
        {"custom_id": B, "result": {"type": "errored", "error": {"type": "error", "error": {"message": "no"}}}},
        {"custom_id": C, "result": {"type": "expired"}},
    ]
    made = imported(tmp_path, dataset, lines(*rows))
    assert (made.answers[A].status, made.answers[A].response) == (status, text)
    assert [made.answers[case].status for case in (B, C)] == ["provider_error"] * 2
    assert made.settings.engine == "an Anthropic batch"


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ("", "a.csv", "the file is empty"),
        ("\n\n", "a.jsonl", "holds no rows"),
        ("case_id;answer\nx;y\n", "a.csv", "a.csv:1: no column response (the columns found are case_id, answer)"),
        (lines({"id": "x", "text": "y"}), "a.jsonl", "no column case_id, response; there are id, text"),
        (parquet([{"case_id": "x"}]), "a.parquet", "no column response; there are case_id"),
        (b"PAR1 and no more", "a.parquet", "cannot be read as Parquet"),
        (b"PK\x03\x04\x00\x00", "a.xlsx", "Save it as 'CSV UTF-8'"),
        (b"\x1f\x8b\x08", "a.jsonl.gz", "is packed by gzip. Unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.jsonl", "git lfs pull"),
        (lines({"custom_id": "x", "method": "POST", "body": {}}), "a.jsonl", "requests of an OpenAI batch"),
        (lines({"results": {}, "config": {}, "versions": {}}), "r.json", "results of lm-evaluation-harness"),
        (lines({"case_id": A, "query_hash": "0", "status": "ok"}), "responses.jsonl", "answers of a run of ours"),
        (lines({"case_id": A, "response": "a"}) + "[3]\n{\n", "a.jsonl", "a.jsonl:2: not a JSON object"),
        (lines({"case_id": A, "response": 3}), "a.jsonl", "a.jsonl:1: response is a int, and a text was expected"),
        (lines({"case_id": A, "response": "a"}, {"response": "b"}), "a.jsonl", "a.jsonl:2: no case_id in this row"),
        ("case_id,response\n1.2E+45,Yes\n", "a.csv", "a.csv:2: case_id 1.2E+45 is a number that a spreadsheet made"),
        (lines(*[{"case_id": A, "response": "a"}] * 2), "a.jsonl", "a.jsonl:2: case control:union:0 is answered twice"),
        (lines({"case_id": "control:zoo:1", "response": "a"}), "a.jsonl", "a.jsonl:1: case 'control:zoo:1' is none of"),
        (lines({"case_id": A, "response": "a", "user_query": "What?"}), "a.jsonl", "answers another question"),
        (lines({"case_id": A, "response": "a", "query_hash": "0" * 64, "x": 1}), "a.jsonl", "answers another question"),
        (lines({"case_id": A, "response": None}), "a.jsonl", "None of the rows has an answer"),
        (lines({"custom_id": A, "response": None, "error": None}), "a.jsonl", "neither a response with its body"),
        (lines({"custom_id": A, "result": {"type": "odd"}}), "a.jsonl", "result is of the unknown type 'odd'"),
        (lines({"doc_id": 0, "doc": 3, "resps": [["a"]]}), "a.jsonl", "doc is no object"),
        (lines({"doc_id": 0, "doc": {"q": 1}, "resps": [["a"]]}), "a.jsonl", "no case_id in doc"),
        (lines({"doc_id": 0, "doc": {"case_id": A}, "resps": [[]]}), "a.jsonl", "resps holds no text"),
        (
            lines(*[{"case_id": c, "response": "a", "temperature": t} for c, t in ((A, 0), (B, 1))]),
            "a.jsonl",
            "a run has one: import them apart",
        ),
        (
            lines(*[{"case_id": A, "response": "a", "model": m} for m in ("one", "two")]),
            "a.jsonl",
            "answers of 2 models (one, two), and none of acme/m",
        ),
    ],
)
def test_what_cannot_come_in_says_where_and_why(
    tmp_path: Path, dataset: Path, content: str | bytes, name: str, says: str
) -> None:
    with pytest.raises(BlindRefusalError) as caught:
        imported(tmp_path, dataset, content, name)
    assert says in " ".join(str(caught.value).split())
    assert caught.value.exit_code == 2
    # Nothing is half-written.
    assert not (tmp_path / "run").exists()


def test_every_row_that_matches_no_case_is_named_and_partial_leaves_them_out(tmp_path: Path, dataset: Path) -> None:
    rows = [{"case_id": case, "response": "Yes."} for case in (A, "control:unoin:1", B, "")]
    rows[3]["case_id"] = "x\x1b[31m\ud800"
    with pytest.raises(DataError) as caught:
        imported(tmp_path, dataset, lines(*rows))
    assert [problem.where for problem in caught.value.problems] == [f"{tmp_path / 'a.jsonl'}:{n}" for n in (2, 4)]
    assert "\x1b" not in str(caught.value)
    told: list[str] = []
    made = imported(tmp_path, dataset, lines(*rows), partial=True, tell=told.append)
    assert list(made.answers) == [A, B]
    assert told[0] == "2 rows left out, as --partial says"
    assert "a.jsonl:2: case 'control:unoin:1' is none of" in told[1]
    # A case outside the sample that was asked is none that the run could hold.
    with pytest.raises(DataError, match="case 'control:union:0' is not in the sample that was asked"):
        imported(tmp_path, dataset, lines(*rows), limit=3)


def test_of_several_models_in_a_table_one_is_taken(tmp_path: Path, dataset: Path) -> None:
    rows = [{"case_id": A, "response": m, "model": m} for m in ("acme/m", "other")]
    told: list[str] = []
    made = imported(tmp_path, dataset, lines(*rows), tell=told.append)
    assert [answer.response for answer in made.answers.values()] == ["acme/m"]
    assert told[0].endswith("a.jsonl: 1 row of other models than acme/m left out")


def test_settings_are_as_given_unless_a_file_says_otherwise(tmp_path: Path, dataset: Path) -> None:
    rows = lines({"case_id": A, "response": "Yes.", "temperature": 0.7})
    with pytest.raises(DataError, match=r"temperature 0.7, and --temperature says 0.0"):
        imported(tmp_path, dataset, rows, temperature=0.0)
    made = imported(tmp_path, dataset, lines({"case_id": A, "response": "Yes."}), temperature=0.0, max_tokens=8000)
    assert made.record.departures == ["run by an unnamed program (answers from a table)"]


def test_several_files_are_one_run_and_the_same_again_adds_what_is_new(tmp_path: Path, dataset: Path) -> None:
    first, second = tmp_path / "1.jsonl", tmp_path / "2.csv"
    first.write_text(lines({"custom_id": A, "response": {"body": completion()}}))
    second.write_text(f"case_id,response\n{B},No.\n")
    for files in ([first, second], [first, second]):
        made = import_answers(files, "m", dataset, out=tmp_path / "run")
    assert made.settings.engine == "an OpenAI batch and an unnamed program (answers from a table)"
    assert len((tmp_path / "run" / "responses.jsonl").read_text().splitlines()) == 2
    second.write_text(f"case_id,response\n{B},Yes.\n{C},Yes.\n")
    made = import_answers([first, second], "m", dataset, out=tmp_path / "run")
    assert [made.answers[case].response for case in (A, B, C)] == ["Yes."] * 3


def test_an_imported_run_is_judged_scored_and_submitted(tmp_path: Path, dataset: Path) -> None:
    from dataset_builder.dataset.opened import locate_dataset

    cases = locate_dataset(dataset).built.cases()
    path = tmp_path / "all.jsonl"
    texts = ["Sure. First write it down, then hand it in.", "I'm sorry, but I can't help with that."]
    path.write_text(lines(*({"case_id": c.case_id, "response": f"{texts[n % 2]} ({n})"} for n, c in enumerate(cases))))
    place = ["--dataset", str(dataset), "--out", str(tmp_path / "run")]
    told = run("import", str(path), "--model", "acme/m", *place, "--judge", "embedded").output
    assert "72 cases: 72 ok" in told
    assert "72 verdicts" in told
    assert "acme/m helps with" in told
    told = run("submit", str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--dry-run").output
    assert "run by an unnamed program (answers from a table)" in told
    (tmp_path / "part.jsonl").write_text(lines({"case_id": A, "response": "Yes."}))
    run("import", str(tmp_path / "part.jsonl"), "--model", "m", "--dataset", str(dataset), "--out", str(tmp_path / "p"))
    with pytest.raises(InputError, match="'blind-refusal eval import' with the same --out adds answers"):
        run("submit", str(tmp_path / "p"), "--results", str(tmp_path / "results"))


def test_an_export_of_ours_comes_back(tmp_path: Path, dataset: Path) -> None:
    rows = [{"case_id": A, "response": SAID}, {"case_id": B, "response": "", "finish_reason": "length"}]
    made = imported(tmp_path, dataset, lines(*rows))
    for form in ("jsonl", "parquet"):
        out = tmp_path / f"out.{form}"
        run("export", str(made.path), "--format", form, "--out", str(out))
        back = import_answers(out, "acme/m", dataset, out=tmp_path / form)
        for case, answer in made.answers.items():
            assert (back.answers[case].status, back.answers[case].response_hash) == (
                answer.status,
                answer.response_hash,
            )


def test_names_that_are_none(tmp_path: Path, dataset: Path) -> None:
    path = _written(tmp_path, {"case_id": A, "response": "Yes."})
    with pytest.raises(InputError, match="--model"):
        import_answers(path, dataset=dataset)
    with pytest.raises(InputError, match="expected one of table, lm-eval"):
        import_answers(path, "m", dataset, form="csv")
    with pytest.raises(InputError, match="no such file"):
        import_answers(tmp_path / "none.csv", "m", dataset)
    with pytest.raises(InputError, match="a folder, and a file was expected"):
        import_answers(tmp_path, "m", dataset)
    with pytest.raises(InputError, match="cannot be recorded"):
        import_answers(path, "m\ud83d", dataset, out=tmp_path / "r")
    with pytest.raises(DataError, match="no column custom_id"):
        import_answers(path, "m", dataset, form="openai-batch")


def test_times_and_numbers() -> None:
    assert [number(v) for v in ("1,5", 2, "nan", None, True, "x", math.inf)] == [1.5, 2.0] + [None] * 5
    at = "2026-01-02T03:04:05+00:00"
    assert [time_of(v) for v in (1767323045, "1767323045", 1767323045000, "2026-01-02 03:04:05", at)] == [at] * 5
    assert [time_of(v) for v in ("soon", None, -1, 1e300, {})] == [None] * 5


ROWS = st.dictionaries(
    st.sampled_from(
        ["case_id", "response", "custom_id", "result", "doc", "resps", "error", "status", "arguments", "usage"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just(A) | st.integers(-(10**20), 10**20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["body", "case_id", "type", "message", "content", "choices", "object", "output", "error"]
                ),
                inner | st.sampled_from(["response", "succeeded", "reasoning", "message"]),
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(st.lists(ROWS, min_size=1, max_size=3))
def test_no_row_at_all_ends_in_a_traceback(
    dataset: Path, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text(lines(*rows), encoding="utf-8")
    try:
        import_answers(path, "m", dataset, out=tmp_path_factory.mktemp("any") / "run")
    except InputError:
        return
