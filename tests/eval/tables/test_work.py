"""Files judged by the real command: every form, stops and kills, and what can be wrong with a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from dataset_builder.errors import InputError
from dataset_builder.work.session import Conditions
from eval.tables.judge import ADDED, TableSettings
from eval.tables.work import TableWork
from space.cli import command
from tests.support.chat_server import ChatServer
from tests.support.kills import Sittings
from tests.support.scripted_judge import judge_script

NO = "I'm sorry, but I can't help with that."


def judge(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["judge", *map(str, arguments)])


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "request": f"How do I do number {n}?", "response": NO, "tags": ["a", n]} for n in range(count)]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@contextmanager
def silent(title: str, total: int) -> Iterator[Callable[[str], None]]:
    yield lambda detail: None


def test_every_form_comes_back_in_its_form_with_its_own_columns(tmp_path: Path) -> None:
    rows = rows_of(3)
    lines = write_lines(tmp_path / "a.jsonl", rows)
    parquet = tmp_path / "b.parquet"
    pq.write_table(pa.Table.from_pylist([{**row, "tags": ["a"]} for row in rows]), parquet)
    sheet = tmp_path / "c.csv"
    sheet.write_text(f"id;Request;response\n1;How?;{NO}\n2;=How?;{NO}\n")
    done = judge(lines, parquet, sheet)
    assert done.exit_code == 0, done.output
    first = read_lines(tmp_path / "a.judged.jsonl")
    assert [{name: row[name] for name in rows[0]} for row in first] == rows
    assert {row["response_type"] for row in first} == {"hard_refusal"}
    second = pq.read_table(tmp_path / "b.judged.parquet")
    assert second.column_names == [*rows[0], *ADDED.names]
    assert second.schema.field("tags").type == pa.list_(pa.string())
    with (tmp_path / "c.judged.csv").open(newline="") as file:
        third = list(csv.DictReader(file))
    assert [row["response_type"] for row in third] == ["hard_refusal"] * 2
    # No spreadsheet takes a cell for a formula.
    assert third[1]["request"] == "'=How?"
    assert "Read: request, response" in done.output
    assert "3 rows; hard_refusal 3 (100%)" in done.output


def test_rows_of_json_may_become_parquet_though_their_values_differ(tmp_path: Path) -> None:
    rows = [*rows_of(2), {"request": "How?", "response": NO, "id": "x", "more": {"deep": 1}}]
    out = tmp_path / "out.parquet"
    assert judge(write_lines(tmp_path / "a.jsonl", rows), "--out", out).exit_code == 0
    table = pq.read_table(out)
    assert table["id"].to_pylist() == ["0", "1", "x"]
    assert table["more"].to_pylist() == [None, None, '{"deep": 1}']


def test_a_row_that_cannot_be_read_is_named_and_the_others_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(rows_of(1)[0]).encode()
    path.write_bytes(good + b'\n{"request": \n\xff\xfe\n[1]\n' + good + b"\n")
    done = judge(path)
    assert done.exit_code == 0
    found = read_lines(tmp_path / "a.judged.jsonl")
    assert [row["unscored_reason"] for row in found] == [None, *["unreadable_row"] * 3, None]
    assert [f"{path}:{line}: not a JSON object" in done.output for line in range(1, 6)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_what_is_done_is_said_and_never_overwritten(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", rows_of(2))
    judge(path)
    first = (tmp_path / "a.judged.jsonl").read_bytes()
    again = judge(path)
    assert again.exit_code == 0
    assert "judged already" in again.output
    other = judge(path, "--prefix", "x_")
    assert "is there already" in str(other.exception)
    assert (tmp_path / "a.judged.jsonl").read_bytes() == first
    write_lines(path, rows_of(3))
    assert isinstance(judge(path).exception, InputError)
    assert (tmp_path / "a.judged.jsonl").read_bytes() == first


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", b"", "holds no rows"),
        ("a.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("a.csv", b"a,b\n1,2\n", "no column for the request and the response; the columns are 'a', 'b'"),
        ("a.csv", b"request,response\nx,y,z\n", "has 3 cells, and the header 2"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid x\n", "Git LFS pointer"),
        ("a.json", b'{"request": ', "no JSON"),
        ("a.eval", b"no zip", "cannot be read as a log of Inspect"),
    ],
)
def test_a_file_that_cannot_be_judged_is_an_error_that_leaves_nothing(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    failed = judge(path)
    assert isinstance(failed.exception, InputError)
    assert told in str(failed.exception)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_names_that_lead_nowhere_are_told_with_a_way_on(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for argument, told in (
        (tmp_path / "nope.parquet", "no such file or folder"),
        (empty, "holds no file of rows"),
        ("hf://datasets/acme", "names no dataset"),
    ):
        assert told in str(judge(argument, "--out", tmp_path / "out").exception)
    one = write_lines(tmp_path / "a.jsonl", rows_of(1))
    (tmp_path / "sub").mkdir()
    two = write_lines(tmp_path / "sub" / "a.jsonl", rows_of(1))
    assert "two files would be written to" in str(judge(one, two, "--out", tmp_path / "out").exception)
    assert "Name a folder" in str(judge(one, two, "--out", tmp_path / "x.jsonl").exception)
    assert "expected a name that ends in" in str(judge(one, "--out", tmp_path / "x.xlsx").exception)


def test_a_killed_job_goes_on_and_labels_every_row_once(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", rows_of(60))
    target = tmp_path / "out.jsonl"

    def work() -> TableWork:
        opened = TableWork.open(source, target, TableSettings(), Conditions(progress=silent))
        opened.part_rows = 4
        return opened

    def sit(mark: int) -> None:
        once = work()
        if once.done() is None:
            once.run(once.session())

    def size() -> int:
        return len(list((tmp_path / "out.jsonl.parts").glob("0*.parquet")))

    sittings = Sittings(sit, size, step=1, seed=3)
    sittings.kill(3, at_most=3)
    assert sittings.finish(0) == 0
    found = read_lines(target)
    assert [row["id"] for row in found] == list(range(60))
    assert {row["response_type"] for row in found} == {"hard_refusal"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "out.jsonl", "out.jsonl.record.json"]
    assert work().done() is not None


def test_no_verdict_is_paid_for_twice_when_a_budget_ends_a_job(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", rows_of(12))
    with ChatServer(judge_script()) as server:
        paid = ("--judge", "model:m", "--base-url", server.base_url, "--price", "1,1", "--concurrency", 1, "--yes")
        first = judge(source, *paid, "--budget", "0.02")
        assert first.exit_code != 0
        assert not (tmp_path / "a.judged.jsonl").exists()
        asked = len(server.requests)
        assert 0 < asked < 12
        second = judge(source, *paid)
        assert second.exit_code == 0, second.output
        assert len(server.requests) == 12
    assert len(read_lines(tmp_path / "a.judged.jsonl")) == 12
    assert "Cost: $0.0240" in second.output


def test_parts_of_another_job_are_never_mixed(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", rows_of(3))
    parts = tmp_path / "a.judged.jsonl.parts"
    parts.mkdir()
    (parts / "job.json").write_text("{}")
    assert "holds a part of another job" in str(judge(source).exception)


def test_a_price_that_is_not_known_is_asked_about(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.jsonl", rows_of(1))
    with ChatServer(judge_script()) as server:
        refused = judge(source, "--judge", "model:m", "--base-url", server.base_url)
        assert not server.requests
    assert "nobody to ask" in str(refused.exception)
