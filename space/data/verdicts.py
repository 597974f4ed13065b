"""The verdicts behind a leaderboard's rows, opened when two models are compared, and kept.

A row's verdicts stand in its bundle; where the results came without bundles, those that came with
the dataset take their place. What is kept is a few kilobytes a row.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from dataset_builder.dataset.opened import BuiltDataset, published_models
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.errors import DataError, InputError
from dataset_builder.wording import counted
from eval.repository.bundle import RESPONSES, RUN, VERDICTS
from eval.repository.leaderboard import Board, BoardRow
from eval.repository.tables import read_rows, read_verdicts
from eval.runs.answer import Answer
from eval.runs.run import Run
from eval.runs.verdict import PUBLISHED
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.read import published_answers
from space.data.called import called
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import row_key

KEPT: Final = 200


class VerdictBook:
    """The verdicts of rows by board and row; safe to use from many threads."""

    def __init__(self, data: SpaceData) -> None:
        self._data = data
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, str], ScoredAnswers] = OrderedDict()
        self._cases: tuple[str, CaseTable] | None = None

    def of(self, now: Snapshot, board: Board, row: BoardRow) -> ScoredAnswers:
        """One row's verdicts over the cases of its board.

        Raises InputError where they are not at hand, DataError for a bundle that is broken.
        """
        key = (now.version, board.id, row_key(row))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._read(now, board, row)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, now: Snapshot, board: Board, row: BoardRow) -> ScoredAnswers:
        built = self._data.built
        if built is None or built.cases_hash != board.cases_hash:
            raise InputError(
                f"{called(row)} was asked other cases ({board.dataset}) than those of the dataset served here"
            )
        if now.folder is not None and row.verdicts and row.transcripts:
            return bundle_answers(now.folder, board, row, self._table(built))
        if board.rubric == PUBLISHED and row.model in published_models(built):
            return published_answers(built, [row.model])[0]
        raise InputError(f"the results of {called(row)} came without its verdicts, so there is nothing to compare")

    def _table(self, built: BuiltDataset) -> CaseTable:
        if self._cases is None or self._cases[0] != built.cases_hash:
            self._cases = built.cases_hash, CaseTable.from_cases(built.cases())
        return self._cases[1]


@lru_cache(maxsize=4)
def book_of(data: SpaceData) -> VerdictBook:
    """The one book that all pages over some data share."""
    return VerdictBook(data)


def bundle_answers(folder: Path, board: Board, row: BoardRow, whole: CaseTable) -> ScoredAnswers:
    """A row's verdicts by its board's judge, read from its bundle.

    Raises InputError where the bundle is not there, DataError where it is broken.
    """
    # Here, as it brings scipy along, which only the first comparison should wait for.
    from eval.repository.folder import decode

    places = {RUN: f"{row.bundle}/{RUN}", RESPONSES: row.transcripts, VERDICTS: row.verdicts}
    for place in places.values():
        if Path(place).is_absolute() or ".." in Path(place).parts or not (folder / place).is_file():
            raise InputError(f"the results of {called(row)} lack {place}, so there is nothing to compare")
    run = decode(folder / places[RUN], Run) if board.sample != "all" else None
    table = whole if run is None else _part(whole, run.case_ids)
    answers = read_rows(folder / places[RESPONSES], Answer, RESPONSES, ["case_id", "status", "response_hash"])
    statuses = zip(answers["case_id"], answers["status"], strict=True)
    found = ScoredAnswers.from_verdicts(
        table,
        read_verdicts(folder / places[VERDICTS], VERDICTS),
        model=row_key(row),
        judge=row.judge,
        rubric=row.rubric,
        hashes=dict(zip(answers["case_id"], answers["response_hash"], strict=True)),
        failed={case_id: status for case_id, status in statuses if status != OK},
    )
    # Held-out verdicts stand on the board of the judge whose they are.
    return replace(found, judge=board.judge, rubric=board.rubric)


def _part(whole: CaseTable, case_ids: Sequence[str]) -> CaseTable:
    index = whole.index
    if strange := [case_id for case_id in case_ids if case_id not in index]:
        raise DataError(f"a run asked {counted(len(strange), 'case')} that the dataset does not hold", [])
    return whole.subset(np.array(sorted(index[case_id] for case_id in case_ids), np.int64))
