"""Readers' own labels of answers, a file each: ``labels/<reader>/<answer>.json``.

A label is a verdict by the judge ``human:<reader>``, so that whatever compares judges takes it: a reader's folder is
what ``eval agreement --verdicts`` reads. One reader has one label on an answer; another one takes its place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from dataset_builder.errors import InputError
from dataset_builder.storage.foreign import is_litter
from eval.runs.verdict import Verdict, hash_text

LABELS: Final = "labels"
HUMAN: Final = "human"
LONGEST_NOTE: Final = 500
MOST_OF_A_READER: Final = 500
# Pull requests with labels that an account may have open at a time.
MOST_OPEN: Final = 20
# How such pull requests are titled, with the case behind it.
TITLE: Final = "Label an answer to "
BACK: Final = "Take a label back on "
# What is read of a folder; more would be no readers.
MOST_READERS: Final = 2_000
_READER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_SUFFIX: Final = ".json"
# Far above any that this software writes.
LARGEST: Final = 16 * 1024
_LONGEST_TOLD: Final = 80


def reader_label(
    reader: str,
    case_id: str,
    response: str,
    response_type: str,
    *,
    engages: bool,
    harm: bool,
    note: str = "",
    at: datetime,
) -> Verdict:
    """A reader's label of an answer. Raises InputError for a name, a label or a note that is none."""
    return _label(
        reader,
        case_id,
        hash_text(response),
        response_type,
        engages=engages,
        harm=harm,
        note=note.strip(),
        at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def as_written(reader: str, label: Verdict) -> Verdict:
    """What ``reader_label`` makes of the words of a label that came from elsewhere; raises as it does."""
    return _label(
        reader,
        label.case_id,
        label.response_hash,
        label.response_type or "",
        engages=bool(label.engages_with_defeat),
        harm=bool(label.independent_harm),
        note=label.reasoning or "",
        at=label.judged_at or "",
    )


def request_title(case_id: str, *, back: bool = False) -> str:
    """The title of the pull request that brings a label, or takes it back."""
    return f"{BACK if back else TITLE}{case_id[:_LONGEST_TOLD]}"


def _label(
    reader: str, case_id: str, response_hash: str, response_type: str, *, engages: bool, harm: bool, note: str, at: str
) -> Verdict:
    if not _READER.fullmatch(reader):
        raise InputError(f"{reader[:100]!a} is not the name of an account.")
    if response_type not in ids(RESPONSE_TYPES):
        raise InputError(f"Say first what the answer does: {', '.join(ids(RESPONSE_TYPES))}.")
    if len(note) > LONGEST_NOTE:
        raise InputError(f"A note has at most {LONGEST_NOTE} characters; this one has {len(note):,}.")
    return Verdict(
        case_id=case_id,
        response_hash=response_hash,
        judge=f"{HUMAN}:{reader}",
        rubric=HUMAN,
        response_type=response_type,
        engages_with_defeat=engages,
        independent_harm=harm,
        reasoning=note or None,
        judged_at=at,
    )


def label_path(reader: str, case_id: str, response_hash: str) -> str:
    """Where a reader's label of an answer stands. Raises InputError for what is no name of a reader."""
    if not _READER.fullmatch(reader):
        raise InputError(f"{reader[:100]!a} is not the name of an account.")
    key = hashlib.sha256(f"{case_id}\0{response_hash}".encode(errors="surrogatepass")).hexdigest()[:24]
    return f"{LABELS}/{reader}/{key}{_SUFFIX}"


def label_bytes(label: Verdict) -> bytes:
    """A label as its file: JSON in one line, so that files put together are JSON lines."""
    return msgspec.json.encode(label) + b"\n"


def read_labels(results: Path) -> Iterator[Verdict]:
    """All labels of a results folder; those that are not what their place says are left out."""
    root = results / LABELS
    readers = sorted(root.iterdir())[:MOST_READERS] if root.is_dir() and not root.is_symlink() else []
    for folder in readers:
        if folder.is_dir() and not folder.is_symlink():
            for label in labels_in(folder):
                if f"{HUMAN}:{folder.name}" == label.judge:
                    yield label


def labels_in(folder: Path) -> Iterator[Verdict]:
    """The labels in one reader's folder, by the names of their files."""
    files = [path for path in sorted(folder.glob(f"*{_SUFFIX}")) if not is_litter(path.name)]
    for path in files[:MOST_OF_A_READER]:
        try:
            if path.stat().st_size > LARGEST:
                continue
            label = msgspec.json.decode(path.read_bytes(), type=Verdict)
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
            continue
        where = label_path(folder.name, label.case_id, label.response_hash)
        if (
            where.rsplit("/", 1)[-1] == path.name
            and label.rubric == HUMAN
            and label.response_type in ids(RESPONSE_TYPES)
        ):
            yield label
