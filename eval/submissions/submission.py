"""A submission, read: its bundle's files decoded and nothing in them believed yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import BuiltDataset, OpenedDataset
from dataset_builder.dataset.records import Record
from dataset_builder.dataset.taxonomy import OK
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import FETCH_IT, POINTER, is_pointer
from eval.repository.bundle import BUNDLE, OPTIONAL, REQUIRED, RESPONSES, RUN, VERDICTS, Bundle
from eval.results.build import dataset_info
from eval.runs.run import JudgeRecord, Run
from eval.runs.verdict import Verdict
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.results import ModelInfo, Provenance
from eval.submissions.likeness import Marks, all_marks
from eval.submissions.read_apart import read_apart

Columns = dict[str, list[Any]]
_VERDICT_FIELDS: Final = Verdict.__struct_fields__


@dataclass(frozen=True)
class Submission:
    """A bundle's content, with what follows from it.

    ``answers`` and ``verdicts`` are columns by name; ``verdicts`` is None without any. ``place`` is its folder
    among the submissions; ``bundle_sha256`` is of its bundle.json, which names the hashes of all other files;
    ``hashes`` has the hash of each case's answer, ``failed`` why a case has none; ``departures`` are those from
    the study's protocol, in words.
    """

    files: dict[str, bytes]
    bundle: Bundle
    run: Run
    answers: Columns
    verdicts: Columns | None
    # What follows from these, made once.
    place: str
    bundle_sha256: str
    hashes: dict[str, str]
    failed: dict[str, str]
    departures: list[str]
    _marks: dict[str, Marks] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(
        cls, files: Mapping[str, bytes], bundle: Bundle, run: Run, answers: Columns, verdicts: Columns | None
    ) -> Submission:
        """A submission of its files and what they hold."""
        statuses = zip(answers["case_id"], answers["status"], strict=True)
        return cls(
            files=dict(files),
            bundle=bundle,
            run=run,
            answers=answers,
            verdicts=verdicts,
            place=f"{bundle.model.slug}/{bundle.run_id}",
            bundle_sha256=hashlib.sha256(files[BUNDLE]).hexdigest(),
            hashes=dict(zip(answers["case_id"], answers["response_hash"], strict=True)),
            failed={case_id: status for case_id, status in statuses if status != OK},
            departures=run.departures(),
        )

    def texts(self) -> Iterable[tuple[str, str]]:
        """Case and answer of each answer there is."""
        rows = zip(self.answers["case_id"], self.answers["status"], self.answers["response"], strict=True)
        return ((case_id, text or "") for case_id, status, text in rows if status == OK)

    def marks(self, dataset: OpenedDataset) -> dict[str, Marks]:
        """The shingles of each answer, without the words of its case's request; worked out once."""
        if not self._marks:
            requests = {case.case_id: case.user_query for case in dataset.built.cases()}
            self._marks.update(all_marks(self.texts(), requests))
        return self._marks

    def verdicts_of(self, judge: str, rubric: str) -> list[Verdict]:
        """The submitter's verdicts of one judge."""
        if self.verdicts is None:
            return []
        rows = zip(*(self.verdicts[name] for name in _VERDICT_FIELDS), strict=True)
        found = (Verdict(**dict(zip(_VERDICT_FIELDS, row, strict=True))) for row in rows)
        return [one for one in found if (one.judge, one.rubric) == (judge, rubric)]

    def scored(self, dataset: OpenedDataset, verdicts: Iterable[Verdict], judge: str, rubric: str) -> ScoredAnswers:
        """Verdicts of one judge on these answers, over the cases that were asked."""
        cases = _table_of_cases(_ByCases(dataset.built), self.run.case_ids)
        rows = list(verdicts)
        if not rows:
            raise InputError(f"There are no verdicts of {judge} (rubric {rubric}) on {self.bundle.model.name}.")
        return ScoredAnswers.from_verdicts(
            cases,
            rows,
            model=self.bundle.model.slug,
            judge=judge,
            rubric=rubric,
            hashes=self.hashes,
            failed=self.failed,
        )

    def provenance(self, dataset: OpenedDataset, judge: JudgeRecord) -> Provenance:
        """What decided the numbers by a judge, as the submission tells it."""
        run, model = self.run, self.bundle.model
        return Provenance(
            model=ModelInfo(name=model.name, id=model.id, endpoint=run.endpoint),
            dataset=dataset_info(dataset, len(run.case_ids), run.sample),
            judge=judge,
            sampling=run.sampling,
            package_version=__version__,
            collected_at=self.bundle.collected_at,
            departures=self.departures,
        )


@dataclass(frozen=True)
class _ByCases:
    """A dataset as a key: datasets of the same cases give the same tables."""

    built: BuiltDataset = field(compare=False)
    cases_hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases_hash", self.built.cases_hash)


# Submissions that are scored one after the other are of the same cases.
@lru_cache(maxsize=4)
def _table_of_cases(dataset: _ByCases, case_ids: tuple[str, ...]) -> CaseTable:
    """Some cases of a dataset; raises as ``CaseTable.from_cases`` does."""
    known = dataset.built.case_by_id
    return CaseTable.from_cases(known[case_id] for case_id in case_ids)


def columns_of(record: type[Record], rows: Sequence[Record]) -> Columns:
    """Records as the columns that reading their table gives."""
    return {name: [getattr(row, name) for row in rows] for name in record.__struct_fields__}


def read_submission(files: Mapping[str, bytes]) -> Submission:
    """Decode a bundle's files.

    Raises DataError with every problem of schema, hash and table that it finds.
    """
    problems = [Problem(name, POINTER, FETCH_IT) for name, data in sorted(files.items()) if is_pointer(data)]
    if problems:
        raise DataError("The submission cannot be read", problems)
    bundle = _decode(files, BUNDLE, Bundle, problems)
    if bundle is not None:
        problems += _check_files(files, bundle)
    run = _decode(files, RUN, Run, problems)
    answers = _columns(files, RESPONSES, problems)
    verdicts = _columns(files, VERDICTS, problems) if VERDICTS in files else None
    if problems or bundle is None or run is None or answers is None:
        raise DataError("The submission cannot be read", problems)
    return Submission.of(files, bundle, run, answers, verdicts)


def _decode(files: Mapping[str, bytes], name: str, kind: type[Any], problems: list[Problem]) -> Any:
    if name not in files:
        problems.append(Problem(name, "is missing", "docs/submitting.md says what a bundle holds"))
        return None
    try:
        return msgspec.json.decode(files[name], type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        problems.append(Problem(name, str(error)[:300], "see docs/bundle.schema.json"))
        return None


def _check_files(files: Mapping[str, bytes], bundle: Bundle) -> list[Problem]:
    problems = []
    for name in sorted({*bundle.files, *files} - {BUNDLE}):
        if name not in (*REQUIRED, *OPTIONAL):
            problems.append(Problem(name[:100], "is no file of a bundle", "leave it out"))
        elif name not in bundle.files:
            problems.append(Problem(BUNDLE, f"does not list {name}", "list every file with its SHA-256"))
        elif name not in files:
            problems.append(Problem(name, f"is missing, but {BUNDLE} lists it"))
        elif hashlib.sha256(files[name]).hexdigest() != bundle.files[name].sha256:
            problems.append(Problem(name, f"has another SHA-256 than {BUNDLE} says", "it was changed or cut off"))
    return problems


def _columns(files: Mapping[str, bytes], name: str, problems: list[Problem]) -> Columns | None:
    if name not in files:
        problems.append(Problem(name, "is missing", "docs/submitting.md says what a bundle holds"))
        return None
    try:
        return read_apart(name, files[name])
    except DataError as error:
        problems += error.problems
        return None
