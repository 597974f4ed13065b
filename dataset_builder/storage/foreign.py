"""What other programs leave in files and folders: pointers of Git LFS, byte order marks, litter of file managers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dataset_builder.errors import InputError

# Some editors put it in front of UTF-8; it is no part of the text.
BOM: Final = b"\xef\xbb\xbf"
POINTER: Final = "is a Git LFS pointer and not the file itself"
FETCH_IT: Final = "fetch it with 'git lfs pull'"
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_LITTER: Final = frozenset(["__MACOSX", ".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini"])


def is_pointer(data: bytes) -> bool:
    """Whether these are the bytes of a pointer that Git LFS leaves in the place of a large file."""
    return data.startswith(_LFS)


def refuse_pointer(path: Path) -> None:
    """Raise InputError where a file is a pointer of Git LFS."""
    try:
        with path.open("rb") as file:
            found = is_pointer(file.read(len(_LFS)))
    except OSError:
        return
    if found:
        raise InputError(f"{path}: {POINTER}. {FETCH_IT.capitalize()}.")


def is_litter(name: str) -> bool:
    """Whether a relative path is, or lies in, something that a file manager puts everywhere and nobody means."""
    parts = name.split("/")
    return any(part in _LITTER for part in parts) or parts[-1].startswith("._")
