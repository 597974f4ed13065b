"""Files and folders that are there whole or not at all, however a process ends; and one writer at a time for a folder.

What is being written stands beside its place under a name of its own, locked by its process. A file then takes
its place by a rename, a folder by an exchange of two names in one step. Where the system cannot exchange,
a journal says what is to be done, and whoever opens the folder next completes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from dataset_builder.errors import InputError

if sys.platform != "win32":
    import fcntl

LOCK: Final = ".lock"
_UNFINISHED: Final = ".building-"
_ASIDE: Final = "-old"
_JOURNAL: Final = ".replacing"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def now() -> str:
    """The time as records hold it: ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a folder, called ``what`` in the message; the system lets go of it when the process ends.

    Raises InputError where another process holds it.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{path}: another process is writing to {what}. Wait for it to end, or stop it.") from None
    try:
        yield
    finally:
        lock.release()


def write_file(path: Path, content: bytes) -> None:
    """Write one file, in place of an older one, whole or not at all."""
    with new_file(path) as unfinished:
        unfinished.write_bytes(content)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield where to write a file that takes its place at ``path`` when the block ends, and not if it fails.

    The ending of the name stays, as some writers go by it.
    """
    with _unfinished(path, folder=False) as unfinished:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)


def write_folder(folder: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write files by their relative paths into a new folder, which appears whole.

    With ``replace`` it takes the place of one that is there; without, that raises OSError.
    """
    with new_folder(folder, replace=replace) as unfinished:
        for name, content in files.items():
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@contextlib.contextmanager
def new_folder(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder that takes its place at ``folder`` when the block ends, and not if it fails.

    At every moment the old folder or the new one is there. What killed processes left of earlier attempts
    is removed.
    """
    with _unfinished(folder, folder=True) as unfinished:
        yield unfinished
        if not (replace and folder.exists()):
            unfinished.rename(folder)
        elif not _exchange(unfinished, folder):
            _replace_by_journal(unfinished, folder)
        # After an exchange the old one stands there.
        shutil.rmtree(unfinished, ignore_errors=True)


def is_unfinished(path: Path) -> bool:
    """Whether this is something that is being written, or was when its process was killed."""
    return path.name.startswith(".") and _UNFINISHED in path.name


def complete(folder: Path) -> None:
    """Complete the replacing of a folder that was cut short, if there is one: to be called before it is read."""
    place = _journal(folder)
    try:
        journal = os.open(place, os.O_RDWR)
    except OSError:
        return
    try:
        _lock(journal, wait=True)
        # Otherwise its process was only slow, and has completed it meanwhile.
        if _is_at(journal, place):
            new = folder.parent / os.read(journal, 300).decode(errors="replace").replace("/", "")
            if new.name.startswith(_prefix(folder.name)):
                _carry_out(new, folder)
            place.unlink()
    finally:
        os.close(journal)


@contextlib.contextmanager
def _unfinished(target: Path, *, folder: bool) -> Iterator[Path]:
    """Yield a new file or folder beside ``target``, locked by this process, and remove it if the block fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    stem, suffix = (target.name, "") if folder else (target.stem, target.suffix)
    complete(target)
    _remove_leftovers(target.parent, stem, suffix)
    while True:
        place = target.parent / f"{_prefix(stem)}{secrets.token_hex(4)}{suffix}"
        if folder:
            place.mkdir()
        else:
            place.touch(exist_ok=False)
        with _locked(place, wait=True) as mine:
            if not mine:
                # Before it was locked another process took it for a leftover.
                continue
            try:
                yield place
            except BaseException:
                _remove(place)
                raise
            return


def _prefix(stem: str) -> str:
    return f".{stem}{_UNFINISHED}"


def _remove_leftovers(parent: Path, stem: str, suffix: str) -> None:
    """Remove what killed processes left; what is locked is still being written."""
    found = [p for p in parent.iterdir() if p.name.startswith(_prefix(stem)) and p.name.endswith(suffix)]
    for place in found:
        with _locked(place, wait=False) as mine:
            # A journal may speak of it: then it is for whoever completes that.
            if mine and not _journal(parent / stem).exists():
                _remove(place)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(second))


def _journal(folder: Path) -> Path:
    return folder.parent / f".{folder.name}{_JOURNAL}"


def _replace_by_journal(new: Path, folder: Path) -> None:
    """Replace a folder in two renames, which ``complete`` finishes if this process is killed between them."""
    place = _journal(folder)
    while True:
        complete(folder)
        with contextlib.suppress(FileExistsError):
            journal = os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
            try:
                _lock(journal, wait=True)
                # Otherwise another process found it empty, and removed it.
                if _is_at(journal, place):
                    os.write(journal, new.name.encode())
                    os.fsync(journal)
                    try:
                        _carry_out(new, folder)
                    finally:
                        place.unlink()
                    return
            finally:
                os.close(journal)


def _carry_out(new: Path, folder: Path) -> None:
    """Put ``new`` in the place of ``folder``, however far an earlier attempt came."""
    aside = new.with_name(new.name + _ASIDE)
    try:
        if new.is_dir():
            if folder.exists():
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
            new.rename(folder)
    finally:
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _locked(place: Path, *, wait: bool) -> Iterator[bool]:
    """Lock a file or folder while the block runs; False where it is gone, or another process has it locked."""
    if sys.platform == "win32":
        # Without such locks nobody takes anything for a leftover.
        yield wait
        return
    try:
        opened = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        yield _lock(opened, wait=wait) and _is_at(opened, place)
    finally:
        os.close(opened)


def _lock(opened: int, *, wait: bool) -> bool:
    """Lock what is open; on a file system without locks its maker goes on, and nobody takes it for a leftover."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return wait
    return True


def _is_at(opened: int, place: Path) -> bool:
    """Whether what is open is still what stands there."""
    try:
        return os.path.samestat(os.fstat(opened), place.lstat())
    except OSError:
        return False
