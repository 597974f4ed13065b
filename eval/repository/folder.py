"""The results repository as a folder: where submissions, reviews and notices stand, read and written whole.

| path | holds |
|---|---|
| ``submissions/<organization>__<model>/<run id>/`` | a bundle: see ``bundle`` |
| ``reviews/<organization>__<model>/<run id>/`` | what the maintainers found on it: see ``review`` |
| ``notices/<organization>__<model>/<run id>/*.json`` | corrections and withdrawals: see ``notices`` |
| ``labels/<reader>/*.json`` | what readers said of answers themselves: see ``eval.judges.human.readers`` |
| ``requests/*.json`` | models to evaluate: see ``request_queue`` |
| ``leaderboard.json``, ``leaderboard.parquet``, ``manifest.json`` | rebuilt by ``blind-refusal board aggregate`` |
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.files import complete, write_folder
from dataset_builder.storage.foreign import is_litter, refuse_pointer
from eval.repository.bundle import BUNDLE, OPTIONAL, REQUIRED, VERDICTS, MadeBundle
from eval.repository.review import REVIEW, Review
from eval.runs.fields import SLUG_PATTERN

SUBMISSIONS, REVIEWS, NOTICES, REQUESTS = "submissions", "reviews", "notices", "requests"
_SLUG: Final = re.compile(SLUG_PATTERN)
# Far above any that this software writes.
LARGEST_JSON: Final = 8 * 1024 * 1024
T = TypeVar("T", bound=msgspec.Struct)


def places(results: Path) -> list[str]:
    """Every ``<organization>__<model>/<run id>`` that has a submission, sorted. Links are not followed."""
    root = results / SUBMISSIONS
    if not root.is_dir():
        return []
    return sorted(
        f"{model.name}/{run.name}"
        for model in root.iterdir()
        if model.is_dir() and not model.is_symlink() and not model.name.startswith(".") and not is_litter(model.name)
        for run in model.iterdir()
        if run.is_dir() and not run.is_symlink() and not run.name.startswith(".") and not is_litter(run.name)
    )


def is_place(place: str) -> bool:
    """Whether this is ``<organization>__<model>/<run id>`` and nothing that climbs out of its folder."""
    model, slash, run = place.partition("/")
    return bool(slash and _SLUG.search(model) and _SLUG.search(run) and "__" in model)


def add_submission(results: Path, made: MadeBundle) -> bool:
    """Put a bundle into a results folder, whole or not at all; False where it is there already.

    Raises InputError where another submission has its place.
    """
    folder = results / SUBMISSIONS / made.place
    if folder.exists():
        there = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not is_litter(p.name)}
        if there == made.files:
            return False
        raise InputError(
            f"{folder}: another submission stands there. History stays: withdraw that one with "
            "'blind-refusal eval withdraw', or submit a run of its own."
        )
    try:
        write_folder(folder, made.files)
    except OSError:
        # Somebody else's came in between.
        if not folder.exists():
            raise
        return add_submission(results, made)
    return True


def add_review(results: Path, place: str, files: Mapping[str, bytes]) -> None:
    """Put a review's files beside a submission; an earlier review is replaced."""
    write_folder(results / REVIEWS / place, files, replace=True)


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a submission's folder, as they stand in a results folder of our own."""
    names = (BUNDLE, *REQUIRED, *OPTIONAL)
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def decode(path: Path, kind: type[T]) -> T:
    """A JSON file as a struct. Raises DataError where it is too large, unreadable or not of that kind."""
    try:
        if not path.is_file():
            raise DataError("A results folder is not whole", [Problem(str(path), "no such file")])
        if path.stat().st_size > LARGEST_JSON:
            raise DataError("A file is too large", [Problem(str(path), f"more than {LARGEST_JSON:,} bytes")])
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise DataError("A file cannot be read", [Problem(str(path), str(error.strerror))]) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        refuse_pointer(path)
        raise DataError("A file is not what it should be", [Problem(str(path), str(error))]) from None


def read_review(results: Path, place: str) -> Review | None:
    """The review of a submission; None where there is none, or one of an earlier content of it."""
    complete(results / REVIEWS / place)
    path = results / REVIEWS / place / REVIEW
    if not path.is_file():
        return None
    review = decode(path, Review)
    bundle = results / SUBMISSIONS / place / BUNDLE
    if hashlib.sha256(bundle.read_bytes()).hexdigest() != review.bundle_sha256:
        return None
    verdicts = path.with_name(VERDICTS)
    if review.verdicts_sha256 is not None and (
        not verdicts.is_file() or hashlib.sha256(verdicts.read_bytes()).hexdigest() != review.verdicts_sha256
    ):
        problem = Problem(str(verdicts), "is not the file that the review was written with", "review it again")
        raise DataError("A review is not whole", [problem])
    return review
