"""What earlier submissions answered, as fingerprints: to notice one model's answers under another name."""

from __future__ import annotations

import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.build.build import PARQUET
from dataset_builder.dataset.records import Record
from dataset_builder.errors import DataError
from eval.repository.folder import REVIEWS, places, read_review
from eval.repository.review import Review
from eval.repository.tables import read_rows

FINGERPRINTS: Final = "fingerprints.parquet"
_NOT_A_WORD: Final = re.compile(r"[\W_]+")


class Fingerprint(Record, frozen=True, kw_only=True):
    """The fingerprint of one answer."""

    case_id: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """One earlier submission: its place and the fingerprint of its answer to each case."""

    place: str
    fingerprints: dict[str, int]


def fingerprint(text: str) -> int:
    """A 63-bit hash of a text's letters and digits: case, spaces and punctuation do not change it."""
    plain = _NOT_A_WORD.sub("", text.casefold())
    return int.from_bytes(hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


def fingerprints_of(answers: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Fingerprints of (case, answer) pairs by case."""
    return {case_id: fingerprint(text) for case_id, text in answers}


def fingerprint_bytes(found: Mapping[str, int]) -> bytes:
    """Fingerprints as a Parquet file."""
    stream = io.BytesIO()
    cases = sorted(found)
    table = pa.table({"case_id": cases, "fingerprint": pa.array([found[c] for c in cases], pa.int64())})
    pq.write_table(table.cast(_schema()), stream, **PARQUET)
    return stream.getvalue()


def read_earlier(results: Path, but: str | None = None, before: str | None = None) -> list[Earlier]:
    """The reviewed submissions of a results folder, without the one at ``but``; unreadable ones are passed over.

    ``before`` leaves only those that were first reviewed before that time.
    """
    found = []
    for place in places(results):
        path = results / REVIEWS / place / FINGERPRINTS
        if place == but or not path.is_file():
            continue
        try:
            if before is not None and ((review := read_review(results, place)) is None or _is_later(review, before)):
                continue
            columns = read_rows(path, Fingerprint, FINGERPRINTS)
        except DataError:
            continue
        found.append(Earlier(place, dict(zip(columns["case_id"], columns["fingerprint"], strict=True))))
    return found


def _is_later(review: Review, before: str) -> bool:
    # Both are written by this software, in one form.
    return review.first_reviewed_at >= before


def shared(mine: Mapping[str, int], theirs: Mapping[str, int]) -> float:
    """The share of answers that are the same on the same case.

    Texts that a model gives for several cases (a stock refusal) say nothing about whose they are, so
    they are left out unless nothing else is there.
    """
    times = Counter(mine.values())
    telling = {case_id: mark for case_id, mark in mine.items() if times[mark] == 1} or dict(mine)
    both = [case_id for case_id in telling if case_id in theirs]
    return sum(telling[case_id] == theirs[case_id] for case_id in both) / len(both) if both else 0.0


def most_common_share(found: Mapping[str, int]) -> float:
    """The share of answers that are the commonest text."""
    return Counter(found.values()).most_common(1)[0][1] / len(found) if found else 0.0


def _schema() -> pa.Schema:
    from dataset_builder.dataset.tables import schema_of

    return schema_of(Fingerprint)
