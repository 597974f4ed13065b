"""The folder of a run: what was asked, what was answered, how it was judged.

| file | holds |
|---|---|
| ``run.json`` | the settings: all that decides a number, and the judges with theirs |
| ``responses.jsonl`` | a RunResponse a line; a later one of a case supersedes an earlier failure |
| ``verdicts.jsonl`` | a Verdict a line; a later one of the same key supersedes an earlier one |
| ``.lock`` | held by the one process that writes |

Both ``.jsonl`` files only grow, record by record, and are safe against a kill at any byte.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from dataset_builder.dataset.taxonomy import OK
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.files import LOCK as LOCK
from dataset_builder.storage.files import held, is_unfinished, write_file
from dataset_builder.storage.record_file import RecordFile
from eval.runs.response import RunResponse
from eval.runs.settings import RunSettings
from eval.runs.verdict import Verdict, VerdictKey

FORMAT: Final = 1
RUN, RESPONSES, VERDICTS = "run.json", "responses.jsonl", "verdicts.jsonl"
_ROOM: Final = "max_tokens"


class JudgeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A judge of this run and what decides its verdicts beyond its name and rubric."""

    judge: str
    rubric: str
    settings: dict[str, Any] = {}


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What ``run.json`` holds."""

    format: int = FORMAT
    created_at: str
    settings: RunSettings
    departures: list[str] = []
    judges: list[JudgeRecord] = []


class RunFolder:
    """A run, opened to be read; ``writing`` adds to it."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record
        self._responses = RecordFile(path / RESPONSES, RunResponse)
        self._verdicts = RecordFile(path / VERDICTS, Verdict)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run. Raises InputError where there is none, DataError where ``run.json`` is damaged."""
        file = path / RUN
        if not file.is_file():
            raise InputError(
                f"{path}: no run here (no {RUN}). Expected a folder that `blind-refusal eval run --out` made."
            )
        try:
            record = msgspec.json.decode(file.read_bytes(), type=RunRecord)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataError("The run folder is damaged", [Problem(str(file), str(error))]) from None
        if record.format != FORMAT:
            raise InputError(
                f"{file}: format {record.format}, but this version reads format {FORMAT}. "
                "Use the version of blind-refusal that made the run."
            )
        return cls(path, record)

    @classmethod
    def create(cls, path: Path, settings: RunSettings, created_at: str) -> Self:
        """The run with these settings: a new one, or the one that is there if it has the same.

        Raises InputError where the folder holds a run with other settings, each of which is listed,
        or anything that is no run.
        """
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: a file, where the folder of a run was expected. Give another --out.")
        path.mkdir(parents=True, exist_ok=True)
        if not (path / RUN).exists():
            with held(path, "this run"):
                # Asked again, as another process may have been quicker.
                if not (path / RUN).exists():
                    if any(p.name != LOCK and not is_unfinished(p) for p in path.iterdir()):
                        raise InputError(f"{path}: not a run and not empty. Give a new or empty folder with --out.")
                    run = cls(
                        path, RunRecord(created_at=created_at, settings=settings, departures=settings.departures())
                    )
                    run._save()
                    return run
        run = cls.open(path)
        different = run.settings.differences(settings)
        if different:
            raise DataError(
                f"{path} holds a run with other settings, and answers to different questions must not be mixed. "
                "Give another --out, or the settings of that run",
                different,
            )
        return run

    @property
    def settings(self) -> RunSettings:
        """All that decides an answer of this run."""
        return self.record.settings

    def responses(self) -> Iterator[RunResponse]:
        """The record that counts of each case that has one, in the order of the file; one in memory at a time."""
        places = self._places()
        for place, response in self._responses.placed():
            if places.get(response.case_id, (-1, ""))[0] == place:
                yield response

    def statuses(self) -> dict[str, str]:
        """The status of each case that has a response."""
        return {case_id: status for case_id, (_, status) in self._places().items()}

    def _places(self) -> dict[str, tuple[int, str]]:
        counting: dict[str, tuple[int, str]] = {}
        for place, response in self._responses.placed():
            known = counting.get(response.case_id)
            # A later failure does not take an answer away.
            if known is None or known[1] != OK or response.ok:
                counting[response.case_id] = (place, response.status)
        return counting

    def every_response(self) -> Iterator[RunResponse]:
        """All records, those that no longer count too: what was paid for."""
        return iter(self._responses)

    def verdicts(self, judge: str | None = None, rubric: str | None = None) -> Iterator[Verdict]:
        """The verdicts on the answers that count now, of one judge and rubric or of all; the newest of each key."""
        hashes = {r.case_id: r.response_hash for r in self.responses()}
        newest: dict[VerdictKey, int] = {}
        for place, verdict in self._verdicts.placed():
            newest[verdict.key] = place
        for place, verdict in self._verdicts.placed():
            if (
                newest[verdict.key] == place
                and hashes.get(verdict.case_id) == verdict.response_hash
                and judge in (None, verdict.judge)
                and rubric in (None, verdict.rubric)
            ):
                yield verdict

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Be the one process that writes to this run.

        Raises InputError where another one is. Cut-off last lines are set aside first.
        """
        with held(self.path, "this run"):
            try:
                self._responses.open()
                self._verdicts.open()
                yield self
            finally:
                self._responses.close()
                self._verdicts.close()

    def append_response(self, response: RunResponse) -> None:
        """Add one answer; only inside ``writing``."""
        self._responses.append(response)

    def append_verdict(self, verdict: Verdict) -> None:
        """Add one verdict; only inside ``writing``."""
        self._verdicts.append(verdict)

    def record_judge(self, judge: JudgeRecord) -> None:
        """Note a judge of this run; only inside ``writing``.

        How much room a reply had decides whether there is a verdict, and not which: the newest is noted.
        Raises DataError where the same judge and rubric already judged here with other settings.
        """
        for place, known in enumerate(self.record.judges):
            if (known.judge, known.rubric) == (judge.judge, judge.rubric):
                names = sorted({*known.settings, *judge.settings} - {_ROOM})
                different = [
                    Problem(n, f"{known.settings.get(n)!r} there, {judge.settings.get(n)!r} asked for now")
                    for n in names
                    if known.settings.get(n) != judge.settings.get(n)
                ]
                if different:
                    raise DataError(
                        f"{self.path}: {judge.judge} already judged this run with other settings. "
                        "Use those, or judge a copy of the folder",
                        different,
                    )
                if known.settings != judge.settings:
                    judges = [*self.record.judges]
                    judges[place] = judge
                    self.record = msgspec.structs.replace(self.record, judges=judges)
                    self._save()
                return
        self.record = msgspec.structs.replace(self.record, judges=[*self.record.judges, judge])
        self._save()

    def _save(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self.record), indent=2) + b"\n"
        write_file(self.path / RUN, text)
