"""Opening what a stranger hands in: a folder or a zip, read into memory within limits, and nothing run.

Only the names of a bundle's files are taken, at the root or within one folder. Nothing is unpacked
to disk, so no name can lead anywhere.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import is_litter
from eval.repository.bundle import BUNDLE, OPTIONAL, REQUIRED, RESPONSES, RESULTS, RUN, VERDICTS
from eval.repository.tables import MOST_FILE_BYTES
from eval.runs.other_forms import refuse_other_form

MB: Final = 1024 * 1024
# The largest of the study's bundles has 1.6 MB of Parquet and 1.5 MB of JSON.
LIMITS: Final = {
    BUNDLE: 1 * MB,
    RUN: 8 * MB,
    RESULTS: 16 * MB,
    RESPONSES: MOST_FILE_BYTES,
    VERDICTS: MOST_FILE_BYTES,
}
MOST_FILES: Final = 20
MOST_BYTES: Final = 160 * MB
# Text packs to a tenth, a table of repeated labels to a fiftieth.
MOST_RATIO: Final = 200
_SMALL: Final = 1 * MB
_NAMES: Final = (BUNDLE, *REQUIRED, *OPTIONAL)
_WHAT: Final = f"a bundle holds {', '.join(_NAMES)} and nothing else"


def open_upload(path: Path) -> dict[str, bytes]:
    """The bundle's files by name.

    Raises InputError where there is nothing to open, DataError with every reason why this is not taken.
    """
    if path.is_symlink() or not path.exists():
        raise InputError(f"{path}: no such folder or zip file.")
    if path.is_dir():
        return _folder(path)
    if not zipfile.is_zipfile(path):
        refuse_other_form(path)
        raise InputError(f"{path.name}: neither a folder nor a zip file. Hand in the bundle's folder as a zip.")
    return _zip(path)


def _folder(path: Path) -> dict[str, bytes]:
    problems: list[Problem] = []
    found: dict[str, Path] = {}
    with os.scandir(path) as entries:
        meant = (entry for entry in entries if not is_litter(entry.name))
        for number, entry in enumerate(meant):
            if number >= MOST_FILES:
                problems.append(Problem(_shown(path.name), f"more than {MOST_FILES} files", _WHAT))
                break
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                problems.append(Problem(_shown(entry.name), "is not a plain file", _WHAT))
            elif _known(entry.name, entry.stat(follow_symlinks=False).st_size, problems):
                found[entry.name] = Path(entry.path)
    _check_total((p.stat().st_size for p in found.values()), problems)
    if problems:
        raise DataError("The folder is not taken", sorted(problems))
    return {name: found[name].read_bytes() for name in sorted(found)}


def _zip(path: Path) -> dict[str, bytes]:
    problems: list[Problem] = []
    if path.stat().st_size > MOST_BYTES:
        raise DataError(
            "The zip file is not taken", [Problem(_shown(path.name), f"is larger than {MOST_BYTES:,} bytes")]
        )
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = _choose(archive.infolist(), problems)
            if problems:
                raise DataError("The zip file is not taken", sorted(problems))
            return {name: _read(archive, chosen[name], LIMITS[name]) for name in sorted(chosen)}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        what = f"cannot be read ({_shown(str(error))})"
        raise DataError("The zip file is not taken", [Problem(_shown(path.name), what, "pack it again")]) from None


def _choose(infos: list[zipfile.ZipInfo], problems: list[Problem]) -> dict[str, zipfile.ZipInfo]:
    infos = [info for info in infos if not is_litter(info.filename.rstrip("/"))]
    if len(infos) > MOST_FILES:
        problems.append(Problem("the zip file", f"{len(infos):,} entries; at most {MOST_FILES}", _WHAT))
        return {}
    chosen: dict[str, zipfile.ZipInfo] = {}
    folders: set[str] = set()
    for info in infos:
        name = info.filename
        if info.is_dir():
            continue
        parts = name.split("/")
        if _is_trick(info, parts):
            problems.append(Problem(_shown(name), "has a path, a kind or an encryption that is not taken", _WHAT))
            continue
        if info.file_size > _SMALL and info.file_size > MOST_RATIO * max(info.compress_size, 1):
            problems.append(Problem(_shown(name), f"unfolds more than {MOST_RATIO}-fold", "such files are not taken"))
            continue
        if parts[-1] in chosen:
            problems.append(Problem(_shown(name), "occurs twice"))
        elif _known(parts[-1], info.file_size, problems):
            chosen[parts[-1]] = info
            folders.add("/".join(parts[:-1]))
    if len(folders) > 1:
        problems.append(Problem("the zip file", "its files stand in several folders", "zip one submission's folder"))
    _check_total((info.file_size for info in chosen.values()), problems)
    return chosen


def _is_trick(info: zipfile.ZipInfo, parts: list[str]) -> bool:
    name, mode = info.filename, info.external_attr >> 16
    return (
        len(parts) > 2
        or any(part in ("", ".", "..") for part in parts)
        or "\\" in info.orig_filename
        or ":" in name
        or not name.isprintable()
        or info.orig_filename != name
        or (stat.S_IFMT(mode) not in (0, stat.S_IFREG))
        or bool(info.flag_bits & 0x1)
        or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    )


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(info) as stream:
        data = stream.read(most + 1)
    if len(data) > most or len(data) != info.file_size:
        raise zipfile.BadZipFile(f"{info.filename} is not of the size that the archive says")
    return data


def _known(name: str, size: int, problems: list[Problem]) -> bool:
    if name not in _NAMES:
        problems.append(Problem(_shown(name), "is no file of a bundle", _WHAT))
    elif size > LIMITS[name]:
        problems.append(Problem(name, f"{size:,} bytes; at most {LIMITS[name]:,} are taken"))
    else:
        return True
    return False


def _check_total(sizes: Iterable[int], problems: list[Problem]) -> None:
    if (total := sum(sizes)) > MOST_BYTES:
        problems.append(Problem("all files", f"{total:,} bytes; at most {MOST_BYTES:,} are taken"))


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:100]) or "(no name)"
