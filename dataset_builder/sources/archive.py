"""Reading the files of an untrusted archive or folder, without ever unpacking it to disk.

Nothing is extracted, so no path inside an archive can reach a place outside; the limits here
keep a small file from growing into a large amount of memory.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from dataset_builder.errors import SourceError
from dataset_builder.storage.foreign import refuse_pointer

MIB: Final = 1024 * 1024
# Beside its own errors tarfile raises these on numbers and headers that make no sense.
_BROKEN: Final = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, LookupError, ArithmeticError)
# What may stand between two files: headers, long names, padding. The study's take 2 KiB at the most.
_HEADER_BYTES: Final = MIB
# The study's files lie two folders deep.
_DEEPEST: Final = 16


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
        with gzip.open(path) as packed, tarfile.open(fileobj=_Metered(path, packed), mode="r|") as tar:
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
    links, devices, sparse files, absolute paths, ``..``, names that cannot be shown, or the same file twice.
    """
    limits = limits or Limits()
    if path.is_dir():
        yield from _folder_members(path, wanted, limits)
    elif path.is_file():
        refuse_pointer(path)
        yield from _tar_members(path, wanted, limits)
    else:
        raise SourceError(f"{path}: no such file or folder; expected a .tar.gz or a folder that holds data/")


def _unreadable(path: Path, error: Exception) -> SourceError:
    if isinstance(error, ValueError | LookupError | ArithmeticError):
        return SourceError(
            f"{path}: a header in it makes no sense, as that of a sparse file may ({str(error)!a}); "
            "pack plain files without tar's --sparse, or name a folder that holds data/"
        )
    cut = isinstance(error, EOFError) or "end of file" in str(error) or "unexpected end" in str(error)
    what = "is cut short" if cut else "is not a readable gzip-compressed tar archive"
    return SourceError(f"{path}: {what} ({error}); fetch it again, or name a folder that holds data/")


class _Metered(io.RawIOBase):
    """A stream that ends in a SourceError once more is read than was allowed.

    tarfile reads a header of any size into memory before it says what comes next.
    """

    def __init__(self, path: Path, stream: gzip.GzipFile) -> None:
        self._path, self._stream = path, stream
        self._left = _HEADER_BYTES

    def allow(self, size: int) -> None:
        """Let a file of this size be read, and the headers of the next one."""
        self._left = size + _HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(
                f"{self._path}: a header of more than {_HEADER_BYTES:,} bytes; refused as a likely bomb. "
                "Make the archive anew of plain files, or name a folder that holds data/"
            )
        return data


def _tar_members(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    count = total = 0
    seen: set[str] = set()
    try:
        # Not tarfile's own "r|gz", which never looks at the checksum that ends a gzip stream.
        with gzip.open(path) as packed:
            metered = _Metered(path, packed)
            with tarfile.open(fileobj=metered, mode="r|", bufsize=64 * 1024) as tar:
                for info in tar:
                    size = 0 if info.isdir() else info.size
                    count, total = count + 1, total + size
                    inner = _inner_name(path, info)
                    _within(path, inner, size, count, total, limits)
                    metered.allow(size)
                    if info.isdir() or not wanted(inner):
                        continue
                    if inner in seen:
                        raise SourceError(
                            f"{path}: {inner} occurs twice; which one counts is not for a reader to guess"
                        )
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


def _inner_name(path: Path, info: tarfile.TarInfo) -> str:
    """The path of a member below the top folder. Raises SourceError for one that is not to be trusted."""
    _check_name(path, info.name)
    if info.issparse() or any(key.startswith("GNU.sparse.") for key in info.pax_headers):
        raise SourceError(
            f"{path}: {info.name!r} is a sparse file; only plain files are read. Pack it without tar's --sparse"
        )
    if not (info.isreg() or info.isdir()):
        raise SourceError(f"{path}: {info.name!r} is a link or a device; only plain files are read")
    parts = PurePosixPath(info.name).parts
    if info.name.startswith("/") or ".." in parts or "\\" in info.name:
        raise SourceError(f"{path}: {info.name!r} points outside the archive; it is refused whole")
    return "/".join(parts[1:])


def _check_name(path: Path, name: str) -> None:
    # Bytes that are not UTF-8 come as lone surrogates, which cannot be printed either.
    if not name.isprintable():
        raise SourceError(
            f"{path}: the file name {name!a} is not UTF-8 or holds control characters; rename the file, "
            "or leave it out, and pack the archive again"
        )


def _folder_members(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    count = total = 0
    for file, inner in _files_below(path):
        if not wanted(inner):
            continue
        _check_name(path, inner)
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(f"{file}: is a link or a device; only plain files are read")
            count, total = count + 1, total + status.st_size
            _within(path, inner, status.st_size, count, total, limits)
            data = file.read_bytes()
        except OSError as error:
            raise SourceError(
                f"{file}: cannot be read ({error.strerror}); make it readable, or leave it out"
            ) from error
        yield Member(inner, data)


def _files_below(path: Path) -> Iterator[tuple[Path, str]]:
    """Everything in a folder that is no folder, with its path below it; in the order of a walk."""

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename}: cannot be read ({error.strerror}); make it readable, or leave it out")

    for folder, folders, files in os.walk(path, onerror=refuse):
        below = Path(folder).relative_to(path)
        for name in folders:
            if Path(folder, name).is_symlink():
                raise SourceError(f"{Path(folder, name)}: is a link; only plain files and folders are read")
        folders[:] = sorted(folders) if len(below.parts) < _DEEPEST else []
        for name in sorted(files):
            yield Path(folder, name), (below / name).as_posix()


def _within(path: Path, name: str, size: int, count: int, total: int, limits: Limits) -> None:
    """Raise SourceError if the archive has grown past one of its limits."""
    if count > limits.files:
        raise SourceError(f"{path}: more than {limits.files:,} files; this is not an archive of the study")
    if size > limits.file_bytes:
        raise SourceError(f"{path}: {name} has {size:,} bytes; the limit is {limits.file_bytes:,} a file")
    if total > limits.total_bytes:
        raise SourceError(f"{path}: more than {limits.total_bytes:,} bytes once unpacked; refused as a likely bomb")
