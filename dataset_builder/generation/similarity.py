"""Requests that repeat one that is there: by shared triples of words, and by long runs copied outright.

The measure is the Jaccard index of the two sets of word triples, which MinHash estimates. Through an
inverted index it is had exactly, and at the size of this dataset faster than signatures could be
compared, so nothing is estimated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from dataset_builder.dataset.manifest import FILE_NAME
from dataset_builder.dataset.records import Case
from dataset_builder.errors import SourceError
from dataset_builder.sources import STARTER, STUDY, read_source

SHINGLE: Final = 3
# A run of this many words in both is a copy, however different the rest.
RUN: Final = 9
# Read side by side, pairs of the study's cases above this tell one story in two wordings (23 of its 1,869
# generated cases have an earlier one so near); half of all cases have no neighbour above 0.04.
THRESHOLD: Final = 0.1
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Scripts that put no space between words: each character counts as one.
_UNSPACED: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; every character of a script without spaces is one."""
    found = []
    for word in _WORD.findall(text.lower()):
        if _UNSPACED.search(word):
            found += list(word)
        else:
            found.append(word.replace("’", "'"))
    return found


class Likeness(NamedTuple):
    """The nearest text: its name, the Jaccard index with it, and a run of words in both, if there is one."""

    name: str
    jaccard: float
    run: str = ""

    @property
    def too_close(self) -> bool:
        """Whether the two must not both be in the dataset."""
        return self.jaccard > THRESHOLD or bool(self.run)


class SimilarityIndex:
    """Texts by name, asked for the nearest to a new one."""

    def __init__(self, texts: Iterable[tuple[str, str]] = ()) -> None:
        self._names: list[str] = []
        self._sizes: list[int] = []
        self._triples: dict[int, list[int]] = {}
        self._runs: dict[int, int] = {}
        for name, text in texts:
            self.add(name, text)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, text: str) -> None:
        """Make a text known."""
        words = words_of(text)
        number = len(self._names)
        triples = _hashes(words, SHINGLE)
        self._names.append(name)
        self._sizes.append(len(triples))
        for triple in triples:
            self._triples.setdefault(triple, []).append(number)
        for run in _hashes(words, RUN):
            self._runs.setdefault(run, number)

    def nearest(self, text: str) -> Likeness | None:
        """The text with the largest Jaccard index, or one that shares a long run; None where none shares a triple."""
        words = words_of(text)
        triples = _hashes(words, SHINGLE)
        shared: Counter[int] = Counter()
        for triple in triples:
            shared.update(self._triples.get(triple, ()))
        if not shared:
            return None
        for place in range(len(words) - RUN + 1):
            run = words[place : place + RUN]
            if (number := self._runs.get(_hash(run))) is not None:
                return Likeness(self._names[number], self._jaccard(number, shared[number], len(triples)), " ".join(run))
        best = max(shared, key=lambda n: (self._jaccard(n, shared[n], len(triples)), -n))
        return Likeness(self._names[best], self._jaccard(best, shared[best], len(triples)))

    def _jaccard(self, number: int, shared: int, size: int) -> float:
        return shared / (self._sizes[number] + size - shared)


def _hash(words: Sequence[str]) -> int:
    return hash(tuple(words))


def _hashes(words: Sequence[str], size: int) -> set[int]:
    return {_hash(words[i : i + size]) for i in range(len(words) - size + 1)}


# The cases that are there already: new ones must not repeat them, and are steered to what they lack.


DEFAULT: Final = (STUDY, STARTER)


@dataclass(frozen=True)
class Existing:
    """Cases that count for coverage, and every request that must not be repeated, by id."""

    names: tuple[str, ...]
    cases: list[Case] = field(default_factory=list)
    queries: list[tuple[str, str]] = field(default_factory=list)

    def index(self) -> SimilarityIndex:
        """The requests, to be asked for likeness."""
        return SimilarityIndex(self.queries)


def read_existing(names: Sequence[str], progress: Callable[[int, int | None], None] | None = None) -> Existing:
    """The cases of some sources, or of built datasets by their folders.

    Of generated cases those that were removed count for likeness too. Raises SourceError where one is
    out of reach, with the way on, DataError where one is damaged.
    """
    found = Existing(tuple(names))
    for name in names:
        if (Path(name) / FILE_NAME).is_file():
            from dataset_builder.dataset.opened import BuiltDataset

            built = BuiltDataset.open(name)
            found.cases.extend(built.cases())
            queries = {case.case_id: case.user_query for case in built.cases()}
            for split in built.splits("generated"):
                rows = built.table("generated", split, ["case_id", "user_query"]).to_pylist()
                queries.update((row["case_id"], row["user_query"]) for row in rows)
        else:
            try:
                records = read_source(name, progress=progress).records
            except SourceError as error:
                raise SourceError(
                    f"{error}\nNew cases are held against those that are there. --existing names them: a source, or "
                    f"the folder of a built dataset; --existing {STARTER} holds them against the bundled cases alone."
                ) from error
            found.cases.extend(records.cases)
            queries = {case.case_id: case.user_query for case in (*records.cases, *records.generated)}
        found.queries.extend(queries.items())
    return found
