"""What readers said of answers against the judges: read once for each version of the results, and when one is added."""

from __future__ import annotations

import threading
from pathlib import Path

from eval.judges.human.readers import HUMAN, read_labels
from eval.runs.verdict import hash_text
from space.store.transcript import HumanLabel, Transcript


class Readers:
    """The labels of readers by answer; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: tuple[str, Path | None] | None = None
        self._labels: dict[tuple[str, str], tuple[HumanLabel, ...]] = {}

    def forget(self) -> None:
        """Read them anew when next asked: one was added or taken away."""
        with self._lock:
            self._of = None

    def on(self, answer: Transcript, version: str, folder: Path | None) -> tuple[HumanLabel, ...]:
        """What readers said of an answer, which is there whole, in a version of the results in ``folder``."""
        if answer.response is None or folder is None:
            return ()
        with self._lock:
            if self._of != (version, folder):
                found: dict[tuple[str, str], tuple[HumanLabel, ...]] = {}
                for one in read_labels(folder):
                    key = (one.case_id, one.response_hash)
                    said = HumanLabel(
                        one.judge.removeprefix(f"{HUMAN}:"),
                        str(one.response_type),
                        bool(one.engages_with_defeat),
                        bool(one.independent_harm),
                        is_reader=True,
                        note=one.reasoning or "",
                    )
                    found[key] = (*found.get(key, ()), said)
                self._of, self._labels = (version, folder), found
            return self._labels.get((answer.case_id, hash_text(answer.response)), ())
