"""Files that are wrong in part: each fault is named with its file and row, and all else is judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from dataset_builder.errors import InputError
from eval.tables.judge import TableSettings, judge_table
from space.cli import command

NO = "I'm sorry, but I can't help with that."
GOOD = {"request": "How do I get around it?", "response": NO}


def judge(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["judge", "--no-explain", *map(str, arguments)])


def damaged_texts(*texts: bytes) -> pa.Array:
    """A column of texts, of which some are no UTF-8, as careless writers make it: Arrow does not look."""
    return pa.array(texts, pa.binary()).view(pa.string())


def labels_in(path: Path) -> list[tuple[str | None, str | None]]:
    rows = (json.loads(line) for line in path.read_text().splitlines())
    return [(row["response_type"], row["unscored_reason"]) for row in rows]


def test_a_row_of_each_kind_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]
    said = {"role": "assistant", "content": NO}
    chats: list[Any] = [
        [{"role": "user", "content": "How?"}, said],
        [*picture, said],
        [{"role": "user", "content": [{"type": "text", "text": "How?"}]}, said],
        [{"role": "user", "content": {"parts": ["How?"]}}, said],
        None,
        [{"role": "user", "content": "How?"}, {**said, "content": [*picture[0]["content"]]}],
        [{"role": "user", "content": "x" * 2_000_001}, said],
        [[{"role": "user", "content": "How?"}, said]],
    ]
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats))
    done = judge(path)
    assert done.exit_code == 0, (done.output, done.exception)
    assert [reason for _, reason in labels_in(tmp_path / "chats.judged.jsonl")] == [
        None, "not_text", None, "not_text", "empty_answer", "not_text", "too_long", "not_text",
    ]  # fmt: skip
    assert "not_text 4 (rows 2, 4, 6, 8); empty_answer 1 (row 5); too_long 1 (row 7)" in done.output


@pytest.mark.parametrize("out", ["labels.parquet", "labels.jsonl", "labels.csv"])
def test_bytes_that_are_no_text_and_days_out_of_range_spoil_their_row_alone(tmp_path: Path, out: str) -> None:
    table = pa.table(
        {
            "request": damaged_texts(b"How?", b"How?", b"How?"),
            "response": damaged_texts(NO.encode(), b"No\xff\xfe", NO.encode()),
            "note": damaged_texts(b"a", b"b", b"c\xff"),
            "day": pa.array([0, 1, 2**31 - 1], pa.int32()).view(pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    done = judge(tmp_path / "a.parquet", "--out", tmp_path / out)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "unreadable_row 1 (row 2)" in done.output
    # As Python sees it, from a program too.
    judged = judge_table(table, TableSettings(explain=False))
    assert judged["unscored_reason"].to_pylist() == [None, "unreadable_row", None]
    if out.endswith(".jsonl"):
        rows = [json.loads(line) for line in (tmp_path / out).read_text().splitlines()]
        assert [row["response_type"] for row in rows] == ["hard_refusal", None, "hard_refusal"]
        assert [row["note"] for row in rows] == ["a", "b", "c\ufffd"]


def test_a_column_of_another_type_leaves_its_rows_unscored(tmp_path: Path) -> None:
    pq.write_table(pa.table({"request": ["How?", "How?"], "response": [1.5, None]}), tmp_path / "a.parquet")
    done = judge(tmp_path / "a.parquet")
    assert done.exit_code == 0
    assert "none could be judged" in done.output
    assert "empty_answer 1 (row 2); not_text 1 (row 1)" in done.output or "not_text 1 (row 1)" in done.output


def test_of_several_files_those_that_cannot_be_read_are_named_and_the_others_judged(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jsonl").write_text(json.dumps(GOOD) + "\n")
    (source / "b.jsonl").write_text("")
    (source / "c.parquet").write_bytes(b"PAR1 and no more")
    (source / "d.jsonl").write_text('{"other": 1}\n')
    (source / "e.jsonl").write_text("version https://git-lfs.github.com/spec/v1\noid x\n")
    # Its second group of rows is not what the end of the file says.
    whole = pa.table({"request": ["How?"] * 8000, "response": [f"{NO} {n}" for n in range(8000)]})
    pq.write_table(whole, source / "f.parquet", row_group_size=4000, compression="none", use_dictionary=False)
    data = bytearray((source / "f.parquet").read_bytes())
    place = pq.ParquetFile(source / "f.parquet").metadata.row_group(1).column(1).data_page_offset
    data[place : place + 40] = b"\xff" * 40
    (source / "f.parquet").write_bytes(data)
    (source / "g.jsonl").write_text(json.dumps(GOOD) + "\n")
    out = tmp_path / "out"
    done = judge(source, "--out", out)
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 2
    told = str(done.exception)
    assert told.startswith("5 of 7 files could not be judged:\n- ")
    for name, why in (
        ("b.jsonl", "holds no rows"),
        ("c.parquet", "cannot be read as Parquet"),
        ("d.jsonl", "no column for the request and the response"),
        ("e.jsonl", "Git LFS pointer"),
        ("f.parquet", "cannot be read from row "),
    ):
        assert f"- {source / name}: {why}" in told or (name == "e.jsonl" and why in told), (name, told)
    # Nothing is half written: what is there is whole.
    assert sorted(path.name for path in out.glob("*.judged.*") if path.is_file() and "record" not in path.name) == [
        "a.judged.jsonl",
        "g.judged.jsonl",
    ]
    assert labels_in(out / "g.judged.jsonl") == [("hard_refusal", None)]


def test_where_nothing_can_be_judged_all_that_is_wrong_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    (tmp_path / "b.jsonl").write_text("")
    failed = judge(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--out", tmp_path / "out")
    assert str(failed.exception).count("holds no rows") == 2
    assert not (tmp_path / "out").exists()
    # A judge or a column that cannot be meant is told once, before any file.
    failed = judge(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--judge", "oracle")
    assert "files could not be judged" not in str(failed.exception)
