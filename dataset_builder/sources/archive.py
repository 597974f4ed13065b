"""Reading the files of an untrusted archive or folder, without ever unpacking it to disk.

Nothing is extracted, so no path inside an archive can reach a place outside; the limits here
keep a small file from growing into a large amount of memory.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from dataset_builder.errors import SourceError

MIB: Final = 1024 * 1024
_BROKEN: Final = (tarfile.TarError, EOFError, OSError, zlib.error)


class Limits(NamedTuple):
    """What an archive may hold at the most; the study's has 3,500 files, 130 MB, 2 MB a file."""

    files: int = 20_000
    file_bytes: int = 64 * MIB
    total_bytes: int = 1024 * MIB


class Member(NamedTuple):
    """A file of an archive: its path below the archive's top folder, and its bytes."""

    path: str
    data: bytes


class Origin(NamedTuple):
    """What the top folder of a GitHub tarball (``<repository>-<40 hex digits>``) says of its origin."""

    repository: str
    commit: str


def origin_of(path: Path) -> Origin | None:
    """Where an archive says it comes from; None for a folder, or a top folder of another form."""
    if path.is_dir():
        return None
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            first = tar.next()
    except _BROKEN as error:
        raise _unreadable(path, error) from error
    name = PurePosixPath(first.name).parts[0] if first and PurePosixPath(first.name).parts else ""
    repository, _, commit = name.rpartition("-")
    known = repository and len(commit) == 40 and set(commit) <= set("0123456789abcdef")
    return Origin(repository, commit) if known else None


def read_members(path: Path, wanted: Callable[[str], bool], limits: Limits | None = None) -> Iterator[Member]:
    """Yield the wanted files of a ``.tar.gz`` or a folder.

    Paths are relative to the folder that holds ``data/``: in an archive its single top folder.
    Raises SourceError for what is no such archive, is cut short, exceeds the limits, or holds
    links, devices, absolute paths, ``..`` or the same file twice.
    """
    limits = limits or Limits()
    if path.is_dir():
        yield from _folder_members(path, wanted, limits)
    elif path.is_file():
        yield from _tar_members(path, wanted, limits)
    else:
        raise SourceError(f"{path}: no such file or folder; expected a .tar.gz or a folder that holds data/")


def _unreadable(path: Path, error: Exception) -> SourceError:
    cut = isinstance(error, EOFError) or "end of file" in str(error) or "unexpected end" in str(error)
    what = "is cut short" if cut else "is not a readable gzip-compressed tar archive"
    return SourceError(f"{path}: {what} ({error}); fetch it again, or name a folder that holds data/")


def _tar_members(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    count = total = 0
    seen: set[str] = set()
    try:
        # Not tarfile's own "r|gz", which never looks at the checksum that ends a gzip stream.
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|", bufsize=256 * 1024) as tar:
            for info in tar:
                if info.isdir():
                    continue
                if not info.isreg():
                    raise SourceError(f"{path}: {info.name!r} is a link or a device; only plain files are read")
                parts = PurePosixPath(info.name).parts
                if info.name.startswith("/") or ".." in parts or "\\" in info.name or "\0" in info.name:
                    raise SourceError(f"{path}: {info.name!r} points outside the archive; it is refused whole")
                count, total = count + 1, total + info.size
                _within(path, info.name, info.size, count, total, limits)
                inner = "/".join(parts[1:])
                if not wanted(inner):
                    continue
                if inner in seen:
                    raise SourceError(f"{path}: {inner} occurs twice; which one counts is not for a reader to guess")
                seen.add(inner)
                stream = tar.extractfile(info)
                data = stream.read() if stream else b""
                if len(data) != info.size:
                    raise SourceError(f"{path}: {inner} is cut short at {len(data)} of {info.size} bytes")
                yield Member(inner, data)
            while rest := packed.read(MIB):
                _within(path, "what follows the archive", 0, count, total := total + len(rest), limits)
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _folder_members(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    count = total = 0
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            file = Path(folder, name)
            inner = file.relative_to(path).as_posix()
            if not wanted(inner):
                continue
            if file.is_symlink():
                raise SourceError(f"{file}: is a link; only plain files are read")
            size = file.stat().st_size
            count, total = count + 1, total + size
            _within(path, inner, size, count, total, limits)
            yield Member(inner, file.read_bytes())


def _within(path: Path, name: str, size: int, count: int, total: int, limits: Limits) -> None:
    """Raise SourceError if the archive has grown past one of its limits."""
    if count > limits.files:
        raise SourceError(f"{path}: more than {limits.files:,} files; this is not an archive of the study")
    if size > limits.file_bytes:
        raise SourceError(f"{path}: {name} has {size:,} bytes; the limit is {limits.file_bytes:,} a file")
    if total > limits.total_bytes:
        raise SourceError(f"{path}: more than {limits.total_bytes:,} bytes once unpacked; refused as a likely bomb")
