from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.errors import DataError, InputError
from eval.submissions import upload
from eval.submissions.upload import open_upload

FILES = {"bundle.json": b"{}", "run.json": b"{ }", "responses.parquet": b"PAR1"}


def pack(path: Path, write: Callable[[zipfile.ZipFile], None]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        write(archive)
    return path


def plain(archive: zipfile.ZipFile, folder: str = "") -> None:
    for name, data in FILES.items():
        archive.writestr(folder + name, data)


def test_a_folder_and_zips_of_it_are_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    assert open_upload(folder) == FILES
    assert open_upload(pack(tmp_path / "root.zip", plain)) == FILES

    def as_a_mac_does(archive: zipfile.ZipFile) -> None:
        archive.writestr("run/", b"")
        plain(archive, "run/")
        archive.writestr("__MACOSX/run/._bundle.json", b"x")
        archive.writestr("run/.DS_Store", b"x")

    assert open_upload(pack(tmp_path / "mac.zip", as_a_mac_does)) == FILES


def entry(name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644, **changes: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    for key, value in changes.items():
        setattr(info, key, value)
    return info


def write(name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> Callable[[zipfile.ZipFile], None]:
    return lambda archive: archive.writestr(entry(name, mode=mode), data, zipfile.ZIP_DEFLATED)


TRICKS: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "climbs": (write("../bundle.json"), "has a path"),
    "climbs from within": (write("run/../../bundle.json"), "has a path"),
    "absolute": (write("/etc/bundle.json"), "has a path"),
    "of Windows": (write("C:\\bundle.json"), "has a path"),
    "backslashes": (write("..\\bundle.json"), "has a path"),
    "deep": (write("a/b/bundle.json"), "has a path"),
    "a link": (write("bundle.json", b"/etc/passwd", stat.S_IFLNK | 0o777), "a kind"),
    "a device": (write("bundle.json", b"", stat.S_IFCHR | 0o644), "a kind"),
    "a name with a line feed": (write("bund\nle.json"), "has a path"),
    "something else": (write("train.py"), "is no file of a bundle"),
    "a pickle": (write("model.pkl"), "is no file of a bundle"),
    "a zip in it": (write("more.zip"), "is no file of a bundle"),
    "zeros": (write("responses.parquet", b"\0" * 30_000_000), "200-fold"),
    "a large JSON": (write("bundle.json", os.urandom(2_000_000)), "at most 1,048,576"),
    "twice": (lambda a: [a.writestr(f"{f}bundle.json", b"{}") for f in ("", "run/")] and None, "occurs twice"),
    "two folders": (
        lambda a: [a.writestr(n, b"{}") for n in ("a/bundle.json", "b/run.json")] and None,
        "in several folders",
    ),
    "many": (lambda a: [a.writestr(f"{n}.txt", b"") for n in range(21)] and None, "21 entries"),
}


@pytest.mark.parametrize("kind", TRICKS)
def test_a_trick_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    make, expected = TRICKS[kind]
    with pytest.raises(DataError, match=expected):
        open_upload(pack(tmp_path / "up.zip", make))
    assert [p.name for p in tmp_path.iterdir()] == ["up.zip"]


def test_two_gigabytes_of_zeros_are_not_unfolded(tmp_path: Path) -> None:
    # 2 GB that an archive only claims: the size in its directory is what is looked at first.
    path = pack(tmp_path / "up.zip", write("responses.parquet", b"\0" * 100))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (2_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match="200-fold"):
        open_upload(path)
    # And one that claims less than it holds ends at what it claimed.
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        open_upload(path)


def test_an_encrypted_and_a_cut_off_zip_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "up.zip", plain)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="an encryption"):
        open_upload(path)
    path.write_bytes(path.read_bytes()[: len(data) // 2])
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        open_upload(path)


def test_a_folder_with_a_link_or_a_folder_in_it_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "deep").mkdir(parents=True)
    (folder / "bundle.json").symlink_to("/etc/passwd")
    (folder / "notes.txt").write_text("x")
    with pytest.raises(DataError) as caught:
        open_upload(folder)
    assert [p.where for p in caught.value.problems] == ["bundle.json", "deep", "notes.txt"]
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(InputError, match="no such folder"):
        open_upload(link)


def test_all_files_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_BYTES", 300)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_bytes(b"x" * 200)
    (folder / "bundle.json").write_bytes(b"x" * 101)
    with pytest.raises(DataError, match="301 bytes; at most 300"):
        open_upload(folder)
