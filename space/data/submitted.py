"""What a results folder adds to the transcripts: the answers of submitted runs, and every judge's verdicts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.taxonomy import TRUNCATED
from eval.repository.bundle import RESPONSES, VERDICTS
from eval.repository.tables import read_rows
from eval.runs.answer import Answer
from eval.runs.verdict import PUBLISHED, Verdict
from space.data.data import Snapshot
from space.data.snapshot import transcripts_key
from space.store.additions import Additions, Judge, Labels

_LABELS: Final = ("response_type", "engages_with_defeat", "independent_harm", "unscored_reason", "reasoning")
_CASE: Final = ("defeat_family", "defeat_subtype", "authority_type", "authority_group", "dual_use")


@dataclass(frozen=True)
class SubmittedRun:
    """One run's answers; ``key`` changes whenever its file does."""

    model: str
    # What its submitter calls it.
    name: str
    responses: Path

    @property
    def key(self) -> str:
        """SHA-256 over what a store holds of the run."""
        return _digest((self.model, self.name), self.responses)

    def rows(self, built: BuiltDataset) -> Iterator[dict[str, Any]]:
        """Rows as the dataset's own answers have them, in the order of the bundle, without verdicts.

        Raises DataError for a bundle that is broken; answers to cases that the dataset lacks are left out.
        """
        wanted = ["case_id", "status", "response", "response_hash", "collected_at"]
        answers = read_rows(self.responses, Answer, RESPONSES, wanted)
        for row in zip(*(answers[name] for name in wanted), strict=True):
            told = dict(zip(wanted, row, strict=True))
            case = built.case_by_id.get(told["case_id"])
            if case is None:
                continue
            yield {
                **told,
                "model": self.model,
                "model_id": self.name,
                "hit_token_cap": told["status"] == TRUNCATED,
                "reviewed": False,
                **{name: getattr(case, name) for name in _CASE},
            }


@dataclass(frozen=True)
class JudgedRun:
    """One judge's verdicts on a run's answers, or on a model's that came with the dataset."""

    model: str
    judge: Judge
    verdicts: Path
    # As the file names the judge: `heldout` for answers that the board's judge learned from.
    named: Judge

    @property
    def key(self) -> str:
        """SHA-256 over what a store holds of them."""
        return _digest((self.model, *self.judge), self.verdicts)

    def labels(self) -> Mapping[tuple[str, str], Labels]:
        """A verdict by case and hash of the answer. Raises DataError for a file that is broken."""
        columns = ["case_id", "response_hash", "judge", "rubric", *_LABELS]
        found = read_rows(self.verdicts, Verdict, VERDICTS, columns)
        return {
            (case_id, answer): dict(zip(_LABELS, labels, strict=True))
            for case_id, answer, judge, rubric, *labels in zip(*(found[name] for name in columns), strict=True)
            if (judge, rubric) == self.named
        }


def additions(now: Snapshot, built: BuiltDataset) -> Additions:
    """The runs on the boards over this dataset's cases that did not come with it, and all verdicts that did not."""
    if now.folder is None:
        return Additions()
    runs: dict[str, SubmittedRun] = {}
    verdicts: dict[tuple[str, Judge], JudgedRun] = {}
    boards = [board for board in now.boards if board.cases_hash == built.cases_hash]
    for board in boards:
        for row in board.rows:
            name, judge = transcripts_key(row), (board.judge, board.rubric)
            if row.kind == PUBLISHED and board.rubric == PUBLISHED:
                continue
            responses, judged = _file(now.folder, row.transcripts), _file(now.folder, row.verdicts)
            if row.kind != PUBLISHED:
                if responses is None:
                    continue
                runs.setdefault(name, SubmittedRun(name, row.model, responses))
            if judged is not None:
                verdicts.setdefault((name, judge), JudgedRun(name, judge, judged, (row.judge, row.rubric)))
    return Additions(
        tuple(runs[name] for name in sorted(runs)),
        tuple(verdicts[key] for key in sorted(verdicts)),
        tuple(dict.fromkeys((board.judge, board.rubric) for board in boards)),
    )


def _file(folder: Path, name: str) -> Path | None:
    path = Path(name)
    outside = not name or path.is_absolute() or ".." in path.parts
    return None if outside or not (folder / path).is_file() else folder / path


def _digest(words: tuple[str, ...], path: Path) -> str:
    content = "\0".join(words).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest()
    return hashlib.sha256(content).hexdigest()
