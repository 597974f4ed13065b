"""Judging one file of rows: a part at a time, each kept as it comes, and one file at the end.

While it lasts, a folder beside the target (``TARGET.parts``) holds ``job.json``, what is judged and how, a file of each
part that is done, and, for a judge that asks a model, each verdict as it came. The same job goes on from there. At the
end the parts become the target, ``TARGET.record.json`` says what was done, and the folder goes.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from dataset_builder import __version__
from dataset_builder.errors import InputError
from dataset_builder.storage.files import held, new_file, now, write_file
from dataset_builder.storage.record_file import RecordFile
from dataset_builder.wording import counted
from dataset_builder.work.session import USUAL, Conditions, Session
from dataset_builder.work.stopping import Spent, Stop
from eval.judges.interface import Judge, JudgeTask, OfflineJudge, PaidJudge
from eval.judging.run import judging_session, spent_on
from eval.runs.verdict import Verdict
from eval.tables.columns import Columns
from eval.tables.files import SHARD_ROWS, Shard, count_rows, kind_of, read_shards
from eval.tables.judge import Judged, TableSettings, columns_of, judge_offline, labels_of, read_rows, table_judge
from eval.tables.output import FORMATS, write_rows
from eval.tables.rows import UNREADABLE, Row, read_row

_JOB, _VERDICTS = "job.json", "verdicts.jsonl"
_SHOWN_ROWS = 10


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged and how. Another job never goes on with the parts of this one."""

    # Its name, its size in bytes, and when it was changed, in nanoseconds.
    source: tuple[str, int, int]
    judge: str
    rubric: str
    settings: dict[str, Any]
    columns: dict[str, str]
    prefix: str
    explain: bool
    part_rows: int
    version: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of a file."""

    job: Job
    rows: int
    labels: dict[str, int]
    unscored: dict[str, int]
    # The first rows without labels by reason, counted from 1.
    unscored_rows: dict[str, list[int]]
    cost: float | None
    finished_at: str


@dataclass
class TableWork:
    """The judging of one file into another; ``open`` makes one.

    ``rows`` is how many rows are expected, for the progress display.
    """

    source: Path
    target: Path
    settings: TableSettings
    judge: Judge
    columns: Columns
    rows: int
    conditions: Conditions = USUAL
    # Rows of a part: what a kill can cost of a judge that is free.
    part_rows: int = SHARD_ROWS
    # Places in the file of rows that cannot be read, as they are met.
    damaged: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, source: Path, target: Path, settings: TableSettings, conditions: Conditions = USUAL) -> TableWork:
        """Look at a file. Raises InputError where it cannot be read, or holds no rows or columns that are judged."""
        first = next(read_shards(source), None)
        if first is None:
            raise InputError(f"{source}: holds no rows, so there is nothing to judge.")
        try:
            columns = columns_of(first.table.schema, settings)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
        judge = table_judge(settings)
        # A judge that takes its time keeps what it has done more often.
        rows = (judge.part_rows if isinstance(judge, OfflineJudge) else None) or SHARD_ROWS
        return cls(source, target, settings, judge, columns, count_rows(source), conditions, rows)

    @property
    def parts(self) -> Path:
        """The folder of what is done so far."""
        return self.target.with_name(self.target.name + ".parts")

    @property
    def record(self) -> Path:
        """What was done, beside the target."""
        return self.target.with_name(self.target.name + ".record.json")

    @property
    def format(self) -> str:
        """How the target is written: one of FORMATS."""
        return self.target.suffix.lower()

    @property
    def job(self) -> Job:
        """What this is, to be told from other jobs."""
        stat = self.source.stat()
        return Job(
            source=(self.source.name, stat.st_size, stat.st_mtime_ns), judge=self.judge.name,
            rubric=self.judge.rubric, settings=self.judge.settings, columns=self.columns.used(),
            prefix=self.settings.prefix, explain=self.settings.explain, part_rows=self.part_rows, version=__version__,
        )  # fmt: skip

    def done(self) -> Done | None:
        """What was done, where this very job is done.

        Raises InputError where the target is there and was not made by this job, or the parts are another job's.
        """
        job = self.job
        if self.target.exists():
            found: Done | None = _read(self.record, Done)
            if found is not None and found.job == job:
                return found
            raise InputError(
                f"{self.target}: is there already, and was not made from this file by this judge with these options. "
                "Give another --out, or move it away."
            )
        kept = self.parts / _JOB
        if kept.exists() and _read(kept, Job) != job:
            raise InputError(
                f"{self.parts}: holds a part of another job (another file, judge or option). "
                f"Repeat that one, give another --out, or remove the folder."
            )
        return None

    def session(self) -> Session:
        """A sitting over what is left, with an estimate where the judge asks a model. Raises as Session does."""
        if not isinstance(self.judge, PaidJudge):
            return judging_session(self.judge, (), self.rows, self.settings.choice, 0.0, self.conditions)
        held_verdicts = self._held()
        waiting = [task for shard in self._shards() for _, task in self._waiting(shard, held_verdicts)]
        spent = sum(verdict.cost or 0.0 for verdict in held_verdicts.values())
        return judging_session(self.judge, waiting, len(waiting), self.settings.choice, spent, self.conditions)

    def run(self, session: Session) -> Stop | None:
        """Judge what is left and write the target; returns why it stopped early, or None.

        Raises as the judge does, and InputError where a part of the file cannot be read. What is judged is kept.
        """
        self.parts.mkdir(parents=True, exist_ok=True)
        with held(self.parts, "this folder"):
            if not (self.parts / _JOB).exists():
                write_file(self.parts / _JOB, msgspec.json.encode(self.job))
            stopped = session.run(lambda: self._work(session))
            if stopped is None:
                self._join()
        if stopped is None:
            shutil.rmtree(self.parts)
        return stopped

    async def _work(self, session: Session) -> Stop | None:
        log: RecordFile[Verdict] = RecordFile(self.parts / _VERDICTS, Verdict)
        verdicts = self._held()
        log.open()
        try:
            for shard in self._shards():
                self.damaged += shard.damaged.values()
                if self._part(shard).exists():
                    for _ in range(0 if session.estimate else shard.table.num_rows):
                        session.advance("")
                    continue
                stopped = await self._judge(shard, verdicts, log, session)
                if stopped is not None:
                    return stopped
            return None
        finally:
            log.close()
            await self.judge.aclose()

    async def _judge(
        self, shard: Shard, verdicts: dict[str, Verdict], log: RecordFile[Verdict], session: Session
    ) -> Stop | None:
        rows = self._rows(shard)
        tasks = [row.task for row in rows if row.task is not None]
        if isinstance(self.judge, OfflineJudge):
            judged = judge_offline(self.judge, tasks, explain=self.settings.explain)
            for _ in rows:
                session.advance("")
        else:

            async def ask(item: tuple[str, JudgeTask]) -> Spent:
                name, task = item
                given = await self.judge.judge([task])
                verdicts[name] = msgspec.structs.replace(given[0], case_id=name)
                log.append(verdicts[name])
                session.advance("")
                return spent_on(given)

            stopped = await session.work_through(self._waiting(shard, verdicts), ask)
            if stopped is not None:
                return stopped
            judged = [Judged(verdicts[_name(shard, at)], None) for at, row in enumerate(rows) if row.task is not None]
        with new_file(self._part(shard)) as unfinished:
            pq.write_table(labels_of(rows, judged, self.judge), unfinished)
        return None

    def _rows(self, shard: Shard) -> list[Row]:
        if shard.objects is None:
            rows = read_rows(shard.table, self.columns)
        else:
            rows = [read_row(values, self.columns) for values in shard.objects]
        for at in shard.damaged:
            rows[at] = Row(None, UNREADABLE)
        return rows

    def _waiting(self, shard: Shard, verdicts: dict[str, Verdict]) -> Iterator[tuple[str, JudgeTask]]:
        if self._part(shard).exists():
            return
        for at, row in enumerate(self._rows(shard)):
            if row.task is not None and _name(shard, at) not in verdicts:
                yield _name(shard, at), row.task

    def _shards(self) -> Iterator[Shard]:
        return read_shards(self.source, self.part_rows)

    def _held(self) -> dict[str, Verdict]:
        return {verdict.case_id: verdict for verdict in RecordFile(self.parts / _VERDICTS, Verdict)}

    def _part(self, shard: Shard) -> Path:
        return self.parts / f"{shard.first:012}.parquet"

    def _join(self) -> None:
        """Write the target from the file and the labels of its parts, then the record of what was done."""
        labels, unscored = Counter[str](), Counter[str]()
        names: dict[str, None] = {}
        where: dict[str, list[int]] = {}
        rows, cost = 0, 0.0
        for shard in self._shards():
            names |= dict.fromkeys(shard.table.column_names)
            given = pq.read_table(self._part(shard), columns=["response_type", "unscored_reason", "cost"])
            rows += given.num_rows
            labels.update(filter(None, given["response_type"].to_pylist()))
            reasons = given["unscored_reason"].to_pylist()
            unscored.update(filter(None, reasons))
            for at, reason in enumerate(reasons):
                if reason is not None and len(where.setdefault(reason, [])) < _SHOWN_ROWS:
                    where[reason].append(shard.first + at)
            cost += sum(filter(None, given["cost"].to_pylist()))
        parts = ((shard, pq.read_table(self._part(shard))) for shard in self._shards())
        # The record first: a target without one is never taken for this job's.
        done = Done(
            job=self.job,
            rows=rows,
            labels=labels,
            unscored=unscored,
            unscored_rows=where,
            cost=cost,
            finished_at=now(),
        )
        with new_file(self.target) as unfinished:
            write_rows(unfinished, self.format, parts, list(names), self.settings.prefix)
            write_file(self.record, msgspec.json.format(msgspec.json.encode(done), indent=2))


def _name(shard: Shard, at: int) -> str:
    """What the log of verdicts calls a row: its number in the file, from 1."""
    return str(shard.first + at)


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def target_of(source: Path, out: Path | None, several: bool) -> Path:
    """Where the labels of a file go: ``--out`` itself, a file of the same name in that folder, or beside the source.

    Raises InputError where one file is named for several, or a form that is not written.
    """
    kind = kind_of(source)
    if out is None:
        return source.with_name(f"{source.stem}.judged{kind}")
    if out.suffix.lower() in FORMATS and not out.is_dir():
        if several:
            raise InputError(f"--out {out}: one file, and there are several to judge. Name a folder.")
        return out
    if out.suffix and not out.is_dir() and not several:
        raise InputError(f"--out {out}: expected a name that ends in {', '.join(FORMATS)}, or a folder.")
    return out / f"{source.stem}.judged{kind}"


def open_works(
    sources: Sequence[Path], out: Path | None, settings: TableSettings
) -> tuple[list[TableWork], list[InputError]]:
    """The work of each file that can be judged, and what is wrong with the others.

    Raises InputError where the judge or ``out`` cannot be meant, or nothing can be judged.
    """
    table_judge(settings)
    readable, works, wrong = list[Path](), list[TableWork](), list[InputError]()
    for source in sources:
        try:
            kind_of(source)
            readable.append(source)
        except InputError as error:
            wrong.append(error)
    for source, target in targets_of(readable, out, several=len(sources) > 1):
        try:
            works.append(TableWork.open(source, target, settings))
        except InputError as error:
            wrong.append(error)
    if not works:
        raise unjudged(wrong, len(sources))
    return works, wrong


def unjudged(wrong: Sequence[InputError], of: int) -> InputError:
    """What is wrong with some of so many files, as one error."""
    if len(wrong) == of == 1:
        return wrong[0]
    told = "".join(f"\n- {error}" for error in wrong)
    return InputError(f"{len(wrong)} of {counted(of, 'file')} could not be judged:{told}")


def targets_of(sources: Sequence[Path], out: Path | None, *, several: bool) -> list[tuple[Path, Path]]:
    """Each file with where its labels go (``target_of``). Raises InputError where two would go to one place."""
    pairs = [(source, target_of(source, out, several)) for source in sources]
    twice = [target for target, count in Counter(target for _, target in pairs).items() if count > 1]
    if twice:
        raise InputError(f"two files would be written to {twice[0]}. Judge them apart, each with an --out of its own.")
    return pairs
