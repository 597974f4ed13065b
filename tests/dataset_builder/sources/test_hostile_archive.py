"""Archives and folders made to break the reader: each ends in one clear error and exit code 2, or is harmless."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.cli import dataset
from dataset_builder.errors import DataError, InputError, Problem, SourceError
from dataset_builder.sources.archive import Limits, read_members
from tests.support import mini_study

TOP = mini_study.TOP
CASES = "data/2_filtered/control_workplace.json"
ANSWERS = "data/3_responses/alpha-1_control_workplace.json"
VERDICTS = "data/4_evaluated/alpha-1_control_workplace.json"
FULL = "logs/gate_verdicts/rj_full_results.json"


def build(source: Path, tmp_path: Path) -> BaseException | None:
    """What the command ends in; whatever it is, only a whole dataset may be left behind."""
    out = tmp_path / "out" / "dataset"
    done = CliRunner().invoke(dataset, ["build", "--source", str(source), "--out", str(out), "--quiet"])
    left = sorted(path.name for path in out.parent.iterdir()) if out.parent.exists() else []
    assert left == (["dataset"] if done.exception is None else [])
    return done.exception


def refusal(source: Path, tmp_path: Path) -> str:
    error = build(source, tmp_path)
    assert isinstance(error, InputError), repr(error)
    assert error.exit_code == 2
    assert str(error).isprintable() or isinstance(error, DataError)
    return str(error)


def packed(path: Path, *more: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    """The small archive with some members after its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, value in mini_study.files().items():
            info = tarfile.TarInfo(f"{TOP}/{name}")
            data = mini_study.encode(value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info, data in more:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(buffer.getvalue(), 1))
    return path


def member(name: str, **headers: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{TOP}/{name}")
    info.pax_headers = headers
    return info


def raw(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(gzip.compress(b"".join(blocks) + bytes(1024), 1))
    return path


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize(
    "name",
    [
        "data/2_filtered/x\udcff.json",
        "notes/caf\udce9.txt",
        "data/2_filtered/a\nb.json",
        "data/\x1b[31m.json",
        "a\u202eb",
    ],
    ids=["not UTF-8", "not UTF-8 and not wanted", "newline", "terminal", "turned round"],
)
def test_a_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str, form: int) -> None:
    said = refusal(packed(tmp_path / "a.tar.gz", (member(name), b"{}"), form=form), tmp_path)
    assert "is not UTF-8 or holds control characters; rename the file" in said


def test_a_nul_in_a_long_name_is_refused(tmp_path: Path) -> None:
    source = packed(tmp_path / "a.tar.gz", (member("x", path=f"{TOP}/data/a\0b.json"), b"{}"))
    assert "holds control characters" in refusal(source, tmp_path)


def test_such_a_name_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = mini_study.write_folder(tmp_path / "f")
    Path(os.fsdecode(os.fsencode(folder) + b"/data/2_filtered/x\xff.json")).write_text("{}")
    assert "is not UTF-8" in refusal(folder, tmp_path)


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": CASES, "GNU.sparse.realsize": "9"},
        {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"},
        {"GNU.sparse.map": "0,x"},
        {"GNU.sparse.size": "-1"},
        {"GNU.sparse.size": "9" * 5000},
    ],
)
def test_sparse_files_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    said = refusal(packed(tmp_path / "a.tar.gz", (member("data/sparse.bin", **headers), b'{"cases": []}')), tmp_path)
    assert "sparse file" in said
    assert "without tar's --sparse" in said


def test_an_old_sparse_file_is_refused(tmp_path: Path) -> None:
    source = raw(tmp_path / "a.tar.gz", header(f"{TOP}/data/x.json", 0, tarfile.GNUTYPE_SPARSE))
    assert "is a sparse file" in refusal(source, tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", "-1"),
        ("size", "1e9"),
        ("size", "9" * 5000),
        ("size", "nan"),
        ("path", ""),
        ("path", "/etc/x"),
        ("path", ".."),
    ],
)
def test_odd_headers_are_an_error_or_harmless(tmp_path: Path, key: str, value: str) -> None:
    error = build(packed(tmp_path / "a.tar.gz", (member("x", **{key: value}), b"{}")), tmp_path)
    assert error is None or isinstance(error, InputError), repr(error)


def test_a_header_that_swells_is_refused_before_it_is_read(tmp_path: Path) -> None:
    # A long name of 256 MiB packs to 1 MB; tarfile alone would take it into memory whole.
    size = 256 << 20
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header("././@LongLink", size, tarfile.GNUTYPE_LONGNAME))
        for _ in range(256):
            file.write(b"a" * (1 << 20))
    assert "a header of more than 1,048,576 bytes" in refusal(path, tmp_path)


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    source = raw(tmp_path / "a.tar.gz", *(header(f"{TOP}/{n}/", 0, tarfile.DIRTYPE) for n in range(30)))
    with pytest.raises(SourceError, match="more than 20 files"):
        list(read_members(source, lambda _: True, Limits(files=20)))


def test_a_path_of_three_thousand_folders_is_harmless(tmp_path: Path) -> None:
    assert build(packed(tmp_path / "a.tar.gz", (member("d/" * 3000 + "x.json"), b"{}")), tmp_path) is None


def test_what_lies_too_deep_to_be_wanted_is_not_looked_at(tmp_path: Path) -> None:
    folder = mini_study.write_folder(tmp_path / "f")
    deep = folder / ("d/" * 20)
    deep.mkdir(parents=True)
    # A linked folder is refused wherever the walk comes by.
    (deep / "link").symlink_to(tmp_path)
    assert build(folder, tmp_path) is None


def test_a_pipe_or_a_linked_folder_is_refused(tmp_path: Path) -> None:
    piped = mini_study.write_folder(tmp_path / "piped")
    os.mkfifo(piped / "data/2_filtered/x.json")
    assert "x.json: is a link or a device" in refusal(piped, tmp_path)
    linked = mini_study.write_folder(tmp_path / "linked")
    (linked / "data/4_evaluated").rename(tmp_path / "elsewhere")
    (linked / "data/4_evaluated").symlink_to(tmp_path / "elsewhere")
    assert "4_evaluated: is a link" in refusal(linked, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is hidden from root")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    folder = mini_study.write_folder(tmp_path / "f")
    (folder / CASES).chmod(0)
    assert f"{folder / CASES}: cannot be read (Permission denied)" in refusal(folder, tmp_path)


def renamed(slug: str) -> dict[str, Any]:
    """The small archive with its first model under another name."""
    content = mini_study.files()
    content["data/human_validation/eval_reviews.json"] = {}
    for path, file in content.items():
        if path.startswith("data/3_responses/alpha-1"):
            file["metadata"]["model_slug"] = slug
        if path.startswith("data/4_evaluated/alpha-1"):
            file["metadata"]["evaluated_model"] = slug
    return content


@pytest.mark.parametrize("slug", ["x" * 400, "x" * 97, "", "a/b", "..", "A", "a\u0000b", "x" * 100_000])
def test_a_slug_that_cannot_name_a_file_is_refused(tmp_path: Path, slug: str) -> None:
    said = refusal(mini_study.write_archive(tmp_path / "a.tar.gz", renamed(slug)), tmp_path)
    assert f"{ANSWERS}: model_slug" in said
    assert f"({len(slug)} characters)" in said
    assert len(said) < 5000


def test_the_longest_slug_builds(tmp_path: Path) -> None:
    assert build(mini_study.write_archive(tmp_path / "a.tar.gz", renamed("x" * 96)), tmp_path) is None


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (lambda name: name.startswith("data/4_evaluated/"), "6 problems"),
        (lambda name: name == VERDICTS, f"{VERDICTS}: is missing: the answers of the same file name have no verdicts"),
        (lambda name: name == FULL, f"{FULL}: is missing: without it, nothing says which gate removed a case"),
    ],
)
def test_missing_verdicts_are_not_passed_over(tmp_path: Path, gone: Callable[[str], bool], said: str) -> None:
    content = {name: value for name, value in mini_study.files().items() if not gone(name)}
    assert said in refusal(mini_study.write_archive(tmp_path / "a.tar.gz", content), tmp_path)


KINDS = (
    "data/1_generated/control_workplace.json",
    CASES,
    ANSWERS,
    VERDICTS,
    FULL,
    "data/human_validation/reviews.json",
    "data/human_validation/eval_reviews.json",
    "data/human_validation/eval_sample.json",
    "logs/gate_verdicts/du_control_workplace.json",
)
SPOILT = {
    "not UTF-8": b'{"metadata": "\xff\xfe"}',
    "UTF-16": '{"metadata": {}}'.encode("utf-16"),
    "deep lists": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep and cut": b"[" * 1_000_000,
    "NaN": b"NaN",
    "infinity": b"[1e999]",
    "nothing": b"",
    "a BOM": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("how", SPOILT)
def test_a_file_that_is_no_such_json_is_named(tmp_path: Path, path: str, how: str) -> None:
    source = mini_study.write_archive(tmp_path / "a.tar.gz", mini_study.files() | {path: SPOILT[how]})
    assert path in refusal(source, tmp_path)


NUMBERED = (ANSWERS, VERDICTS, CASES, "logs/gate_verdicts/na_control_workplace.json")


@given(
    st.sampled_from(NUMBERED),
    st.sampled_from([2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**400, -1, -(2**63), -(2**63) - 1]),
    st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_a_number_of_any_size_is_an_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, path: str, number: int, at: int
) -> None:
    content = mini_study.files()
    places = numbers_in(content[path])
    parent, key = places[at % len(places)]
    parent[key] = number
    tmp_path = tmp_path_factory.mktemp("numbers")
    error = build(mini_study.write_archive(tmp_path / "a.tar.gz", content), tmp_path)
    assert error is None or isinstance(error, InputError), repr(error)


def numbers_in(value: Any) -> list[tuple[Any, Any]]:
    """Every number in a JSON document, as the object or list that holds it and its key there."""
    places: list[tuple[Any, Any]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, int | float):
            places.append((value, key))
        elif isinstance(inner, dict | list):
            places += numbers_in(inner)
    return places


@pytest.mark.parametrize("number", [-1, 2**63, 2**64, 10**400])
def test_a_number_that_no_column_holds_is_named(tmp_path: Path, number: int) -> None:
    content = mini_study.files()
    content[ANSWERS]["responses"][0]["usage"]["completion_tokens"] = number
    said = refusal(mini_study.write_archive(tmp_path / "a.tar.gz", content), tmp_path)
    assert ANSWERS in said
    assert "completion_tokens" in said


def test_what_a_file_says_is_shown_short_and_on_one_line() -> None:
    said = str(Problem("a.json", "unknown field \x1b[31m" + "y" * 5000, "\u202e\udcff"))
    assert said.isprintable()
    assert said.startswith("a.json: unknown field \\x1b[31myyy")
    assert said.endswith("yyy (\\u202e\\udcff)")
    assert len(said) < 1100
