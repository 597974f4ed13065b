"""Git LFS pointers in the place of files, and the litter of file managers, wherever files are read."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.lines import read_lines
from dataset_builder.build.check import check_folder
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import InputError
from dataset_builder.sources.archive import read_members
from dataset_builder.storage.foreign import is_litter
from dataset_builder.storage.sheets import read_sheet
from eval.agreement.report import read_verdicts
from eval.interop.inspect_log import open_log
from eval.repository.folder import SUBMISSIONS, places
from eval.repository.leaderboard import read_leaderboard
from eval.runs.folder import RunFolder
from eval.scores.results import read_results
from eval.submissions.submission import read_submission
from eval.submissions.upload import open_upload
from tests.support.runs import a_record, a_run
from tests.support.small_dataset import build_small

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
LITTER = (".DS_Store", "Thumbs.db", "desktop.ini", "._bundle.json")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small(tmp_path_factory.mktemp("built") / "dataset").path


READERS: list[tuple[str, Callable[[Path], Any]]] = [
    ("manifest.json", lambda p: BuiltDataset.open(p.parent)),
    ("sheet.csv", lambda p: read_sheet(p, ("case_id",))),
    ("cases.jsonl", lambda p: read_lines(p.parent)),
    ("generation.json", lambda p: GenerationFolder.open(p.parent)),
    ("study.tar.gz", lambda p: list(read_members(p, lambda name: True))),
    ("run.json", lambda p: RunFolder.open(p.parent)),
    ("verdicts.jsonl", lambda p: list(read_verdicts(p))),
    ("log.eval", open_log),
    ("log.json", open_log),
    ("leaderboard.json", read_leaderboard),
    ("results.json", read_results),
]


@pytest.mark.parametrize(("name", "read"), READERS, ids=[name for name, _ in READERS])
def test_a_pointer_is_named_as_such(tmp_path: Path, name: str, read: Callable[[Path], Any]) -> None:
    if name.startswith("log."):
        pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")
    path = tmp_path / name
    path.write_bytes(POINTER)
    with pytest.raises(InputError, match=r"is a Git LFS pointer and not the file itself.*git lfs pull") as caught:
        read(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["responses.jsonl", "verdicts.jsonl"])
def test_a_pointer_among_the_files_of_a_run(tmp_path: Path, name: str) -> None:
    run = RunFolder.create(tmp_path / "run", a_record(a_run()))
    (run.path / name).write_bytes(POINTER)
    with pytest.raises(InputError, match="is a Git LFS pointer"):
        RunFolder.open(run.path).verdicts()


def test_a_pointer_in_place_of_a_table_of_a_dataset(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "d")
    (tmp_path / "d" / "data" / "cases" / "test.parquet").write_bytes(POINTER)
    with pytest.raises(InputError, match="is a Git LFS pointer"):
        BuiltDataset.open(tmp_path / "d").cases()
    (first, *_) = map(str, check_folder(tmp_path / "d"))
    assert first == (
        "data/cases/test.parquet: is a Git LFS pointer and not the file itself (fetch it with 'git lfs pull')"
    )


def test_a_pointer_in_a_bundle() -> None:
    with pytest.raises(InputError, match=r"responses\.parquet: is a Git LFS pointer"):
        read_submission({"bundle.json": b"{}", "run.json": b"{}", "responses.parquet": POINTER})


def test_litter_is_no_problem_in_a_dataset(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "d")
    for folder in (tmp_path / "d", tmp_path / "d" / "data" / "cases"):
        _litter(folder)
    assert check_folder(tmp_path / "d") == []
    (tmp_path / "d" / "more.txt").write_bytes(b"")
    assert [str(p) for p in check_folder(tmp_path / "d")] == ["more.txt: is not in the manifest"]


def test_a_run_begins_in_a_folder_with_nothing_but_litter(tmp_path: Path) -> None:
    _litter(tmp_path / "run")
    assert RunFolder.create(tmp_path / "run", a_record(a_run())).path == tmp_path / "run"


def test_litter_is_no_submission_and_no_model(tmp_path: Path) -> None:
    (tmp_path / SUBMISSIONS / "a__b" / "2026-01-01-0123456789").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / SUBMISSIONS, tmp_path / SUBMISSIONS / "a__b"):
        _litter(folder)
    assert places(tmp_path) == ["a__b/2026-01-01-0123456789"]


@pytest.mark.parametrize("packed", [True, False])
def test_litter_is_no_part_of_an_upload_however_much_there_is(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "bundle"
    _litter(folder)
    for number in range(30):
        (folder / f"._{number}").write_bytes(b"x")
    (folder / "bundle.json").write_bytes(b"{}")
    if packed:
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(tmp_path).as_posix())
    assert open_upload(tmp_path / "b.zip" if packed else folder) == {"bundle.json": b"{}"}


def test_what_is_litter() -> None:
    assert all(is_litter(name) for name in (*LITTER, "__MACOSX", "a/__MACOSX/b.json", "data/.DS_Store"))
    assert not any(is_litter(name) for name in ("bundle.json", "a/b.json", ".gitattributes", "MACOSX", "_x"))


def _litter(folder: Path) -> None:
    (folder / "__MACOSX").mkdir(parents=True)
    (folder / "__MACOSX" / "._bundle.json").write_bytes(json.dumps("x").encode())
    for name in LITTER:
        (folder / name).write_bytes(b"x")
