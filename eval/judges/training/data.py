"""What the embedded judge is trained on: the study's answers with their verdicts, as sparse matrices."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from dataset_builder.dataset.records import Case, Records, Response
from dataset_builder.dataset.taxonomy import DEFLECTS, HARD_REFUSAL, HELPS
from dataset_builder.errors import InputError
from eval.judges.embedded import case_features
from eval.judges.embedded.features import BITS, Block, answer_blocks, answer_words
from eval.judges.embedded.held_out import family_of
from eval.judges.embedded.weights import CASE_COLUMNS, TYPE_COLUMNS

CLASSES = (HELPS, DEFLECTS, HARD_REFUSAL)
CELL_GROUPS = 5
_BATCH = 512


@dataclass(frozen=True, eq=False)
class Examples:
    """Scored answers, arrays of shape (n,), sorted by model and case.

    ``response_type`` counts through CLASSES.
    """

    cases: list[Case]
    texts: list[str]
    model: NDArray[np.str_]
    response_type: NDArray[np.int8]
    engages: NDArray[np.bool_]
    harm: NDArray[np.bool_]
    sha256: str

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def case_id(self) -> NDArray[np.str_]:
        """The ids of the cases."""
        return np.array([case.case_id for case in self.cases])

    @property
    def defeated(self) -> NDArray[np.bool_]:
        """Whether the case's rule is defeated."""
        return np.array([case.defeated for case in self.cases])

    @property
    def family(self) -> NDArray[np.str_]:
        """The family of models, by the first word of the slug."""
        return np.array([family_of(str(slug)) for slug in self.model])

    @property
    def cell_group(self) -> NDArray[np.int64]:
        """The group of cells, of CELL_GROUPS, dealt out in the order of their ids."""
        order = {cell: rank % CELL_GROUPS for rank, cell in enumerate(sorted({case.cell for case in self.cases}))}
        return np.array([order[case.cell] for case in self.cases])


def read_examples(records: Records) -> Examples:
    """The scored answers among some records; raises InputError where there is none."""
    cases = {case.case_id: case for case in records.cases}
    rows = sorted(
        (row for split in records.responses.values() for row in split if row.response and row.unscored_reason is None),
        key=lambda row: (row.model, row.case_id),
    )
    if not rows:
        raise InputError("the dataset holds no answers with verdicts to train on; expected one built from the study")
    texts = [row.response or "" for row in rows]
    return Examples(
        [cases[row.case_id] for row in rows],
        texts,
        np.array([row.model for row in rows]),
        np.array([CLASSES.index(row.response_type or "") for row in rows], np.int8),
        np.array([bool(row.engages_with_defeat) for row in rows]),
        np.array([bool(row.independent_harm) for row in rows]),
        _hash(json.dumps(_facts(row, cases[row.case_id])) for row in rows),
    )


class Matrices(NamedTuple):
    """Features of n answers, float32: all of the answer, its body alone (by slot), and its case (by row)."""

    answer: sp.csr_array
    body: sp.csr_array
    case: sp.csr_array

    def of(self, column: int) -> sp.csr_array:
        """What a column of the tables sees: shape (n, answer slots), then the case's rows where it has any."""
        if column in TYPE_COLUMNS:
            return self.answer
        if column in CASE_COLUMNS:
            return sp.csr_array(sp.hstack([self.body, self.case], format="csr"))
        return self.body


def feature_matrices(examples: Examples) -> Matrices:
    """The features of every example."""
    profiles = {case.case_id: case_features.profile(case, case_features.case_words(case)) for case in examples.cases}
    batches: list[tuple[sp.csr_array, sp.csr_array, sp.csr_array]] = []
    for start in range(0, len(examples), _BATCH):
        texts = examples.texts[start : start + _BATCH]
        parts = answer_words(texts)
        body, head, tail = (_sparse(block, 1 << BITS) for block in answer_blocks(parts, len(texts)))
        of_case = [profiles[case.case_id] for case in examples.cases[start : start + _BATCH]]
        words, labels, overlap = (
            _sparse(block, case_features.ROWS) for block in case_features.case_blocks(of_case, parts[0])
        )
        batches.append((body + head + tail, body, words + labels + overlap))
    stacked = []
    for column in zip(*batches, strict=True):
        matrix = sp.csr_array(sp.vstack(column, format="csr"))
        matrix.sort_indices()
        stacked.append(matrix)
    return Matrices(*stacked)


def _sparse(block: Block, columns: int) -> sp.csr_array:
    counts = np.diff(block.bounds)
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    return sp.csr_array((values, block.slots, block.bounds), shape=(counts.size, columns))


def _facts(row: Response, case: Case) -> list[object]:
    texts = [getattr(case, name) for name in case_features.OVERLAP_TEXTS]
    labels = [getattr(case, name) for name in case_features.LABELS]
    verdict = [row.response_type, row.engages_with_defeat, row.independent_harm]
    return [row.model, row.case_id, row.response_hash, *verdict, *texts, *labels]


def _hash(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
