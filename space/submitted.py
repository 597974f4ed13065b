"""The answers of submitted runs as rows of the transcripts' store, beside those that came with the dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dataset_builder.built import BuiltDataset
from eval.bundle_schema import RESPONSES, VERDICTS, BundleAnswer, BundleVerdict
from eval.bundle_tables import read_rows
from eval.leaderboard_schema import Board, BoardRow
from space.data import Snapshot
from space.snapshot import PUBLISHED, transcripts_key

_LABELS: Final = ("response_type", "engages_with_defeat", "independent_harm", "unscored_reason")
_CASE: Final = ("defeat_family", "defeat_subtype", "authority_type", "authority_group", "dual_use")


@dataclass(frozen=True)
class SubmittedRun:
    """One run's answers with one judge's verdicts: that of the first board on which the run stands.

    ``key`` changes whenever its files do.
    """

    model: str
    model_id: str
    judge: str
    rubric: str
    responses: Path
    verdicts: Path

    @property
    def key(self) -> str:
        """SHA-256 over what a store holds of the run."""
        digest = hashlib.sha256(f"{self.model}\0{self.model_id}\0{self.judge}\0{self.rubric}\0".encode())
        for path in (self.responses, self.verdicts):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def rows(self, built: BuiltDataset) -> Iterator[dict[str, Any]]:
        """Rows as the dataset's own answers have them, in the order of the bundle.

        Raises DataError for a bundle that is broken; answers to cases that the dataset lacks are left out.
        """
        columns = ["case_id", "response_hash", "judge", "rubric", "reasoning", *_LABELS]
        found = read_rows(self.verdicts, BundleVerdict, VERDICTS, columns)
        verdicts = {
            (case_id, answer): place
            for place, (case_id, answer, judge, rubric) in enumerate(
                zip(*(found[name] for name in columns[:4]), strict=True)
            )
            if (judge, rubric) == (self.judge, self.rubric)
        }
        wanted = ["case_id", "status", "response", "response_hash", "collected_at"]
        answers = read_rows(self.responses, BundleAnswer, RESPONSES, wanted)
        for case_id, status, response, answer, when in zip(*(answers[name] for name in wanted), strict=True):
            case = built.case_by_id.get(case_id)
            if case is None:
                continue
            place = verdicts.get((case_id, answer))
            labels = {name: found[name][place] if place is not None else None for name in _LABELS}
            if place is None:
                labels["unscored_reason"] = "not_judged" if status == "ok" else status
            yield {
                "case_id": case_id,
                "model": self.model,
                "model_id": self.model_id,
                "response": response,
                "verdict_reasoning": found["reasoning"][place] if place is not None else None,
                "judge": self.judge if place is not None else None,
                "hit_token_cap": status == "truncated_answer",
                "collected_at": when,
                "reviewed": False,
                **labels,
                **{name: getattr(case, name) for name in _CASE},
            }


def submitted_runs(now: Snapshot, built: BuiltDataset) -> tuple[SubmittedRun, ...]:
    """The runs on the boards over this dataset's cases that did not come with the dataset, each once, by name."""
    found: dict[str, SubmittedRun] = {}
    for board in now.boards:
        if now.folder is None or board.cases_hash != built.cases_hash:
            continue
        for row in board.rows:
            name = transcripts_key(row)
            if row.kind != PUBLISHED and name not in found and (run := _run(now.folder, board, row)) is not None:
                found[name] = run
    return tuple(found[name] for name in sorted(found))


def _run(folder: Path, board: Board, row: BoardRow) -> SubmittedRun | None:
    paths = [Path(row.transcripts), Path(row.verdicts)]
    if any(path.is_absolute() or ".." in path.parts or not (folder / path).is_file() for path in paths):
        return None
    return SubmittedRun(
        transcripts_key(row), row.model_id, board.judge, board.rubric, folder / paths[0], folder / paths[1]
    )
