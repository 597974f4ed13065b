from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from dataset_builder.storage.record_file import RecordFile
from eval.runs.answer import Answer
from eval.runs.folder import RunFolder
from eval.runs.run import JudgeRecord
from eval.runs.verdict import Verdict, hash_text
from tests.support.runs import a_record, a_run
from tests.support.small_dataset import build_small

NOW = "2026-11-21T18:00:00Z"
SETTINGS = a_run("a", "b", "c", model="ollama/m", package_version="1.0")
RECORD = a_record(SETTINGS, source="build/starter")


def response(case_id: str, text: str | None = "Yes.", status: str = "ok") -> Answer:
    return Answer(
        case_id=case_id,
        query_hash=hash_text("q"),
        status=status,
        response=text,
        response_hash=hash_text(text or ""),
        collected_at=NOW,
    )


def verdict(case_id: str, text: str = "Yes.", judge: str = "embedded", label: str = "helps") -> Verdict:
    return Verdict(case_id=case_id, response_hash=hash_text(text), judge=judge, rubric="1", response_type=label)


def run_with(path: Path, *responses: Answer) -> RunFolder:
    run = RunFolder.create(path, RECORD)
    with run.writing():
        for each in responses:
            run.append_answer(each)
    return run


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    run_with(tmp_path / "run", response("a"), response("b", None, "content_filter"), response("c", "\n\u2028\0é\n"))
    run = RunFolder.open(tmp_path / "run")
    assert run.settings == SETTINGS
    assert [r.case_id for r in run.answers.values()] == ["a", "b", "c"]
    assert [r.response for r in run.answers.values()] == ["Yes.", None, "\n\u2028\0é\n"]
    assert run.statuses() == {"a": "ok", "b": "content_filter", "c": "ok"}


def test_a_later_record_supersedes_a_failure_and_a_failure_no_answer(tmp_path: Path) -> None:
    run = run_with(
        tmp_path,
        response("a", None, "provider_error"),
        response("b", "first"),
        response("a", "at last"),
        response("b", None, "provider_error"),
        response("c", None, "provider_error"),
        response("c", None, "content_filter"),
    )
    assert {r.case_id: (r.status, r.response) for r in run.answers.values()} == {
        "a": ("ok", "at last"),
        "b": ("ok", "first"),
        "c": ("content_filter", None),
    }
    assert len(list(run.every_answer())) == 6


def test_any_cut_loses_at_most_the_record_it_cut(tmp_path: Path) -> None:
    whole = run_with(tmp_path / "whole", response("a"), response("b", "zwölf\n"), response("c"))
    data = (whole.path / "responses.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
    for cut in sorted({*range(0, len(data) + 1, 7), *ends, *(e - 1 for e in ends)}):
        run = RunFolder.create(tmp_path / "cut", RECORD)
        (run.path / "responses.jsonl").write_bytes(data[:cut])
        kept = sum(end <= cut for end in ends)
        assert len(run.statuses()) == kept
        with run.writing():
            run.append_answer(response("c", "after the cut"))
        assert list(run.statuses()) == [*["a", "b"][:kept], "c"]
    torn = (tmp_path / "cut" / "responses.jsonl.torn").read_bytes()
    assert data[: ends[0] - 1] + b"\n" in torn


def test_zeros_left_by_a_power_cut_are_set_aside(tmp_path: Path) -> None:
    run = run_with(tmp_path, response("a"))
    with (tmp_path / "responses.jsonl").open("ab") as file:
        file.write(b"\0" * 5000 + b"\n" + b"\0" * 70_000)
    with run.writing():
        run.append_answer(response("b"))
    assert list(run.statuses()) == ["a", "b"]


def test_damage_in_the_middle_is_named_and_nothing_is_thrown_away(tmp_path: Path) -> None:
    run = run_with(tmp_path, response("a"), response("b"), response("c"))
    file = tmp_path / "responses.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b'{"case_id": 3}\n' + lines[2])
    with pytest.raises(DataError, match=r"responses\.jsonl:2"):
        run.statuses()
    assert len(file.read_bytes().splitlines()) == 3


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    with FileLock(tmp_path / ".lock"), pytest.raises(InputError, match="another process"), run.writing():
        pass
    with run.writing():
        pass


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"temperature": 0.7}, "temperature: 0.0 there, 0.7 asked for now"),
        ({"temperature": None}, "temperature: 0.0 there, None asked for now"),
        ({"max_tokens": 100}, "max_tokens: 8000 there, 100 asked for now"),
        ({"model": "ollama/n"}, "model: 'ollama/m' there, 'ollama/n' asked for now"),
        ({"package_version": "1.1"}, "package_version"),
        ({"case_ids": ("b", "c", "d", "e")}, "case_ids: 3 cases there, 4 asked for now, 2 in common"),
    ],
)
def test_settings_are_not_mixed(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    RunFolder.create(tmp_path, RECORD)
    other = msgspec.structs.replace(SETTINGS, **change)
    with pytest.raises(DataError) as caught:
        RunFolder.create(tmp_path, a_record(other))
    assert said in str(caught.value)
    assert "1 problem" in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_setting_takes_part_in_the_comparison() -> None:
    odd: dict[str, Any] = {"temperature": 0.5, "max_tokens": 7, "sample_seed": 9, "seed": 9, "case_ids": ("z",)}
    odd |= {"top_p": 0.5, "stop": ("END",)}
    for name in SETTINGS.__struct_fields__:
        other = msgspec.structs.replace(SETTINGS, **{name: odd.get(name, "something else")})
        assert [p.where for p in RECORD.differences(a_record(other))] == [name]
    # What the dataset is called does not count; its hash does.
    assert RECORD.differences(a_record(SETTINGS, source="elsewhere")) == []
    assert [p.where for p in RECORD.differences(a_record(SETTINGS, cases_hash="1" * 64))] == ["cases_hash"]


def test_a_run_that_could_not_be_read_again_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be recorded"):
        RunFolder.create(tmp_path / "run", a_record(a_run(model="<script>")))
    assert not (tmp_path / "run").exists()


def test_departures_from_the_protocol_are_told() -> None:
    assert SETTINGS.departures() == []
    other = msgspec.structs.replace(SETTINGS, temperature=1.0, max_tokens=400, sample="limit:3", reasoning="low")
    assert other.departures() == [
        "temperature 1 instead of 0",
        "at most 400 tokens instead of 8,000",
        "reasoning set to 'low' (the study left it alone)",
        "3 cases (limit:3, seed 0) instead of all",
    ]


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not a run and not empty"):
        RunFolder.create(tmp_path, RECORD)
    with pytest.raises(InputError, match="a file"):
        RunFolder.create(tmp_path / "thesis.txt", RECORD)
    with pytest.raises(InputError, match="no run here"):
        RunFolder.open(tmp_path)


def test_a_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / ".run.building-12345678.json").write_bytes(b'{"format"')
    (tmp_path / ".lock").touch()
    assert RunFolder.create(tmp_path, RECORD).settings == SETTINGS


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "x"}', "\x00", "[" * 100_000])
def test_a_damaged_run_json_is_an_error_and_no_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json"):
        RunFolder.open(tmp_path)


def test_a_byte_order_mark_and_blank_lines_cost_nothing(tmp_path: Path) -> None:
    run = run_with(tmp_path, response("a"), response("b"))
    for name in ("run.json", "responses.jsonl"):
        file = tmp_path / name
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes() + b"\r\n\n")
    again = RunFolder.open(tmp_path)
    assert list(again.answers) == ["a", "b"]
    with again.writing():
        again.append_answer(response("c"))
    assert list(RunFolder.open(run.path).answers) == ["a", "b", "c"]


def test_every_bad_line_is_named_with_advice_that_loses_nothing(tmp_path: Path) -> None:
    run_with(tmp_path, response("a"))
    file = tmp_path / "responses.jsonl"
    far = msgspec.json.encode(response("far"))
    file.write_bytes(file.read_bytes() + b"null\n" + far + b'\n{"case_id": 1}\n')
    before = file.read_bytes()
    with pytest.raises(DataError) as caught:
        RunFolder.open(tmp_path).statuses()
    null, stray, other = map(str, caught.value.problems)
    assert null == f"{file}:2: holds null and no record (delete this line: nothing is lost)"
    assert stray == f"{file}:3: case 'far' is none that this run asks (move this line to where it belongs)"
    assert other.startswith(f"{file}:4: not a record of this file")
    assert other.endswith("(keep this line in another file; its case is then done again)")
    assert file.read_bytes() == before
    file.write_bytes("null\n".encode("utf-16"))
    with pytest.raises(DataError, match="the file is UTF-16"):
        RunFolder.open(tmp_path).statuses()


def test_answers_to_other_questions_under_the_same_ids_are_named(tmp_path: Path) -> None:
    dataset = OpenedDataset(build_small(tmp_path / "data"), "data")
    first, second = dataset.built.cases()[:2]
    settings = a_run(first.case_id, second.case_id)
    run = RunFolder.create(tmp_path / "run", a_record(settings, cases_hash=dataset.built.cases_hash))
    good = msgspec.structs.replace(response(first.case_id), query_hash=hash_text(first.user_query))
    with run.writing():
        run.append_answer(good)
    run.check_dataset(dataset)
    with run.writing():
        run.append_answer(response(second.case_id))
    with pytest.raises(DataError, match="answers to questions that data does not ask") as caught:
        run.check_dataset(dataset)
    assert [problem.where for problem in caught.value.problems] == [f"{run.path / 'responses.jsonl'}:2"]


def test_a_run_of_another_format_is_refused(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, RECORD)
    newer = msgspec.structs.replace(run.record, format=2)
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(newer))
    with pytest.raises(InputError, match="format 2"):
        RunFolder.open(tmp_path)


def test_verdicts_count_for_the_answer_they_are_on(tmp_path: Path) -> None:
    run = run_with(tmp_path, response("a", None, "provider_error"), response("a", "Yes."), response("b", "No."))
    with run.writing():
        run.append_verdict(verdict("a", ""))  # on the failure, before it was repeated
        run.append_verdict(verdict("a", "Yes.", label="deflects"))
        run.append_verdict(verdict("a", "Yes.", label="helps"))
        run.append_verdict(verdict("a", "Yes.", judge="model:x"))
        run.append_verdict(verdict("b", "No.", label="hard_refusal"))
    assert [(v.case_id, v.response_type) for v in run.verdicts("embedded")] == [("a", "helps"), ("b", "hard_refusal")]
    assert [v.judge for v in run.verdicts()] == ["embedded", "model:x", "embedded"]
    assert list(run.verdicts("embedded", "2")) == []


def test_a_judge_may_not_change_its_settings_within_a_run(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, RECORD)
    judge = JudgeRecord(judge="model:x", rubric="1", settings={"temperature": 0, "endpoint": "h"})
    with run.writing():
        run.record_judge(judge)
        run.record_judge(judge)
    run = RunFolder.open(tmp_path)
    assert run.record.judges == [judge]
    other = msgspec.structs.replace(judge, settings={"temperature": 1, "endpoint": "h"})
    with run.writing(), pytest.raises(DataError, match="temperature: 0 there, 1 asked for now"):
        run.record_judge(other)


@given(texts=st.lists(st.text(), max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_comes_back_as_it_was(tmp_path: Path, texts: list[str]) -> None:
    file = RecordFile(tmp_path / "x.jsonl", Answer)
    file.path.unlink(missing_ok=True)
    file.open()
    for i, text in enumerate(texts):
        file.append(response(str(i), text))
    file.close()
    assert [r.response for r in file] == texts
