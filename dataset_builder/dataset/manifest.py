"""The manifest of a built dataset: where it came from and what every file in it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import refuse_pointer

FILE_NAME: Final = "manifest.json"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a dataset was built from."""

    # study, starter or generated
    kind: str
    # SHA-256 over the sorted paths and bytes of the files that were read.
    content_hash: str
    repository: str | None = None
    commit: str | None = None


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a built dataset; ``rows`` is null for what is not a table."""

    sha256: str
    bytes: int
    rows: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that identifies a built dataset."""

    schema_version: str
    builder_version: str
    # SHA-256 over the cases alone: two builds with the same value ask models the same questions.
    cases_hash: str
    sources: list[Source]
    files: dict[str, FileEntry]
    # By config, the columns that its files leave out since every row holds one value, with that value.
    constants: dict[str, dict[str, Any]] = {}
    # Where cases are held back: the string that every case of both parts carries.
    canary: str | None = None
    # True for the private companion, which must never be published.
    held_back: bool = False

    def to_json(self) -> bytes:
        """The manifest as indented JSON with sorted keys, so that equal manifests are equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a built dataset; raises InputError if there is none, DataError if it is broken."""
    path = folder / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise InputError(
            f"{folder}: holds no {FILE_NAME}, so it is not a built dataset; make one with 'blind-refusal dataset build'"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        refuse_pointer(path)
        raise DataError(str(folder), [Problem(FILE_NAME, str(error), "build the dataset again")]) from error


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
