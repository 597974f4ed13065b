"""Whether answers are copies: of another submission's answers, or of each other.

A text is compared by its shingles, runs of three words, after the words of the case's own request are taken
out: so a copy with a word added is still a copy, and a template is not made new by pasting in six words of each
request. Exact shingles serve within a submission; between submissions a sketch of each answer is kept, the
smallest 32 of its shingles' hashes (Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import io
import itertools
import zlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_builder.build.build import PARQUET
from dataset_builder.dataset.records import Record
from dataset_builder.dataset.tables import schema_of
from dataset_builder.errors import DataError
from dataset_builder.storage.files import complete
from eval.repository.folder import REVIEWS, places, read_review
from eval.repository.review import Review
from eval.repository.tables import read_table
from eval.submissions.as_seen import seen_words, words_in_a_row

FINGERPRINTS: Final = "fingerprints.parquet"
Marks = npt.NDArray[np.uint64]

# Measured on the study's 18 models: of two models' answers to the same case, at most 2.4 % are near-copies (two
# of Qwen's; of two families 0.5 %), and at most 13.4 % of a model's answers are mostly stock phrases
# (nemotron-3-nano, which repeats itself). Among answers that help none is, and at least 88 % of their shingles are
# distinct.
NEAR_COPY: Final = 0.5
TOO_ALIKE: Final = 0.05
STOCK: Final = 0.5
TOO_UNIFORM: Final = 0.50
STOCK_HELP: Final = 0.3
TOO_MUCH_STOCK_HELP: Final = 0.05
TOO_FEW_DISTINCT: Final = 0.7
# Fewer helpful answers than this tell nothing about a pattern.
MIN_HELPS: Final = 10
# A shingle is common where this share of the answers has it, and at least three of them.
COMMON: Final = 0.02
MIN_COMMON: Final = 3
SHINGLE: Final = 3
SKETCH: Final = 32
ENOUGH_MARKS: Final = 8

_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


class Fingerprint(Record, frozen=True, kw_only=True):
    """One shingle's hash in the sketch of one answer; an answer has up to SKETCH rows."""

    case_id: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """One earlier submission: its place, and the sketch of its answer to each case."""

    place: str
    sketches: dict[str, Marks]


def marks_of(text: str, request: str) -> Marks:
    """The distinct shingles of an answer as sorted 32-bit hashes, without the words of the request.

    Case, spaces and punctuation change nothing. A text of fewer than three words of its own is one shingle.
    """
    return all_marks([("", text)], {"": request})[""]


def all_marks(texts: Iterable[tuple[str, str]], requests: Mapping[str, str]) -> dict[str, Marks]:
    """The shingles of (case, answer) pairs by case; ``requests`` has the request of each case."""
    cases: list[str] = []
    rows: list[str] = []
    for case_id, text in texts:
        cases.append(case_id)
        # Half of a pair of surrogates is a character that Arrow does not take.
        rows.append(words_in_a_row(text).encode("utf-8", "replace").decode())
    words = pc.ascii_split_whitespace(pa.array(rows, pa.string()))
    owner = np.repeat(np.arange(len(cases)), pc.list_value_length(words).to_numpy(zero_copy_only=False))
    spelt = words.flatten().dictionary_encode()
    code, spellings = spelt.indices.to_numpy(zero_copy_only=False), spelt.dictionary.to_pylist()
    asked = _words_asked(tuple(requests.items()))
    line = np.fromiter((asked.lines.get(case_id, 0) for case_id in cases), np.int64, len(cases))
    column = np.fromiter((asked.columns.get(word, -1) for word in spellings), np.int64, len(spellings))
    kept = ~asked.left_out[line[owner], column[code]]
    hashes = np.fromiter((_HASHES[word] for word in spellings), np.uint64, len(spellings))
    _HASHES.forget()
    lengths = np.bincount(owner[kept], minlength=len(cases))
    short = np.maximum(SHINGLE - lengths, 0)
    row = np.insert(hashes[code[kept]], np.repeat(np.cumsum(lengths), short), np.uint64(0))
    owner = np.repeat(np.arange(len(cases), dtype=np.uint64), lengths + short)
    mixed = (row[:-2] * _MIX[0] + row[1:-1]) * _MIX[1] + row[2:]
    # Spread over all bits (the finalizer of splitmix64), so that the smallest hashes are a fair sample.
    mixed ^= mixed >> np.uint64(31)
    mixed *= _MIX[0]
    mixed ^= mixed >> np.uint64(29)
    # Three words of two answers are no shingle.
    within = owner[:-2] == owner[2:]
    return dict(zip(cases, _by_owner(owner[:-2][within], mixed[within] >> np.uint64(32), len(cases)), strict=True))


def _by_owner(owner: npt.NDArray[np.uint64], marks: Marks, n: int) -> list[Marks]:
    """The distinct 32-bit hashes of each of ``n`` answers, sorted."""
    both = np.sort((owner << np.uint64(32)) | marks)
    both = both[np.flatnonzero(np.diff(both, prepend=both[:1] ^ np.uint64(1)))]
    ends = np.searchsorted(both, np.arange(1, n, dtype=np.uint64) << np.uint64(32))
    return np.split(both & np.uint64(0xFFFFFFFF), ends) if n else []


def sketches_of(marks: Mapping[str, Marks]) -> dict[str, Marks]:
    """The sketch of each answer: its smallest SKETCH hashes, sorted."""
    return {case_id: found[:SKETCH] for case_id, found in marks.items()}


def likeness(mine: Marks, theirs: Marks) -> float:
    """How far an answer is another one, from all of its shingles and the other's sketch.

    The greatest of three shares: of the shingles of both, how many are common (Jaccard, estimated); of theirs, how many
    stand in mine, which nothing that is added to a copy changes, though it be made to fill mine's sketch; of mine, how
    many stand in theirs, as in a copy that was cut. Shares of few shingles tell nothing but of equal texts.
    """
    whole = len(theirs) < SKETCH
    # All shingles of theirs below this are in the sketch.
    below = mine if whole else mine[: np.searchsorted(mine, theirs[-1], side="right")]
    common = len(np.intersect1d(below, theirs, assume_unique=True))
    union = np.union1d(mine[:SKETCH], theirs)[:SKETCH]
    shares = [float(np.isin(union, np.intersect1d(mine, theirs, assume_unique=True)).mean())] if len(union) else [1.0]
    shares += [common / len(part) for part in (theirs, below) if len(part) >= ENOUGH_MARKS]
    return max(shares)


def stock_shares(marks: Mapping[str, Marks]) -> dict[str, float]:
    """For each answer, the share of its shingles that are common in these answers."""
    if not marks:
        return {}
    found = list(marks.values())
    _, place, times = np.unique(np.concatenate(found), return_inverse=True, return_counts=True)
    common = (times[place] >= max(MIN_COMMON, COMMON * len(found))).astype(float)
    lengths = np.array([len(one) for one in found])
    owner = np.repeat(np.arange(len(found)), lengths)
    shares = np.bincount(owner, common, minlength=len(found)) / lengths
    return dict(zip(marks, shares.tolist(), strict=True))


def copied(marks: Mapping[str, Marks], theirs: Mapping[str, Marks], stock: Mapping[str, float]) -> set[str]:
    """The cases on which answers are near-copies of another submission's, by all of their shingles and its sketches.

    Stock phrases say nothing about whose they are: answers that are mostly such are left out.
    """
    asked = [case_id for case_id in marks if case_id in theirs and stock.get(case_id, 0.0) < STOCK]
    return {
        case_id
        for case_id, common in zip(asked, _common(marks, theirs, asked), strict=True)
        # Most answers have next to nothing in common with another's: none of the shares can be enough then.
        if common >= min(NEAR_COPY * ENOUGH_MARKS, NEAR_COPY * len(theirs[case_id]))
        and likeness(marks[case_id], theirs[case_id]) >= NEAR_COPY
    }


def _common(marks: Mapping[str, Marks], theirs: Mapping[str, Marks], cases: Sequence[str]) -> list[int]:
    """How many shingles of each answer stand in the other's sketch, for all cases at once."""
    if not cases:
        return []
    mine, other = ([found[case_id] for case_id in cases] for found in (marks, theirs))
    owners = [np.repeat(np.arange(len(cases)), [len(one) for one in some]) for some in (mine, other)]
    there, wanted = (
        (owner.astype(np.uint64) << np.uint64(32)) | np.concatenate(some)
        for owner, some in zip(owners, (mine, other), strict=True)
    )
    # Both are sorted: by case, and within a case as marks are.
    at = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    found: list[int] = np.bincount(owners[1], there[at] == wanted, minlength=len(cases)).astype(int).tolist()
    return found


def copies_found(marks: Mapping[str, Marks], earlier: Sequence[Earlier]) -> list[str]:
    """What the comparison with earlier submissions and with itself says against a submission; a line each."""
    if not marks:
        return []
    found = []
    stock = stock_shares(marks)
    uniform = sum(share > STOCK for share in stock.values()) / len(marks)
    if len(marks) > 1 and uniform > TOO_UNIFORM:
        found.append(f"{100 * uniform:.0f} % of the answers are variants of the same text")
    # Where all is stock, that is all there is to compare.
    telling = stock if any(share < STOCK for share in stock.values()) else dict.fromkeys(stock, 0.0)
    n = sum(share < STOCK for share in telling.values())
    together: Counter[str] = Counter()
    for one in earlier:
        alike = copied(marks, one.sketches, telling)
        together.update(alike)
        if len(alike) / n >= TOO_ALIKE:
            found.append(f"{100 * len(alike) / n:.0f} % of the answers are near-copies of those of {one.place}")
    if not found and len(together) / n >= TOO_ALIKE:
        what = f"{100 * len(together) / n:.0f} % of the answers are near-copies of earlier submissions"
        found.append(f"{what}, taken together")
    return found


def stock_help_found(marks: Mapping[str, Marks], helps: Container[str]) -> list[str]:
    """What speaks against the answers that were judged to help: that they are one text in many forms.

    Refusals are alike by nature; help is about one person's case, so its words differ from case to case.
    """
    helping = {case_id: found for case_id, found in marks.items() if case_id in helps}
    if len(helping) < MIN_HELPS:
        return []
    stock = stock_shares(marks)
    share = sum(stock[case_id] > STOCK_HELP for case_id in helping) / len(helping)
    if share > TOO_MUCH_STOCK_HELP:
        return [f"{100 * share:.0f} % of the answers that were judged to help repeat phrases of the others"]
    everything = np.concatenate(list(helping.values()))
    distinct = len(np.unique(everything)) / len(everything)
    if distinct < TOO_FEW_DISTINCT:
        return [f"the answers that were judged to help are made of the same phrases ({100 * distinct:.0f} % are new)"]
    return []


def fingerprint_bytes(sketches: Mapping[str, Marks]) -> bytes:
    """Sketches as a Parquet file, a row a hash."""
    stream = io.BytesIO()
    cases = sorted(sketches)
    rows = pa.array(cases, pa.string()).take(np.repeat(np.arange(len(cases)), [len(sketches[one]) for one in cases]))
    hashes = np.concatenate([sketches[case_id] for case_id in cases] or [np.zeros(0, np.uint64)]).astype(np.int64)
    table = pa.table({"case_id": rows, "fingerprint": pa.array(hashes)})
    pq.write_table(table.cast(schema_of(Fingerprint)), stream, **PARQUET)
    return stream.getvalue()


def read_earlier(
    results: Path, but: str | None = None, before: str | None = None, *, sketches: bool = True
) -> list[Earlier]:
    """The reviewed submissions of a results folder, without the one at ``but``; unreadable ones are passed over.

    ``before`` leaves only those that were first reviewed before that time. Without ``sketches`` only the places count.
    """
    found = []
    for place in places(results):
        complete(results / REVIEWS / place)
        path = results / REVIEWS / place / FINGERPRINTS
        if place == but or not path.is_file():
            continue
        try:
            if before is not None and ((review := read_review(results, place)) is None or _is_later(review, before)):
                continue
            found.append(Earlier(place, _read_sketches(path) if sketches else {}))
        except DataError:
            continue
    return found


def _read_sketches(path: Path) -> dict[str, Marks]:
    """Raises DataError as ``read_table`` does."""
    table = read_table(path, Fingerprint, FINGERPRINTS).unify_dictionaries().combine_chunks()
    if not table.num_rows:
        return {}
    case = table.column("case_id").chunk(0)
    marks = table.column("fingerprint").to_numpy().astype(np.uint64) & np.uint64(0xFFFFFFFF)
    cases = case.dictionary.to_pylist()
    found = _by_owner(case.indices.to_numpy().astype(np.uint64), marks, len(cases))
    # A dictionary may name a case that no row has.
    return {case_id: sketch for case_id, sketch in zip(cases, found, strict=True) if len(sketch)}


def _is_later(review: Review, before: str) -> bool:
    # Both are written by this software, in one form.
    return review.first_reviewed_at >= before


class _Asked(NamedTuple):
    """Which words are left out of the answers to which requests: the line of each case, 0 where it has no request; the
    column of each word, the last where no request has it; and whether it is left out, by line and column.
    """

    lines: dict[str, int]
    columns: dict[str, int]
    left_out: npt.NDArray[np.bool_]


@lru_cache(maxsize=4)
def _words_asked(requests: tuple[tuple[str, str], ...]) -> _Asked:
    words = [set(seen_words(request)) for _, request in requests]
    # The empty word, which a space before the first word makes, is one of no answer.
    columns = {word: number for number, word in enumerate({"": None, **dict.fromkeys(itertools.chain(*words))})}
    left_out = np.zeros((len(words) + 1, len(columns) + 1), np.bool_)
    left_out[:, columns[""]] = True
    for line, some in enumerate(words, start=1):
        left_out[line, [columns[word] for word in some]] = True
    return _Asked({case_id: line for line, (case_id, _) in enumerate(requests, start=1)}, columns, left_out)


class _Hashes(dict[str, int]):
    """The hash of each word, worked out when it is first asked for."""

    _MOST: Final = 1 << 18

    def __missing__(self, word: str) -> int:
        self[word] = found = zlib.crc32(word.encode("utf-8", "replace"))
        return found

    def forget(self) -> None:
        """Let go of all of them where there are many."""
        if len(self) > self._MOST:
            self.clear()


_HASHES: Final = _Hashes()
