"""Sheets as spreadsheets really save them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.errors import BlindRefusalError, DataError, InputError
from dataset_builder.storage.sheets import inert, read_sheet, scientific, truth

NEEDED = ("case_id", "response_type", "engages_with_defeat")
ROWS = [["a_1", "helps", "TRUE", 'He said: "no, never"'], ["b_2", "deflects", "FALSE", "café; naïve\tand\nmore"]]


def written(folder: Path, data: str, encoding: str = "utf-8", name: str = "s.csv") -> Path:
    path = folder / name
    path.write_bytes(data.encode(encoding))
    return path


def csv_text(separator: str, *, end: str = "\r\n") -> str:
    def cell(value: str) -> str:
        return '"' + value.replace('"', '""') + '"' if any(c in value for c in '",;\t\n') else value

    header = [*NEEDED, "reasoning"]
    return end.join(separator.join(map(cell, row)) for row in [header, *ROWS]) + end


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("told", [False, True])
def test_every_way_of_saving_reads_alike(tmp_path: Path, encoding: str, separator: str, told: bool) -> None:
    text = (f"sep={separator}\r\n" if told else "") + csv_text(separator)
    found = read_sheet(written(tmp_path, text, encoding), NEEDED)
    assert [list(row.values.values()) for row in found] == ROWS
    # Line numbers are those of the file: the second row ends on the line after the break in its last cell.
    assert [row.line for row in found] == ([3, 5] if told else [2, 4])


def test_header_case_blanks_and_empty_rows_mean_nothing(tmp_path: Path) -> None:
    text = "\n Case_ID , Response_Type,ENGAGES_WITH_DEFEAT,,\n a_1 ,\u00a0helps ,yes,,\n,,,,\n   \n"
    (row,) = read_sheet(written(tmp_path, text), NEEDED)
    assert row.values == {"case_id": "a_1", "response_type": "helps", "engages_with_defeat": "yes"}


@pytest.mark.parametrize("header", ["Case ID,Response Type,Engages With Defeat", "case-id,response-type,CASE"])
def test_words_of_a_header_may_be_joined_in_any_way(tmp_path: Path, header: str) -> None:
    (row,) = read_sheet(written(tmp_path, f"\ufeff\ufeff{header}\na_1\u200b,\ufeffhelps,yes\n"), NEEDED[:2])
    assert (row.values["case_id"], row.values["response_type"]) == ("a_1", "helps")


@pytest.mark.parametrize("name", ["s.jsonl", "s.ndjson", "S.JSONL"])
def test_lines_end_at_newlines_alone(tmp_path: Path, name: str) -> None:
    rows = [{"case_id": f"c{n}", "response_type": "helps", "reasoning": f"a\u2028b\u0085c\x0bd{n}"} for n in range(6)]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"
    assert [row.values for row in read_sheet(written(tmp_path, text, name=name), NEEDED)] == rows


def test_a_json_list_is_read_as_what_it_is(tmp_path: Path) -> None:
    rows = [{"case_id": "c", "response_type": "helps", "engages_with_defeat": True}]
    assert read_sheet(written(tmp_path, json.dumps(rows), name="s.json"), NEEDED)[0].values == rows[0]
    with pytest.raises(DataError, match="expected a list of objects"):
        read_sheet(written(tmp_path, '{"case_id": "c"}', name="s.json"), NEEDED)
    with pytest.raises(DataError, match=r"belongs in a \.jsonl file"):
        read_sheet(written(tmp_path, '{"case_id": "c"', name="s.json"), NEEDED)


@pytest.mark.parametrize("name", ["s.json", "s.txt", "s"])
def test_json_lines_by_another_name_are_read(tmp_path: Path, name: str) -> None:
    found = read_sheet(written(tmp_path, '{"case_id": "c"}\n\n{"case_id": "d "}\n', name=name), NEEDED)
    assert [(row.line, row.values) for row in found] == [(1, {"case_id": "c"}), (3, {"case_id": "d"})]


def test_of_exact_columns_nothing_is_trimmed(tmp_path: Path) -> None:
    path = written(tmp_path, 'case_id;Response\n a ;" b\n"\n')
    assert read_sheet(path, ("case_id",), exact=("response",))[0].values == {"case_id": "a", "response": " b\n"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\xff\xfea", "Save it as 'CSV UTF-8'"),
        (b"case_id\x00,\xff", "Save it as 'CSV UTF-8'"),
        (b"", "the file is empty"),
        (b"<html><table><tr><td>case_id", "is a page or XML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook/>", "is a page or XML"),
        (b"ID;PWXL;N;E\nC;Y1;X1\n", "old form of workbooks"),
        (b"%PDF-1.7", "no table"),
        (b"case_id,case-ID,response_type,engages_with_defeat\n", "two columns are called case_id"),
        (b"case_id,text\nx,y\n", "no column response_type, engages_with_defeat (the columns found are case_id, text)"),
        (b"case_id|response_type\n", "expected commas, semicolons or tabs"),
        (b"case_id,case_id,response_type,engages_with_defeat\n", "two columns are called case_id"),
        (b"case_id,response_type,engages_with_defeat\na,helps,no,but, why\n", "5 cells, and the header 3"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(data)
    with pytest.raises(BlindRefusalError) as caught:
        read_sheet(path, NEEDED)
    assert says in " ".join(str(caught.value).split())
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_sheet(tmp_path / "none.csv", NEEDED)


def test_yes_and_no_as_spreadsheets_write_them() -> None:
    assert [truth(v) for v in (True, "TRUE", " yes ", "1", "1.0", "WAHR", "VRAI", "Verdadero", "ИСТИНА")] == [True] * 9
    assert [truth(v) for v in ("SANT", "TOSI", "IGAZ", "DOĞRU", "ΑΛΗΘΗΣ", "PRAVDA", "ІСТИНА", "1,00", "T")] == [
        True
    ] * 9
    assert [truth(v) for v in ("FALSKT", "EPÄTOSI", "HAMIS", "YANLIŞ", "ΨΕΥΔΗΣ", "NEPRAVDA", "F")] == [False] * 7
    assert [truth(v) for v in (False, "FALSE", "no", "0", "0,0", "FALSCH", "FAUX", "НЕТ")] == [False] * 8
    assert [truth(v) for v in ("", None, "maybe", "2", 2)] == [None] * 5


def test_ids_that_became_numbers() -> None:
    assert all(map(scientific, ("3.32E+63", "1,23E+45", " 3e10 ")))
    assert not any(map(scientific, ("3328e618", "starter_control_1", "0" * 64, 3.0, None, "")))


@given(st.text(max_size=30))
def test_an_inert_cell_begins_with_no_formula_and_loses_nothing(text: str) -> None:
    assert not inert(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert inert(text).removeprefix("'") in (text, text.removeprefix("'"))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["s.csv", "s.jsonl", "s.json"]))
def test_no_file_at_all_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        rows = read_sheet(path, NEEDED)
    except (InputError, DataError):
        return
    assert all(row.line >= 1 for row in rows)
