"""Corrections and withdrawals: records of their own, so that nothing is ever taken out of the history."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from dataset_builder.errors import InputError
from dataset_builder.storage.files import write_file
from eval.repository.bundle import BundlePart, Line, Note, to_json
from eval.repository.folder import NOTICES, SUBMISSIONS, decode, is_place

SCHEMA_VERSION: Final = "1.0.0"


class Notice(BundlePart, frozen=True, kw_only=True):
    """Something said of a submission after it was made."""

    schema_version: str = SCHEMA_VERSION
    place: Annotated[str, Meta(description="`<organization>__<model>/<run id>` of the submission.")]
    kind: Literal["withdrawal", "correction"]
    reason: Note
    by: Line
    at: Line
    # A correction says what the leaderboard shows instead; null leaves it as it was.
    name: Line | None = None
    family: Line | None = None
    weights: Literal["open", "closed"] | None = None
    repo: Line | None = None


def notice_path(notice: Notice) -> str:
    """Where a notice stands in the results repository: under its time, and a hash of what it says."""
    mark = hashlib.sha256(msgspec.json.encode(notice)).hexdigest()[:10]
    time = "".join(c for c in notice.at if c.isalnum())
    return f"{NOTICES}/{notice.place}/{time}-{mark}.json"


def add_notice(results: Path, notice: Notice) -> Path:
    """Add a notice to a results folder. Raises InputError where there is no such submission."""
    if not is_place(notice.place) or not (results / SUBMISSIONS / notice.place).is_dir():
        raise InputError(
            f"{notice.place}: no such submission in {results}; expected ORGANIZATION__MODEL/RUN as it stands "
            f"under {SUBMISSIONS}/."
        )
    path = results / notice_path(notice)
    write_file(path, to_json(notice))
    return path


def read_notices(results: Path, place: str) -> list[Notice]:
    """The notices on a submission, oldest first. Raises DataError for one that is broken."""
    folder = results / NOTICES / place
    if not folder.is_dir():
        return []
    found = [decode(path, Notice) for path in sorted(folder.glob("*.json"))]
    return sorted((one for one in found if one.place == place), key=lambda one: one.at)
