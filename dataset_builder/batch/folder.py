"""The folder of a batch of generated cases.

| file | holds |
|---|---|
| ``generation.json`` | the settings: all that decides how the cases are written |
| ``journal.jsonl`` | a Try a line: every reply that was paid for, and what became of it |
| ``gates.jsonl`` | a GateRecord a line |
| ``case_reviews.jsonl`` | a CaseReview a line |
| ``cases.jsonl`` | made from the others: each case with its outcome, as ``generated:DIR`` reads it |
| ``.lock`` | held by the one process that writes |

The files that grow do so record by record and are safe against a kill at any byte; ``cases.jsonl`` is
replaced whole. A folder that holds ``cases.jsonl`` alone, from elsewhere, can be gated and reviewed too.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import msgspec

from dataset_builder.batch.gate_records import FULL, GateRecord, case_hash, newest, standing
from dataset_builder.batch.lines import FILE_NAME, GATES_NAME, REVIEWS_NAME, GeneratedLine, newest_reviews, read_lines
from dataset_builder.batch.personal_data import without_personal_data
from dataset_builder.batch.records import FAULTY, WRITTEN, Order, Settings, Try
from dataset_builder.dataset.plain_case import PlainCase
from dataset_builder.dataset.records import CaseReview
from dataset_builder.dataset.taxonomy import PROVIDER_ERROR
from dataset_builder.dataset.validate import UNGATED
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.files import LOCK, held, is_unfinished, write_file
from dataset_builder.storage.foreign import is_litter, refuse_pointer
from dataset_builder.storage.record_file import RecordFile

FORMAT: Final = 1
SETTINGS, JOURNAL = "generation.json", "journal.jsonl"
# A first try and one more.
TRIES: Final = 2


class SettingsFile(msgspec.Struct, frozen=True, kw_only=True):
    """What ``generation.json`` holds."""

    format: int = FORMAT
    created_at: str
    settings: Settings


class History(msgspec.Struct):
    """All tries at one order."""

    order: Order
    tries: list[Try] = []

    @property
    def counted(self) -> list[Try]:
        """The tries that count: one that the provider did not answer does not."""
        return [t for t in self.tries if t.status != PROVIDER_ERROR]

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be tried."""
        return any(t.status == WRITTEN for t in self.tries) or len(self.counted) >= TRIES

    @property
    def end(self) -> Try:
        """The try that counts: the one that was written, or the last."""
        written = [t for t in self.tries if t.status == WRITTEN]
        return (written or self.counted or self.tries)[-1]


def new_batch(day: str) -> str:
    """A name that no other batch has: a day and some chance, of letters and digits that an id may hold."""
    return f"{day.replace('-', '')}{secrets.token_hex(2)}"


class GenerationFolder:
    """A folder of generated cases, opened to be read; ``writing`` adds to it."""

    def __init__(self, path: Path, file: SettingsFile | None) -> None:
        self.path = path
        self.file = file
        self.journal = RecordFile(path / JOURNAL, Try)
        self.gates = RecordFile(path / GATES_NAME, GateRecord)
        self.reviews = RecordFile(path / REVIEWS_NAME, CaseReview)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a folder. Raises InputError where it holds no cases, DataError where its settings are damaged."""
        file = path / SETTINGS
        if file.is_file():
            try:
                found = msgspec.json.decode(file.read_bytes(), type=SettingsFile)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                refuse_pointer(file)
                raise DataError("The folder of generated cases is damaged", [Problem(str(file), str(error))]) from None
            if found.format != FORMAT:
                raise InputError(f"{file}: format {found.format}, but this version reads format {FORMAT}.")
            return cls(path, found)
        if (path / FILE_NAME).is_file():
            return cls(path, None)
        raise InputError(
            f"{path}: no generated cases here (neither {SETTINGS} nor {FILE_NAME}). Expected a folder that "
            "'blind-refusal dataset backfill' made."
        )

    @classmethod
    def create(cls, path: Path, settings: Settings, created_at: str) -> Self:
        """The folder with these settings: a new one, or the one that is there if it has the same.

        Raises DataError where it has others, each of which is listed, InputError where it is something else.
        """
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: a file, where a folder was expected. Give another --out.")
        path.mkdir(parents=True, exist_ok=True)
        if not (path / SETTINGS).exists():
            if any(p.name != LOCK and not is_unfinished(p) and not is_litter(p.name) for p in path.iterdir()):
                raise InputError(f"{path}: not a folder of generated cases and not empty. Give another --out.")
            write_file(path / SETTINGS, _indented(SettingsFile(created_at=created_at, settings=settings)))
        folder = cls.open(path)
        different = folder.settings.differences(settings)
        if different:
            raise DataError(
                f"{path} holds cases that were written with other settings. Give another --out, or those settings",
                different,
            )
        return folder

    @property
    def settings(self) -> Settings:
        """How the cases are written. Raises InputError for a folder whose cases came from elsewhere."""
        if self.file is None:
            raise InputError(
                f"{self.path}: its cases came from elsewhere (no {SETTINGS}), so none can be added to them."
            )
        return self.file.settings

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Be the one process that writes here; ``cases.jsonl`` is made anew at the end, however it comes.

        Raises InputError where another process writes. Cut-off last lines are set aside first.
        """
        with held(self.path, "this folder"):
            # A folder from elsewhere keeps its cases in the one file that there is.
            files = (self.gates, self.reviews) if self.file is None else (self.journal, self.gates, self.reviews)
            lines = read_lines(self.path) if self.file is None else None
            try:
                for file in files:
                    file.open()
                yield self
            finally:
                for file in files:
                    file.close()
                self.write_cases(lines)

    def histories(self) -> dict[str, History]:
        """The tries at each order, by its id, in the order in which they were first tried."""
        found: dict[str, History] = {}
        for one in self.journal:
            found.setdefault(one.order.case_id, History(one.order)).tries.append(one)
        return found

    def lines(self) -> list[GeneratedLine]:
        """Every case with what became of it."""
        return self._judged(read_lines(self.path) if self.file is None else self._written())

    def write_cases(self, lines: list[GeneratedLine] | None = None) -> None:
        """Make ``cases.jsonl`` anew from what the other files hold."""
        found = self._judged(self._written() if lines is None else lines)
        write_file(self.path / FILE_NAME, b"".join(msgspec.json.encode(line) + b"\n" for line in found))

    def verdicts(self) -> dict[str, dict[str, GateRecord]]:
        """The full verdict of each gate on each case as it now reads: by case, then by gate."""
        found: dict[str, dict[str, GateRecord]] = {}
        for (case_id, gate, stage), record in newest(self.gates).items():
            if stage == FULL:
                found.setdefault(case_id, {})[gate] = record
        return found

    def _judged(self, lines: list[GeneratedLine]) -> list[GeneratedLine]:
        verdicts = self.verdicts()
        reviews: dict[str, list[CaseReview]] = {}
        for review in newest_reviews(self.reviews):
            reviews.setdefault(review.case_id, []).append(review)
        judged = []
        for line in lines:
            current = hash_of(line)
            said = {g: r for g, r in verdicts.get(line.case_id, {}).items() if r.case_hash == current}
            if not said and self.file is None and line.case_id not in reviews:
                # Whoever made the file may have gated it otherwise.
                judged.append(line)
                continue
            now = standing(said, faults=line.faults, reviews=reviews.get(line.case_id, ()))
            judged.append(
                msgspec.structs.replace(
                    line, outcome=now.outcome, dual_use=now.dual_use, dual_use_category=now.dual_use_category
                )
            )
        return judged

    def _written(self) -> list[GeneratedLine]:
        settings = self.settings
        lines = []
        for history in self.histories().values():
            end = history.end
            if end.case is None or end.status not in (WRITTEN, FAULTY) or not history.finished:
                continue
            case = end.case if end.status == WRITTEN else _publishable(end.case)
            lines.append(
                GeneratedLine(
                    **{name: getattr(case, name) for name in PlainCase.__struct_fields__},
                    defeat_family=end.order.family,
                    outcome=UNGATED,
                    generator=settings.model,
                    batch=settings.batch,
                    faults=end.faults,
                    prompt=settings.prompt[:16],
                    plot=end.order.plot,
                    temperature=settings.temperature,
                    generated_at=end.tried_at,
                )
            )
        return lines


def hash_of(case: PlainCase) -> str:
    """The hash of what a gate reads of a case."""
    return case_hash(case.policy, case.defeat_condition, case.structural_facts, case.user_query)


def _publishable(case: PlainCase) -> PlainCase:
    """A case that is kept for the record alone, without what may be somebody's."""
    return msgspec.structs.replace(
        case,
        policy=without_personal_data(case.policy),
        defeat_condition=without_personal_data(case.defeat_condition or ""),
        structural_facts=[without_personal_data(fact) for fact in case.structural_facts],
        user_query=without_personal_data(case.user_query) or "[empty]",
    )


def _indented(file: SettingsFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"
