"""Untrusted archives: cut, swollen, or reaching outside."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from dataset_builder.errors import SourceError
from dataset_builder.sources.archive import Limits, Member, origin_of, read_members
from tests.support import mini_study


def read(path: Path, limits: Limits | None = None) -> list[Member]:
    return list(read_members(path, lambda name: True, limits))


def archive_of(path: Path, *infos: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in infos:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_reads_below_the_top_folder_and_its_commit(tmp_path: Path) -> None:
    path = mini_study.write_archive(tmp_path / "a.tar.gz", {"data/x.json": [1]})
    assert read(path) == [Member("data/x.json", b"[1]")]
    assert origin_of(path) == ("blind-refusal", "0123456789abcdef0123456789abcdef01234567")
    assert origin_of(mini_study.write_folder(tmp_path / "f", {"data/x.json": [1]})) is None


@pytest.mark.parametrize("keep", [0, 1, 9, 30, 200, -40, -9, -1])
def test_a_cut_archive_is_an_error_wherever_it_was_cut(tmp_path: Path, keep: int) -> None:
    whole = mini_study.tar_gz(mini_study.files())
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(whole[:keep])
    with pytest.raises(SourceError, match=r"cut short|not a readable"):
        read(path)


@pytest.mark.parametrize("name", ["/etc/passwd", "top/../../outside", "top\\..\\outside"])
def test_paths_outside_are_refused(tmp_path: Path, name: str) -> None:
    path = archive_of(tmp_path / "a.tar.gz", (tarfile.TarInfo(name), b"x"))
    with pytest.raises(SourceError, match="points outside"):
        read(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("top/data/x.json")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(SourceError, match="link or a device"):
        read(archive_of(tmp_path / "a.tar.gz", (info, b"")))


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = mini_study.write_folder(tmp_path / "f", {"data/x.json": [1]})
    (folder / "data" / "y.json").symlink_to("/etc/hostname")
    with pytest.raises(SourceError, match="is a link"):
        read(folder)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    # 64 MiB of zeros pack to about 64 kB; the header alone gives the size away.
    info = tarfile.TarInfo("top/data/x.json")
    path = archive_of(tmp_path / "bomb.tar.gz", (info, bytes(64 * 1024 * 1024)))
    assert path.stat().st_size < 200_000
    with pytest.raises(SourceError, match="the limit is 1,048,576 a file"):
        read(path, Limits(file_bytes=1024 * 1024))


def test_many_files_and_much_in_all_are_refused(tmp_path: Path) -> None:
    path = mini_study.write_archive(tmp_path / "a.tar.gz", {f"data/{n}.json": "x" * 90 for n in range(20)})
    with pytest.raises(SourceError, match="more than 5 files"):
        read(path, Limits(files=5))
    with pytest.raises(SourceError, match="more than 500 bytes"):
        read(path, Limits(total_bytes=500))


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    twice = [(tarfile.TarInfo("top/data/x.json"), b"1"), (tarfile.TarInfo("top/./data/x.json"), b"2")]
    with pytest.raises(SourceError, match="occurs twice"):
        read(archive_of(tmp_path / "a.tar.gz", *twice))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    for name, data in (("text", b"hello"), ("zeros", bytes(2048)), ("gzip", gzip.compress(b"hello" * 400))):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(SourceError):
            read(path)
